"""The database as the service uses it: one writer that commits everything waiting at once, and readers beside it.

Why one writer: docs/adr/0003. Work units are plain functions of a connection; they may run twice (a unit that fails makes the
others of its group run again, each alone), so they must do nothing but read and write the database.
"""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.store.awaited import Awaited, Crossing, Waiter
from autodialer.store.lock import FileLock
from autodialer.store.postgres import DEADLINE, Deadline, postgres_engine
from autodialer.store.sqlite import keep_scratch, sqlite_engine

T = TypeVar("T")

MAX_GROUP = 256
_READERS = 2
# Seconds of new tries while others hold the rows: longer than postgres.WRITER_IDLE_MS, after which a stopped writer's are free.
_INSIST = 2.5
# Nothing was committed and the same may succeed now: serialization failure, deadlock, lock timeout, idle transaction ended.
_UNDONE = frozenset({"40001", "40P01", "55P03", "25P03"})


@dataclass(slots=True)
class _Unit:
    """`until`: monotonic seconds up to which it is tried again while others hold its rows; None before its first try."""

    work: Callable[[Connection], Any]
    done: Waiter
    until: float | None = None

    def begin(self) -> bool:
        """Whether somebody still waits for it; from then on nobody can call it off."""
        return self.until is not None or self.done.set_running_or_notify_cancel()


class Database:
    """One open ledger. `url`: an SQLAlchemy URL (sqlite:///path, postgresql+psycopg://…).

    sqlite:// is in memory, sqlite:/// in a file that nobody else sees and that is gone when it is closed.
    `writable=False` opens it for reading only and takes no lock. StoreError if it can't be opened.
    """

    def __init__(self, url: str, *, writable: bool = True) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.in_memory = self.is_sqlite and self.url.database in (None, "", ":memory:")
        self.writable = writable
        self._lock = self._lock_file() if writable else None
        self._engine = (
            sqlite_engine(str(self.url), read_only=not writable, memory=self.in_memory, readers=_READERS)
            if self.is_sqlite
            else postgres_engine(self.url, writable=writable, pool_size=1 if writable else _READERS)
        )
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_forever, name="ledger-writer", daemon=True)
        self._reader_engine = self._engine_for_readers()
        watched = (self._engine, self._reader_engine) if writable and not self.is_sqlite else ()
        self._deadlines = [Deadline(engine, DEADLINE) for engine in watched]
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ledger-reader")
        # Whether the file is, byte for byte as far as can be told, what we left when it was last closed.
        self.closed_cleanly = self._lock is not None and self._lock.left == (self._stamp() or "?")
        self._inode: tuple[int, int] | None = None
        self._kept: Connection | None = None  # the writer's own
        self._migrating = False
        self._crossing: Crossing | None = None
        self._closed = False
        self._closing = threading.Lock()
        self._writer.start()

    @property
    def name(self) -> str:
        """Where it is, without credentials."""
        return self.url.render_as_string(hide_password=True)

    def _engine_for_readers(self) -> Engine:
        if not self.is_sqlite:
            engine = (
                postgres_engine(self.url, writable=True, reads=True, pool_size=_READERS)
                if self.writable
                else self._engine
            )
            # PostgreSQL's default gives each statement a snapshot of its own.
            return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        if self.in_memory or not self.writable:
            return self._engine
        return sqlite_engine(str(self.url), read_only=True, memory=False, readers=_READERS)

    def _lock_file(self) -> FileLock | None:
        if not self.is_sqlite or self.in_memory:
            return None
        path = Path(str(self.url.database)).resolve()  # one file has one lock, whatever links lead to it
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"DB_PATH: the folder {path.parent} can't be made: {error.strerror}", permanent=True
            ) from error
        return FileLock(path.with_name(path.name + ".lock"))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; returns when it is committed durably.

        LedgerRefusal: nothing was. StoreError: nothing was either, unless PostgreSQL's answer to the commit got lost.
        """
        done = self._awaited()
        self._put(_Unit(work, done))
        result: T = await done.future
        return result

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """The same for callers outside of an event loop."""
        done: Future[T] = Future()
        self._put(_Unit(work, done))
        return done

    def _put(self, unit: _Unit) -> None:
        if not self.writable:
            raise StoreError("the ledger is open for reading only", permanent=True)
        with self._closing:
            self._refuse_when_closed()
            self._units.put(unit)

    def _awaited(self) -> Awaited:
        loop = asyncio.get_running_loop()
        if self._crossing is None or self._crossing.loop is not loop:
            self._crossing = Crossing(loop)
        return Awaited(self._crossing)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreError("the ledger is closed", permanent=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent snapshot. StoreError when the database is gone."""
        if self.in_memory:
            return await self.write(work)
        self._refuse_when_closed()
        done = self._awaited()
        self._readers.submit(self._read_for, done, work)
        result: T = await done.future
        return result

    def _read_for(self, done: Waiter, work: Callable[[Connection], T]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            result = self._read(work)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller who waits for it
            done.set_exception(error)
        else:
            done.set_result(result)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            self._refuse_lost_file()  # a connection that is kept open would go on reading the old one
            with self._reader_engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            raise _store_error(error, self.url) from error

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for callers outside of an event loop; blocks."""
        if self.in_memory:
            return self.submit(work).result()
        self._refuse_when_closed()
        return self._readers.submit(self._read, work).result()

    def read_long(self, work: Callable[[Connection], T]) -> T:
        """`read_now` for as long as it takes, also while something else is done with what was read."""

        def patiently(connection: Connection) -> T:
            for deadline in self._deadlines:
                deadline.lift()
            if not self.is_sqlite:
                for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                    connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
            return work(connection)

        return self.read_now(patiently)

    def run_migrations(self, migrate: Callable[[Connection], None]) -> None:
        """Run `migrate` on the writer, for as long as it takes; blocks."""

        def patiently(connection: Connection) -> None:
            for deadline in self._deadlines:
                deadline.lift()
            migrate(connection)

        self._migrating = True
        try:
            self.submit(patiently).result()
        finally:
            self._migrating = False

    def close(self) -> None:
        """Finish what waits, then let go of the files. Safe to call twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._units.put(None)
        self._writer.join()
        self._readers.shutdown()
        for deadline in self._deadlines:
            deadline.close()
        self._reader_engine.dispose()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release(self._stamp() or "")

    def _stamp(self) -> str | None:
        """What changes when anybody writes to the file; None while something is not written into it yet."""
        path = str(self.url.database)
        try:
            found = os.stat(path)  # noqa: PTH116 - as below
        except OSError:
            return None
        if Path(path + "-wal").exists():
            return None
        return f"closed {found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns}"

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
            while closing and not self._units.empty():  # what was put behind the end
                group += filter(None, [self._units.get()])
            if group:
                again = self._commit_together(group)
                while closing and again:
                    again = self._commit_together(again)
                for unit in again:  # behind what came meanwhile
                    self._units.put(unit)
        self._let_go()

    def _commit_together(self, group: list[_Unit]) -> list[_Unit]:
        """Those of which others hold rows, so that they must be tried again."""
        wanted = [unit for unit in group if unit.begin()]
        if len(wanted) == 1:
            return self._commit_each(wanted)
        done = False
        try:
            with self._transaction() as connection:
                self._refuse_lost_file()
                results = [unit.work(connection) for unit in wanted]
                done = True
        except Exception as error:  # noqa: BLE001 - whichever unit it was, each now runs alone and gets its own answer
            # A commit whose answer was lost may have been one: to do it all again would be a second time.
            if done and isinstance(error, DBAPIError) and error.connection_invalidated:
                for unit in wanted:
                    unit.done.set_exception(_store_error(error, self.url))
                return []
            return self._commit_each(wanted)
        for unit, result in zip(wanted, results, strict=True):
            unit.done.set_result(result)
        return []

    def _commit_each(self, units: list[_Unit]) -> list[_Unit]:
        return [unit for unit in units if not self._commit_alone(unit)]

    def _commit_alone(self, unit: _Unit) -> bool:
        """Whether its caller has an answer; else others hold its rows, and it must not keep the writer from everything else."""
        unit.until = unit.until or time.monotonic() + _INSIST
        try:
            with self._transaction() as connection:
                self._refuse_lost_file()
                result = unit.work(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _UNDONE and time.monotonic() <= unit.until:
                return False
            unit.done.set_exception(_store_error(error, self.url))
        except Exception as error:  # noqa: BLE001 - it belongs to the caller who waits for it
            unit.done.set_exception(error)
        else:
            unit.done.set_result(result)
        return True

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """SQLite's writer keeps its connection: to take it from the pool costs more than BEGIN and COMMIT do."""
        if not self.is_sqlite:
            with self._engine.begin() as connection:
                yield connection
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        if not self.in_memory:
            keep_scratch(self._kept, "FILE" if self._migrating else "MEMORY")
        try:
            with self._kept.begin():
                yield self._kept
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        """The pool makes sure that nothing of a failed transaction is left."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

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


def _store_error(error: DBAPIError, url: URL) -> StoreError:
    # The first line only: PostgreSQL's next ones show the values.
    cause = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
    if isinstance(error, IntegrityError):
        return LedgerRefusal(f"the ledger refused the change: {cause}", permanent=True)
    where = url.database and f" (DB_PATH: {url.database})"  # a scratch ledger has no name
    where = where if url.get_backend_name() == "sqlite" else " (DATABASE_URL)"
    return StoreError(f"the ledger can't be used: {cause}{where or ''}", permanent=isinstance(error, _HOPELESS))
