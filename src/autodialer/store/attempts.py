"""Attempts: reserving, looking up, counting. Their transitions: transitions.py."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, text, update

from autodialer.domain.attempt import Attempt, AttemptState, Intent, Reserved, free_place
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import AttemptRow, CallElsewhere, Reservation
from autodialer.store.chunks import chunks
from autodialer.store.prepared import Prepared, PreparedAmong
from autodialer.store.tables import HELD, OPEN, UNHEARD, UNSETTLED, attempts
from autodialer.store.transitions import SqlTransitions, fitting_status

_a = attempts.c
_OPEN = text(OPEN)
_TELLING = or_(_a.state != AttemptState.RELEASED.value, _a.number_refused == 1)
_IS_RECORD = and_(_a.zoho_id == bindparam("zoho_id"), _a.record_type == bindparam("record_type"))
_OF_RECORDS = PreparedAmong(lambda ids: select(attempts).where(_a.zoho_id.in_(ids), _TELLING))
_OF_NUMBERS = PreparedAmong(lambda numbers: select(attempts).where(_a.number.in_(numbers), _TELLING))
_CALLED_IN = PreparedAmong(
    lambda numbers: select(_a.number).where(
        _a.number.in_(numbers), _a.run_id == bindparam("run"), _a.state == AttemptState.ENDED.value
    )
)
_OF_ID = Prepared(select(attempts).where(_a.attempt_id == bindparam("attempt")))
_OF_IDS = PreparedAmong(lambda ids: select(attempts).where(_a.attempt_id.in_(ids)))
_OF_SESSION = Prepared(select(attempts).where(_a.session_id == bindparam("session")))
_OPEN_OF_RECORD = Prepared(select(attempts).where(_IS_RECORD, _OPEN))
_SLOTS = select(_a.record_slot, _a.number_slot, _a.policy_day, _a.record_day_slot, _a.number_day_slot)
_SLOTS_OF_RECORD = Prepared(_SLOTS.where(_IS_RECORD, _a.record_slot > 0))
_SLOTS_OF_NUMBER = Prepared(_SLOTS.where(_a.number == bindparam("number"), _a.number_slot > 0))
_INSERT = Prepared(insert(attempts))
_LIFT = PreparedAmong(
    lambda ids: update(attempts).where(text(HELD), _a.record_type == bindparam("type"), _a.zoho_id.in_(ids))
)
_LEARN_SESSION = Prepared(update(attempts).where(_a.attempt_id == bindparam("attempt"), _a.session_id.is_(None)))
_WITHOUT_SESSION = (
    select(_a.attempt_id)
    .where(
        _OPEN,
        _a.state.in_([AttemptState.SUBMITTING.value, AttemptState.UNKNOWN.value]),
        func.coalesce(_a.session_id, "") == "",
    )
    .limit(1)
)
_LIVE = or_(_a.state != AttemptState.UNKNOWN.value, _a.submitted_at > bindparam("unknown_since"))
_LINES_IN_USE = Prepared(select(func.count().label("lines")).select_from(attempts).where(_OPEN, _LIVE))
_LATELY = or_(_a.state == AttemptState.RESERVED.value, _a.submitted_at > bindparam("since"))
_SENT_LATELY = Prepared(select(func.count().label("calls")).select_from(attempts).where(_OPEN, _LATELY))
_WAITS_IN_VAIN = or_(
    and_(_a.state == AttemptState.PLACED.value, _a.placed_at <= bindparam("before")),
    and_(
        _a.state.in_([AttemptState.RESERVED.value, AttemptState.SUBMITTING.value]),
        _a.lease_until < bindparam("now"),
    ),
    and_(_a.state == AttemptState.UNKNOWN.value, _a.policy_day < bindparam("today")),
)
_OVERDUE = (
    select(attempts)
    .where(_OPEN, _WAITS_IN_VAIN)
    .order_by(_a.reserved_at)
    .limit(500)
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves this out
)
LATEST_SUBMITTED = (
    select(_a.submitted_at)
    .where(_a.run_id.is_not(None), _a.submitted_at.is_not(None))
    .order_by(_a.submitted_at.desc())
    .limit(1)
)
_LATEST_SUBMITTED = Prepared(LATEST_SUBMITTED)


class SqlAttempts(SqlTransitions):
    """Implements ports.ledger.Attempts."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)

    def of_people(self, keys: Iterable[RecordKey], numbers: Iterable[str]) -> Sequence[AttemptRow]:
        wanted = frozenset(keys)
        found: dict[str, AttemptRow] = {}
        for ids in chunks(key.zoho_id for key in wanted):
            rows = map(attempt_row, _OF_RECORDS.rows(self._db, ids))
            found.update((row.attempt_id, row) for row in rows if row.key in wanted)
        for some in chunks(numbers):
            found.update((row.attempt_id, attempt_row(row)) for row in _OF_NUMBERS.rows(self._db, some))
        return list(found.values())

    def called_in(self, run_id: str, numbers: Sequence[str]) -> frozenset[str]:
        return frozenset(row.number for row in _CALLED_IN.rows(self._db, numbers, {"run": run_id}))

    def reserve(self, reservation: Reservation) -> Reserved:
        r = reservation
        taken = self._slots_taken(r)
        values = {
            "attempt_id": r.attempt_id,
            "run_id": r.run_id,
            "record_type": r.key.record_type.value,
            "zoho_id": r.key.zoho_id,
            "number": r.number,
            "state": AttemptState.RESERVED.value,
            "is_new": int(r.is_new),
            "record_status": r.record_status,
            "attempts_before": r.attempts_before,
            "first_no_answer_at": r.first_no_answer_at,
            "policy_day": r.policy_day,
            "day_index": r.day_index,
            "record_slot": free_place(taken.record, r.attempts_before),
            "number_slot": free_place(taken.number, r.attempts_before),
            "record_day_slot": free_place(taken.record_day, r.day_attempts_before),
            "number_day_slot": free_place(taken.number_day, r.day_attempts_before),
            "total_quota": r.total_quota,
            "day_quota": r.day_quota,
            "owner": r.owner,
            "lease_until": r.lease_until,
            "reserved_at": r.reserved_at,
        }
        _INSERT.change(self._db, values)
        return Reserved(Intent(r.attempt_id, r.run_id, r.key, r.number, r.owner), r.reserved_at)

    def _slots_taken(self, r: Reservation) -> "_SlotsTaken":
        of_record = _SLOTS_OF_RECORD.rows(self._db, _named(r.key))
        of_number = _SLOTS_OF_NUMBER.rows(self._db, {"number": r.number})
        return _SlotsTaken(
            record={row.record_slot for row in of_record},
            number={row.number_slot for row in of_number},
            record_day={row.record_day_slot for row in of_record if row.policy_day == r.policy_day},
            number_day={row.number_day_slot for row in of_number if row.policy_day == r.policy_day},
        )

    def row(self, attempt_id: str) -> AttemptRow | None:
        return self._one(_OF_ID, {"attempt": attempt_id})

    def rows(self, attempt_ids: Iterable[str]) -> Mapping[str, AttemptRow]:
        found = (row for some in chunks(attempt_ids) for row in _OF_IDS.rows(self._db, some))
        return {row.attempt_id: attempt_row(row) for row in found}

    def load(self, attempt_id: str) -> Attempt | None:
        row = self.row(attempt_id)
        return row.as_attempt() if row is not None else None

    def find_session(self, session_id: str) -> AttemptRow | None:
        return self._one(_OF_SESSION, {"session": session_id})

    def find_open(self, key: RecordKey) -> AttemptRow | None:
        return self._one(_OPEN_OF_RECORD, _named(key))

    def _one(self, statement: Prepared, values: Mapping[str, Any]) -> AttemptRow | None:
        row = statement.first(self._db, values)
        return attempt_row(row) if row else None

    def of_record(self, key: RecordKey, limit: int = 200) -> Sequence[AttemptRow]:
        mine = and_(_a.zoho_id == key.zoho_id, _a.record_type == key.record_type.value)
        return self._many(select(attempts).where(mine).order_by(_a.reserved_at, _a.attempt_id).limit(limit))

    def of_number(self, number: str, limit: int = 200) -> Sequence[AttemptRow]:
        theirs = select(attempts).where(_a.number == number, _TELLING)
        return self._many(theirs.order_by(_a.reserved_at, _a.attempt_id).limit(limit))

    def _many(self, statement: Any) -> Sequence[AttemptRow]:
        return [attempt_row(row) for row in self._db.execute(statement)]

    def sent_since(self, since: datetime, before: tuple[datetime, str] | None, limit: int) -> Sequence[AttemptRow]:
        wanted = [_a.submitted_at >= since, _a.state != AttemptState.RELEASED.value]
        if before is not None:
            at, attempt_id = before
            wanted += [_a.submitted_at <= at, or_(_a.submitted_at < at, _a.attempt_id < attempt_id)]
        latest_first = (_a.submitted_at.desc(), _a.attempt_id.desc())
        return self._many(select(attempts).where(*wanted).order_by(*latest_first).limit(limit))

    def awaits_session(self) -> bool:
        return self._db.execute(_WITHOUT_SESSION).first() is not None

    def lines_in_use(self, unknown_since: datetime) -> int:
        return int(_LINES_IN_USE.rows(self._db, {"unknown_since": unknown_since})[0].lines)

    def sent_lately(self, since: datetime) -> int:
        return int(_SENT_LATELY.rows(self._db, {"since": since})[0].calls)

    def unplaced(self) -> int:
        early = _a.state.in_([AttemptState.RESERVED.value, AttemptState.SUBMITTING.value])
        return self._db.execute(select(func.count()).select_from(attempts).where(_OPEN, early)).scalar_one()

    def overdue(self, *, placed_before: datetime, now: datetime, today: str) -> Sequence[AttemptRow]:
        found = self._db.execute(_OVERDUE, {"before": placed_before, "now": now, "today": today})
        return [attempt_row(row) for row in found]

    def open_of_owner(self, owner: str) -> Sequence[AttemptRow]:
        mine = _a.owner == owner if owner else _a.owner != ""
        early = _a.state.in_([AttemptState.RESERVED.value, AttemptState.SUBMITTING.value])
        return self._many(select(attempts).where(_OPEN, early, mine).order_by(_a.reserved_at))

    def unknown(self, limit: int = 500) -> Sequence[AttemptRow]:
        return self._many(select(attempts).where(text(UNSETTLED)).order_by(_a.submitted_at.desc()).limit(limit))

    def unheard(self, since: datetime, limit: int) -> Sequence[AttemptRow]:
        lately = select(attempts).where(text(UNHEARD), _a.submitted_at >= since)
        return self._many(lately.order_by(_a.submitted_at.desc()).limit(limit))

    def latest_submitted(self) -> datetime | None:
        row = _LATEST_SUBMITTED.first(self._db, {})
        return None if row is None else row.submitted_at

    def add_elsewhere(self, call: CallElsewhere) -> None:
        # In two steps: figures count what comes to its end, not what comes in (docs/adr/0008).
        end = {"state": AttemptState.ENDED.value, "disposition": call.disposition.value}
        self._db.execute(
            insert(attempts).values(
                attempt_id=call.attempt_id,
                run_id=None,
                record_type=call.key.record_type.value,
                zoho_id=call.key.zoho_id,
                number=call.number,
                state=AttemptState.RELEASED.value,
                call_status=fitting_status(call.call_status),
                reason=call.reason,
                duration_seconds=call.duration_seconds,
                agent_unreached=int(call.agent_unreached),
                session_id=call.session_id,
                is_new=int(call.is_new),
                record_status=call.record_status,
                attempts_before=call.attempts_before,
                first_no_answer_at=call.first_no_answer_at,
                policy_day=call.policy_day,
                total_quota=0,
                day_quota=0,
                owner="",
                reserved_at=call.recorded_at,
                submitted_at=call.happened_at,
                ended_at=call.happened_at,
            )
        )
        self._db.execute(update(attempts).where(_a.attempt_id == call.attempt_id).values(end))

    def learn_session(self, attempt_id: str, session_id: str) -> None:
        _LEARN_SESSION.change(self._db, {"attempt": attempt_id, "session_id": session_id})

    def lift_holds(self, keys: Sequence[RecordKey], at: datetime) -> int:
        lifted = 0
        for record_type in RecordType:
            for ids in chunks(key.zoho_id for key in keys if key.record_type is record_type):
                lifted += _LIFT.change(self._db, ids, {"type": record_type.value, "hold_lifted_at": at})
        return lifted


@dataclass(frozen=True, slots=True)
class _SlotsTaken:
    record: set[int]
    number: set[int]
    record_day: set[int]
    number_day: set[int]


def _named(key: RecordKey) -> dict[str, str]:
    return {"zoho_id": key.zoho_id, "record_type": key.record_type.value}


def attempt_row(row: Any) -> AttemptRow:
    """A row of the table as the use cases see it."""
    return AttemptRow(
        attempt_id=row.attempt_id,
        run_id=row.run_id,
        key=RecordKey(RecordType(row.record_type), row.zoho_id),
        number=row.number,
        state=AttemptState(row.state),
        disposition=Disposition(row.disposition) if row.disposition else None,
        call_status=row.call_status,
        reason=row.reason,
        session_id=row.session_id,
        is_new=bool(row.is_new),
        record_status=row.record_status,
        attempts_before=row.attempts_before,
        first_no_answer_at=row.first_no_answer_at,
        policy_day=row.policy_day,
        day_index=row.day_index,
        agent_unreached=bool(row.agent_unreached),
        number_refused=bool(row.number_refused),
        duration_seconds=row.duration_seconds,
        owner=row.owner,
        lease_until=row.lease_until,
        reserved_at=row.reserved_at,
        submitted_at=row.submitted_at,
        placed_at=row.placed_at,
        unknown_at=row.unknown_at,
        ended_at=row.ended_at,
        hold_lifted_at=row.hold_lifted_at,
        record_slot=row.record_slot,
        number_slot=row.number_slot,
    )
