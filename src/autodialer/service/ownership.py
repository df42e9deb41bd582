"""Whose run it is: a store that writes for a run only while one may (rules.md rows 19 and 20)."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from autodialer.domain.attempt import Reserved
from autodialer.domain.errors import RunTakenOver, StoreError
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.service.means import Means
from autodialer.service.preparing import Stop

T = TypeVar("T")
RUN_LEASE = timedelta(seconds=10)
_RENEW_EVERY = 3.0


class Participation:
    """One run that another process conducts and this one dials along in. Implements ports.ledger.Store.

    Each write is refused once the run is closed, or is about to be.
    """

    def __init__(self, means: Means, run_id: str) -> None:
        self._m = means
        self._run_id = run_id

    def may_write(self, ledger: Ledger) -> bool:
        """Whether a write of this moment's transaction may be made."""
        return ledger.runs.is_dialing(self._run_id)

    def _refusal(self) -> str:
        return f"run {self._run_id} places no further call"

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """As Store.write. RunTakenOver: one may not write any more, nothing was written."""

        def guarded(ledger: Ledger) -> T:
            if not self.may_write(ledger):
                raise RunTakenOver(self._refusal(), permanent=True)
            return work(ledger)

        return await self._m.store.write(guarded)

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """As Store.read."""
        return await self._m.store.read(work)


class Ownership(Participation):
    """One run, conducted by this process: each write is refused once another process owns the run."""

    def may_write(self, ledger: Ledger) -> bool:
        return ledger.runs.is_of(self._run_id, self._m.owner)

    def _refusal(self) -> str:
        return f"run {self._run_id} is another process's now"

    def renew(self, ledger: Ledger) -> bool:
        """Say that we are alive; False if the run is closed or another process's."""
        return ledger.runs.renew(self._run_id, self._m.owner, self._m.clock.now() + RUN_LEASE)

    async def keep(self, stop: Stop) -> None:
        """Renew until cancelled; a run that was lost is stopped: calls in flight come to their answer, no other is sent."""
        while True:
            await self._m.clock.sleep(_RENEW_EVERY)
            try:
                if not await self._m.store.write(self.renew):
                    stop.because(self._refusal())
                    return
            except StoreError as error:
                self._m.log.error("lease not renewed, goes on", run_id=self._run_id, error=error.message)


def release_unsent(ledger: Ledger, run_id: str, owner: str, now: datetime) -> Sequence[RecordKey]:
    """Give back what `owner` has reserved in this run and not sent; whose calls these were."""
    released = []
    for row in ledger.attempts.open_of_owner(owner):
        attempt = ledger.attempts.load(row.attempt_id)
        if row.run_id != run_id or not isinstance(attempt, Reserved):
            continue
        if ledger.attempts.release(attempt, attempt.release("the run ended before this call was sent", now)):
            released.append(row.key)
    return released
