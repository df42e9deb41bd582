"""What one replica at a time does: 8x8's log, the webhook."""

from typing import TypeVar

from autodialer.domain.errors import StoreError
from autodialer.service.duties import CALL_LOG, WEBHOOK
from autodialer.service.webhook import WEBHOOK_HASH
from autodialer.worker import Worker
from service.couple import Couple, Stores, beside, couple, stores
from service.virtual_time import pass_time
from service.world import World, lead, person

__all__ = ["couple", "stores"]  # fixtures
T = TypeVar("T")


async def test_one_replica_has_the_duties_and_the_other_takes_over_within_ten_seconds(stores: Stores) -> None:
    world = World(stores[0], alone=False)
    first = beside(world, stores[0])
    other = beside(world, stores[1], "third")
    workers = [Worker(each.services, scheduled=False) for each in (first, other)]
    for worker in workers:
        await worker.start()
    await pass_time(60)
    assert [each.services.duties.has(CALL_LOG) for each in (first, other)] == [True, False]
    assert [each.services.duties.has(WEBHOOK) for each in (first, other)] == [True, False]
    first.store.fails = lambda: StoreError("cut off", permanent=False)
    died = world.clock.monotonic()
    while not other.services.duties.has(CALL_LOG):
        await pass_time(0.1)
    assert world.clock.monotonic() - died < 10
    assert not first.services.duties.has(CALL_LOG), "who can't renew knows that it is over"
    for worker in workers:
        await worker.stop(1)


async def test_a_replica_that_stops_gives_its_duties_back_at_once(couple: Couple) -> None:
    world, second = couple
    worker = Worker(world.services, scheduled=False)
    await worker.start()
    await second.services.duties.keep()
    assert not second.services.duties.has(CALL_LOG)
    await worker.stop(1)
    await second.services.duties.keep()
    assert second.services.duties.has(CALL_LOG)


async def test_only_who_has_the_duty_asks_for_the_log_and_registers_the_webhook(couple: Couple) -> None:
    world, second = couple
    world.all_end(None)
    world.crm.add(person(lead(0), 0))
    await world.run()
    await pass_time(2000)
    await world.services.reconciler.sweep()
    await world.services.duties.keep()
    worker = Worker(second.services, scheduled=False)
    await worker.start()
    for _ in range(100):
        await pass_time(2)
        await world.services.duties.keep()
    await worker.stop(1)
    assert world.telephony.exports == []
    assert await world.read(lambda ledger: ledger.switches.get(WEBHOOK_HASH)) is None
