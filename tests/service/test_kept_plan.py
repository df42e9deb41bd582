"""One plan is kept for looking through; who asks while another is being made gets that one, or why there is none."""

import asyncio
from datetime import timedelta

import pytest

from autodialer.domain.access import Action
from autodialer.domain.errors import CrmError, StoreError
from autodialer.ports.rows import Staged
from autodialer.service.plan import Plan
from service.fakes import zoho_down
from service.world import MONDAY, World, chasing, lead, person


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


async def test_who_asks_for_another_plan_than_the_one_that_is_being_made_gets_his_own(sqlite_world: World) -> None:
    world, keeper = sqlite_world, sqlite_world.services.kept_plan
    long_ago = MONDAY - timedelta(days=30)
    world.crm.add(*(chasing(lead(each), each, long_ago) for each in range(1, 61)))
    asked = [keeper.make(confirm=confirm, by="oana") for confirm in (False, True, True)]
    await asyncio.gather(*asked)
    async with keeper.plan() as plan:
        assert plan is not None
        assert plan.totals["marked_dead"] == 60, "without the limit on how many become Dead"
    await keeper.close()
    made = await world.read(lambda ledger: ledger.audit.newest_first(None, 10, action=Action.MAKE_PLAN))
    assert len(made) == 2


async def test_who_still_looks_at_a_plan_keeps_nobody_from_a_new_one(sqlite_world: World) -> None:
    world, keeper = sqlite_world, sqlite_world.services.kept_plan
    world.crm.add(person(lead(1), 1))
    await keeper.make(confirm=False, by="oana")
    async with keeper.plan() as old, keeper.plan() as same:
        assert old is not None
        assert same is old
        world.crm.add(person(lead(2), 2))
        async with asyncio.timeout(5):
            await keeper.make(confirm=False, by="oana")
        async with keeper.plan() as new:
            assert new is not None
            assert new.totals["would_call"] == 2
        assert [row.key for row in await listed(old)] == [lead(1)], "a download that goes on is one of the old plan"
        async with asyncio.timeout(5):
            await keeper.close()
        assert len(await listed(old)) == 1
    with pytest.raises(StoreError):
        await listed(old)
    with pytest.raises(StoreError):
        await listed(new)


async def listed(plan: Plan) -> list[Staged]:
    return [row async for row in plan.rows()]
