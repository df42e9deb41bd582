"""Fixtures for every test: `store` runs a test on SQLite and on PostgreSQL, `sqlite_store` on SQLite alone."""

import gc
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from databases import BOTH, Postgres, SqliteLedgers
from figures import lines_of

_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
_ENOUGH = 4 << 30  # bytes
_LONG = ("browser", "proof", "crash", "faults", "replicas", "e2e")


@pytest.hookimpl(trylast=True)  # after what is left out: xdist cuts the list that remains
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each process begins with a share of what takes long, so that none is still at it when the others have nothing left to do."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    short: deque[pytest.Item] = deque()
    for item in items:
        folder = item.nodeid.split("/", 2)[1]
        mine = shares[_LONG.index(folder) % processes] if folder in _LONG else short
        mine.append(item)
    # xdist gives each process an equal part of the list, in its order.
    ends = [len(items) * (n + 1) // processes for n in range(processes)]
    items.clear()
    for share, end in zip(shares, ends, strict=True):
        items += share
        while short and len(items) < end:
            items.append(short.popleft())


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end: nobody looks through it for garbage again and again."""
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    """Ledgers in memory where there is room: to wait for a disk proves nothing; the crash tests cut the power before it."""
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # found out anew


@pytest.fixture(scope="session", autouse=True)
def _certificates_read_once() -> Iterator[None]:
    """Each HTTP client reads all certificates anew, 40 ms of work; here one reading serves all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """Each engine compiles its statements anew, a sixth of the work on a ledger; here those on one kind of database share them."""
    compiled: dict[type, LRUCache[Any, Any]] = {}
    make = Engine.__init__

    def sharing(engine: Engine, *arguments: Any, **more: Any) -> None:
        make(engine, *arguments, **more)
        engine._compiled_cache = compiled.setdefault(type(engine.dialect), LRUCache(5000))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "__init__", sharing)
        # What is kept is found by the statement and the dialect, which every engine has of its own.
        patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
        patch.setattr(DefaultDialect, "__eq__", lambda dialect, other: type(dialect) is type(other))
        yield


@pytest.fixture(scope="session")
def sqlite_ledgers() -> SqliteLedgers:
    return SqliteLedgers()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this test process, started when a test first asks for it."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=BOTH)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ledger_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty, migrated ledger that nobody has open."""
    if backend == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return server.fresh()
    ledgers: SqliteLedgers = request.getfixturevalue("sqlite_ledgers")
    return ledgers.fresh(tmp_path)


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    opened = Database(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def store_on() -> Callable[[Database], SqlStore]:
    """What `store` and `sqlite_store` are."""
    return SqlStore


@pytest.fixture
def store(database: Database, store_on: Callable[[Database], SqlStore]) -> SqlStore:
    return store_on(database)


@pytest.fixture
def sqlite_store(
    sqlite_ledgers: SqliteLedgers, tmp_path: Path, store_on: Callable[[Database], SqlStore]
) -> Iterator[SqlStore]:
    opened = Database(sqlite_ledgers.fresh(tmp_path))
    yield store_on(opened)
    opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What long tests came to: a test in a process of its own prints nothing that anybody sees."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    of_tests = [report for report in reports if getattr(report, "when", None) == "call"]  # not of their set-up again
    properties = [each for report in of_tests for each in report.user_properties]
    for line in lines_of(properties):
        terminalreporter.write_line(line)
