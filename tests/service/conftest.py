"""`world` runs on SQLite and on PostgreSQL (`store` of the tests' common fixtures), `make_world` with options of one's own."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from databases import SqliteLedgers
from service.inline import inline_on
from service.virtual_time import VirtualLoop
from service.world import World

MakeWorld = Callable[..., World]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], VirtualLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture(autouse=True)
def _look_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the ledger costs real time, virtual time costs nothing."""
    monkeypatch.setattr("autodialer.service.dialing._IDLE", 0.2)


@pytest.fixture
def store_on() -> Callable[[Database], SqlStore]:
    return inline_on


@pytest.fixture
def new_store(
    sqlite_ledgers: SqliteLedgers, tmp_path: Path, store_on: Callable[[Database], SqlStore]
) -> Iterator[Callable[[], SqlStore]]:
    """Opens as many empty SQLite ledgers as a test wants, one after the other."""
    opened: list[Database] = []

    def make() -> SqlStore:
        folder = tmp_path / f"{len(opened)}"
        folder.mkdir()
        if opened:
            opened[-1].close()
        opened.append(Database(sqlite_ledgers.fresh(folder)))
        return store_on(opened[-1])

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def make_world(store: SqlStore) -> MakeWorld:
    """To be called inside the test: the clock belongs to its loop."""

    def make(**options: Any) -> World:
        return World(store, **options)

    return make


@pytest.fixture
async def world(store: SqlStore) -> World:
    return World(store)


@pytest.fixture
async def sqlite_world(sqlite_store: SqlStore) -> World:
    """For long stories, where a second database would say nothing new."""
    return World(sqlite_store)


ON_BOTH = {
    "test_at_most_once",
    "test_crash",
    "test_elsewhere",
    "test_long_sessions",
    "test_ownership",
    "test_placing",
    "test_result_batches",
    "test_run",
}
"""Where two processes meet or constraints decide, `make test` tries both databases; `make soak` tries all on PostgreSQL."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = getattr(item, "callspec", None)
        on_postgresql = params is not None and params.params.get("backend") == "postgresql"
        if on_postgresql and item.path.parent == Path(__file__).parent and item.path.stem not in ON_BOTH:
            item.add_marker(pytest.mark.soak)
