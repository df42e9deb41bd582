"""Two replicas on one PostgreSQL, each with connections of its own."""

from collections.abc import Iterator

import pytest

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from databases import Postgres
from service.world import Process, World

Stores = tuple[SqlStore, SqlStore]
Couple = tuple[World, Process]


@pytest.fixture
def stores(postgres: Postgres) -> Iterator[Stores]:
    url = postgres.fresh()
    first, second = Database(url), Database(url)
    yield SqlStore(first), SqlStore(second)
    first.close()
    second.close()


@pytest.fixture
async def couple(stores: Stores) -> Couple:
    """The first replica and its world, and the second, each with connections of its own."""
    world = World(stores[0], alone=False)
    return world, beside(world, stores[1])


def beside(world: World, store: SqlStore, owner: str = "second") -> Process:
    store.now = world.shared_now
    first, world.inner = world.inner, store
    second = world.boot(owner)
    world.inner = first
    return second
