"""The database as the service uses it: one writer that commits everything waiting at once, and readers beside it.

Why one writer: docs/adr/0003. Work units are plain functions of a connection; they may run twice (a unit that fails makes the
others of its group run again, each alone), so they must do nothing but read and write the database.
"""

import asyncio
import os
import queue
import sqlite3
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.pool import StaticPool

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.store.lock import FileLock

T = TypeVar("T")

MAX_GROUP = 256
_READERS = 2
# How this process is known to PostgreSQL: who moves a ledger looks whether others have it open (store.moving.users).
WRITER = f"autodialer-{uuid.uuid4().hex[:12]}"


@dataclass(slots=True)
class _Unit:
    work: Callable[[Connection], Any]
    done: Future[Any]


class Database:
    """One open ledger. `url`: an SQLAlchemy URL (sqlite:///path, sqlite:// for memory, postgresql+psycopg://…).

    `writable=False` opens it for reading only and takes no lock. StoreError if it can't be opened.
    """

    def __init__(self, url: str, *, writable: bool = True) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.in_memory = self.is_sqlite and self.url.database in (None, "", ":memory:")
        self.writable = writable
        self._lock = self._lock_file() if writable else None
        self._engine = _engine(
            self.url.render_as_string(hide_password=False), read_only=not writable, memory=self.in_memory
        )
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_forever, name="ledger-writer", daemon=True)
        self._reader_engine = self._engine_for_readers()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ledger-reader")
        self._inode: tuple[int, int] | None = None
        self._closed = False
        self._closing = threading.Lock()
        self._writer.start()

    @property
    def name(self) -> str:
        """Where it is, without credentials."""
        return self.url.render_as_string(hide_password=True)

    def _engine_for_readers(self) -> Engine:
        if not self.is_sqlite:
            # PostgreSQL's default gives each statement a snapshot of its own.
            return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        if self.in_memory or not self.writable:
            return self._engine
        return _engine(str(self.url), read_only=True, memory=False)

    def _lock_file(self) -> FileLock | None:
        if not self.is_sqlite or self.in_memory:
            return None
        path = Path(str(self.url.database))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"DB_PATH: the folder {path.parent} can't be made: {error.strerror}", permanent=True
            ) from error
        return FileLock(path.with_name(path.name + ".lock"))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; returns when it is committed durably. StoreError or LedgerRefusal: nothing was."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """The same for callers outside of an event loop."""
        if not self.writable:
            raise StoreError("the ledger is open for reading only", permanent=True)
        done: Future[T] = Future()
        with self._closing:
            self._refuse_when_closed()
            self._units.put(_Unit(work, done))
        return done

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreError("the ledger is closed", permanent=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent snapshot. StoreError when the database is gone."""
        if self.in_memory:
            return await self.write(work)
        self._refuse_when_closed()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            self._refuse_lost_file()  # a connection that is kept open would go on reading the old one
            with self._reader_engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            raise _store_error(error) from error

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for callers outside of an event loop; blocks."""
        if self.in_memory:
            return self.submit(work).result()
        self._refuse_when_closed()
        return self._readers.submit(self._read, work).result()

    def run_migrations(self, migrate: Callable[[Connection], None]) -> None:
        """Run `migrate` on the writer, outside of its transactions' grouping; blocks."""
        self.submit(migrate).result()

    def close(self) -> None:
        """Finish what waits, then let go of the files. Safe to call twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._units.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._reader_engine.dispose()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    def _write_forever(self) -> None:
        closing = False
        while not closing:
            unit = self._units.get()
            group: list[_Unit] = []
            while True:
                if unit is None:
                    closing = True
                else:
                    group.append(unit)
                if closing or len(group) >= MAX_GROUP or self._units.empty():
                    break
                unit = self._units.get()
            if group:
                self._commit_together(group)

    def _commit_together(self, group: list[_Unit]) -> None:
        wanted = [unit for unit in group if unit.done.set_running_or_notify_cancel()]
        if len(wanted) == 1:
            self._commit_alone(wanted[0])
            return
        try:
            with self._engine.begin() as connection:
                self._refuse_lost_file()
                results = [unit.work(connection) for unit in wanted]
        except Exception:  # noqa: BLE001 - whichever unit it was, each now runs alone and gets its own answer
            for unit in wanted:
                self._commit_alone(unit)
            return
        for unit, result in zip(wanted, results, strict=True):
            unit.done.set_result(result)

    def _commit_alone(self, unit: _Unit) -> None:
        try:
            with self._engine.begin() as connection:
                self._refuse_lost_file()
                result = unit.work(connection)
        except DBAPIError as error:
            unit.done.set_exception(_store_error(error))
        except Exception as error:  # noqa: BLE001 - it belongs to the caller who waits for it
            unit.done.set_exception(error)
        else:
            unit.done.set_result(result)

    def _refuse_lost_file(self) -> None:
        """SQLite goes on writing to a file that was deleted or replaced, and all that it commits would be lost."""
        if not self.is_sqlite or self.in_memory:
            return
        try:
            found = os.stat(str(self.url.database))  # noqa: PTH116 - before every commit: the cheapest way
        except OSError as error:
            raise StoreError(f"the ledger's file can't be found: {error.strerror}", permanent=False) from error
        inode = (found.st_dev, found.st_ino)
        self._inode = self._inode or inode
        if inode != self._inode:
            raise StoreError("the ledger's file was replaced: put it back, or restart autodialer", permanent=False)


_HOPELESS = (DataError, ProgrammingError, NotSupportedError)  # the same change fails as often as it is tried


def _store_error(error: DBAPIError) -> StoreError:
    # The first line only: PostgreSQL's next ones show the values.
    cause = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
    if isinstance(error, IntegrityError):
        return LedgerRefusal(f"the ledger refused the change: {cause}", permanent=True)
    return StoreError(f"the ledger can't be used: {cause}", permanent=isinstance(error, _HOPELESS))


def _engine(url: str, *, read_only: bool, memory: bool) -> Engine:
    if not url.startswith("sqlite"):
        known_as = f"reader of {WRITER}" if read_only else WRITER
        wanted = {"connect_timeout": 5, "application_name": known_as}
        return create_engine(url, pool_size=_READERS + 1, pool_pre_ping=True, connect_args=wanted)
    if memory:
        # SQLite's "" is a database of this connection alone, which moves to a nameless file when it outgrows its cache.
        engine = create_engine(url, poolclass=StaticPool, creator=lambda: sqlite3.connect("", check_same_thread=False))
    elif read_only:
        # mode=rw: a reader must not make a file that isn't there.
        path = quote(str(Path(str(make_url(url).database)).absolute()))
        engine = create_engine(
            url,
            pool_size=_READERS,
            creator=lambda: sqlite3.connect(
                f"file:{path}?mode=rw", uri=True, timeout=10.0, check_same_thread=False, isolation_level=None
            ),
        )
    else:
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 10.0})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        elif not memory:
            # FULL: a committed callback survives a power cut; NORMAL does not (docs/adr/0003).
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
