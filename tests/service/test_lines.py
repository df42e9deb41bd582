"""MAX_CONCURRENT_CALLS, CALLS_PER_SECOND and RESULT_TIMEOUT: how many calls at once, how fast, and when to give up hearing."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous, CallRequest, Placed, PlaceOutcome
from autodialer.ports.rows import RunState
from autodialer.service.pacing import Pacer
from service.conftest import MakeWorld
from service.fakes import summary
from service.virtual_time import ManualClock, pass_time
from service.world import MONDAY, contact, lead, person, phone


async def test_the_lines_are_never_exceeded_and_everybody_gets_a_turn(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=10.0, max_concurrent_calls=3)
    world.crm.add(*(person(lead(n), n) for n in range(12)))
    world.telephony.rings_for = 6.0
    world.all_end(Disposition.BUSY)
    on_the_line: list[int] = []

    async def watch() -> None:
        while True:
            await pass_time(0.7)
            on_the_line.append(await world.read(lambda ledger: ledger.attempts.lines_in_use(MONDAY)))

    watching = asyncio.create_task(watch())
    async with world.working():
        run = await world.run()
    watching.cancel()
    assert run.totals["called"] == 12
    assert max(on_the_line) == 3


@pytest.mark.parametrize("rate", [1.0, 4.0])
async def test_calls_per_second_is_held_and_used_to_the_full(make_world: MakeWorld, rate: float) -> None:
    world = make_world(calls_per_second=rate, max_concurrent_calls=1000)
    count = int(rate * 20)
    world.crm.add(*(person(lead(n), n) for n in range(count)))
    world.crm.latency = 0.4
    await world.run()
    at = [ring.at for ring in world.telephony.rings]
    assert len(at) == count
    assert max(sum(start <= other < start + 1 for other in at) for start in at) <= rate + 1
    assert at[-1] - at[0] == pytest.approx((count - 1) / rate, rel=0.05)


async def _departures(pacer: Pacer, clock: ManualClock, slow_for: Sequence[float]) -> list[float]:
    """When each of so many requests left; making the nth ready takes `slow_for[n]` seconds."""
    left = []
    for seconds in slow_for:
        at = await pacer.turn()
        await pass_time(seconds)
        assert await pacer.departure(at, lambda _: True)
        left.append(clock.monotonic())
    return left


def _most_in_a_second(moments: Sequence[float]) -> int:
    return max(sum(start <= other < start + 1 for other in moments) for start in moments)


@pytest.mark.parametrize("rate", [0.5, 2.0, 10.0])
async def test_late_turns_are_made_up_but_never_more_leave_in_a_second_than_allowed(rate: float) -> None:
    clock = ManualClock(MONDAY)
    count = int(rate * 20)
    slow_for = [0.4 / rate if n % 7 == 3 else 0.9 / rate if n % 7 == 5 else 0.0 for n in range(count)]
    left = await _departures(Pacer(rate, clock), clock, slow_for)
    assert _most_in_a_second(left) <= max(1, rate)
    assert left[-1] - left[0] == pytest.approx((count - 1) / rate, abs=1.5 / rate + 0.16)


async def test_a_long_wait_is_not_made_up_by_a_burst() -> None:
    clock = ManualClock(MONDAY)
    left = await _departures(Pacer(2.0, clock), clock, [0, 0, 30, 0, 0, 0, 0, 0])
    assert _most_in_a_second(left) <= 2
    assert left[-1] - left[2] >= 2.0


async def test_a_run_that_hears_nothing_stops_when_all_lines_are_taken_and_says_what_to_check(
    make_world: MakeWorld,
) -> None:
    world = make_world(max_concurrent_calls=4, result_timeout=40.0)
    world.crm.add(*(person(lead(n), n) for n in range(9)))
    began = world.clock.monotonic()
    async with world.working():
        run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason is not None
    assert "no result came from 8x8 for 40 seconds and all 4 lines wait" in run.stop_reason
    assert "EIGHTX8_CALLBACK_URL" in run.stop_reason
    assert run.totals["called"] == 4
    assert run.totals["reasons"] == {"run_stopped": 5}
    assert 39 < world.clock.monotonic() - began < 80


async def test_a_run_that_hears_of_calls_placed_elsewhere_alone_hears_nothing(make_world: MakeWorld) -> None:
    world = make_world(max_concurrent_calls=4, result_timeout=40.0)
    world.crm.add(*(person(lead(n), n) for n in range(9)), person(contact(1), 20, "Recruiting"))

    async def others() -> None:
        for n in range(100):
            body = {"zoho_id": contact(1).zoho_id, "record_type": "Contact", "call_status": "busy"}
            for call_id in (f"x{n}", f"x{n - 1}"):  # a new one, and one that is known already
                at = f"2026-03-02T08:{n % 60:02}:00.000Z"
                await world.services.callbacks.take({**body, "call_id": call_id, "timestamp": at})
            await pass_time(10)

    async with world.working():
        telling = asyncio.create_task(others())
        run = await world.run()
        telling.cancel()
    assert run.state is RunState.STOPPED
    assert run.totals["called"] == 4


async def test_a_run_that_hears_nothing_but_finds_a_line_for_everybody_finishes_at_once(make_world: MakeWorld) -> None:
    world = make_world(max_concurrent_calls=9, result_timeout=40.0)
    world.crm.add(*(person(lead(n), n) for n in range(9)))
    began = world.clock.monotonic()
    run = await world.run()
    assert run.state is RunState.FINISHED
    assert world.clock.monotonic() - began < 10


async def test_one_lost_result_frees_its_line_after_the_timeout_while_others_are_heard(make_world: MakeWorld) -> None:
    world = make_world(max_concurrent_calls=2, result_timeout=30.0)
    world.crm.add(*(person(lead(n), n) for n in range(14)))
    world.telephony.ends = lambda request: None if request.number == phone(0) else Disposition.BUSY
    async with world.working():
        run = await world.run()
    assert run.state is RunState.FINISHED
    assert run.totals["called"] == 14
    assert (await world.attempt(lead(0))).state is AttemptState.UNKNOWN
    at = [ring.at - world.telephony.rings[0].at for ring in world.telephony.rings]
    gaps = [(later, later - earlier) for earlier, later in pairwise(at[2:])]
    assert all(gap > 4 for later, gap in gaps if later < 29), "one line is left while the other waits in vain"
    assert any(gap < 4 for later, gap in gaps if later > 30), "then there are two again"


@pytest.mark.parametrize(
    "body",
    [
        {"namespace": "VOICE", "eventType": "CALL_STARTED", "payload": {"sessionId": "x"}},
        summary("somebody-elses", Disposition.BUSY),
        {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": {"sessionId": "y"}},
    ],
)
async def test_callbacks_that_end_no_call_of_ours_do_not_count_as_hearing(
    make_world: MakeWorld, body: Mapping[str, Any]
) -> None:
    world = make_world(max_concurrent_calls=2, result_timeout=30.0)
    world.crm.add(*(person(lead(n), n) for n in range(5)))

    async def chatter() -> None:
        for n in range(40):
            await pass_time(5)
            await world.services.callbacks.take({**body, "payload": {**body["payload"], "n": n}})

    talking = asyncio.create_task(chatter())
    async with world.working():
        run = await world.run()
    talking.cancel()
    assert run.state is RunState.STOPPED
    assert run.totals["called"] == 2


async def test_calls_of_an_earlier_run_whose_results_never_came_take_no_line_for_ever(make_world: MakeWorld) -> None:
    world = make_world(max_concurrent_calls=2, result_timeout=30.0)
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    async with world.working():
        await world.run()
        await pass_time(40)
        world.crm.add(person(lead(3), 3))
        run = await world.run()
    assert run.totals["called"] == 1
    assert run.state is RunState.FINISHED


async def test_a_call_that_may_have_rung_takes_its_line_until_the_timeout(make_world: MakeWorld) -> None:
    world = make_world(max_concurrent_calls=1, result_timeout=20.0)
    world.crm.add(person(lead(1), 1), person(lead(2), 2))

    async def first_lost(request: CallRequest) -> PlaceOutcome:
        return Ambiguous("timeout") if request.number == phone(1) else Placed("s2")

    world.telephony.always = first_lost
    async with world.working():
        run = await world.run()
    assert run.state is RunState.STOPPED
    assert world.telephony.numbers() == [phone(1)]
