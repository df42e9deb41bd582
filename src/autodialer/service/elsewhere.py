"""Calls that somebody else placed and told us of in our own format (rules.md row 24): recorded, and applied by the same rules."""

from datetime import datetime, timedelta

from autodialer.domain.phone import NoNumber, choose_number
from autodialer.domain.record import CrmStatus, Record
from autodialer.domain.result import CallResult
from autodialer.domain.update import CrmUpdate
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import CallElsewhere, InboxRow
from autodialer.rules.after_call import update_after
from autodialer.rules.eligibility import effective_kind
from autodialer.rules.reading import read_attempts, read_instant
from autodialer.service.applying import ORPHAN, Applied
from autodialer.service.means import Means
from autodialer.service.people import JUST_WRITTEN, gather_facts
from autodialer.service.projecting import projection_of

_TOLERANCE = timedelta(minutes=1)


def record_elsewhere(
    ledger: Ledger, means: Means, result: CallResult, record: Record | None, row: InboxRow, asked_at: datetime
) -> Applied:
    """Write the call down and queue its update; an orphan when the CRM has no such record.

    `asked_at`: before the CRM was asked for `record`; what was written back since overrules it.
    """
    if record is None:
        return Applied(ORPHAN, note="the CRM has no such record")
    now = means.clock.now()
    policy = means.policy
    happened_at = (
        result.happened_at if result.happened_at and result.happened_at <= now + _TOLERANCE else row.received_at
    )
    (facts,) = gather_facts(ledger, [record], policy, now, asked_at - JUST_WRITTEN)
    kind = effective_kind(facts, policy)
    counts = [
        read_attempts(record.call_attempts, policy.max_sane_attempts),
        facts.history.attempts,
        facts.history.highest_told,
    ]
    # A call of ours that is still open is in nobody's count yet where the CRM counts more calls than the ledger.
    ours = ledger.attempts.find_open(record.key)
    known = [(facts.pending and facts.pending.call_attempts) or 0, ours.attempts_before + 1 if ours else 0]
    before = max([count for count in counts if isinstance(count, int)] + known)
    first = read_instant(record.first_no_answer_at, policy.zone)
    number = choose_number(record.phone, record.mobile, policy.default_country)
    call = CallElsewhere(
        attempt_id=f"elsewhere-{row.inbox_id}",  # so that two processes can't both record it
        key=record.key,
        number=None if isinstance(number, NoNumber) else number.e164,
        session_id=result.session_id,
        disposition=result.disposition,
        call_status=result.call_status,
        is_new=kind is CrmStatus.NEW,
        record_status=record.status,
        attempts_before=before,
        first_no_answer_at=first if isinstance(first, datetime) else None,
        policy_day=policy.local_date(happened_at).isoformat(),
        happened_at=happened_at,
        recorded_at=now,
    )
    ledger.attempts.add_elsewhere(call)
    update = _update(means, call, kind, facts.history.first_unanswered_at)
    if update is not None:
        projection = projection_of(update, call.attempt_id, record.status, result.disposition, policy)
        ledger.outbox.put(projection, now)
    # What came under this session before anybody knew whose it is can be matched now (rules.md row 23).
    orphans = ledger.inbox.orphans_of(result.session_id) if result.session_id is not None else []
    ledger.inbox.reopen([callback.inbox_id for callback in orphans])
    note = f"placed elsewhere: {result.disposition}"
    return Applied("applied", call.attempt_id, note, has_reopened=bool(orphans))


def _update(
    means: Means, call: CallElsewhere, kind: CrmStatus | None, first_unanswered: datetime | None
) -> CrmUpdate | None:
    if kind not in (CrmStatus.NEW, CrmStatus.NO_ANSWER):
        return CrmUpdate(call.key, call_attempts=call.attempts_before + 1)  # not eligible: only counted
    return update_after(
        call.key,
        kind,
        call.disposition,
        call.attempts_before,
        call.first_no_answer_at,
        call.happened_at,
        means.policy,
        first_unanswered_at=first_unanswered,
    )
