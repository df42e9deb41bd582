"""A call that was submitted and came late for its turn waits for another one: what was said meanwhile holds for it too."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.errors import StoreError
from autodialer.domain.placing import Throttled
from autodialer.ports.ledger import Ledger
from autodialer.service.control import is_paused, pause, pause_dialing, resume
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import World, lead, person, phone

Said = Callable[[Ledger, datetime], object]


def suppress(ledger: Ledger, at: datetime) -> None:
    for number in (1, 2):
        ledger.do_not_call.add(phone(number), "asked us", at)


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """A replica whose commits take long once its first call has left, so that the second comes late for its turn."""
    world = make_world(calls_per_second=2.0, alone=False)
    world.crm.add(*(person(lead(n), n) for n in (1, 2)))
    world.telephony.latency = 1.0
    world.telephony.on_place = lambda _: setattr(world.process.store, "slowness", 2.0)
    return world


async def waiting(world: World, seconds: float = 20.0) -> asyncio.Task[object]:
    """8x8 wants to be left alone for so long, and the second call was submitted already."""
    world.telephony.script[phone(1)] = deque([Throttled(seconds)])
    task: asyncio.Task[object] = asyncio.create_task(world.run())
    while not world.telephony.rings:
        await pass_time(0.1)
    await pass_time(5)
    world.telephony.on_place, world.process.store.slowness = None, 0.0
    return task


async def states(world: World) -> list[AttemptState]:
    """Of the calls to the second person."""
    return [row.state for row in await world.attempts(lead(2))]


@pytest.mark.parametrize("said", [pause, suppress])
async def test_nobody_is_rung_after_a_pause_or_an_opt_out_though_the_call_was_submitted_before(
    world: World, said: Said
) -> None:
    task = await waiting(world)
    assert await states(world) == [AttemptState.SUBMITTING]
    await world.write(lambda ledger: said(ledger, world.clock.now()))
    await pass_time(60)
    assert world.telephony.numbers() == [phone(1)]
    assert await states(world) == [AttemptState.RELEASED]
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    await task
    expected = [] if said is suppress else [phone(1), phone(2)]
    assert sorted(world.telephony.numbers()[1:]) == expected


async def test_who_had_to_wait_for_another_turn_is_called_at_it(world: World) -> None:
    await (await waiting(world))
    assert sorted(world.telephony.numbers()[1:]) == [phone(1), phone(2)]


async def test_who_would_have_to_wait_too_long_is_given_back_at_once_and_called_afterwards(world: World) -> None:
    task = await waiting(world, 600.0)
    assert AttemptState.SUBMITTING not in await states(world)
    await task
    assert sorted(world.telephony.numbers()[1:]) == [phone(1), phone(2)]


@pytest.mark.parametrize("hundredths", [0, 5, 12, 20])
async def test_once_a_pause_is_answered_no_call_leaves(make_world: MakeWorld, hundredths: int) -> None:
    """Replicas commit a call's intent before its turn."""
    world = make_world(calls_per_second=4.0, alone=False)
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    running = asyncio.create_task(world.run())
    await pass_time(2 + hundredths / 100)
    await pause_dialing(world.services.means)
    before = len(world.telephony.rings)
    assert 0 < before < 20
    await pass_time(60)
    assert len(world.telephony.rings) == before
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    assert (await running).totals["called"] == 20


async def test_somebody_who_keeps_the_rows_of_a_run_keeps_nobody_from_pausing(world: World) -> None:
    refusals = iter([StoreError("canceling statement due to lock timeout", permanent=False)])
    world.process.store.fails = lambda: next(refusals, None)
    await pause_dialing(world.services.means)
    assert await world.read(is_paused)
