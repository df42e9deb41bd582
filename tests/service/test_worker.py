"""The loops of one process: they survive their errors, and they stop without a call being lost or made."""

import asyncio
from datetime import timedelta

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import RunRefused, StoreError, TelephonyError
from autodialer.ports.rows import RunKind, RunState
from autodialer.service.webhook import WEBHOOK_HASH
from autodialer.worker import Worker
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import World, lead, person, phone


async def test_after_stopping_no_call_is_placed_the_one_in_flight_is_recorded_and_the_run_stays_open(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=1.0)
    world.telephony.latency = 0.6
    world.crm.add(*(person(lead(n), n) for n in range(10)))
    worker = Worker(world.services, scheduled=False)
    await worker.start()
    run, _ = await world.services.run_desk.start(RunKind.MANUAL)
    while len(world.telephony.rings) < 3:
        await pass_time(0.05)
    await worker.stop(30)
    assert len(world.telephony.rings) == 3
    states = [(await world.attempt(ring.request.key)).state for ring in world.telephony.rings]
    assert states == [AttemptState.PLACED] * 3
    left = await world.read(lambda ledger: ledger.runs.get(run.run_id))
    assert left is not None
    assert left.state is RunState.DIALING
    others = [row.state for n in range(3, 10) for row in await world.attempts(lead(n))]
    assert set(others) <= {AttemptState.RELEASED}


async def test_the_next_process_finishes_the_run_that_was_stopped_and_calls_nobody_twice(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=2.0)
    world.crm.add(*(person(lead(n), n) for n in range(10)))
    async with world.working():
        await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(2)
    called = len(world.telephony.rings)
    assert 0 < called < 10
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.state, run.totals["called"], run.owner) == (RunState.FINISHED, 10, "second")
    assert sorted(world.telephony.numbers()) == sorted(phone(n) for n in range(10))


async def test_with_dry_run_a_run_that_was_left_open_is_closed_and_nobody_is_called(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=2.0)
    world.crm.add(*(person(lead(n), n) for n in range(10)))
    async with world.working():
        await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(2)
    called = len(world.telephony.rings)
    world.process = world.boot("second", dry_run=True)
    async with world.working():
        await world.services.run_desk.finished()
        with pytest.raises(RunRefused, match="DRY_RUN"):
            await world.services.run_desk.start(RunKind.MANUAL)
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.state, run.totals["called"]) == (RunState.STOPPED, called)
    assert len(world.telephony.rings) == called


async def test_a_process_that_is_alone_and_has_nothing_to_do_looks_at_the_ledger_less_than_once_a_second(
    make_world: MakeWorld,
) -> None:
    world = make_world(alone=True)
    async with world.working(scheduled=True):
        await pass_time(30)
        before = world.process.store.reads
        await pass_time(60)
        assert world.process.store.reads - before < 60


@pytest.mark.parametrize("alone", [True, False])
async def test_a_run_that_was_opened_and_whose_opening_was_never_confirmed_is_gone_on_with(
    make_world: MakeWorld, alone: bool
) -> None:
    world = make_world(alone=alone)
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    async with world.working():
        world.process.store.breaks_after = world.process.store.commits + 1
        with pytest.raises(StoreError):
            await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(30)
        await world.services.run_desk.finished()
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.state, run.totals["called"]) == (RunState.FINISHED, 3)
    assert sorted(world.telephony.numbers()) == [phone(n) for n in range(3)]


async def test_a_run_that_is_going_is_never_taken_over_by_its_own_process_however_long_the_database_was_gone(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    async with world.working():
        await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(5)
        world.process.store.fails = lambda: StoreError("gone", permanent=False)
        await pass_time(20)
        world.process.store.fails = None
        await world.services.run_desk.finished()
    assert "run taken over" not in world.log.events()
    assert sorted(world.telephony.numbers()) == sorted(phone(n) for n in range(30))


async def test_a_result_that_comes_while_stopping_is_applied(make_world: MakeWorld) -> None:
    world = make_world()
    world.telephony.latency = 3.0
    world.telephony.rings_for = 0.0
    world.all_end(Disposition.BUSY)
    world.crm.add(person(lead(1), 1))
    worker = Worker(world.services, scheduled=False)
    await worker.start()
    await world.services.run_desk.start(RunKind.MANUAL)
    await pass_time(1)
    await worker.stop(30)
    for _ in range(50):  # the callback itself is still on its way
        await world.apply()
        if (await world.attempt(lead(1))).disposition is not None:
            break
        await pass_time(0.1)
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY


@pytest.mark.parametrize(("seconds", "is_written"), [(0.1, True), (1000.0, False)], ids=["Zoho answers", "Zoho hangs"])
async def test_what_waits_for_others_is_sent_before_it_stops_unless_zoho_hangs(
    make_world: MakeWorld, seconds: float, is_written: bool
) -> None:
    world = make_world()
    world.all_end(None)
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    worker = Worker(world.services, scheduled=False)
    await worker.start()
    await world.services.run_desk.start(RunKind.MANUAL)
    await pass_time(2)
    await world.told(lead(1), "no_answer")
    await pass_time(1)
    assert [row.state for row in await world.updates(lead(1))] == ["pending"], "the other call is in progress"
    world.crm.latency = seconds
    began = world.clock.monotonic()
    await worker.stop(30)
    assert world.clock.monotonic() - began < 6
    assert [row.state for row in await world.updates(lead(1))] == ["sent" if is_written else "pending"]


async def test_stopping_waits_no_longer_than_its_grace_time_and_the_call_is_unknown_to_the_next_process(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    world.telephony.latency = 1000.0
    world.crm.add(person(lead(1), 1))
    worker = Worker(world.services, scheduled=False)
    await worker.start()
    await world.services.run_desk.start(RunKind.MANUAL)
    await pass_time(1)
    began = world.clock.monotonic()
    await worker.stop(5)
    assert world.clock.monotonic() - began < 6
    world.process.store.dead = True
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
    assert (await world.attempt(lead(1))).state is AttemptState.UNKNOWN
    assert len(world.telephony.rings) == 1


async def test_the_loops_survive_a_database_that_is_gone_for_a_while(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(person(lead(1), 1))
    async with world.working():
        await world.run()
        gone_until = world.clock.monotonic() + 60
        world.process.store.fails = lambda: (
            StoreError("gone", permanent=False) if world.clock.monotonic() < gone_until else None
        )
        await pass_time(61)
        await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
        await pass_time(6)
    assert world.crm.records[lead(1)].status == "No Answer"
    assert "loop failed, goes on" in world.log.events("error")


async def test_a_ledger_that_knows_of_nothing_is_told_of_at_its_first_start_alone(world: World) -> None:
    """A volume that is missing, or another DB_PATH: who answered, and who is never to be called, would be forgotten in silence."""
    told = []
    for owner in ("first", "second"):
        world.process = world.boot(owner)
        async with world.working():
            told.append([event for event in world.log.events("warning") if event.startswith("a new ledger begins")])
    assert [len(events) for events in told] == [1, 0]


async def test_results_reach_the_crm_within_seconds(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        await world.run()
        await pass_time(6)
        assert world.crm.records[lead(1)].status == "No Answer"


@pytest.mark.parametrize(
    "trouble", [TelephonyError("8x8 is out of reach", permanent=False), RuntimeError("an answer that nobody expected")]
)
async def test_the_webhook_is_registered_and_remembered_and_tried_again_until_it_is(
    world: World, trouble: Exception
) -> None:
    world.telephony.webhook = trouble
    async with world.working():
        await pass_time(10)
        assert await world.read(lambda ledger: ledger.switches.get(WEBHOOK_HASH)) is None
        world.telephony.webhook = "h2"
        await pass_time(61)
    assert await world.read(lambda ledger: ledger.switches.get(WEBHOOK_HASH)) == "h2"


@pytest.mark.parametrize("alone", [True, False])
async def test_another_replica_takes_a_run_over_only_when_its_owner_is_dead(make_world: MakeWorld, alone: bool) -> None:
    world = make_world(calls_per_second=1.0, alone=alone)
    world.crm.add(*(person(lead(n), n) for n in range(8)))
    first = world.process
    running = asyncio.ensure_future(world.run())
    await pass_time(2.5)
    if alone:
        first.store.dead = True
        await asyncio.gather(running, return_exceptions=True)
    world.process = world.boot("second")
    async with world.working():
        if not alone:
            await pass_time(2.5)
            assert not running.done()
            first.store.dead = True
            died = world.clock.monotonic()
            await asyncio.gather(running, return_exceptions=True)
            before = len(world.telephony.rings)
            await pass_time(30)
            assert world.telephony.rings[before].at - died < 20
        await world.services.run_desk.finished()
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert run.state is RunState.FINISHED
    assert run.totals["called"] == 8
    assert len(set(world.telephony.numbers())) == len(world.telephony.numbers())


async def test_a_run_left_open_by_a_dead_process_is_closed_when_its_day_is_over(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(8)))
    running = asyncio.ensure_future(world.run())
    await pass_time(2.5)
    world.process.store.dead = True
    await asyncio.gather(running, return_exceptions=True)
    called = len(world.telephony.rings)
    world.clock.move_to(world.clock.now() + timedelta(hours=14))
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.state, run.stop_reason) == (RunState.STOPPED, "interrupted, and its day is over")
    assert len(world.telephony.rings) == called
    assert run.totals["processed"] == 8


async def test_a_run_that_outlived_a_database_outage_keeps_its_lease(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0, alone=False)
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    running = asyncio.ensure_future(world.run())
    await pass_time(2)
    back = world.clock.monotonic() + 8
    world.process.store.fails = lambda: StoreError("gone", permanent=False) if world.clock.monotonic() < back else None
    await pass_time(14)
    world.process = world.boot("second")
    async with world.working():
        await pass_time(10)
        run = await running
    assert (run.owner, run.state, run.totals["called"]) == ("first", RunState.FINISHED, 30)
    assert len(world.telephony.rings) == 30
