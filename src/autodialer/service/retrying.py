"""Waiting for the database to come back (a full disk, a restart): what was learned must not be lost meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.ports import Clock, Log
from autodialer.ports.ledger import Ledger, Store

T = TypeVar("T")
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 15.0


class Persistence:
    """Runs store work until it succeeds. Gives up, with the StoreError, only when the process is to end."""

    def __init__(self, clock: Clock, log: Log, stopping: asyncio.Event) -> None:
        self._clock = clock
        self._log = log
        self._stopping = stopping

    async def insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`; a LedgerRefusal and a permanent StoreError are the caller's at once."""
        wait = _FIRST_WAIT
        while True:
            try:
                return await work()
            except LedgerRefusal:
                raise
            except StoreError as error:
                if error.permanent or self._stopping.is_set():
                    raise
                self._log.error("the ledger can't be used, waiting", error=error.message, seconds=wait)
                await self._clock.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)


class PatientStore:
    """A store whose work is insisted on; it must do no harm twice. Implements ports.ledger.Store."""

    def __init__(self, store: Store, persistence: Persistence) -> None:
        self._store = store
        self._persistence = persistence

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """As Store.write and Persistence.insist."""
        return await self._persistence.insist(lambda: self._store.write(work))

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """As Store.read and Persistence.insist."""
        return await self._persistence.insist(lambda: self._store.read(work))
