"""Attempts in memory: the transitions are the store's own, the table and its constraints are modelled with dictionaries."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from autodialer.domain.attempt import OPEN_STATES, Attempt, AttemptState, Ended, Intent, Reserved, free_place
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal
from autodialer.domain.record import RecordKey
from autodialer.ports.rows import AttemptRow, Reservation
from autodialer.store.transitions import _STATE_OF, SqlTransitions

Undo = list[tuple[Callable[..., object], tuple[Any, ...]]]
put = object.__setattr__  # rows are the use cases' own frozen dataclasses, changed in place as a table's rows are
_OPEN = frozenset(OPEN_STATES)
_RESERVED, _SUBMITTING, _PLACED, _UNKNOWN, _ENDED, _RELEASED = (
    AttemptState.RESERVED,
    AttemptState.SUBMITTING,
    AttemptState.PLACED,
    AttemptState.UNKNOWN,
    AttemptState.ENDED,
    AttemptState.RELEASED,
)
_SLOTS = frozenset({"record_slot", "number_slot", "record_day_slot", "number_day_slot"})
_DISPOSITIONS: dict[str | None, Disposition | None] = {None: None, **{each.value: each for each in Disposition}}
Slots = tuple[int, int, int, int]


class MemoryAttempts(SqlTransitions):
    """Implements ports.ledger.Attempts. Ids of leads and contacts differ here, so that an id alone names a record."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self.rows: dict[str, AttemptRow] = {}
        self.of_id: dict[str, list[AttemptRow]] = defaultdict(list)
        self.of_number: dict[str, list[AttemptRow]] = defaultdict(list)
        self.of_session: dict[str, AttemptRow] = {}
        self.open: dict[str, AttemptRow] = {}
        self.open_people: dict[str, str] = {}  # number, and record id, to attempt
        self.slots: dict[str, Slots] = {}
        self.in_run: set[tuple[str | None, str]] = set()
        self.latest: datetime | None = None

    # Constraints (store/tables.py)

    def reserve(self, reservation: Reservation) -> Reserved:
        r = reservation
        zoho_id, day = r.key.zoho_id, r.policy_day
        of_record = self._taken(self.of_id.get(zoho_id, ()))
        of_number = self._taken(self.of_number.get(r.number, ()))
        slots = (
            free_place({slots[0] for _, slots in of_record}, r.attempts_before),
            free_place({slots[1] for _, slots in of_number}, r.attempts_before),
            free_place({slots[2] for its, slots in of_record if its == day}, r.day_attempts_before),
            free_place({slots[3] for its, slots in of_number if its == day}, r.day_attempts_before),
        )
        if max(slots[0], slots[1]) > r.total_quota or max(slots[2], slots[3]) > r.day_quota:
            raise LedgerRefusal("the quota is used up", permanent=True)
        if zoho_id in self.open_people or r.number in self.open_people:
            raise LedgerRefusal("another call of this person is open", permanent=True)
        if (r.run_id, zoho_id) in self.in_run:
            raise LedgerRefusal("one call per record per run", permanent=True)
        if r.attempt_id in self.rows:
            raise LedgerRefusal("this attempt is known", permanent=True)
        self._insert(_row(r), slots)
        return Reserved(Intent(r.attempt_id, r.run_id, r.key, r.number, r.owner), r.reserved_at)

    def _taken(self, rows: Iterable[AttemptRow]) -> list[tuple[str, Slots]]:
        held = self.slots
        return [(row.policy_day, held[row.attempt_id]) for row in rows if row.attempt_id in held]

    def _insert(self, row: AttemptRow, slots: Slots) -> None:
        attempt_id, zoho_id, number = row.attempt_id, row.key.zoho_id, row.number or ""
        self.rows[attempt_id] = self.open[attempt_id] = row
        self.of_id[zoho_id].append(row)
        self.of_number[number].append(row)
        self.open_people[zoho_id] = self.open_people[number] = attempt_id
        self.slots[attempt_id] = slots
        self.in_run.add((row.run_id, zoho_id))
        self._undo.append((self._forget, (row,)))

    def _forget(self, row: AttemptRow) -> None:
        attempt_id, zoho_id, number = row.attempt_id, row.key.zoho_id, row.number or ""
        del self.rows[attempt_id], self.open[attempt_id], self.slots[attempt_id]
        del self.open_people[zoho_id], self.open_people[number]
        self.of_id[zoho_id].remove(row)
        self.of_number[number].remove(row)
        self.in_run.discard((row.run_id, zoho_id))

    # Transitions: a compare-and-set each

    def _change(self, before: Attempt, after: Attempt, **values: Any) -> bool:
        row = self.rows.get(before.intent.attempt_id)
        if row is None or row.state is not _STATE_OF[type(before)] or row.owner != before.intent.owner:
            return False
        if isinstance(before, Ended) and row.disposition is not before.disposition:
            return False
        state = _STATE_OF[type(after)]
        if "disposition" in values:
            values["disposition"] = _DISPOSITIONS[values["disposition"]]
        self._write(row, {"state": state, **values})
        self._check(row, values.get("session_id"))
        if state is _SUBMITTING and row.submitted_at is not None:
            self._undo.append((setattr, (self, "latest", self.latest)))
            self.latest = max(self.latest or row.submitted_at, row.submitted_at)
        elif state not in _OPEN and row.attempt_id in self.open:
            self._close(row)
        if state is _RELEASED:
            self._return_slots(row)
        return True

    def _write(self, row: AttemptRow, values: dict[str, Any]) -> None:
        before_it: list[tuple[str, object]] = []
        for name, value in values.items():
            if name not in _SLOTS:
                before_it.append((name, getattr(row, name)))
                put(row, name, value)
        self._undo.append((_restore, (row, before_it)))

    def _check(self, row: AttemptRow, session: str | None) -> None:
        if session is not None and self.of_session.setdefault(session, row) is not row:
            raise LedgerRefusal("this session is another attempt's", permanent=True)
        if (row.state is _ENDED) != (row.disposition is not None) or (row.state is _PLACED and row.session_id is None):
            raise LedgerRefusal("this state lacks what it must have", permanent=True)

    def _set(self, row: AttemptRow, name: str, value: object) -> None:
        self._undo.append((put, (row, name, getattr(row, name))))
        put(row, name, value)

    def _close(self, row: AttemptRow) -> None:
        del self.open[row.attempt_id]
        for person in (row.key.zoho_id, row.number or ""):
            del self.open_people[person]
            self._undo.append((self.open_people.__setitem__, (person, row.attempt_id)))
        self._undo.append((self.open.__setitem__, (row.attempt_id, row)))

    def _return_slots(self, row: AttemptRow) -> None:
        slots = self.slots.pop(row.attempt_id)
        place = (row.run_id, row.key.zoho_id)
        self.in_run.discard(place)
        self._undo += [(self.slots.__setitem__, (row.attempt_id, slots)), (self.in_run.add, (place,))]

    def learn_session(self, attempt_id: str, session_id: str) -> None:
        row = self.rows.get(attempt_id)
        if row is not None and row.session_id is None:
            if self.of_session.setdefault(session_id, row) is not row:
                raise LedgerRefusal("this session is another attempt's", permanent=True)
            self._set(row, "session_id", session_id)

    def lift_holds(self, keys: Sequence[RecordKey], at: datetime) -> int:
        held = [row for key in keys for row in self.of_id.get(key.zoho_id, ()) if is_held(row)]
        for row in held:
            self._set(row, "hold_lifted_at", at)
        return len(held)

    # Looking

    def called_in(self, run_id: str, numbers: Sequence[str]) -> frozenset[str]:
        ended = AttemptState.ENDED
        theirs = {number: self.of_number.get(number, ()) for number in numbers}
        return frozenset(
            number
            for number, rows in theirs.items()
            if any(row.run_id == run_id and row.state is ended for row in rows)
        )

    def of_people(self, keys: Iterable[RecordKey], numbers: Iterable[str]) -> Sequence[AttemptRow]:
        if not self.rows:
            return ()
        found: dict[str, AttemptRow] = {}
        of_id, of_number = self.of_id, self.of_number
        for key in keys:
            for row in of_id.get(key.zoho_id, ()):
                found[row.attempt_id] = row
        for number in numbers:
            for row in of_number.get(number, ()):
                found[row.attempt_id] = row
        return [row for row in found.values() if row.state is not _RELEASED or row.number_refused]

    def row(self, attempt_id: str) -> AttemptRow | None:
        return self.rows.get(attempt_id)

    def load(self, attempt_id: str) -> Attempt | None:
        row = self.rows.get(attempt_id)
        return None if row is None else row.as_attempt()

    def find_session(self, session_id: str) -> AttemptRow | None:
        row = self.of_session.get(session_id)
        return row if row is not None and row.session_id == session_id else None  # else its keeping was undone

    def find_open(self, key: RecordKey) -> AttemptRow | None:
        return self.rows.get(self.open_people.get(key.zoho_id, ""))

    def lines_in_use(self, unknown_since: datetime) -> int:
        return sum(
            row.state is not _UNKNOWN or (row.submitted_at is not None and row.submitted_at > unknown_since)
            for row in self.open.values()
        )

    def sent_lately(self, since: datetime) -> int:
        return sum(
            row.state is _RESERVED or (row.submitted_at is not None and row.submitted_at > since)
            for row in self.open.values()
        )

    def overdue(self, *, placed_before: datetime, now: datetime, today: str) -> Sequence[AttemptRow]:
        late = []
        for row in self.open.values():
            if row.state is _PLACED:
                is_late = row.placed_at is not None and row.placed_at <= placed_before
            elif row.state is _UNKNOWN:
                is_late = row.policy_day < today
            else:
                is_late = row.lease_until is not None and row.lease_until < now
            if is_late:
                late.append(row)
        return sorted(late, key=lambda row: row.reserved_at)[:500]

    def open_of_owner(self, owner: str) -> Sequence[AttemptRow]:
        return [
            row
            for row in self.open.values()
            if row.state in (_RESERVED, _SUBMITTING) and (row.owner == owner if owner else row.owner != "")
        ]

    def unknown(self, limit: int = 500) -> Sequence[AttemptRow]:
        unsettled = [
            row for row in self.rows.values() if row.state is _UNKNOWN or (_closed_unknown(row) and row.is_new)
        ]
        return sorted(unsettled, key=lambda row: str(row.submitted_at), reverse=True)[:limit]

    def unheard(self, since: datetime, limit: int) -> Sequence[AttemptRow]:
        unheard = [
            row
            for row in self.rows.values()
            if (row.state is _UNKNOWN or _closed_unknown(row)) and row.submitted_at and row.submitted_at >= since
        ]
        return sorted(unheard, key=lambda row: str(row.submitted_at), reverse=True)[:limit]

    def latest_submitted(self) -> datetime | None:
        return self.latest


def _restore(row: AttemptRow, values: list[tuple[str, object]]) -> None:
    for name, value in values:
        put(row, name, value)


def is_held(row: AttemptRow) -> bool:
    """An answer after which nobody has changed the status yet, as far as the ledger knows."""
    return row.disposition is Disposition.ANSWERED and row.hold_lifted_at is None


def _closed_unknown(row: AttemptRow) -> bool:
    return row.disposition is Disposition.UNKNOWN


def _row(r: Reservation) -> AttemptRow:
    return AttemptRow(
        r.attempt_id,
        r.run_id,
        r.key,
        r.number,
        _RESERVED,
        None,
        None,
        "",
        None,
        r.is_new,
        r.record_status,
        r.attempts_before,
        r.first_no_answer_at,
        r.policy_day,
        r.day_index,
        agent_unreached=False,
        number_refused=False,
        duration_seconds=None,
        owner=r.owner,
        lease_until=r.lease_until,
        reserved_at=r.reserved_at,
        submitted_at=None,
        placed_at=None,
        unknown_at=None,
        ended_at=None,
        hold_lifted_at=None,
    )
