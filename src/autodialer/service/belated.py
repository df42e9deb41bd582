"""Calls that were taken as not placed, by 8x8's answer or a person's word, and of which 8x8 tells afterwards how they ended."""

from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from autodialer.domain.disposition import Disposition
from autodialer.domain.result import CallResult
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import RANG_AFTER_ALL, AttemptRow, CallElsewhere

_RANG = (Disposition.ANSWERED, Disposition.NO_ANSWER, Disposition.BUSY)


def rang_after_all(released: AttemptRow, result: CallResult) -> bool:
    """Whether this end proves that the person's phone rang: a call that failed does not, and what never left can't have."""
    return result.disposition in _RANG and released.submitted_at is not None


def call_after_all(ledger: Ledger, released: AttemptRow, result: CallResult, now: datetime) -> CallElsewhere:
    """The call as it is to be written down, always with the same id; what was called and counted meanwhile counts before it."""
    rows = ledger.attempts.of_people([released.key], [released.number] if released.number else [])
    told = [row.attempts_before + 1 for row in rows if row.key == released.key and not _is_silent(row)]
    return CallElsewhere(
        attempt_id=str(uuid5(NAMESPACE_OID, f"{RANG_AFTER_ALL} {released.attempt_id}")),
        key=released.key,
        number=released.number,
        session_id=None,  # it stays with the attempt that was sent: what comes later under it finds its way by that
        disposition=result.disposition,
        call_status=result.call_status,
        is_new=released.is_new,
        record_status=released.record_status,
        attempts_before=max([released.attempts_before, len(rows), *told]),
        first_no_answer_at=released.first_no_answer_at,
        policy_day=released.policy_day,
        happened_at=released.submitted_at or now,
        recorded_at=now,
        reason=f"{RANG_AFTER_ALL}; before: {released.reason}",
        duration_seconds=result.duration_seconds,
        agent_unreached=result.agent_unreached,
    )


def _is_silent(row: AttemptRow) -> bool:
    """Closed as unknown: the CRM was told of no such call (rules.md row 25)."""
    return row.disposition is Disposition.UNKNOWN
