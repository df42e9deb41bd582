"""What the ledger knows of a person, summed up for the rules."""

from collections.abc import Iterable, Sequence

from autodialer.domain.attempt import OPEN_STATES, AttemptState, count_told
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus, Record, RecordKey
from autodialer.ports.rows import AttemptRow
from autodialer.rules.facts import History
from autodialer.rules.policy import Policy
from autodialer.rules.text import normalise

_NONE = History()


def summarise(
    record: Record,
    number: str | None,
    rows: Sequence[AttemptRow],
    our_statuses: Iterable[CrmStatus],
    policy: Policy,
    today: str,
) -> History:
    """The history of one person: `rows` are the attempts of the record or of its number, `our_statuses` what we ourselves wrote.

    `today`: the date in the policy's zone, YYYY-MM-DD.
    """
    if not rows:  # as most
        return _NONE
    counted = [row for row in rows if row.state is not AttemptState.RELEASED]
    unanswered = [
        row.submitted_at for row in counted if row.submitted_at and row.disposition and row.disposition.is_unanswered
    ]
    held = [row.ended_at for row in counted if row.ended_at and holds(row, record, our_statuses, policy)]
    return History(
        attempts=len(counted),
        attempts_today=sum(_falls_on(today, row, policy) for row in counted),
        highest_told=told_of(record.key, counted),
        record_places=frozenset(row.record_slot for row in counted if row.record_slot and row.key == record.key),
        number_places=frozenset(row.number_slot for row in counted if row.number_slot and row.number == number),
        first_unanswered_at=min(unanswered, default=None),
        open_attempt=next((row.attempt_id for row in counted if row.state in OPEN_STATES), None),
        answered_at=max(held, default=None),
        refused_number=any(row.number_refused and row.number == number for row in rows),
        closed_unknown=any(row.disposition is Disposition.UNKNOWN and row.key == record.key for row in counted),
    )


def _falls_on(today: str, row: AttemptRow, policy: Policy) -> bool:
    """By the zone of the days when it was made, or by the present one: after a change of it no day gets more than its quota."""
    return row.policy_day == today or policy.local_date(row.submitted_at or row.reserved_at).isoformat() == today


def told_of(key: RecordKey, rows: Iterable[AttemptRow]) -> int:
    """The count that the CRM is told after those of the calls that were made to this record and whose end is known (row 25)."""
    known = [row for row in rows if row.key == key and row.disposition not in (None, Disposition.UNKNOWN)]
    return count_told(row.attempts_before for row in known)


def holds(row: AttemptRow, record: Record, our_statuses: Iterable[CrmStatus], policy: Policy) -> bool:
    """Whether this answered call still waits for a person (rules.md row 11).

    The status that we decided on, or one that we wrote ourselves, is no change by a person. For a call to another record with the
    same number there is no status to compare: it holds until it is lifted there.
    """
    if row.disposition is not Disposition.ANSWERED or row.hold_lifted_at is not None:
        return False
    if row.key != record.key:
        return True
    ours = {normalise(policy.label_of(status)) for status in (*our_statuses, *_renamed(row, policy))}
    return normalise(record.status or "") in {normalise(row.record_status or ""), *ours}


def _renamed(row: AttemptRow, policy: Policy) -> Iterable[CrmStatus]:
    """The status that we decided on, if the policy has another name for it since: none is called in one that it does not know."""
    if row.run_id is None or policy.kind_of(row.record_status) is not None:
        return ()
    return (CrmStatus.NEW if row.is_new else CrmStatus.NO_ANSWER,)
