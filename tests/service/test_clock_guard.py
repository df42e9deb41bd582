"""A clock that jumped back stops dialing, says so, and disturbs nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import RunRefused
from autodialer.ports import Level
from autodialer.ports.rows import Run, RunKind, RunState
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, lead, person, phone

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def jump(world: World, by: timedelta) -> None:
    """What NTP, or a person, does to this machine's clock."""
    world.clock._start += by


async def called(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()


async def interrupted(world: World, by: timedelta) -> Run:
    """A run of twenty calls, a second apart; after some of them the clock jumps."""
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    running = asyncio.ensure_future(world.run())
    while len(world.telephony.rings) < 5:
        await pass_time(0.1)
    jump(world, by)
    return await running


async def test_no_run_starts_at_a_time_that_has_been_and_the_refusal_names_both_instants(world: World) -> None:
    await called(world)
    jump(world, -HOUR)
    with pytest.raises(RunRefused, match="clock jumped back") as refusal:
        await world.run()
    assert "it shows 2026-03-02 09:00:" in refusal.value.message
    assert "the latest call was sent at 2026-03-02 10:00:" in refusal.value.message
    assert "timedatectl" in refusal.value.message
    assert refusal.value.permanent
    assert refusal.value.running is None
    assert await world.read(lambda ledger: ledger.runs.current()) is None
    assert len(world.telephony.rings) == 2


async def test_a_run_that_is_going_stops_between_two_calls_and_gives_the_rest_back(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    run = await interrupted(world, -HOUR)
    assert run.state is RunState.STOPPED
    assert run.stop_reason is not None
    assert run.stop_reason.startswith("the clock jumped back: it shows 2026-03-02 09:00:0")
    assert "2026-03-02 10:00:0" in run.stop_reason
    assert len(world.telephony.rings) == 5
    assert run.totals["called"] == 5
    assert run.totals["reasons"] == {"run_stopped": 15}
    rows = [row for n in range(20) for row in await world.attempts(lead(n))]
    assert {row.state for row in rows} == {AttemptState.PLACED, AttemptState.RELEASED}
    assert await world.breaches() == []


@pytest.mark.parametrize("seconds", [-60, -1, 3600])
async def test_a_small_step_back_or_a_step_ahead_costs_nobody_their_call(make_world: MakeWorld, seconds: int) -> None:
    world = make_world(calls_per_second=1.0)
    run = await interrupted(world, timedelta(seconds=seconds))
    assert run.state is RunState.FINISHED
    assert sorted(world.telephony.numbers()) == sorted(phone(n) for n in range(20))


async def test_dialing_goes_on_once_the_clock_is_right_again(world: World) -> None:
    await called(world)
    jump(world, -DAY)
    with pytest.raises(RunRefused):
        await world.run()
    jump(world, DAY)
    world.crm.add(person(lead(3), 3))
    assert (await world.run()).totals["called"] == 3


async def test_a_call_that_somebody_else_placed_proves_nothing_of_our_clock(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    await world.told(lead(1), "no_answer")
    jump(world, -HOUR)
    assert (await world.run()).totals["called"] == 1


async def test_the_scheduler_takes_no_slot_for_the_second_time(world: World) -> None:
    """The slot of ten has had its run; at ten o'clock once more nothing begins."""
    await world.services.runs.conduct(await world.services.runs.open(RunKind.SCHEDULED, MONDAY))
    world.crm.add(person(lead(1), 1))
    await world.run()
    jump(world, -4 * HOUR)
    jump(world, 4 * HOUR - 5 * MINUTE)
    assert await world.services.scheduler.take_due() is None
    assert len(world.telephony.rings) == 1


async def test_results_are_taken_and_leases_are_kept_whatever_the_clock_shows(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0, result_timeout=60.0)
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    world.telephony.latency = 8.0
    async with world.working():
        run, task = await world.services.run_desk.start(RunKind.MANUAL)
        while len(world.telephony.rings) < 3:
            await pass_time(0.1)
        jump(world, -HOUR)
        await pass_time(4)
        held = await world.read(lambda ledger: ledger.runs.current())
        assert held is not None
        other = world.boot("second")
        late = world.clock.now() + timedelta(seconds=11)
        assert await other.store.read(lambda ledger: ledger.runs.get(run.run_id)) == held
        assert not await world.write(
            lambda ledger: ledger.runs.take_over(run.run_id, "second", world.clock.now(), late)
        )
        await task
        await world.services.callbacks.take(
            {
                "zoho_id": lead(1).zoho_id,
                "record_type": "Lead",
                "call_status": "busy",
                "call_id": world.session(lead(1)),
            }
        )
        await pass_time(10)
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY
    assert world.crm.records[lead(1)].status == "No Answer"


async def test_what_a_dead_process_held_is_settled_at_the_next_start_even_if_the_clock_went_back(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.latency = 30.0
    running = asyncio.ensure_future(world.run())
    while not world.telephony.rings:
        await pass_time(0.1)
    world.process.store.dead = True
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    jump(world, -HOUR)
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
    assert (await world.attempt(lead(1))).state is AttemptState.UNKNOWN
    assert len(world.telephony.rings) == 1


async def test_doctor_says_that_the_clock_is_wrong(world: World) -> None:
    await called(world)
    assert not [one for one in await world.services.doctor.examine() if one.subject == "clock"]
    jump(world, -HOUR)
    (finding,) = [one for one in await world.services.doctor.examine() if one.subject == "clock"]
    assert finding.level is Level.PROBLEM
    assert "clock jumped back" in finding.message


async def test_days_are_not_counted_twice_after_a_step_back_over_midnight(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    jump(world, -DAY)
    with pytest.raises(RunRefused):
        await world.run()
    assert len(world.telephony.rings) == 1


async def test_a_clock_that_is_set_back_over_midnight_by_seconds_ends_no_run(make_world: MakeWorld) -> None:
    world = make_world(start=datetime(2026, 3, 3, 0, 0, 1, tzinfo=UTC))
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    opened = await world.services.runs.open(RunKind.SCHEDULED, datetime(2026, 3, 3, tzinfo=UTC))
    jump(world, timedelta(seconds=-2))
    run = await world.services.runs.conduct(opened)
    assert (run.state, run.stop_reason, len(world.telephony.rings)) == (RunState.FINISHED, None, 3)
