"""A run belongs to one process: who lost it sends no further call and leaves its books to the new owner."""

import asyncio
from datetime import timedelta

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.ports.rows import Run, RunKind, RunState
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import MONDAY, World, chasing, lead, person, phone

PEOPLE = 12
LONG_AGO = MONDAY - timedelta(days=30)


async def take(world: World, run: Run, owner: str = "second") -> None:
    """Another process takes the run over, as it would from one that it had to bury."""
    assert await world.write(lambda ledger: ledger.runs.inherit(run.owner, owner)) == [run.run_id]


async def current(world: World) -> Run:
    run = await world.read(lambda ledger: ledger.runs.current())
    assert run is not None
    return run


@pytest.fixture
async def dialing(make_world: MakeWorld) -> World:
    world = make_world(calls_per_second=1.0)
    world.telephony.latency = 2.5
    world.crm.add(*(person(lead(n), n) for n in range(PEOPLE)))
    return world


async def test_who_lost_a_run_sends_no_further_call_and_records_those_in_flight(dialing: World) -> None:
    world = dialing
    run, task = await world.services.run_desk.start(RunKind.MANUAL)
    while len(world.telephony.rings) < 4:
        await pass_time(0.1)
    before = await current(world)
    await take(world, run)
    closed = await task
    assert len(world.telephony.rings) == 4
    for ring in world.telephony.rings:
        assert (await world.attempt(ring.request.key)).state is AttemptState.PLACED
    left = await current(world)
    assert closed == left
    assert (left.owner, left.state, left.totals) == ("second", RunState.DIALING, before.totals)
    staged = await world.staged(run)
    assert not [row for row in staged.values() if row.reason == "run_stopped"]
    assert "run left to another process" in world.log.events("error")


async def test_the_new_owner_finishes_the_run_and_everybody_is_called_once(dialing: World) -> None:
    world = dialing
    world.all_end(Disposition.NO_ANSWER)
    first = world.process
    run, task = await first.services.run_desk.start(RunKind.MANUAL)
    while len(world.telephony.rings) < 4:
        await pass_time(0.1)
    world.process = world.boot("second", alone=False)
    await take(world, run)
    await world.abandon("first")
    second = asyncio.ensure_future(world.services.runs.resume(await current(world)))
    await task
    async with world.working():
        closed = await second
    assert closed is not None
    assert (closed.state, closed.owner) == (RunState.FINISHED, "second")
    called = [ring.number for ring in world.telephony.rings]
    assert len(called) == len(set(called))
    assert set(called) == {phone(n) for n in range(PEOPLE)}
    assert await world.breaches() == []


async def test_a_process_that_stood_still_learns_at_its_next_call_that_the_run_is_not_its_own(dialing: World) -> None:
    """It need not wait for its next renewal: the transaction that commits the intent says no."""
    world = dialing
    run, task = await world.services.run_desk.start(RunKind.MANUAL)
    while len(world.telephony.rings) < 2:
        await pass_time(0.05)
    await take(world, run)
    at = world.clock.monotonic()
    await task
    assert [ring for ring in world.telephony.rings if ring.at > at] == []


async def test_who_loses_a_run_while_it_pulls_stages_nothing_more_and_makes_nobody_dead(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.page_size = 2
    world.crm.latency = 1.0
    world.crm.add(*(chasing(lead(n), n, LONG_AGO) for n in range(20)))
    run, task = await world.services.run_desk.start(RunKind.MANUAL)
    await pass_time(3.5)
    staged = await world.staged(run)
    assert 0 < len(staged) < 20
    await take(world, run)
    closed = await task
    assert await world.staged(run) == staged
    assert closed.state is RunState.STAGING
    assert await world.read(lambda ledger: ledger.outbox.count("pending")) == 0
    assert world.telephony.rings == []


async def test_a_run_that_is_closed_twice_keeps_its_first_end(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    run = await world.run()
    assert run.state is RunState.FINISHED
    again = await world.services.runs.close(run, "too late")
    assert again == run


async def test_a_run_whose_lease_ran_out_unnoticed_goes_on_while_nobody_took_it(dialing: World) -> None:
    world = dialing
    _, task = await world.services.run_desk.start(RunKind.MANUAL)
    while len(world.telephony.rings) < 2:
        await pass_time(0.1)
    world.clock._start += timedelta(minutes=1)
    assert (await task).totals["called"] == PEOPLE
