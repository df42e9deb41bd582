"""The ledger as one transaction sees it, all or nothing, and the faults of a database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from autodialer.domain.errors import StoreError
from autodialer.ports.ledger import Ledger
from proof.lean.attempts import MemoryAttempts, Undo
from proof.lean.boxes import (
    MemoryActivities,
    MemoryAudit,
    MemoryDoNotCall,
    MemoryDuties,
    MemoryInbox,
    MemoryOutbox,
    MemorySwitches,
    MemoryUsage,
)
from proof.lean.dice import Dice
from proof.lean.heap import Heap, Process
from proof.lean.replicas import MemoryPace, MemoryReplicas
from proof.lean.staging import MemoryRuns, MemoryStaging

T = TypeVar("T")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryLedger:
    """Implements ports.ledger.Ledger but for its figures, which no call depends on."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self.undo: Undo = []
        self.attempts = MemoryAttempts(self.undo)
        self.inbox = MemoryInbox(self.undo, self.attempts.open)
        self.outbox = MemoryOutbox(self.undo)
        self.activities = MemoryActivities()
        self.duties = MemoryDuties(self.undo)
        self.do_not_call = MemoryDoNotCall(self.undo)
        self.switches = MemorySwitches(self.undo)
        self.usage = MemoryUsage()
        self.audit = MemoryAudit()
        self.replicas = MemoryReplicas(self.undo)
        self.pace = MemoryPace(self.undo)
        self.runs = MemoryRuns(self.undo, self.replicas)
        self.staging = MemoryStaging(self.undo, self.attempts, self.runs)

    def shared_now(self) -> datetime:
        """The database's clock: nobody's clock that is set wrong touches it."""
        return _EPOCH + timedelta(seconds=self._heap.time)


class MemoryStore:
    """Implements ports.ledger.Store. `gone_until`: monotonic seconds until which no transaction succeeds."""

    def __init__(self, heap: Heap, dice: Dice) -> None:
        self.ledger = MemoryLedger(heap)
        self.commits = 0
        self.gone_until = 0.0
        self._heap = heap
        self._dice = dice

    def transact(self, work: Callable[[Ledger], T]) -> T:
        """Commit `work`, or nothing of it; StoreError as well when it was committed and the answer got lost."""
        dice, undo = self._dice, self.ledger.undo
        self.commits += 1
        if not dice.healed:
            if self._heap.time < self.gone_until:
                raise StoreError("the database is gone", permanent=False)
            if dice.nth("store: disk full"):
                raise StoreError("database or disk is full", permanent=False)
        try:
            result = work(cast(Ledger, self.ledger))
        except BaseException:
            for restore, values in reversed(undo):
                restore(*values)
            undo.clear()
            raise
        undo.clear()
        if not dice.healed and dice.nth("store: answer torn after the commit"):
            raise StoreError("the connection broke after the commit", permanent=False)
        return result

    def look(self, work: Callable[[Ledger], T]) -> T:
        """On what is committed."""
        if self._heap.time < self.gone_until and not self._dice.healed:
            raise StoreError("the database is gone", permanent=False)
        return work(cast(Ledger, self.ledger))


class ProcessStore:
    """A process's way to the ledger: it can die before or after each transaction."""

    def __init__(self, store: MemoryStore, process: Process) -> None:
        self._store = store
        self._process = process

    async def write(self, work: Callable[[Ledger], T]) -> T:
        self._process.step()
        result = self._store.transact(work)
        self._process.step()
        return result

    async def read(self, work: Callable[[Ledger], T]) -> T:
        self._process.step()
        return self._store.look(work)
