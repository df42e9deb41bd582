"""Attempts: reserving, looking up, counting. Their transitions: transitions.py."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, text, update

from autodialer.domain.attempt import AttemptState, Intent, Reserved
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import AttemptRow, CallElsewhere, Reservation
from autodialer.store.chunks import chunks
from autodialer.store.tables import OPEN, OURS, UNSETTLED, attempts
from autodialer.store.transitions import SqlTransitions, fitting_status

_a = attempts.c
_OPEN = text(OPEN)


class SqlAttempts(SqlTransitions):
    """Implements ports.ledger.Attempts."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)

    def of_people(self, keys: Iterable[RecordKey], numbers: Iterable[str]) -> Sequence[AttemptRow]:
        telling = or_(_a.state != AttemptState.RELEASED.value, _a.number_refused == 1)
        wanted = frozenset(keys)
        found: dict[str, AttemptRow] = {}
        for ids in chunks(key.zoho_id for key in wanted):
            rows = self._by_id(select(attempts).where(_a.zoho_id.in_(ids), telling))
            found.update((attempt_id, row) for attempt_id, row in rows if row.key in wanted)
        for some in chunks(numbers):
            found.update(self._by_id(select(attempts).where(_a.number.in_(some), telling)))
        return list(found.values())

    def _by_id(self, statement: Any) -> Iterator[tuple[str, AttemptRow]]:
        return ((row.attempt_id, attempt_row(row)) for row in self._db.execute(statement))

    def reserve(self, reservation: Reservation) -> Reserved:
        r = reservation
        key = and_(_a.zoho_id == r.key.zoho_id, _a.record_type == r.key.record_type.value)
        number = _a.number == r.number
        today = _a.policy_day == r.policy_day
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
            "record_slot": self._free_slot(_a.record_slot, key, r.attempts_before),
            "number_slot": self._free_slot(_a.number_slot, number, r.attempts_before),
            "record_day_slot": self._free_slot(_a.record_day_slot, and_(key, today), r.day_attempts_before),
            "number_day_slot": self._free_slot(_a.number_day_slot, and_(number, today), r.day_attempts_before),
            "total_quota": r.total_quota,
            "day_quota": r.day_quota,
            "owner": r.owner,
            "lease_until": r.lease_until,
            "reserved_at": r.reserved_at,
        }
        self._db.execute(insert(attempts).values(**values))
        return Reserved(Intent(r.attempt_id, r.run_id, r.key, r.number, r.owner), r.reserved_at)

    def _free_slot(self, column: Any, condition: Any, before: int) -> int:
        """The first free one beyond the calls that are known; the database refuses it if it is beyond the quota or just taken."""
        taken = set(self._db.execute(select(column).where(condition, column > before)).scalars())
        slot = before + 1
        while slot in taken:
            slot += 1
        return slot

    def row(self, attempt_id: str) -> AttemptRow | None:
        return self._one(_a.attempt_id == attempt_id)

    def find_session(self, session_id: str) -> AttemptRow | None:
        return self._one(_a.session_id == session_id)

    def find_open(self, key: RecordKey) -> AttemptRow | None:
        return self._one(and_(_a.zoho_id == key.zoho_id, _a.record_type == key.record_type.value, _OPEN))

    def _one(self, condition: Any) -> AttemptRow | None:
        row = self._db.execute(select(attempts).where(condition)).first()
        return attempt_row(row) if row else None

    def of_record(self, key: RecordKey, limit: int = 200) -> Sequence[AttemptRow]:
        mine = and_(_a.zoho_id == key.zoho_id, _a.record_type == key.record_type.value)
        return self._many(select(attempts).where(mine).order_by(_a.reserved_at, _a.attempt_id).limit(limit))

    def _many(self, statement: Any) -> Sequence[AttemptRow]:
        return [attempt_row(row) for row in self._db.execute(statement)]

    def lines_in_use(self, unknown_since: datetime) -> int:
        live = or_(_a.state != AttemptState.UNKNOWN.value, _a.submitted_at > unknown_since)
        return self._db.execute(select(func.count()).select_from(attempts).where(_OPEN, live)).scalar_one()

    def overdue(self, *, placed_before: datetime, now: datetime, today: str) -> Sequence[AttemptRow]:
        waits_in_vain = or_(
            and_(_a.state == AttemptState.PLACED.value, _a.placed_at <= placed_before),
            and_(
                _a.state.in_([AttemptState.RESERVED.value, AttemptState.SUBMITTING.value]),
                _a.lease_until < now,
            ),
            and_(_a.state == AttemptState.UNKNOWN.value, _a.policy_day < today),
        )
        return self._many(select(attempts).where(_OPEN, waits_in_vain).order_by(_a.reserved_at).limit(500))

    def open_of_owner(self, owner: str) -> Sequence[AttemptRow]:
        mine = _a.owner == owner if owner else _a.owner != ""
        early = _a.state.in_([AttemptState.RESERVED.value, AttemptState.SUBMITTING.value])
        return self._many(select(attempts).where(_OPEN, early, mine).order_by(_a.reserved_at))

    def unknown(self, limit: int = 500) -> Sequence[AttemptRow]:
        return self._many(select(attempts).where(text(UNSETTLED)).order_by(_a.submitted_at.desc()).limit(limit))

    def latest_submitted(self) -> datetime | None:
        return self._db.execute(select(func.max(_a.submitted_at)).where(text(OURS))).scalar()

    def add_elsewhere(self, call: CallElsewhere) -> None:
        self._db.execute(
            insert(attempts).values(
                attempt_id=call.attempt_id,
                run_id=None,
                record_type=call.key.record_type.value,
                zoho_id=call.key.zoho_id,
                number=call.number,
                state=AttemptState.ENDED.value,
                disposition=call.disposition.value,
                call_status=fitting_status(call.call_status),
                reason="placed elsewhere",
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

    def learn_session(self, attempt_id: str, session_id: str) -> None:
        unknown_yet = and_(_a.attempt_id == attempt_id, _a.session_id.is_(None))
        self._db.execute(update(attempts).where(unknown_yet).values(session_id=session_id))

    def lift_holds(self, keys: Sequence[RecordKey], at: datetime) -> int:
        lifted = 0
        for key in keys:
            held = and_(
                _a.zoho_id == key.zoho_id,
                _a.record_type == key.record_type.value,
                _a.disposition == Disposition.ANSWERED.value,
                _a.hold_lifted_at.is_(None),
            )
            lifted += self._db.execute(update(attempts).where(held).values(hold_lifted_at=at)).rowcount
        return lifted


def attempt_row(row: Row[Any]) -> AttemptRow:
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
    )
