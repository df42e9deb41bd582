"""From a call's end to the update that the CRM must see, queued in the same transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from autodialer.domain.activity import LogCalls
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus
from autodialer.domain.update import CrmUpdate
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, OutboxRow, Projection
from autodialer.rules.after_call import update_after
from autodialer.rules.policy import Policy
from autodialer.service.history import told_of

_SET_OVER = {CrmStatus.NO_ANSWER: CrmStatus.NEW, CrmStatus.DEAD: CrmStatus.NO_ANSWER}  # rules.md, "The mission's rules"


def queue_update(
    ledger: Ledger,
    policy: Policy,
    attempt: AttemptRow,
    disposition: Disposition,
    now: datetime,
    *,
    overruled: Disposition | None = None,
) -> None:
    """Queue what the rules say after this call. `overruled`: the end that stood before, whose own update may still wait."""
    rows = ledger.attempts.of_people([attempt.key], [attempt.number] if attempt.number else [])
    earliest = _earliest_unanswered(rows, attempt)
    # Of an earlier call something was heard since this one was decided, perhaps: both count.
    attempt = replace(attempt, attempts_before=max(attempt.attempts_before, told_of(attempt.key, rows) - 1))
    update = _update(attempt, disposition, policy, now, earliest)
    if update is None:
        return
    undone = _update(attempt, overruled, policy, now, earliest) if overruled is not None else None
    projection = projection_of(update, attempt.attempt_id, attempt.record_status, disposition, policy)
    ledger.outbox.put(replace(projection, drops_status=undone is not None and undone.status is not None), now)


def projection_of(
    update: CrmUpdate, attempt_id: str, expected_status: str | None, disposition: Disposition, policy: Policy
) -> Projection:
    """`update` as the outbox takes it after a call that ended so. `expected_status`: as the CRM held it when that was decided."""
    return Projection(
        key=update.key,
        attempt_id=attempt_id,
        cause="result",
        expected_status=expected_status,
        status=update.status,
        call_attempts=update.call_attempts,
        first_no_answer_at=update.first_no_answer_at,
        drops_dead=disposition is Disposition.ANSWERED and policy.hold_after_answer,  # rules.md row 11
    )


def queue_activity(ledger: Ledger, log_calls: LogCalls, attempt_id: str, now: datetime) -> None:
    """Queue that the CRM is told of this call, if it is to be; once, however often its end is heard."""
    if log_calls is not LogCalls.OFF:
        ledger.activities.put(attempt_id, now)


def _update(
    attempt: AttemptRow, disposition: Disposition, policy: Policy, now: datetime, earliest: datetime | None
) -> CrmUpdate | None:
    return update_after(
        attempt.key,
        CrmStatus.NEW if attempt.is_new else CrmStatus.NO_ANSWER,
        disposition,
        attempt.attempts_before,
        attempt.first_no_answer_at,
        attempt.submitted_at or now,
        policy,
        first_unanswered_at=earliest,
    )


def _earliest_unanswered(rows: Sequence[AttemptRow], attempt: AttemptRow) -> datetime | None:
    others = [
        row.submitted_at
        for row in rows
        if row.attempt_id != attempt.attempt_id
        and row.submitted_at
        and row.disposition
        and row.disposition.is_unanswered
    ]
    return min(others, default=None)


def statuses_expected(row: OutboxRow, policy: Policy) -> list[str]:
    """The statuses over which `row` may be written: as the CRM held them when we decided, and ours as the policy spells them."""
    ours = [*row.our_statuses, *([row.status] if row.status else [])]
    return [*row.expected_statuses, *(policy.label_of(status) for status in (*ours, *_renamed(row, ours, policy)))]


def _renamed(row: OutboxRow, ours: Sequence[CrmStatus], policy: Policy) -> Sequence[CrmStatus]:
    """Over what we set ours, if the policy has another name for it since: an update that waits was decided on one that it knew."""
    if all(policy.kind_of(status) for status in row.expected_statuses):
        return []
    return [_SET_OVER[status] for status in ours if status in _SET_OVER]
