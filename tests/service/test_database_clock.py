"""The database's clock is set back, by NTP or by a failover to a machine that is behind: calls go on."""

from datetime import timedelta

from autodialer.ports.rows import RunKind
from service.conftest import MakeWorld
from service.test_membership import at_work, until
from service.world import lead, person


async def test_calls_go_on_when_the_database_s_clock_was_set_back(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=4.0, max_concurrent_calls=1000, alone=False)
    world.crm.add(*(person(lead(n), n) for n in range(40)))
    behind = [timedelta()]
    shared_now = world.shared_now
    world.inner.now = lambda connection: shared_now(connection) - behind[0]  # type: ignore[attr-defined]
    async with at_work(world.process):
        _, task = await world.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(world.telephony.rings) >= 8)
        behind[0] = timedelta(minutes=20)
        await until(task.done, 60)
    assert len(world.telephony.rings) == 40
