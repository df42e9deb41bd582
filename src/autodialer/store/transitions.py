"""Transitions of an attempt: each a compare-and-set with the owner in its WHERE."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, update

from autodialer.domain.attempt import (
    Attempt,
    AttemptState,
    Ended,
    PlacedCall,
    Released,
    Reserved,
    Submitting,
    Unknown,
)
from autodialer.domain.result import CallResult
from autodialer.store.prepared import Prepared
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
_TO = update(attempts).where(
    _a.attempt_id == bindparam("attempt"),
    _a.state == bindparam("state_before"),
    _a.owner == bindparam("owner_before"),
)
_CHANGE, _CHANGE_ENDED = Prepared(_TO), Prepared(_TO.where(_a.disposition == bindparam("disposition_before")))


class SqlTransitions:
    """The writing half of ports.ledger.Attempts."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def submit(self, before: Reserved, after: Submitting, lease_until: datetime) -> bool:
        return self._change(before, after, submitted_at=after.submitted_at, lease_until=lease_until)

    def place(self, before: Submitting, after: PlacedCall) -> bool:
        return self._change(before, after, session_id=after.session_id, placed_at=after.placed_at, lease_until=None)

    def release(
        self,
        before: Reserved | Submitting | PlacedCall | Unknown | Ended,
        after: Released,
        *,
        number_refused: bool = False,
    ) -> bool:
        return self._change(
            before,
            after,
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
        return self._change(before, after, **_end_values(after, result))

    def _change(self, before: Attempt, after: Attempt, **values: Any) -> bool:
        expected = {
            "attempt": before.intent.attempt_id,
            "state_before": _STATE_OF[type(before)].value,
            "owner_before": before.intent.owner,
        }
        statement = _CHANGE
        if isinstance(before, Ended):
            statement, expected["disposition_before"] = _CHANGE_ENDED, before.disposition.value
        return statement.change(self._db, {**expected, "state": _STATE_OF[type(after)].value, **values}) == 1


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
