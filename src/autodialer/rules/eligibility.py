"""Who a person is to the rules: the record as it will be once the outbox is empty, with its counts read."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from autodialer.domain.attempt import free_place
from autodialer.domain.phone import NoNumber
from autodialer.domain.record import CrmStatus
from autodialer.rules.cadence import day_index
from autodialer.rules.facts import Facts, History, PendingUpdate
from autodialer.rules.policy import Policy
from autodialer.rules.reading import Unreadable, read_attempts, read_instant
from autodialer.rules.text import normalise
from autodialer.rules.verdict import Skip, SkipReason

_CLOCK_TOLERANCE = timedelta(minutes=1)
_NO_ANSWER = CrmStatus.NO_ANSWER  # as in decide.py
NEW_BUT_UNKNOWN: Final = "New, but one call closed with no result known; a person decides"
NEW_BUT_CALLED: Final = "New, but this person was called already"


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What the checks decide by.

    `attempts` is the greatest of ledger, CRM and outbox (rules.md row 9); `made` the calls of `today`, a date in the policy's zone,
    which is day `day_index` of the cadence. `used`: how many places of the total quota lie before that of the next call. These are
    `attempts`, or more where the ledger has given some to calls that the CRM does not count. `first_known`: somebody knows the
    first unanswered call; `inferred`: the CRM doesn't.
    """

    attempts: int
    used: int
    made: int
    today: date
    day_index: int
    first_known: bool
    inferred: bool


def effective_kind(facts: Facts, policy: Policy) -> CrmStatus | None:
    """The status that counts: the pending one, unless a person has set another since (rules.md row 28)."""
    pending = facts.pending
    if pending is not None and pending.status is not None and _still_expected(facts, pending):
        return pending.status
    return policy.kind_of(facts.record.status)


def skip_by_status(facts: Facts, kind: CrmStatus | None, policy: Policy) -> Skip:
    """Check 1, for a `kind` that is not called."""
    if kind is CrmStatus.DEAD and policy.kind_of(facts.record.status) is not CrmStatus.DEAD:
        return Skip(SkipReason.STATUS, "becomes Dead as soon as the CRM takes the update")
    shown = normalise(facts.record.status) if isinstance(facts.record.status, str) else ""
    known = next((label for label in policy.stop_statuses if normalise(label) == shown), None)
    return Skip(SkipReason.STATUS, f"the status is {known}" if known else "the status is not one that is called")


def skip_if_converted(facts: Facts) -> Skip | None:
    """A converted lead is not the person any more (rules.md row 15). The refusal of an update tells; a query may show it still."""
    if facts.pending is None or not facts.pending.converted:
        return None
    return Skip(
        SkipReason.RECORD_GONE, "the lead was converted, as Zoho said to an update; its Contact is the person now"
    )


def skip_by_history(facts: Facts, policy: Policy) -> Skip | None:
    """Checks 2 and 3: a call that is not settled, or an answer that waits for a person (rules.md row 11)."""
    if facts.history.open_attempt is not None:
        return Skip(SkipReason.OPEN_ATTEMPT, "a call is going on, or its result is not known yet")
    if facts.history.answered_at is not None and policy.hold_after_answer:
        return Skip(SkipReason.ANSWERED_WAITING, "the last call was answered; a person changes the status")
    return None


def read_standing(facts: Facts, kind: CrmStatus, policy: Policy, now: datetime) -> Standing | Skip:
    """Check 4: counts and times that can be trusted, or the reason for repair (rules.md rows 6 to 9)."""
    record, history, pending = facts.record, facts.history, facts.pending
    counted = read_attempts(record.call_attempts, policy.max_sane_attempts)
    if isinstance(counted, Unreadable):
        return Skip(SkipReason.BAD_CALL_ATTEMPTS, f"Call Attempts {counted.why}")
    first = read_instant(record.first_no_answer_at, policy.zone)
    if isinstance(first, Unreadable):
        return Skip(SkipReason.BAD_FIRST_NO_ANSWER, f"First No Answer At {first.why}")
    if pending is not None:
        counted = max(counted, pending.call_attempts or 0)
        if first is None or (pending.first_no_answer_at is not None and _still_expected(facts, pending)):
            first = pending.first_no_answer_at
    inferred = first is None
    if first is None and kind is _NO_ANSWER:
        first = history.first_unanswered_at
    if first is None:  # Day 0 by assumption: nothing says that what the CRM counts fell today
        return Standing(
            *_counts(history, counted), history.attempts_today, _date_in(policy.zone, now), 0, False, inferred
        )
    if first - now > _CLOCK_TOLERANCE:
        return Skip(SkipReason.FIRST_NO_ANSWER_IN_FUTURE, "First No Answer At lies in the future")
    return _count_since(first, history, counted, inferred, policy, _date_in(policy.zone, now))


def skip_new_already_called(facts: Facts, standing: Standing) -> Skip | None:
    """Check 6: New means never called (rules.md rows 10 and 25)."""
    if facts.history.closed_unknown:
        detail = NEW_BUT_UNKNOWN
    elif facts.history.attempts > 0:
        detail = NEW_BUT_CALLED
    elif standing.attempts > 0:
        detail = f"New, but Call Attempts is {standing.attempts}"
    elif standing.first_known:
        detail = "New, but First No Answer At is set"
    else:
        return None
    return Skip(SkipReason.NEW_ALREADY_CALLED, detail)


def skip_by_number(facts: Facts) -> Skip | None:
    """Checks 7 to 9: a number that may be dialled, for this record and no other (rules.md rows 14 to 18)."""
    if isinstance(facts.number, NoNumber):
        return Skip(SkipReason.NO_VALID_PHONE, facts.number.reason)
    if facts.history.refused_number:
        return Skip(SkipReason.NUMBER_REFUSED, "8x8 can't dial this number; correct it")
    if facts.do_not_call:
        return Skip(SkipReason.DO_NOT_CALL, "the number is on the do-not-call list")
    if facts.same_phone_as is not None:
        return Skip(SkipReason.SAME_PHONE_AS, f"has the same number as {facts.same_phone_as}, which is called")
    return None


def _still_expected(facts: Facts, pending: PendingUpdate) -> bool:
    shown, expected = facts.record.status, pending.expected_status
    if shown == expected:
        return True
    return isinstance(shown, str) and isinstance(expected, str) and normalise(shown) == normalise(expected)


def _count_since(
    first: datetime, history: History, counted: int, inferred: bool, policy: Policy, today: date
) -> Standing:
    (attempts, used), made = _counts(history, counted), history.attempts_today
    first_day = first.astimezone(policy.zone).date()
    if first_day >= today:  # Day 0 by its date: all that the CRM counts fell today (rules.md row 9)
        return Standing(attempts, used, max(made, counted), today, 0, True, inferred)
    return Standing(attempts, used, made, today, day_index(policy, first_day, today), True, inferred)


def _counts(history: History, counted: int) -> tuple[int, int]:
    """How many calls there were, and how many places of the total quota are used."""
    attempts = max(history.attempts, history.highest_told, counted)
    if not history.record_places and not history.number_places:  # as most
        return attempts, attempts
    places = (free_place(history.record_places, attempts), free_place(history.number_places, attempts))
    return attempts, max(places) - 1


@lru_cache(maxsize=16)
def _date_in(zone: ZoneInfo, now: datetime) -> date:
    return now.astimezone(zone).date()
