"""Calls that need an agent: while there is none for another call, the CRM is not asked about anybody."""

from collections import deque

import pytest

from autodialer.domain.placing import CallRequest, NobodyFree, PlaceOutcome, Throttled
from autodialer.ports.rows import RunKind
from service.conftest import MakeWorld
from service.test_membership import at_work, until
from service.virtual_time import pass_time
from service.world import lead, person, phone


@pytest.mark.parametrize("replicas", [1, 2])
async def test_while_a_call_has_the_only_free_agent_and_waits_for_its_turn_the_crm_is_left_alone(
    make_world: MakeWorld, replicas: int
) -> None:
    world = make_world(calls_per_second=4.0, alone=replicas == 1)
    world.telephony.agents = 1
    world.telephony.script[phone(0)] = deque([Throttled(60.0)])
    world.crm.add(*(person(lead(n), n) for n in range(6)))
    others = [world.boot(f"other {n}") for n in range(1, replicas)]
    async with at_work(world.process, *others):
        await world.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: bool(world.telephony.rings))
        await pass_time(5)
        before = len(world.crm.looks)
        await pass_time(20)
        assert len(world.crm.looks) - before <= 1


@pytest.mark.parametrize("replicas", [1, 2])
async def test_an_agent_is_kept_for_a_call_that_was_submitted_until_one_is_chosen_for_it(
    make_world: MakeWorld, replicas: int
) -> None:
    """Who is free is asked once more before a call leaves, and that takes its time."""
    world = make_world(calls_per_second=4.0, alone=replicas == 1)
    phones, in_vain = world.telephony, []
    phones.agents = 2
    place = phones.place

    async def choose_and_place(request: CallRequest) -> PlaceOutcome:
        await world.clock.sleep(3.0)
        if not phones.agents:
            in_vain.append(request)
            return NobodyFree(2.0, "no agent is free")
        phones.agents -= 1
        return await place(request)

    phones.place = choose_and_place  # type: ignore[method-assign]
    world.crm.add(*(person(lead(n), n) for n in range(6)))
    others = [world.boot(f"other {n}") for n in range(1, replicas)]
    async with at_work(world.process, *others):
        await world.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(phones.rings) == 2)
        await pass_time(20)
        assert (in_vain, len(phones.rings)) == ([], 2)
