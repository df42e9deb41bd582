"""A slot that could not start is told of in the end, however long Zoho takes to say no (rules.md row 30)."""

from datetime import timedelta

import pytest

from autodialer.ports.rows import RunState
from autodialer.service.schedule import Scheduler, remember_start
from service.fakes import zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World


@pytest.mark.parametrize("seconds", [0.0, 130.0, 200.0])
async def test_a_slot_that_never_could_start_is_recorded_as_skipped(sqlite_world: World, seconds: float) -> None:
    world = sqlite_world
    await world.write(lambda ledger: remember_start(ledger, MONDAY - DAY))

    async def prepare() -> None:
        await world.clock.sleep(seconds)
        raise zoho_down()

    world.crm.prepare = prepare  # type: ignore[method-assign]
    async with world.working(scheduled=True):
        await pass_time(timedelta(hours=1).total_seconds())
    slots = await world.read(lambda ledger: [(run.slot, run.state) for run in ledger.runs.recent(5)])
    assert slots == [(MONDAY, RunState.SKIPPED)]


async def test_a_replica_that_can_not_call_takes_no_slot_from_one_that_can(sqlite_world: World) -> None:
    """CATCH_UP=0: the first one's settings lack something; the other one's clock is a few seconds behind."""
    world = sqlite_world
    second = world.boot("second")
    await world.write(lambda ledger: remember_start(ledger, MONDAY - DAY))
    means = second.services.means
    schedulers = [
        Scheduler(one.services.runs, means.store, world.clock, one.log, world.policy.run_hours, 0.0)
        for one in (world.process, second)
    ]
    world.telephony.missing = ["EIGHTX8_AGENT_NUMBER is missing"]
    assert await schedulers[0].take_due() is None
    world.telephony.missing = []
    await pass_time(3)
    run = await schedulers[1].take_due()
    assert run is not None
    assert run.slot == MONDAY
