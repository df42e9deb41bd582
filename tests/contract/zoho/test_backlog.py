"""What a backlog costs: all results due at once, from the outbox to Zoho, over HTTP."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from autodialer.domain.record import CrmStatus
from autodialer.ports.rows import Projection
from autodialer.rules.policy import Policy
from autodialer.service.means import Means
from autodialer.service.write_back import WriteBack
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.zoho.client import ZohoCrm
from contract.zoho.world import NOW, QuickClock, World, key_of, person
from databases import Postgres
from figures import Record, tell
from service.fakes import FakeTelephony, MemoryLog

OpenWorld = Callable[..., World]


def write_back(crm: ZohoCrm, store: SqlStore, clock: QuickClock, owner: str) -> WriteBack:
    return WriteBack(
        Means(
            crm=crm,
            telephony=FakeTelephony(clock),
            store=store,
            policy=Policy(),
            clock=clock,
            wall_clock=clock,
            log=MemoryLog(),
            owner=owner,
            new_id=lambda: "id",
            calls_per_second=1,
            max_concurrent_calls=1,
            result_timeout=900,
        )
    )


async def drain_all(world: World, stores: Sequence[SqlStore], count: int) -> list[int]:
    """As many first calls that nobody answered, on Leads and Contacts, all due now; how many each replica wrote back."""
    people = [person(n, module="Leads" if n % 4 else "Contacts") for n in range(count)]
    for module in ("Leads", "Contacts"):
        world.sim.records[module].replace([someone for someone in people if someone.module == module])

    def queue(ledger: SqlLedger) -> None:
        for someone in people:
            projection = Projection(key_of(someone), None, "result", "New", CrmStatus.NO_ANSWER, 1, NOW)
            ledger.outbox.put(projection, world.clock.now() - timedelta(seconds=1))

    await stores[0].database.write(lambda connection: queue(SqlLedger(connection)))
    clock = world.quick_clock
    async with AsyncExitStack() as clients:
        drains = []
        for number, store in enumerate(stores):
            crm = await clients.enter_async_context(world.open_client(clock))
            await crm.prepare()
            drains.append(write_back(crm, store, clock, f"replica {number}").drain())
        written = await asyncio.gather(*drains)
    assert sum(written) == count
    for module in ("Leads", "Contacts"):
        shown = [record.values for record in world.sim.records[module].by_id()]
        assert {values["Call_Attempts"] for values in shown} == {1}
        assert {values[world.sim.records[module].schema.status] for values in shown} == {"No Answer"}
    return written


def spent(world: World) -> tuple[int, int]:
    """Looks and updates that went over the wire."""
    puts = [exchange for exchange in world.exchanges if exchange.method == "PUT"]
    assert all(len(json.loads(put.body)["data"]) <= 100 for put in puts)
    return len(world.sent("POST", "/crm/v8/coql")), len(puts)


async def test_a_thousand_results_due_at_once_take_a_hundred_requests_at_most(
    open_world: OpenWorld, sqlite_store: SqlStore
) -> None:
    world = open_world()
    await drain_all(world, [sqlite_store], 1000)
    looks, updates = spent(world)
    assert updates <= 30
    assert looks + updates <= 105


@pytest.mark.soak
async def test_ten_thousand_results_due_at_once_take_a_thousand_and_fifty_requests_at_most(
    open_world: OpenWorld, sqlite_store: SqlStore, record_property: Record
) -> None:
    world = open_world()
    await drain_all(world, [sqlite_store], 10_000)
    looks, updates = spent(world)
    tell(record_property, "10,000 results written back", looks=looks, updates=updates, requests=looks + updates)
    assert updates <= 1050
    assert looks + updates <= 1050


@pytest.mark.soak
async def test_two_replicas_write_ten_thousand_results_back_with_about_the_requests_of_one(
    open_world: OpenWorld, postgres: Postgres, record_property: Record
) -> None:
    world = open_world()
    url = postgres.fresh()
    databases = [Database(url), Database(url)]
    try:
        written = await drain_all(world, [SqlStore(each) for each in databases], 10_000)
    finally:
        for each in databases:
            each.close()
    looks, updates = spent(world)
    told = {"looks": looks, "updates": updates, "requests": looks + updates}
    tell(record_property, "10,000 results written back by two replicas", **told, least=min(written))
    assert min(written) >= 2_000
    assert looks + updates <= 420, "one alone takes 377"
