"""Callbacks about calls placed elsewhere (rules.md row 24) wait for the CRM's answer here: it is asked about many records at once.

They wait in the ledger, whatever becomes of this process, and a page of them at a time is in its memory.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from autodialer.domain.errors import CrmError, MalformedCallback
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.result import CallResult
from autodialer.ports.ledger import Ledger
from autodialer.ports.outside import LOOKED_AT_TOGETHER
from autodialer.ports.rows import InboxRow
from autodialer.service.applying import BATCH, Applied, Applier, Work
from autodialer.service.callbacks import read_mission_result
from autodialer.service.elsewhere import record_elsewhere
from autodialer.service.leisure import Leisure
from autodialer.service.means import Means
from autodialer.service.results import ResultService
from autodialer.service.signals import Signal

_PAGE = 2 * LOOKED_AT_TOGETHER  # callbacks: a full request for each type, where they are mixed evenly
_Told = tuple[InboxRow, CallResult, RecordKey]
_STOPPED_WAIT = 60.0  # seconds without a question where a person has to act first: each costs credits
_OVER_AGAIN = 5.0  # seconds until those that the CRM could not show are asked about again


class Asker:
    """Asks, and applies what waited for the answer. `arrived`: told when callbacks can be matched that could not before."""

    def __init__(
        self, means: Means, applier: Applier, results: ResultService, arrived: Signal, leisure: Leisure
    ) -> None:
        self._m = means
        self._applier = applier
        self._results = results
        self._arrived = arrived
        self._leisure = leisure
        self._turn = asyncio.Lock()
        self._after = 0  # as far as this way through them has come
        self._over_at = 0.0
        self._not_before = 0.0

    async def ask_waiting(self) -> bool:
        """Ask about all that waits; False when the CRM can't be asked: all that is left waits on.

        A record that it can't show holds up no other, and is asked about again some seconds later. StoreError.
        """
        async with self._turn:
            if self._m.clock.monotonic() < self._not_before:
                return False
            if self._m.clock.monotonic() >= self._over_at:
                self._after, self._over_at = 0, self._m.clock.monotonic() + _OVER_AGAIN
            while rows := await self._m.store.read(self._page):
                works = await self._ask_about(rows)
                if works is None:
                    return False
                began = self._m.clock.monotonic()
                await self._apply_all(works)
                self._after = rows[-1].inbox_id
                await self._leisure.rest(self._m.clock.monotonic() - began)
            return True

    async def ask_one(self, inbox_id: int) -> None:
        """The same for this callback, if it waits for the CRM: somebody wants to know what becomes of it. StoreError."""
        row = await self._m.store.read(lambda ledger: ledger.work_lists.callback(inbox_id))
        if row is not None and row.waits_for_crm:
            self._after = min(self._after, inbox_id - 1)  # if it is in vain
            await self._apply_all(await self._ask_about([row]) or ())

    def _page(self, ledger: Ledger) -> Sequence[InboxRow]:
        return ledger.inbox.asking(_PAGE, self._after)

    async def _ask_about(self, rows: Sequence[InboxRow]) -> Sequence[tuple[InboxRow, Work]] | None:
        """What is to be done with them now; None when the CRM can't be asked."""
        told, unreadable = _read_all(rows)
        await self._applier.apply_all([(row, partial(self._ignore, row, why)) for row, why in unreadable])
        asked_at = self._m.clock.now()
        try:
            found = await self._look(list(dict.fromkeys(key for _, _, key in told)))
        except CrmError as error:
            self._m.log.warning("callbacks wait for Zoho", count=len(rows), error=error.message)
            if error.stops_run:
                self._not_before = self._m.clock.monotonic() + _STOPPED_WAIT
            return None
        return [
            (row, partial(self._apply, row, result, key, found[key], asked_at))
            for row, result, key in told
            if key in found
        ]

    async def _apply_all(self, works: Sequence[tuple[InboxRow, Work]]) -> None:
        for start in range(0, len(works), BATCH):
            applied = await self._applier.apply_all(works[start : start + BATCH])
            if any(one.has_reopened for _, one in applied):
                self._arrived.notify()

    async def _look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record | None]:
        """None for a record that is gone; a key that the CRM refuses to look at is left out, and found by halves.

        CrmError when it can't be asked at all.
        """
        try:
            found = await self._m.crm.look(keys)
        except CrmError as error:
            if error.stops_run or not error.permanent:
                raise
            if len(keys) == 1:
                self._m.log.warning("callback waits for Zoho", record=str(keys[0]), error=error.message)
                return {}
            half = len(keys) // 2
            return {**await self._look(keys[:half]), **await self._look(keys[half:])}
        return {key: found.get(key) for key in keys}

    def _apply(
        self,
        row: InboxRow,
        result: CallResult,
        key: RecordKey,
        record: Record | None,
        asked_at: datetime,
        ledger: Ledger,
    ) -> Applied:
        waiting = ledger.work_lists.callback(row.inbox_id)
        if waiting is None or waiting.state != "new" or not ledger.inbox.take(row.inbox_id, None, ()):
            return Applied(taken=True)
        # Its call may be known by now, by an earlier callback with the same call id.
        applied = self._results.match_session(ledger, result, key)
        if applied is None:
            applied = record_elsewhere(ledger, self._m, result, record, row, asked_at)
        self._applier.settle(ledger, row, applied)
        return applied

    def _ignore(self, row: InboxRow, why: str, ledger: Ledger) -> Applied:
        applied = Applied("ignored", note=why)
        return applied if self._applier.settle(ledger, row, applied) else Applied(taken=True)


def _read_all(rows: Sequence[InboxRow]) -> tuple[list[_Told], list[tuple[InboxRow, str]]]:
    """What they tell of which record, and those that can't be read: another version of this program took them."""
    told: list[_Told] = []
    unreadable: list[tuple[InboxRow, str]] = []
    for row in rows:
        try:
            result = read_mission_result(json.loads(row.body))
        except MalformedCallback as error:
            unreadable.append((row, error.message))
            continue
        if result.key is not None:
            told.append((row, result, result.key))
    return told, unreadable
