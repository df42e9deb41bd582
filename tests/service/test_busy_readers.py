"""A process whose two reading threads are busy for some seconds still says that it lives: its writer is free."""

from collections.abc import Callable
from typing import Any

from autodialer.domain.attempt import AttemptState
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import RunKind
from service.conftest import MakeWorld
from service.test_membership import at_work, until
from service.virtual_time import pass_time
from service.world import lead, person


async def test_who_only_reads_for_long_is_not_buried(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=4.0, max_concurrent_calls=1000, alone=False)
    world.telephony.latency = 3.0
    world.crm.add(*(person(lead(n), n) for n in range(60)))
    first, second = world.process, world.boot("second")
    read = first.store.read
    busy_until = [0.0]

    async def in_its_turn(work: Callable[[Ledger], Any]) -> Any:
        while (wait := busy_until[0] - world.clock.monotonic()) > 0:
            await pass_time(wait)
        return await read(work)

    first.store.read = in_its_turn  # type: ignore[method-assign]
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(world.telephony.rings) >= 12)
        busy_until[0] = world.clock.monotonic() + 10  # two questions about years of calls, on the console
        await task
        await second.services.run_desk.finished()
    rows = [row for n in range(60) for row in await world.attempts(lead(n))]
    assert "a process says nothing any more: taken over from it" not in second.log.events("error")
    assert [row.attempt_id for row in rows if row.state is AttemptState.UNKNOWN] == []
