"""A run does not end before those are called who were given back while it looked for others."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from autodialer.domain.placing import Throttled
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import RunKind, RunState, Staged, StagedState
from autodialer.service.control import pause, resume
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import lead, person, phone


async def test_whom_another_process_gives_back_while_nobody_seems_due_is_called(make_world: MakeWorld) -> None:
    world = make_world(alone=False)
    world.crm.add(person(lead(1), 1))
    await world.write(lambda ledger: pause(ledger, world.clock.now()))
    run = await world.services.runs.open(RunKind.MANUAL, None)
    task = asyncio.create_task(world.services.runs.conduct(run))
    await pass_time(1)
    (theirs,) = await world.write(lambda ledger: ledger.staging.claim(run.run_id, "second", 10))
    write = world.process.store.write
    given_back: list[Staged] = []

    async def slowly(work: Callable[[Ledger], Any]) -> Any:
        found = await write(work)
        if found == [] and not given_back:  # nobody is due: and before this process knows it, the other has its 429
            given_back.append(theirs)
            await world.write(lambda ledger: ledger.staging.mark(run.run_id, theirs.key, StagedState.DUE))
        return found

    world.process.store.write = slowly  # type: ignore[method-assign]
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    closed = await task
    assert given_back
    assert (closed.state, world.telephony.numbers()) == (RunState.FINISHED, [phone(1)])


async def test_who_is_due_again_while_this_process_reads_that_nobody_is_due_is_called(make_world: MakeWorld) -> None:
    world = make_world(max_concurrent_calls=1)
    world.crm.add(person(lead(1), 1))
    world.telephony.latency = 0.5
    world.telephony.script[phone(1)] = deque([Throttled(0.0)])
    read = world.process.store.read
    late: list[bool] = []

    async def slowly(work: Callable[[Ledger], Any]) -> Any:
        found = await read(work)
        if found == [] and world.telephony.rings and not late:  # its one call is on its way, nobody else is due
            late.append(True)
            await pass_time(2)  # a reading thread that waits for the processor
        return found

    world.process.store.read = slowly  # type: ignore[method-assign]
    closed = await world.run()
    assert late
    assert (closed.totals["called"], world.telephony.numbers()) == (1, [phone(1), phone(1)])
