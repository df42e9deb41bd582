"""Who was called by a process that then died stands in the run as called, whatever was heard of the call before."""

import asyncio
from collections import deque

from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import CallRequest, Placed, PlaceOutcome
from autodialer.ports.rows import RunKind, StagedState
from service.conftest import MakeWorld
from service.fakes import summary
from service.test_membership import at_work, newest, until
from service.world import lead, person, phone


async def test_a_call_that_ended_before_its_process_died_is_called_in_the_run(make_world: MakeWorld) -> None:
    world = make_world(alone=False)
    world.crm.add(person(lead(1), 1))
    first, second = world.process, world.boot("second")

    async def answers(request: CallRequest) -> PlaceOutcome:
        """The phone is busy at once: 8x8 says so before it answers the request, and then this process dies."""
        await second.services.callbacks.take(summary("s-1", Disposition.BUSY, attemptId=request.attempt_id))
        await second.services.results.apply_waiting()
        first.store.dead = True
        return Placed("s-1")

    world.telephony.script[phone(1)] = deque([answers])
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await asyncio.gather(task, return_exceptions=True)
        world.process = second
        await until(lambda: "run closed" in second.log.events("info"), 60)
    run = await newest(world)
    row = (await world.staged(run))[lead(1)]
    assert world.telephony.numbers() == [phone(1)]
    assert (row.state, run.totals["called"]) == (StagedState.CALLED, 1), (row.reason, row.detail)
