"""A process that dials along inherits the run while it reserves: nobody whom it had just reserved is left out."""

import asyncio
from collections.abc import Callable
from typing import Any

from autodialer.domain.attempt import AttemptState
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import RunKind, RunState
from autodialer.service.preparing import Ready
from service.conftest import MakeWorld
from service.test_membership import at_work, newest, until
from service.virtual_time import pass_time
from service.world import lead, person


async def test_whom_it_had_just_reserved_is_called_by_it_as_the_conductor(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=4.0, max_concurrent_calls=1000, alone=False)
    world.telephony.latency = 0.2
    world.crm.add(*(person(lead(n), n) for n in range(120)))
    first, second = world.process, world.boot("second")
    write = second.store.write
    inherited: list[list[RecordKey]] = []

    def bury(ledger: Ledger) -> None:
        first.services.reconciler.abandon(ledger, "first")
        ledger.replicas.leave("first")
        ledger.runs.inherit("first", "second")

    async def slowly(work: Callable[[Ledger], Any]) -> Any:
        found = await write(work)
        reserved = isinstance(found, list) and any(isinstance(one, Ready) for one in found)
        if reserved and len(world.telephony.rings) > 20 and not inherited:
            inherited.append([one.staged.key for one in found if one])
            first.store.dead = True
            await world.write(bury)
            await pass_time(1.5)  # this commit's answer is late: meanwhile the other is buried, the run is this one's
        return found

    second.store.write = slowly  # type: ignore[method-assign]
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await asyncio.gather(task, return_exceptions=True)
        world.process = second
        await until(lambda: "run closed" in second.log.events("info"), 400)
    assert inherited
    run = await newest(world)
    assert run.state is RunState.FINISHED
    left_out = [
        (key, (await world.staged(run))[key].reason)
        for key in inherited[0]
        if all(row.state is AttemptState.RELEASED for row in await world.attempts(key))
    ]
    assert left_out == []
