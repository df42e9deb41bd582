"""What one replica at a time does: 8x8's log, the webhook."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from autodialer.domain.errors import StoreError
from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger
from autodialer.service.duties import CALL_LOG, WEBHOOK
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.worker import WEBHOOK_HASH, Worker
from service.couple import Couple, Stores, beside, couple, stores
from service.virtual_time import pass_time
from service.world import World, lead, person

__all__ = ["couple", "stores"]  # fixtures
T = TypeVar("T")


class OnTime(SqlStore):
    """The database's clock is the test's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    def _now(self, _connection: object) -> datetime:
        return self._clock.now()

    async def write(self, work: Callable[[Ledger], T]) -> T:
        return await self.database.write(lambda connection: work(SqlLedger(connection, self._now)))


async def test_one_replica_has_the_duties_and_the_other_takes_over_within_ten_seconds(stores: Stores) -> None:
    world = World(stores[0])
    first = beside(world, OnTime(stores[0].database, world.clock))
    other = beside(world, OnTime(stores[1].database, world.clock), "third")
    workers = [Worker(each.services, alone=False, scheduled=False) for each in (first, other)]
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
    worker = Worker(world.services, alone=False, scheduled=False)
    await worker.start()
    await second.services.duties.keep()
    assert not second.services.duties.has(CALL_LOG)
    await worker.stop(1)
    await second.services.duties.keep()
    assert second.services.duties.has(CALL_LOG)


async def test_only_who_has_the_duty_asks_for_the_log_and_registers_the_webhook(couple: Couple) -> None:
    world, second = couple
    await world.services.duties.keep()
    world.all_end(None)
    world.crm.add(person(lead(0), 0))
    await world.run()
    await pass_time(2000)
    await world.services.reconciler.sweep()
    worker = Worker(second.services, alone=False, scheduled=False)
    await worker.start()
    await pass_time(200)
    await worker.stop(1)
    assert world.telephony.exports == []
    assert await world.read(lambda ledger: ledger.switches.get(WEBHOOK_HASH)) is None
