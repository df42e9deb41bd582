"""What the CRM is told after a call, or when a record becomes Dead: absolute values, never increments."""

from datetime import datetime

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.domain.update import CrmUpdate
from autodialer.rules.policy import Policy


def update_after(
    key: RecordKey,
    was: CrmStatus,
    disposition: Disposition,
    attempts_before: int,
    first_no_answer_at: datetime | None,
    call_time: datetime,
    policy: Policy,
    *,
    first_unanswered_at: datetime | None = None,
) -> CrmUpdate | None:
    """The update after one call of a record that was New or No Answer when it was decided; None when there is none to write.

    `attempts_before`: the greatest of ledger, CRM and outbox without this call. `first_no_answer_at`: what the CRM or the outbox
    holds; when that is None, `first_unanswered_at` (the ledger's earliest, this call aside) or `call_time` is written
    after an unanswered call (rules.md row 6). A call with no known result writes nothing (row 25).
    """
    if disposition is Disposition.UNKNOWN or was is CrmStatus.DEAD:
        return None
    attempts = attempts_before + 1
    if disposition is Disposition.ANSWERED:
        return CrmUpdate(key, call_attempts=attempts)
    status = CrmStatus.NO_ANSWER if was is CrmStatus.NEW else None
    if policy.dead_when_exhausted and attempts >= policy.total_quota:
        status = CrmStatus.DEAD
    first = None
    if was is CrmStatus.NEW:
        first = call_time
    elif first_no_answer_at is None:
        first = min(call_time, first_unanswered_at or call_time)
    return CrmUpdate(key, status=status, call_attempts=attempts, first_no_answer_at=first)


def update_to_dead(key: RecordKey) -> CrmUpdate:
    """The update after MarkDead: the status and nothing else."""
    return CrmUpdate(key, status=CrmStatus.DEAD)
