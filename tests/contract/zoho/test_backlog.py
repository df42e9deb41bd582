"""What a backlog costs: all results due at once, from the outbox to Zoho, over HTTP."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from autodialer.domain.record import CrmStatus
from autodialer.ports.rows import Projection
from autodialer.rules.policy import Policy
from autodialer.service.means import Means
from autodialer.service.write_back import WriteBack
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.zoho.client import ZohoCrm
from contract.zoho.world import NOW, QuickClock, World, key_of, person
from figures import Record, tell
from service.fakes import FakeTelephony, MemoryLog

OpenWorld = Callable[..., World]


def write_back(crm: ZohoCrm, store: SqlStore, clock: QuickClock) -> WriteBack:
    return WriteBack(
        Means(
            crm=crm,
            telephony=FakeTelephony(clock),
            store=store,
            policy=Policy(),
            clock=clock,
            wall_clock=clock,
            log=MemoryLog(),
            owner="here",
            new_id=lambda: "id",
            calls_per_second=1,
            max_concurrent_calls=1,
            result_timeout=900,
        )
    )


async def drain_all(world: World, store: SqlStore, count: int) -> None:
    """As many first calls that nobody answered, on Leads and Contacts, all due now."""
    people = [person(n, module="Leads" if n % 4 else "Contacts") for n in range(count)]
    for module in ("Leads", "Contacts"):
        world.sim.records[module].replace([someone for someone in people if someone.module == module])

    def queue(ledger: SqlLedger) -> None:
        for someone in people:
            projection = Projection(key_of(someone), None, "result", "New", CrmStatus.NO_ANSWER, 1, NOW)
            ledger.outbox.put(projection, world.clock.now() - timedelta(seconds=1))

    await store.database.write(lambda connection: queue(SqlLedger(connection)))
    clock = world.quick_clock
    async with world.open_client(clock) as crm:
        await crm.prepare()
        assert await write_back(crm, store, clock).drain() == count
    for module in ("Leads", "Contacts"):
        written = [record.values for record in world.sim.records[module].by_id()]
        assert {values["Call_Attempts"] for values in written} == {1}
        assert {values[world.sim.records[module].schema.status] for values in written} == {"No Answer"}


def spent(world: World) -> tuple[int, int]:
    """Looks and updates that went over the wire."""
    puts = [exchange for exchange in world.exchanges if exchange.method == "PUT"]
    assert all(len(json.loads(put.body)["data"]) <= 100 for put in puts)
    return len(world.sent("POST", "/crm/v8/coql")), len(puts)


async def test_a_thousand_results_due_at_once_take_a_hundred_requests_at_most(
    open_world: OpenWorld, sqlite_store: SqlStore
) -> None:
    world = open_world()
    await drain_all(world, sqlite_store, 1000)
    looks, updates = spent(world)
    assert updates <= 30
    assert looks + updates <= 105


@pytest.mark.soak
async def test_ten_thousand_results_due_at_once_take_a_thousand_and_fifty_requests_at_most(
    open_world: OpenWorld, sqlite_store: SqlStore, record_property: Record
) -> None:
    world = open_world()
    await drain_all(world, sqlite_store, 10_000)
    looks, updates = spent(world)
    tell(record_property, "10,000 results written back", looks=looks, updates=updates, requests=looks + updates)
    assert updates <= 1050
    assert looks + updates <= 1050
