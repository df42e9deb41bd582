"""Transitions of an attempt: each a compare-and-set with the owner in its WHERE."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from autodialer.domain.attempt import (
    AttemptState,
    Ended,
    Intent,
    PlacedCall,
    Released,
    Reserved,
    Submitting,
    Unknown,
)
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.result import CallResult
from autodialer.ports.ledger import Attempt
from autodialer.store.tables import CALL_STATUS_LENGTH, attempts

_a = attempts.c
_STATE_OF: dict[type[Any], AttemptState] = {
    Reserved: AttemptState.RESERVED,
    Submitting: AttemptState.SUBMITTING,
    PlacedCall: AttemptState.PLACED,
    Unknown: AttemptState.UNKNOWN,
    Released: AttemptState.RELEASED,
    Ended: AttemptState.ENDED,
}


class SqlTransitions:
    """The writing half of ports.ledger.Attempts."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def load(self, attempt_id: str) -> Attempt | None:
        row = self._db.execute(select(attempts).where(_a.attempt_id == attempt_id)).first()
        if row is None:
            return None
        key = RecordKey(RecordType(row.record_type), row.zoho_id)
        intent = Intent(row.attempt_id, row.run_id or "", key, row.number or "", row.owner)
        return _as_state(intent, row)

    def submit(self, before: Reserved, after: Submitting, lease_until: datetime) -> bool:
        return self._change(before, after, submitted_at=after.submitted_at, lease_until=lease_until)

    def place(self, before: Submitting, after: PlacedCall) -> bool:
        return self._change(before, after, session_id=after.session_id, placed_at=after.placed_at, lease_until=None)

    def release(
        self, before: Reserved | Submitting | Unknown | Ended, after: Released, *, number_refused: bool = False
    ) -> bool:
        still = [_a.disposition == before.disposition.value] if isinstance(before, Ended) else []
        return self._change(
            before,
            after,
            *still,
            disposition=None,
            reason=after.reason,
            ended_at=after.released_at,
            number_refused=int(number_refused),
            record_slot=None,
            number_slot=None,
            record_day_slot=None,
            number_day_slot=None,
            lease_until=None,
        )

    def lose(self, before: Submitting | PlacedCall, after: Unknown) -> bool:
        return self._change(before, after, reason=after.reason, unknown_at=after.since, lease_until=None)

    def end(self, before: Submitting | PlacedCall | Unknown, after: Ended, result: CallResult | None) -> bool:
        return self._change(before, after, **_end_values(after, result))

    def overrule(self, before: Ended, after: Ended, result: CallResult) -> bool:
        return self._change(before, after, _a.disposition == before.disposition.value, **_end_values(after, result))

    def _change(self, before: Attempt, after: Attempt, *conditions: Any, **values: Any) -> bool:
        statement = (
            update(attempts)
            .where(
                _a.attempt_id == before.intent.attempt_id,
                _a.state == _STATE_OF[type(before)].value,
                _a.owner == before.intent.owner,
                *conditions,
            )
            .values(state=_STATE_OF[type(after)].value, **values)
        )
        return bool(self._db.execute(statement).rowcount == 1)


def _end_values(after: Ended, result: CallResult | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "disposition": after.disposition.value,
        "ended_at": after.ended_at,
        "lease_until": None,
    }
    if result is not None:
        values |= {
            "call_status": fitting_status(result.call_status),
            "reason": result.reason,
            "duration_seconds": result.duration_seconds,
            "agent_unreached": int(result.agent_unreached),
        }
    return values


def fitting_status(call_status: str) -> str:
    """The provider's word as far as the column holds it: SQLite takes any length, PostgreSQL refuses what is longer."""
    return call_status[:CALL_STATUS_LENGTH]


def _as_state(intent: Intent, row: Any) -> Attempt:
    match AttemptState(row.state):
        case AttemptState.RESERVED:
            return Reserved(intent, row.reserved_at)
        case AttemptState.SUBMITTING:
            return Submitting(intent, row.submitted_at)
        case AttemptState.PLACED:
            return PlacedCall(intent, row.session_id, row.placed_at)
        case AttemptState.UNKNOWN:
            return Unknown(intent, row.reason, row.unknown_at)
        case AttemptState.RELEASED:
            return Released(intent, row.reason, row.ended_at)
        case AttemptState.ENDED:
            return Ended(intent, Disposition(row.disposition), row.ended_at)
