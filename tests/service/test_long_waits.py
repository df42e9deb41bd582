"""A run that could call nobody for longer than RESULT_TIMEOUT goes on: no result can come of calls that were not made."""

import asyncio
from collections import deque

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous, Throttled
from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.service.control import pause, resume
from service.conftest import MakeWorld
from service.test_membership import at_work
from service.virtual_time import pass_time
from service.world import World, lead, person, phone

PEOPLE = 20


@pytest.fixture(params=[1, 2])
async def world(make_world: MakeWorld, request: pytest.FixtureRequest) -> World:
    """Few lines; `replicas` of them."""
    world = make_world(max_concurrent_calls=5, result_timeout=60.0, alone=request.param == 1)
    world.crm.add(*(person(lead(n), n) for n in range(PEOPLE)))
    world.telephony.rings_for = 20.0
    world.all_end(Disposition.BUSY)
    return world


async def with_a_wait(world: World) -> Run:
    others = [] if world.services.means.alone else [world.boot("second")]
    world.services.stopping.clear()
    async with at_work(world.process, *others):
        _, task = await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(5)
        return await task


def assert_all_were_called(run: Run) -> None:
    assert (run.state, run.stop_reason) == (RunState.FINISHED, None)
    assert run.totals["called"] == PEOPLE


async def after(seconds: float, world: World, change: str) -> None:
    """Pause, and resume much later; or the agents go, and come back."""
    await pass_time(5)
    if change == "pause":
        await world.write(lambda ledger: pause(ledger, world.clock.now()))
    else:
        world.telephony.agents = 0
    await pass_time(seconds)
    if change == "pause":
        await world.write(lambda ledger: resume(ledger, world.clock.now()))
    else:
        world.telephony.agents = 10


@pytest.mark.parametrize("change", ["pause", "agents"])
async def test_a_run_goes_on_after_a_long_pause_and_when_agents_are_back(world: World, change: str) -> None:
    meanwhile = asyncio.create_task(after(120, world, change))
    assert_all_were_called(await with_a_wait(world))
    await meanwhile


@pytest.mark.parametrize("change", ["pause", "agents"])
async def test_calls_of_earlier_that_nobody_heard_of_take_no_line_after_it(world: World, change: str) -> None:
    """As many as there are lines: 8x8 was out of order in the morning."""
    world.crm.add(*(person(lead(n), n) for n in range(100, 105)))
    for n in range(100, 105):
        world.telephony.script[phone(n)] = deque([Ambiguous("HTTP 502")])
    for n in range(PEOPLE):
        world.crm.change(lead(n), status="Waiting")
    await with_a_wait(world)
    await pass_time(80)
    for n in range(PEOPLE):
        world.crm.change(lead(n), status="New")
    meanwhile = asyncio.create_task(after(120, world, change))
    assert_all_were_called(await with_a_wait(world))
    await meanwhile


async def test_a_run_goes_on_after_8x8_wanted_to_be_left_alone_for_long(world: World) -> None:
    world.telephony.script[phone(7)] = deque([Throttled(200.0)])
    assert_all_were_called(await with_a_wait(world))
