"""A ledger that may have forgotten calls sends none, says why, and goes on when a person accepts or the day is over."""

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import RunRefused
from autodialer.domain.identity import sealed
from autodialer.ports import Level
from autodialer.ports.rows import Run, RunState
from autodialer.rules.policy import Policy
from autodialer.service.holding import BACKUP_MADE_AT, LEDGER_ID, MOVED_TO, accept, hold, hold_problem
from service.conftest import MakeWorld
from service.fakes import summary, zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, contact, lead, person

MINUTE = timedelta(minutes=1)
SLOT = timedelta(hours=4)
LEDGER = "the-ledger-of-this-world"


async def first_run(world: World, people: int) -> None:
    """The run of Monday, 10:00: nobody answers."""
    world.crm.add(*(person(lead(n), n) for n in range(people)))
    world.all_end(Disposition.NO_ANSWER)
    assert (await world.run()).state is RunState.FINISHED
    await world.settle()


def counted_in_crm(world: World, numbers: Iterable[int], attempts: int = 2) -> None:
    """What the lost part of the ledger wrote, or a person: one call more, two minutes ago."""
    changed = (world.clock.now() - 2 * MINUTE).isoformat()
    for number in numbers:
        known = world.crm.records[lead(number)]
        world.crm.records[lead(number)] = replace(known, call_attempts=attempts, modified_time=changed)


def later(world: World, by: timedelta) -> None:
    world.clock._start += by


async def held(world: World) -> str | None:
    return await world.read(lambda ledger: hold_problem(ledger, world.policy, world.clock.now()))


async def accepted(world: World) -> str | None:
    return await world.write(lambda ledger: accept(ledger, world.policy, world.clock.now()))


async def stopped(world: World) -> str:
    """A run that called nobody; its reason."""
    before = len(world.telephony.rings)
    run = await world.run()
    assert (run.state, len(world.telephony.rings)) == (RunState.STOPPED, before)
    return run.stop_reason or ""


async def test_a_ledger_that_is_behind_the_crm_calls_nobody_and_says_so_everywhere(world: World) -> None:
    await first_run(world, 6)
    later(world, SLOT)
    counted_in_crm(world, range(4))
    reason = await stopped(world)
    assert reason.startswith("Zoho counts calls of today to 4 records that this ledger does not know")
    with pytest.raises(RunRefused, match="no calls can be placed: Zoho counts calls of today") as refusal:
        await world.run()
    assert refusal.value.permanent
    findings = await world.services.doctor.examine()
    (told,) = [finding for finding in findings if finding.subject == "dialing"]
    assert (told.level, told.message) == (Level.PROBLEM, f"is held: {reason}")


async def test_nobody_is_made_dead_either_by_a_run_that_is_held(world: World) -> None:
    await first_run(world, 6)
    later(world, SLOT)
    counted_in_crm(world, range(6))
    old = person(lead(50), 50, "No Answer", first_no_answer_at=(MONDAY - 5 * DAY).isoformat())
    world.crm.add(old)
    await stopped(world)
    assert await world.updates(lead(50)) == []


async def test_a_run_makes_nobody_dead_once_dialing_is_held_while_it_pulls(world: World) -> None:
    """As by a callback of a call that this ledger made and forgot: an older state was put back."""
    world.crm.add(chasing(lead(50), 50, MONDAY - 5 * DAY), person(lead(1), 1))
    now = world.clock.now()
    day = world.policy.local_date(now).isoformat()
    holding: list[asyncio.Task[None]] = []

    def set_hold() -> None:
        if not holding:
            holding.append(
                asyncio.ensure_future(world.write(lambda ledger: hold(ledger, "calls are missing", day, now)))
            )

    world.crm.on_page, world.crm.page_size, world.crm.latency = set_hold, 1, 1.0
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert world.telephony.rings == []
    assert await world.updates(lead(50)) == []


async def test_when_a_person_accepts_the_same_counts_hold_nothing_again(world: World) -> None:
    await first_run(world, 6)
    later(world, SLOT)
    counted_in_crm(world, range(4))
    reason = await stopped(world)
    assert await accepted(world) == reason
    assert await accepted(world) is None
    run = await world.run()
    assert (run.state, run.totals["called"]) == (RunState.FINISHED, 6)
    await world.settle()
    later(world, SLOT)
    counted_in_crm(world, range(4), attempts=5)
    assert "4 records" in await stopped(world), "what changed after the acceptance is new evidence"


async def test_the_last_run_of_a_day_that_has_two_dates_in_utc_sees_what_the_first_ones_of_it_counted(
    make_world: MakeWorld,
) -> None:
    los_angeles = Policy(timezone="America/Los_Angeles", run_hours=(17, 21, 1))
    world = make_world(policy=los_angeles, start=MONDAY + timedelta(hours=7))
    await first_run(world, 6)
    later(world, SLOT)
    counted_in_crm(world, range(4))  # by the run of 21:00, which the ledger has lost
    later(world, SLOT)
    assert (await stopped(world)).startswith("Zoho counts calls of today to 4 records that this ledger does not know")


async def test_when_the_day_of_the_rules_is_over_it_dials_by_itself(world: World) -> None:
    await first_run(world, 6)
    later(world, SLOT)
    counted_in_crm(world, range(4))
    await stopped(world)
    later(world, DAY - SLOT)
    assert await held(world) is None
    assert (await world.run()).totals["called"] == 6


@pytest.mark.parametrize(
    ("people", "ahead", "earlier"),
    [(6, 2, timedelta()), (30, 3, timedelta()), (6, 6, SLOT + MINUTE)],
    ids=["two records", "few of many", "changed before the ledger saw them"],
)
async def test_what_hands_do_in_the_crm_holds_nothing(
    sqlite_world: World, people: int, ahead: int, earlier: timedelta
) -> None:
    world = sqlite_world
    await first_run(world, people)
    later(world, SLOT)
    later(world, -earlier)
    counted_in_crm(world, range(ahead))
    later(world, earlier)
    run = await world.run()
    assert (run.state, run.totals["called"]) == (RunState.FINISHED, people)


async def test_a_new_installation_takes_the_crm_as_it_finds_it(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(*(person(lead(n), n, "No Answer", first_no_answer_at=MONDAY.isoformat()) for n in range(6)))
    later(world, SLOT)
    counted_in_crm(world, range(6))
    world.all_end(Disposition.NO_ANSWER)
    assert (await world.run()).totals["called"] == 6


async def test_who_had_all_calls_before_this_ledger_began_and_is_edited_is_no_evidence(world: World) -> None:
    world.crm.add(*(chasing(lead(n), n, MONDAY - DAY, attempts=7) for n in range(6)))
    world.crm.add(person(lead(6), 6))
    world.all_end(Disposition.NO_ANSWER)
    assert (await world.run()).totals["called"] == 1
    await world.settle()
    later(world, SLOT)
    counted_in_crm(world, range(6), attempts=7)
    assert (await world.run()).totals["called"] == 1
    later(world, SLOT)
    counted_in_crm(world, range(6), attempts=8)
    assert "6 records" in await stopped(world), "these are calls since the ledger's last look"


async def test_a_run_that_stopped_before_it_compared_is_no_witness_for_the_next(world: World) -> None:
    """The ledger was put back; the first run's pull broke off at the contacts, when the leads were staged."""
    await first_run(world, 6)
    later(world, SLOT)
    counted_in_crm(world, range(6))
    world.crm.add(*(person(contact(n), 100 + n) for n in range(2)))
    world.crm.page_size, world.crm.latency = 6, 1.0
    world.crm.pull_fails = {contact(0).record_type: zoho_down(permanent=True)}
    broken = await world.run()
    assert broken.state is RunState.STOPPED
    assert (broken.stop_reason or "").startswith("Zoho:")
    assert len(await world.staged(broken)) >= 6
    world.crm.pull_fails = {}
    later(world, timedelta(minutes=10))
    assert "6 records" in await stopped(world)


async def test_what_this_ledger_itself_wrote_is_no_evidence(sqlite_world: World) -> None:
    world = sqlite_world
    await first_run(world, 6)
    for number in range(6):
        known = world.crm.records[lead(number)]
        assert known.call_attempts == 1
        world.crm.records[lead(number)] = replace(known, modified_time=(MONDAY + MINUTE).isoformat())
    later(world, SLOT)
    assert (await world.run()).totals["called"] == 6


async def test_a_backup_that_was_put_back_calls_nobody_and_still_takes_results(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    made = MONDAY - timedelta(hours=7)
    await world.write(lambda ledger: ledger.switches.set(BACKUP_MADE_AT, made.isoformat(), MONDAY))
    with pytest.raises(RunRefused, match=r"a backup of 2026-03-02 03:00 UTC \(7 h ago\) that was put back"):
        await world.run()
    later(world, 3 * DAY)
    assert "3 d 7 h ago" in (await held(world) or ""), "another day does not make it whole"
    await world.told(lead(1), "no_answer")
    assert [row.call_attempts for row in await world.updates(lead(1))] == [1]
    assert "is a backup of" in (await accepted(world) or "")
    assert (await world.run()).totals["called"] == 3


async def test_the_scheduler_skips_the_slots_of_a_held_ledger_with_the_reason(world: World) -> None:
    await world.write(lambda ledger: hold(ledger, "calls are missing", None, MONDAY))
    for _ in range(40):
        assert await world.services.scheduler.take_due() is None
        later(world, MINUTE)
    (run,) = await world.read(lambda ledger: ledger.runs.recent(9))
    assert (run.state, run.stop_reason) == (RunState.SKIPPED, "no calls can be placed: calls are missing")


async def test_it_is_told_at_start(world: World) -> None:
    await world.write(lambda ledger: hold(ledger, "calls are missing", None, MONDAY))
    async with world.working():
        assert ("error", "no calls can be placed", {"reason": "calls are missing"}) in world.log.lines


async def interrupted(world: World) -> asyncio.Future[Run]:
    """A run of twenty calls, a second apart, five of which are sent."""
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    running = asyncio.ensure_future(world.run())
    while len(world.telephony.rings) < 5:
        await pass_time(0.1)
    return running


@pytest.mark.parametrize("how", ["held", "moved away"])
async def test_a_run_that_is_going_sends_no_further_call(make_world: MakeWorld, how: str) -> None:
    world = make_world(calls_per_second=1.0)
    running = await interrupted(world)

    if how == "held":
        await world.write(lambda ledger: hold(ledger, "calls are missing", None, world.clock.now()))
    else:
        told = json.dumps({"to": "postgresql://db/ledger", "at": MONDAY.isoformat()})
        await world.write(lambda ledger: ledger.switches.set(MOVED_TO, told, world.clock.now()))
    run = await running
    assert len(world.telephony.rings) <= 6
    assert run.state is RunState.STOPPED
    assert ("calls are missing" if how == "held" else "was moved to postgresql://db/ledger") in (run.stop_reason or "")


async def named(world: World) -> None:
    await world.write(lambda ledger: ledger.switches.set(LEDGER_ID, LEDGER, MONDAY))


async def callback(world: World, session: str, attempt_id: str) -> None:
    await world.services.callbacks.take(summary(session, Disposition.NO_ANSWER, attemptId=attempt_id))
    await world.apply()


async def test_a_callback_for_a_call_that_this_ledger_made_and_forgot_holds_dialing(world: World) -> None:
    await named(world)
    lost = sealed(uuid4(), LEDGER)
    await callback(world, "s-1", lost)
    told = await held(world)
    assert told is not None
    assert told.startswith(f"8x8 reports a call that this ledger made and does not know ({lost})")
    assert await world.inbox_count("orphan") == 1
    later(world, DAY)
    assert await held(world) is None


async def test_a_callback_of_another_program_or_of_another_ledger_holds_nothing(world: World) -> None:
    await named(world)
    await callback(world, "s-1", str(uuid4()))
    await callback(world, "s-2", sealed(uuid4(), "another ledger"))
    assert await held(world) is None


async def test_after_a_person_accepted_late_callbacks_are_taken_for_an_hour(world: World) -> None:
    await named(world)
    await callback(world, "s-1", sealed(uuid4(), LEDGER))
    await accepted(world)
    later(world, 59 * MINUTE)
    await callback(world, "s-2", sealed(uuid4(), LEDGER))
    assert await held(world) is None
    later(world, 2 * MINUTE)
    await callback(world, "s-3", sealed(uuid4(), LEDGER))
    assert await held(world) is not None


async def test_a_lasting_hold_outlives_one_of_a_day_and_the_first_reason_of_a_day_stands(world: World) -> None:
    now = world.clock.now()
    await world.write(lambda ledger: hold(ledger, "first", "2026-03-02", now))
    await world.write(lambda ledger: hold(ledger, "second", "2026-03-02", now))
    assert await held(world) == "first"
    await world.write(lambda ledger: hold(ledger, "for good", None, now))
    await world.write(lambda ledger: hold(ledger, "third", "2026-03-03", now))
    assert await held(world) == "for good"
