"""Results that have to be fetched: what a provider's stream tells of our calls goes to the callback desk."""

from collections.abc import Mapping

from autodialer.ports import Telephony
from autodialer.ports.ledger import Ledger, Store
from autodialer.service.callbacks import CallbackDesk


class Listener:
    """Listens as long as the provider has something to fetch. Events of other people's calls are not kept."""

    def __init__(self, telephony: Telephony, store: Store, desk: CallbackDesk) -> None:
        self._telephony = telephony
        self._store = store
        self._desk = desk

    async def listen(self) -> None:
        """Returns at once where nothing has to be fetched."""
        await self._telephony.listen(self._take)

    async def _take(self, body: Mapping[str, object]) -> None:
        if await self._store.read(lambda ledger: may_be_ours(ledger, body)):
            await self._desk.take(body)


def may_be_ours(ledger: Ledger, body: Mapping[str, object]) -> bool:
    """Whether the event can belong to a call of ours; false only when that is certain.

    An event follows its call's request, and that follows the commit of `submitting`: as long as no call waits for its session, a
    session that no attempt has is somebody else's. Asked in this order, for another process may learn the session in between.
    """
    payload = body.get("payload")
    if not isinstance(payload, Mapping):
        return True  # the desk says what is wrong with it
    session_id, attempt_id = payload.get("sessionId"), payload.get("attemptId")
    if isinstance(attempt_id, str) and ledger.attempts.row(attempt_id) is not None:
        return True
    if ledger.attempts.awaits_session():
        return True
    return isinstance(session_id, str) and ledger.attempts.find_session(session_id) is not None
