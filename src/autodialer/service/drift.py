"""Walks through the records that the ledger knows, a page at a time, and compares each with the CRM as it is this second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from autodialer.domain.access import THE_API, Action
from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import Record, RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, OutboxRow
from autodialer.rules.drift import Difference, LedgerSide, Values, Weight, compare
from autodialer.service.means import Means
from autodialer.service.patience import unless_failing
from autodialer.service.upstreams import ZOHO

CURSOR_PATTERN: Final = r"^(c~[0-9]{1,17}~[A-Za-z0-9-]{1,64}|w~[0-9]{1,15})?$"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_AWAITED: Final = (AttemptState.RESERVED, AttemptState.SUBMITTING, AttemptState.PLACED)
_WAITING: Final = ("pending", "parked")


@dataclass(frozen=True, slots=True)
class Drifted:
    """A record in which something differs."""

    key: RecordKey
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class DriftPage:
    """`checked`: how many records were looked at. `next_after`: the `after` of the next page, None on the last one."""

    records: tuple[Drifted, ...]
    checked: int
    next_after: str | None


@dataclass(frozen=True, slots=True)
class _Candidates:
    keys: tuple[RecordKey, ...]
    next_after: str | None
    sides: Mapping[RecordKey, LedgerSide]


class DriftReport:
    """Answers `drift` and /api/drift."""

    def __init__(self, means: Means) -> None:
        self._m = means

    async def page(self, days: int, limit: int, after: str = "", by: str = THE_API) -> DriftPage:
        """The records called in the last `days`, latest first, then those only written to.

        A page takes `limit` calls or updates, so it holds at most that many records, and costs the CRM a query for every 50.
        CrmError when the CRM can't be asked. ValueError for an `after` that no page gave. `by`: for the audit trail, which tells
        of every page for which the CRM was to be asked.
        """
        since = self._m.clock.now() - timedelta(days=days)
        before = await self._m.store.read(lambda ledger: _candidates(ledger, since, limit, after))
        found = await self._ask(before.keys, by, f"{len(before.keys)} records of {days} days") if before.keys else {}
        compared = {key: compare(found.get(key), before.sides[key], self._m.policy) for key in before.keys}
        differing = [key for key, differences in compared.items() if differences]
        # What was written while Zoho was asked must not be shown as a difference.
        now = await self._m.store.read(lambda ledger: _sides(ledger, differing)) if differing else {}
        records = tuple(
            Drifted(key, compared[key] if now[key] == before.sides[key] else (_CHANGING,)) for key in differing
        )
        return DriftPage(records, len(before.keys), before.next_after)

    async def _ask(self, keys: Sequence[RecordKey], by: str, detail: str) -> Mapping[RecordKey, Record]:
        now = self._m.clock.now()
        await self._m.store.write(lambda ledger: ledger.audit.add(now, by, Action.FIND_DRIFT, detail=detail))
        return await unless_failing(self._m.crm.look(keys), self._m.upstreams.get(ZOHO))


_CHANGING: Final = Difference(
    Weight.WAITING, "changing", None, None, "a call or an update changed it while Zoho was asked: look again"
)


def _candidates(ledger: Ledger, since: datetime, limit: int, after: str) -> _Candidates:
    calls: Sequence[AttemptRow] = ()
    if not after.startswith("w~"):
        calls = ledger.attempts.sent_since(since, _read_call(after), limit)
    updates: Sequence[OutboxRow] = ()
    next_after: str | None = _call_cursor(calls[-1]) if len(calls) == limit else None
    if next_after is None:
        room = limit - len(calls)
        updates = ledger.outbox.newest_first(int(after[2:]) if after.startswith("w~") else None, room)
        is_last = len(updates) < room or updates[-1].created_at < since
        next_after = None if is_last else f"w~{updates[-1].outbox_id}"
    rows = _rows(ledger, {row.key for row in calls} | {row.key for row in updates})
    called = [row.key for row in calls if row.attempt_id == _newest_call(rows[row.key].attempts)]
    written = [
        row.key
        for row in updates
        if row.created_at >= since
        and row.outbox_id == rows[row.key].updates[-1].outbox_id
        # Called in these days: it was on an earlier page, or is on this one.
        and not any(call.submitted_at and call.submitted_at >= since for call in rows[row.key].attempts)
    ]
    keys = (*called, *written)
    return _Candidates(keys, next_after, {key: rows[key].side() for key in keys})


def _sides(ledger: Ledger, keys: Sequence[RecordKey]) -> Mapping[RecordKey, LedgerSide]:
    return {key: rows.side() for key, rows in _rows(ledger, set(keys)).items()}


@dataclass(frozen=True, slots=True)
class _Rows:
    attempts: list[AttemptRow]
    updates: list[OutboxRow]

    def side(self) -> LedgerSide:
        """Summed up for the comparison."""
        sent = [row for row in self.updates if row.state == "sent"]
        waiting = next((row for row in self.updates if row.state in _WAITING), None)
        with_status = next((row for row in reversed(sent) if row.status is not None), None)
        firsts = [row.first_no_answer_at for row in sent if row.first_no_answer_at is not None]
        is_ours = with_status is not None and with_status.status_kept is None
        before = [row.attempts_before + 1 for row in self.attempts]
        return LedgerSide(
            written=Values(
                status=with_status.status if with_status is not None and is_ours else None,
                call_attempts=max((row.call_attempts for row in sent if row.call_attempts is not None), default=None),
                first_no_answer_at=firsts[-1] if firsts else None,
            ),
            written_over=with_status.expected_statuses if with_status is not None else (),
            queued=Values(waiting.status, waiting.call_attempts, waiting.first_no_answer_at) if waiting else None,
            refused=waiting.last_error if waiting is not None and waiting.state == "parked" else None,
            calls=max(len(self.attempts), *before, 0),
            awaited=sum(row.state in _AWAITED for row in self.attempts),
            unknown=sum(
                row.state is AttemptState.UNKNOWN or row.disposition is Disposition.UNKNOWN for row in self.attempts
            ),
        )


def _rows(ledger: Ledger, keys: set[RecordKey]) -> Mapping[RecordKey, _Rows]:
    """The attempts that count, and all updates, oldest first."""
    found = {key: _Rows([], []) for key in keys}
    for call in ledger.attempts.of_people(keys, ()):
        if call.state is not AttemptState.RELEASED:
            found[call.key].attempts.append(call)
    for update in ledger.outbox.of_records(keys):
        found[update.key].updates.append(update)
    return found


def _newest_call(attempts: Sequence[AttemptRow]) -> str | None:
    sent = [(row.submitted_at, row.attempt_id) for row in attempts if row.submitted_at is not None]
    return max(sent)[1] if sent else None


def _call_cursor(row: AttemptRow) -> str:
    return f"c~{((row.submitted_at or _EPOCH) - _EPOCH) // _MICROSECOND}~{row.attempt_id}"


def _read_call(after: str) -> tuple[datetime, str] | None:
    if not after:
        return None
    _, moment, attempt_id = after.split("~")
    return _EPOCH + int(moment) * _MICROSECOND, attempt_id
