"""Whose run it is: a lease, and a store that writes for a run only while it is ours (rules.md rows 19 and 20)."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from autodialer.domain.errors import RunTakenOver, StoreError
from autodialer.ports.ledger import Ledger
from autodialer.service.means import Means
from autodialer.service.preparing import Stop

T = TypeVar("T")
RUN_LEASE = timedelta(seconds=10)
_RENEW_EVERY = 3.0


class Ownership:
    """One run, conducted by this process. Implements ports.ledger.Store: each write renews the lease, or is refused."""

    def __init__(self, means: Means, run_id: str) -> None:
        self._m = means
        self._run_id = run_id

    def renew(self, ledger: Ledger) -> bool:
        """Say that we are alive; False if the run is closed or another process's."""
        return ledger.runs.renew(self._run_id, self._m.owner, self._m.clock.now() + RUN_LEASE)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """As Store.write. RunTakenOver: the run is not ours any more, nothing was written."""

        def owned(ledger: Ledger) -> T:
            if not self.renew(ledger):
                raise RunTakenOver(f"run {self._run_id} is another process's now", permanent=True)
            return work(ledger)

        return await self._m.store.write(owned)

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """As Store.read."""
        return await self._m.store.read(work)

    async def keep(self, stop: Stop) -> None:
        """Renew until cancelled; a run that was lost is stopped: calls in flight come to their answer, no other is sent."""
        while True:
            await self._m.clock.sleep(_RENEW_EVERY)
            try:
                if not await self._m.store.write(self.renew):
                    stop.because(f"run {self._run_id} is another process's now")
                    return
            except StoreError as error:
                self._m.log.error("lease not renewed, goes on", run_id=self._run_id, error=error.message)
