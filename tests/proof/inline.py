"""The real store on the caller's own thread, so that a seed decides in which order everything happens, and its faults."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from autodialer.domain.errors import StoreError
from autodialer.ports.ledger import Ledger
from autodialer.store.engine import Database, _Unit
from autodialer.store.ledger import SqlLedger
from autodialer.store.migrate import migrate
from autodialer.store.tables import metadata
from autodialer.store.verify import Breach, find_breaches

T = TypeVar("T")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class _Done(Future[Any]):
    """What the writer answers, handed to the loop without a detour over another thread."""

    def __init__(self, waiter: asyncio.Future[Any], torn: Callable[[], bool]) -> None:
        super().__init__()
        self._waiter = waiter
        self._torn = torn

    def set_running_or_notify_cancel(self) -> bool:
        return not self._waiter.cancelled()

    def set_result(self, result: Any) -> None:
        if self._waiter.done():
            return
        if self._torn():
            self._waiter.set_exception(StoreError("the connection broke after the commit", permanent=False))
        else:
            self._waiter.set_result(result)

    def set_exception(self, exception: BaseException | None) -> None:
        if not self._waiter.done() and exception is not None:
            self._waiter.set_exception(exception)


def _virtual_now(_: Connection) -> datetime:
    """The database's clock: nobody's clock that is set wrong touches it."""
    return _EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass
class InlineStore:
    """Implements ports.ledger.Store with the group commit of store.engine, but no thread.

    What is asked for within `latency` virtual seconds is committed together. `fails` is asked at each commit, `torn` after
    each: a commit that happened and whose answer was lost.
    """

    database: Database
    latency: float = 0.005
    fails: Callable[[], bool] = lambda: False
    torn: Callable[[], bool] = lambda: False
    units: list[_Unit] = field(default_factory=list)
    commits: int = 0

    def __post_init__(self) -> None:
        event.listen(self.database._engine, "commit", self._before_commit)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        return await self._ask(work, self.torn)

    async def read(self, work: Callable[[Ledger], T]) -> T:
        return await self._ask(work, lambda: False)

    async def _ask(self, work: Callable[[Ledger], T], torn: Callable[[], bool]) -> T:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self.units.append(_Unit(lambda connection: work(SqlLedger(connection, _virtual_now)), _Done(waiter, torn)))
        if len(self.units) == 1:
            loop.call_later(self.latency, self._commit)
        return await waiter

    def _commit(self) -> None:
        units, self.units = self.units, []
        while units:
            units = self.database._commit_together(units)

    def _before_commit(self, _connection: Connection) -> None:
        self.commits += 1
        if self.fails():
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))

    def now(self, work: Callable[[Connection], T]) -> T:
        """A look at the database by the judge, which no fault disturbs."""
        fails, self.fails = self.fails, lambda: False
        try:
            with self.database._engine.begin() as connection:
                return work(connection)
        finally:
            self.fails = fails

    def close(self) -> None:
        """Let go of the database, which stays open."""
        event.remove(self.database._engine, "commit", self._before_commit)

    def breaches(self) -> list[Breach]:
        return self.now(find_breaches)


def memory_database() -> Database:
    """An empty ledger in memory, with the triggers that a migrated one has."""

    def make(connection: Connection) -> None:
        metadata.create_all(connection)
        for trigger in _triggers():
            connection.exec_driver_sql(trigger)

    database = Database("sqlite://")
    database.run_migrations(make)
    return database


@cache
def _triggers() -> tuple[str, ...]:
    database = Database("sqlite://")
    try:
        migrate(database)
        found = text("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
        return database.read_now(lambda connection: tuple(connection.execute(found).scalars()))
    finally:
        database.close()
