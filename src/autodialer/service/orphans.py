"""Callbacks of sessions that nobody knows (rules.md row 23): matched again on demand, or taken off the list.

A person can't give one to a call of their choice: the result of another program's call in the same account of 8x8 would end a
call of ours, and what is written to the CRM is not taken back. Who knows how a call ended settles that call itself (settling.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from autodialer.domain.access import THE_API, Action
from autodialer.domain.errors import NotWaiting
from autodialer.domain.record import RecordKey
from autodialer.domain.sentence import Sentence
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import InboxRow
from autodialer.service.asking import Asker
from autodialer.service.means import Means
from autodialer.service.results import ResultService
from autodialer.service.signals import Signal

_CANDIDATES = 500  # unknown calls that are compared with an orphan


@dataclass(frozen=True, slots=True)
class Orphan:
    """One callback, and the unknown calls without a session whose number it names: to be settled by a person who knows better."""

    row: InboxRow
    unknown_calls: tuple[tuple[str, RecordKey], ...]


class OrphanDesk:
    """Lists, matches and dismisses them."""

    def __init__(self, means: Means, results: ResultService, asker: Asker, arrived: Signal) -> None:
        self._m = means
        self._results = results
        self._asker = asker
        self._arrived = arrived

    async def page(self, after: int | None, limit: int) -> Sequence[Orphan]:
        """Newest first, beyond the callback with the number `after`."""
        return await self._m.store.read(lambda ledger: _page(ledger, after, limit))

    async def match_again(self, inbox_id: int, by: str = THE_API) -> InboxRow:
        """The callback as it stands then: applied, or an orphan still; `new`: it waits for 8x8's or Zoho's answer.

        NotWaiting when it is no orphan.
        """
        now = self._m.clock.now()

        def reopen(ledger: Ledger) -> None:
            row = ledger.work_lists.callback(inbox_id)
            if row is None or row.state != "orphan":
                raise _not_waiting(row)
            ledger.inbox.reopen([inbox_id])
            ledger.audit.add(now, by, Action.MATCH_CALLBACK, str(inbox_id), row.event_type)

        await self._m.store.write(reopen)
        await self._results.apply_one(inbox_id)
        await self._asker.ask_one(inbox_id)
        self._arrived.notify()
        after = await self._m.store.read(lambda ledger: ledger.work_lists.callback(inbox_id))
        if after is None:
            raise _not_waiting(after)
        self._m.log.info("orphan matched again", inbox_id=inbox_id, state=after.state, by=by)
        return after

    async def dismiss(self, inbox_id: int, reason: str, by: str = THE_API) -> None:
        """It leaves the list, stays stored and changes nothing; should its session become known, it is matched all the same.

        NotWaiting when it is no orphan.
        """
        now = self._m.clock.now()

        def dismiss(ledger: Ledger) -> None:
            if not ledger.work_lists.dismiss(inbox_id, reason, now):
                raise _not_waiting(ledger.work_lists.callback(inbox_id))
            ledger.audit.add(now, by, Action.DISMISS_CALLBACK, str(inbox_id), reason)

        await self._m.store.write(dismiss)
        self._m.log.warning("orphan dismissed by a person", inbox_id=inbox_id, by=by)


def _page(ledger: Ledger, after: int | None, limit: int) -> Sequence[Orphan]:
    rows = ledger.work_lists.orphans(after, limit)
    unknown = ledger.work_lists.unknown(None, _CANDIDATES) if rows else []
    calls = [(call.number, call.attempt_id, call.key) for call in unknown if call.session_id is None and call.number]
    return [
        Orphan(row, tuple((attempt_id, key) for number, attempt_id, key in calls if number.lstrip("+") in row.body))
        for row in rows
    ]


def _not_waiting(row: InboxRow | None) -> NotWaiting:
    if row is None:
        return NotWaiting(Sentence("there is no callback with this number"), permanent=True)
    told = f"{row.state} ({row.note})" if row.note else row.state
    return NotWaiting(Sentence("this callback is no orphan any more: {told}", {"told": told}), permanent=True)
