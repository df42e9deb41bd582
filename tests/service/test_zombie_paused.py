"""Who stood still, comes back and finds calls paused leaves alone what others have called meanwhile."""

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import StoreError
from autodialer.ports.rows import RunKind
from autodialer.service.control import pause, resume
from service.conftest import MakeWorld
from service.test_membership import at_work, until
from service.virtual_time import pass_time
from service.world import lead, person


async def test_whom_others_called_meanwhile_stands_as_called(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=4.0, max_concurrent_calls=1000, alone=False)
    world.telephony.latency = 0.2
    world.all_end(Disposition.BUSY)
    world.crm.add(*(person(lead(n), n) for n in range(120)))
    first, second = world.process, world.boot("second")
    async with at_work(first, second):
        run, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(world.telephony.rings) >= 12)
        second.store.fails = lambda: StoreError("cut off", permanent=False)
        await pass_time(20)  # it is buried, what it had reserved is called by the first
        await world.write(lambda ledger: pause(ledger, world.clock.now()))
        second.store.fails = None
        await pass_time(20)
        await world.write(lambda ledger: resume(ledger, world.clock.now()))
        closed = await task
    staged = await world.staged(run)
    wrong = {key: (row.state, row.reason) for key, row in staged.items() if row.state != "called"}
    assert len(set(world.telephony.numbers())) == len(world.telephony.numbers())
    assert (closed.totals["called"], wrong) == (len(world.telephony.numbers()), {})
