"""How one stored callback is applied: its own transaction, tried again where processes meet, set aside where nothing helps."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import InboxRow
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.signals import Signal

ORPHAN = "orphan"
BATCH = 25  # applied in one transaction, for which callbacks that come in have to wait
_TRIES = 4  # of one callback, when replicas come upon the same person


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one callback. `look_at`: it tells of a call placed elsewhere, the CRM must be asked about that record.

    `is_ours`: it tells of a call that we placed.
    """

    state: str = "applied"
    attempt_id: str | None = None
    note: str = ""
    look_at: RecordKey | None = None
    later: bool = False
    taken: bool = False  # another replica applies it, or an earlier one of its session
    is_ours: bool = False
    agent_unreached: bool = False
    has_reopened: bool = False  # earlier ones wait again

    @property
    def is_settled(self) -> bool:
        """The callback waits no longer."""
        return not (self.later or self.taken or self.look_at is not None)


Work = Callable[[Ledger], Applied]


class Applier:
    """Gives callbacks to the store, each with its work, and tells whom it concerns."""

    def __init__(self, means: Means, lines: Lines, write_back: Signal) -> None:
        self._m = means
        self._lines = lines
        self._write_back = write_back

    async def apply_all(self, works: Sequence[tuple[InboxRow, Work]]) -> list[tuple[InboxRow, Applied]]:
        """Handed to the store all at once: it takes them in their order and commits them together. Each is told of.

        StoreError when the database can't be used; those that it took nevertheless are told of.
        """
        outcomes = await asyncio.gather(*(self._guard(row, work) for row, work in works), return_exceptions=True)
        pairs = list(zip([row for row, _ in works], outcomes, strict=True))
        applied = [(row, one) for row, one in pairs if not isinstance(one, BaseException)]
        for row, one in applied:
            self._tell(row, one)
        failed = [one for one in outcomes if isinstance(one, BaseException)]
        if failed:
            raise failed[0]
        return applied

    def settle(self, ledger: Ledger, row: InboxRow, applied: Applied) -> bool:
        """False when another process was faster: what it noted stands."""
        now = self._m.clock.now()
        note, attempt_id = applied.note, applied.attempt_id
        return ledger.inbox.settle(row.inbox_id, applied.state, attempt_id=attempt_id, note=note, at=now)

    async def _guard(self, row: InboxRow, work: Work) -> Applied:
        """One callback that can't be applied must not keep the others from it: it is set aside for a person to see."""
        try:
            return await self._write(work, _TRIES)
        except StoreError as error:
            if not error.permanent:
                raise
            problem = error.message
        except Exception as error:  # noqa: BLE001 - whatever it holds, it is kept for a person to see
            self._m.log.error("callback failed unexpectedly", inbox_id=row.inbox_id, error=repr(error))
            problem = f"unexpected {type(error).__name__}, see the log"
        applied = Applied("conflict", note=problem)
        if not await self._m.store.write(lambda ledger: self.settle(ledger, row, applied)):
            return Applied(later=True)  # another process was faster
        self._m.log.error("callback can't be applied, set aside", inbox_id=row.inbox_id, problem=problem)
        return applied

    async def _write(self, work: Work, tries: int) -> Applied:
        try:
            return await self._m.store.write(work)
        except LedgerRefusal:
            if tries == 1:
                raise
        # Another process changed the same attempt or record in this moment: what it wrote is seen now.
        return await self._write(work, tries - 1)

    def _tell(self, row: InboxRow, applied: Applied) -> None:
        if not applied.is_settled:
            return
        if applied.state == "applied":
            if applied.is_ours:
                self._lines.heard()
            self._write_back.notify()
        if applied.state != ORPHAN:  # these come by the thousand when somebody floods us: one line tells of many
            self._m.log.info(
                "callback settled",
                inbox_id=row.inbox_id,
                state=applied.state,
                attempt_id=applied.attempt_id,
                session_id=row.session_id,
                note=applied.note,
            )
