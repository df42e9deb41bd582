"""rules.md row 12 and the invariants 7 and 8: what is true seconds before the call decides."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.placing import CallRequest, NotSent, Throttled
from autodialer.domain.record import RecordKey
from autodialer.ports.rows import Run, RunState
from autodialer.service.control import pause, resume
from autodialer.service.dialing import LOOK_MAX_AGE
from autodialer.store.attempts import SqlAttempts
from service.conftest import MakeWorld
from service.fakes import zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, lead, person, phone

YESTERDAY = MONDAY - DAY


def at_the_look(world: World, change: Callable[[], None]) -> None:
    """Let a person do something between the pull and the last look."""

    def once(_: Sequence[RecordKey]) -> None:
        world.crm.on_look = None
        change()

    world.crm.on_look = once


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "Recruiting"}, "status"),
        ({"status": "Not interested / Rejected"}, "status"),
        ({"status": None}, "status"),
        ({"call_attempts": 7}, "attempts_used"),
        ({"call_attempts": "many"}, "bad_call_attempts"),
        ({"first_no_answer_at": (MONDAY - 3 * DAY).isoformat()}, "window_over"),
        ({"first_no_answer_at": (MONDAY + DAY).isoformat()}, "first_no_answer_in_future"),
        ({"phone": None}, "no_valid_phone"),
    ],
)
async def test_row_12_who_was_changed_between_the_pull_and_the_call_is_not_called(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY), person(lead(2), 2))
    at_the_look(world, lambda: world.crm.change(lead(1), **changes))
    run = await world.run()
    assert world.telephony.numbers() == [phone(2)]
    assert await world.reason(run, lead(1)) == reason
    assert run.totals["processed"] == 2
    assert run.totals["marked_dead"] == 0


async def told_of(world: World, run: Run) -> tuple[str, str, str]:
    row = (await world.staged(run))[lead(1)]
    return row.state.value, row.reason, row.detail


async def test_row_12_a_run_says_of_a_call_what_the_last_look_said(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    held = {"status": "No Answer", "call_attempts": 1, "first_no_answer_at": YESTERDAY.isoformat()}
    at_the_look(world, lambda: world.crm.change(lead(1), **held))
    assert await told_of(world, await world.run()) == ("called", "no_answer", "call 2 of 7; Day 1, 1 of 2 today")


async def test_a_run_says_of_a_call_that_left_later_which_one_it_was(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY))
    world.telephony.script[phone(1)] = deque([Throttled(5.0), NotSent("connection refused")])
    assert await told_of(world, await world.run()) == ("called", "no_answer", "call 2 of 7; Day 1, 1 of 2 today")


async def test_who_was_put_on_the_do_not_call_list_meanwhile_is_told_so(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY))
    world.telephony.script[phone(1)] = deque([Throttled(5.0)])
    running = asyncio.create_task(world.run())
    await pass_time(1)
    assert len(world.telephony.rings) == 1
    await world.write(lambda ledger: ledger.do_not_call.add(phone(1), "asked us", world.clock.now()))
    run = await running
    assert (await told_of(world, run))[:2] == ("skip", "do_not_call")
    assert (await told_of(world, run))[2]


async def test_row_12_a_record_that_is_gone_is_not_called(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    at_the_look(world, lambda: world.crm.remove(lead(1)))
    run = await world.run()
    assert world.telephony.numbers() == [phone(2)]
    assert await world.reason(run, lead(1)) == "record_gone"


async def test_row_12_a_number_changed_meanwhile_is_the_one_that_is_dialled(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    at_the_look(world, lambda: world.crm.change(lead(1), phone=phone(77)))
    await world.run()
    assert world.telephony.numbers() == [phone(77)]
    assert (await world.attempt(lead(1))).number == phone(77)


async def test_a_number_changed_meanwhile_to_one_that_is_on_the_line_is_not_dialled_a_second_time(world: World) -> None:
    world.crm.add(person(lead(1), 1), chasing(lead(2), 2, YESTERDAY))
    at_the_look(world, lambda: world.crm.change(lead(2), phone=phone(1)))
    run = await world.run()
    assert world.telephony.numbers() == [phone(1)]
    assert await world.reason(run, lead(2)) == "open_attempt"


@pytest.mark.parametrize("rate", [1 / 90, 0.1, 5.0])
async def test_no_call_is_placed_on_a_look_that_is_older_than_promised(make_world: MakeWorld, rate: float) -> None:
    world = make_world(calls_per_second=rate)
    world.crm.add(*(person(lead(n), n) for n in range(6)))
    world.telephony.script[phone(2)] = deque([Throttled(45.0)])
    await world.run()
    assert {ring.number for ring in world.telephony.rings} == {phone(n) for n in range(6)}
    for ring in world.telephony.rings:
        looked = max(at for at, keys in world.crm.looks if ring.request.key in keys and at <= ring.at)
        assert ring.at - looked <= LOOK_MAX_AGE
    times = sorted(ring.at for ring in world.telephony.rings)
    assert all(later - earlier >= 0.5 / rate - 0.1 for earlier, later in itertools.pairwise(times))


async def test_row_12_who_was_looked_at_before_the_machine_was_suspended_is_looked_at_again(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(1, 4)))

    def close_the_lid(_: CallRequest) -> None:
        world.telephony.on_place = None
        world.clock.suspend_for(timedelta(hours=3))
        world.crm.change(lead(2), status="Recruiting")

    world.telephony.on_place = close_the_lid
    run = await world.run()
    assert world.telephony.numbers() == [phone(1), phone(3)]
    assert await world.reason(run, lead(2)) == "status"


async def test_invariant_8_a_number_suppressed_after_it_was_reserved_is_not_dialled(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(1, 4)))

    async def suppress() -> None:
        await world.write(lambda ledger: ledger.do_not_call.add(phone(2), "asked", world.clock.now()))

    tasks: list[Any] = []

    def first_ring(_: CallRequest) -> None:
        if not tasks:
            tasks.append(asyncio.ensure_future(suppress()))

    world.telephony.on_place = first_ring
    run = await world.run()
    assert world.telephony.numbers() == [phone(1), phone(3)]
    (released,) = await world.attempts(lead(2))
    assert released.state is AttemptState.RELEASED
    assert released.submitted_at is None
    assert await world.reason(run, lead(2)) == "do_not_call"


async def test_a_last_look_that_fails_stops_the_run_says_why_and_releases_what_was_not_sent(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(40)))
    looks: list[int] = []

    def count(keys: Sequence[RecordKey]) -> None:
        looks.append(len(keys))
        if len(looks) == 3:
            world.crm.look_fails = zoho_down()

    world.crm.on_look = count
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason == "Zoho can't be asked for the last look: Zoho is out of reach"
    called = len(world.telephony.rings)
    assert 0 < called <= looks[0] + looks[1]
    assert run.totals["called"] == called
    assert run.totals["reasons"] == {"run_stopped": 40 - called}
    assert await world.read(lambda ledger: ledger.attempts.open_of_owner("first")) == []


async def test_pause_takes_effect_with_its_commit_and_resume_goes_on_with_everybody_called_once(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=2.0)
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    running = asyncio.ensure_future(world.run())
    await pass_time(3.3)
    await world.write(lambda ledger: pause(ledger, world.clock.now()))
    before = len(world.telephony.rings)
    assert 0 < before < 20
    await pass_time(30)
    assert len(world.telephony.rings) == before
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    run = await running
    assert run.state is RunState.FINISHED
    assert run.totals["called"] == 20
    assert sorted(world.telephony.numbers()) == sorted(phone(n) for n in range(20))


@pytest.mark.parametrize("called_before", [1, 4, 5])
async def test_a_pause_at_any_moment_costs_nobody_their_call(make_world: MakeWorld, called_before: int) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(5)))
    running = asyncio.ensure_future(world.run())
    while len(world.telephony.rings) < called_before:
        await pass_time(0.2)
    await world.write(lambda ledger: pause(ledger, world.clock.now()))
    await pass_time(5)
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    run = await running
    assert run.totals["called"] == 5
    assert run.state is RunState.FINISHED


async def test_a_run_that_is_paused_for_more_than_an_hour_ends_and_releases_everybody(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodialer.service.preparing._POLL", 60.0)
    monkeypatch.setattr("autodialer.service.ownership._RENEW_EVERY", 600.0)
    world = make_world()
    world.crm.add(*(person(lead(n), n) for n in range(5)))
    await world.write(lambda ledger: pause(ledger, world.clock.now()))
    began = world.clock.now()
    run = await world.run()
    assert not world.telephony.rings
    assert run.stop_reason == "paused for more than an hour"
    assert run.totals["reasons"] == {"run_stopped": 5}
    assert 3600 < (world.clock.now() - began).total_seconds() < 3800


async def test_what_was_written_while_the_last_look_was_on_its_way_still_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call placed elsewhere is the seventh; Zoho answers slowly, with what it held before."""
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=6))
    look, looks = world.crm.look, itertools.count()

    async def slow(keys: Sequence[RecordKey]) -> Any:
        found = await look(keys)
        if next(looks) == 0:
            await world.told(lead(1), "busy", call_id="elsewhere")
            await world.drain()
            await world.clock.sleep(5)
        return found

    monkeypatch.setattr(world.crm, "look", slow)
    run = await world.run()
    assert world.crm.records[lead(1)].call_attempts == 7
    assert not world.telephony.rings
    assert await world.reason(run, lead(1)) == "attempts_used"


@pytest.mark.parametrize(
    ("quotas", "reason"), [({"total_quota": 0}, "attempts_used"), ({"day_quota": 0}, "day_quota")], ids=str
)
async def test_a_call_that_a_quota_of_the_ledger_refuses_is_told_as_used_up(
    world: World, monkeypatch: pytest.MonkeyPatch, quotas: dict[str, int], reason: str
) -> None:
    """As between two replicas, or after a change of the zone of the days."""
    reserve = SqlAttempts.reserve
    monkeypatch.setattr(SqlAttempts, "reserve", lambda self, wanted: reserve(self, replace(wanted, **quotas)))
    world.crm.add(person(lead(1), 1))
    run = await world.run()
    assert (world.telephony.rings, await world.reason(run, lead(1))) == ([], reason)
