"""Invariants 2 and 6: two hands reach for one attempt, or a process dies in the middle of a step."""

import asyncio
from contextlib import suppress

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from service.conftest import MakeWorld
from service.fakes import Crashed, summary
from service.virtual_time import pass_time
from service.world import World, lead, person, phone

PEOPLE = 4


async def test_invariant_2_a_reserved_attempt_that_another_process_released_is_not_sent(make_world: MakeWorld) -> None:
    """Its owner stood still for longer than its lease, came back and goes on."""
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(PEOPLE)))
    running = asyncio.ensure_future(world.run())
    while not world.telephony.rings:
        await pass_time(0.05)
    reserved = await world.read(lambda ledger: ledger.attempts.open_of_owner("first"))
    taken = {row.attempt_id for row in reserved if row.state is AttemptState.RESERVED}
    assert taken
    await world.abandon("first")
    run = await running
    assert taken.isdisjoint(ring.request.attempt_id for ring in world.telephony.rings)
    assert sorted(world.telephony.numbers()) == [phone(n) for n in range(PEOPLE)]
    assert run.totals["called"] == PEOPLE


async def test_invariant_2_a_replica_that_starts_leaves_what_a_living_one_holds_alone(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    world.telephony.latency = 5.0
    world.crm.add(*(person(lead(n), n) for n in range(PEOPLE)))
    running = asyncio.ensure_future(world.run())
    while not world.telephony.rings:
        await pass_time(0.05)
    held = await world.read(lambda ledger: ledger.attempts.open_of_owner("first"))
    assert {row.state for row in held} == {AttemptState.RESERVED, AttemptState.SUBMITTING}
    world.process = world.boot("second", alone=False)
    async with world.working():
        for row in held:
            assert (await world.attempt(row.key)).state is row.state
        assert (await running).totals["called"] == PEOPLE
    assert {(await world.attempt(row.key)).attempt_id for row in held} == {row.attempt_id for row in held}


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_invariant_6_a_process_that_dies_while_it_applies_a_result_loses_no_update(
    world: World, moment: str
) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.services.callbacks.take(summary(world.session(lead(1)), Disposition.NO_ANSWER))
    dying = world.process.store
    setattr(dying, f"dies_{moment}", dying.commits + 1)
    with suppress(Crashed):
        await world.apply()
    assert dying.dead
    world.process = world.boot("second")
    await world.apply()
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 1)
