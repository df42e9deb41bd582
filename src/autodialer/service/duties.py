"""What one replica at a time does: whoever is first has it, and keeps it while it lives. Another has it within ten seconds then."""

from contextlib import suppress
from datetime import timedelta

from autodialer.domain.errors import StoreError
from autodialer.ports.ledger import Ledger
from autodialer.service.means import Means

CALL_LOG, WEBHOOK, ASK_CRM = "call log", "webhook", "ask the CRM"
_ALL = (CALL_LOG, WEBHOOK, ASK_CRM)
LEASE = timedelta(seconds=6)
KEEP_EVERY = 2.0  # seconds: two may fail


class Duties:
    """Those of one replica. A duty is no lock: who was stopped in the middle of it may go on beside the next one for a moment."""

    def __init__(self, means: Means) -> None:
        self._m = means
        self._until: dict[str, float] = {}  # by our own clock, which begins before the database's

    def has(self, name: str) -> bool:
        """Whether it is ours in this moment; all are where no other process can have the ledger open."""
        return self._m.alone or self._m.clock.monotonic() < self._until.get(name, 0.0)

    async def keep(self) -> None:
        """Take what is free and renew what we have: to be done every KEEP_EVERY seconds. StoreError."""
        if self._m.alone:
            return
        until = self._m.clock.monotonic() + LEASE.total_seconds()
        ours = await self._m.store.write(self._take)
        for name in _ALL:
            had = name in self._until
            if had != (name in ours):
                self._m.log.info("duty lost" if had else "duty taken", duty=name)
        self._until = dict.fromkeys(ours, until)

    def _take(self, ledger: Ledger) -> list[str]:
        now = ledger.shared_now()
        return [name for name in _ALL if ledger.duties.take(name, self._m.owner, now, LEASE)]

    async def release(self) -> None:
        """Let the next one have them at once; if that fails they run out by themselves."""
        self._until = {}
        if not self._m.alone:
            with suppress(StoreError):
                await self._m.store.write(lambda ledger: ledger.duties.release(self._m.owner))
