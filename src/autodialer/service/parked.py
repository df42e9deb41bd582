"""Updates that the CRM refused for good: sent again, or given up."""

from collections.abc import Sequence
from functools import partial

from autodialer.domain.access import THE_API, Action
from autodialer.domain.errors import NotWaiting
from autodialer.domain.sentence import Sentence
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import OutboxRow
from autodialer.service.means import Means
from autodialer.service.signals import Signal

_AT_ONCE = 500
_NONE_PARKED = Sentence("no update with this number is parked")


class ParkedUpdates:
    """Settles them."""

    def __init__(self, means: Means, write_back: Signal) -> None:
        self._m = means
        self._write_back = write_back

    async def retry(self, outbox_id: int, by: str = THE_API) -> None:
        """Send it again; refused again, it is parked again. NotWaiting when it is not parked."""
        now = self._m.clock.now()

        def retry(ledger: Ledger) -> None:
            if not ledger.outbox.unparked(outbox_id, now):
                raise NotWaiting(_NONE_PARKED, permanent=True)
            ledger.audit.add(now, by, Action.RETRY_UPDATE, str(outbox_id))

        await self._m.store.write(retry)
        self._write_back.notify()
        self._m.log.warning("parked update is tried again", outbox_id=outbox_id, by=by)

    async def retry_all(self, by: str = THE_API) -> Sequence[int]:
        """Send all again that are parked now, each once; their numbers."""
        tried: list[int] = []
        while some := await self._m.store.write(partial(self._retry_some, tried[-1] if tried else 0, by)):
            tried += some
        self._write_back.notify()
        self._m.log.warning("parked updates are tried again", updates=len(tried), by=by)
        return tried

    def _retry_some(self, after: int, by: str, ledger: Ledger) -> Sequence[int]:
        now = self._m.clock.now()
        some = ledger.work_lists.retry_parked(after, _AT_ONCE, now)
        if some:
            ledger.audit.add(now, by, Action.RETRY_UPDATE, detail=f"all: {len(some)} updates, {some[0]} to {some[-1]}")
        return some

    async def give_up(self, outbox_id: int, reason: str, by: str = THE_API) -> OutboxRow:
        """It is never written: the ledger still knows the call and decides by it. The update as it was. NotWaiting as above."""
        now = self._m.clock.now()

        def give_up(ledger: Ledger) -> OutboxRow:
            row = ledger.work_lists.give_up(outbox_id, by, reason, now)
            if row is None:
                raise NotWaiting(_NONE_PARKED, permanent=True)
            ledger.audit.add(now, by, Action.GIVE_UP_UPDATE, str(outbox_id), f"{row.key}: {reason}")
            return row

        row = await self._m.store.write(give_up)
        self._m.log.warning("parked update given up by a person", outbox_id=outbox_id, record=str(row.key), by=by)
        return row
