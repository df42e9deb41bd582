"""One plan is kept for looking through; who asks for one while another is being made gets that one, or why there is none."""

import asyncio

import pytest

from autodialer.domain.errors import CrmError
from service.fakes import zoho_down
from service.world import World, lead, person


async def test_who_waited_for_a_plan_that_could_not_be_made_is_told_so(sqlite_world: World) -> None:
    world, keeper = sqlite_world, sqlite_world.services.kept_plan
    world.crm.add(person(lead(1), 1))
    asked = asyncio.Event()

    async def down() -> None:
        asked.set()
        await asyncio.sleep(0.01)
        raise zoho_down()

    prepare, world.crm.prepare = world.crm.prepare, down  # type: ignore[method-assign]
    first = asyncio.create_task(keeper.make(confirm=False, by="oana"))
    await asked.wait()
    second = asyncio.create_task(keeper.make(confirm=False, by="oana"))
    for each in (first, second):
        with pytest.raises(CrmError):
            await each
    world.crm.prepare = prepare  # type: ignore[method-assign]
    await asyncio.gather(*(keeper.make(confirm=False, by="oana") for _ in range(2)))
    async with keeper.plan() as plan:
        assert plan is not None
        assert plan.totals["would_call"] == 1
    await keeper.close()
