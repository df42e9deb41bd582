"""The real store on the caller's own thread: to hand each piece of work to a thread and back takes longer than the work does.

Threads and their hand-over are proved by the store's tests, by the tests here that run on PostgreSQL, and by all that start the
service.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from autodialer.ports.ledger import Ledger
from autodialer.store.engine import Database, _Unit
from autodialer.store.ledger import SqlLedger, SqlStore

T = TypeVar("T")


class _Waiter:
    """Implements store.awaited.Waiter for a task of the loop that does the work itself."""

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def set_running_or_notify_cancel(self) -> bool:
        return not self._future.done()

    def set_result(self, result: Any, /) -> None:
        self._future.set_result(result)

    def set_exception(self, exception: BaseException | None, /) -> None:
        assert exception is not None
        self._future.set_exception(exception)


class InlineSqlStore(SqlStore):
    """Implements ports.ledger.Store on SQLite: what is asked for at one instant is committed together, as the writer does."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._units: list[_Unit] = []

    async def write(self, work: Callable[[Ledger], T]) -> T:
        self.database._refuse_when_closed()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._units.append(_Unit(lambda connection: work(SqlLedger(connection, self.now)), _Waiter(future)))
        if len(self._units) == 1:
            loop.call_soon(self._commit)
        return await future

    async def read(self, work: Callable[[Ledger], T]) -> T:
        await asyncio.sleep(0)  # others get their turn, as while a thread reads
        self.database._refuse_when_closed()
        return self.database._read(lambda connection: work(SqlLedger(connection, self.now)))

    def _commit(self) -> None:
        units, self._units = self._units, []
        self.database._commit_together(units)


def inline_on(database: Database) -> SqlStore:
    """SQLite's without a thread, PostgreSQL's with those of the service."""
    return InlineSqlStore(database) if database.is_sqlite else SqlStore(database)
