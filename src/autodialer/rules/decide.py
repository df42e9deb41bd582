"""Who is called now: the checks of docs/rules.md in their order; the first that applies is the verdict."""

from datetime import datetime
from functools import lru_cache

from autodialer.domain.phone import PhoneNumber
from autodialer.domain.record import CrmStatus
from autodialer.rules.cadence import day_quota, end_of_window, next_chance
from autodialer.rules.calling_hours import closed_at
from autodialer.rules.eligibility import (
    Standing,
    effective_kind,
    read_standing,
    skip_by_history,
    skip_by_number,
    skip_by_status,
    skip_if_converted,
    skip_new_already_called,
)
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, DeadReason, MarkDead, Skip, SkipReason, Verdict

_NEW, _DEAD = CrmStatus.NEW, CrmStatus.DEAD  # an enum is slow to tell its members


def decide(facts: Facts, policy: Policy, now: datetime) -> Verdict:
    """Call, Skip with the reason, or MarkDead. Pure: the same arguments give the same verdict.

    `now` is aware. Never raises for what a CRM can hold: a value that can't be trusted becomes a Skip for repair.
    """
    kind = effective_kind(facts, policy)
    if kind is None or kind is _DEAD:
        return skip_by_status(facts, kind, policy)
    standing = skip_if_converted(facts) or skip_by_history(facts, policy) or read_standing(facts, kind, policy, now)
    if isinstance(standing, Skip):
        return standing
    is_new = kind is _NEW
    settled = skip_new_already_called(facts, standing) if is_new else _dead(policy, standing)
    settled = settled or skip_by_number(facts)
    if settled is not None:
        return settled
    verdict = _by_quota(policy, is_new, standing)
    if policy.has_calling_hours and isinstance(verdict, Call):
        return _skip_by_hours(facts, policy, now, None if is_new else standing) or verdict
    return verdict


def _dead(policy: Policy, standing: Standing) -> Verdict | None:
    """Check 5, before the phone is looked at: the window is over whether or not it could have been called."""
    if standing.day_index >= len(policy.day_quotas):
        return _window_over(standing.day_index)
    if policy.dead_when_exhausted and standing.used >= policy.total_quota:
        return MarkDead(DeadReason.ATTEMPTS_EXHAUSTED, f"{standing.used} of {policy.total_quota} calls made")
    return None


@lru_cache(maxsize=512)
def _window_over(day: int) -> MarkDead:
    return MarkDead(DeadReason.WINDOW_OVER, f"Day {day} since First No Answer At")


def _by_quota(policy: Policy, is_new: bool, standing: Standing) -> Call | Skip:
    """Checks 10 and 11: the total and the day's quota are both ceilings (rules.md rows 1, 4 and 5)."""
    total = policy.new_quota if is_new else policy.total_quota
    daily = policy.new_quota if is_new else day_quota(policy, standing.day_index)
    if standing.used >= total:
        return _attempts_used(policy, is_new, total, standing)
    if standing.made >= daily:
        return _day_used(policy, daily, standing)
    return Call(
        is_new=is_new,
        day_index=standing.day_index,
        attempt_number=standing.attempts + 1,
        day_attempt_number=standing.made + 1,
        total_quota=total,
        day_quota=daily,
        first_no_answer_inferred=standing.inferred and not is_new,
    )


@lru_cache(maxsize=4096)
def _day_used(policy: Policy, daily: int, standing: Standing) -> Skip:
    """Kept, as thousands of records stand alike."""
    until = next_chance(policy, standing.day_index, standing.today)
    return Skip(SkipReason.DAY_QUOTA, f"{standing.made} of {daily} calls of Day {standing.day_index} made", until)


@lru_cache(maxsize=4096)
def _attempts_used(policy: Policy, is_new: bool, total: int, standing: Standing) -> Skip:
    """Kept, too."""
    detail = f"{standing.used} of {total} calls made"
    if is_new:
        return Skip(SkipReason.ATTEMPTS_USED, detail)
    if not standing.first_known:
        return Skip(SkipReason.ATTEMPTS_USED, f"{detail}; not Dead later either while First No Answer At is empty")
    until = end_of_window(policy, standing.day_index, standing.today)
    return Skip(SkipReason.ATTEMPTS_USED, f"{detail}; becomes Dead when its days are over", until)


def _skip_by_hours(facts: Facts, policy: Policy, now: datetime, chased: Standing | None) -> Skip | None:
    """Check 12. Who is `chased` may be Dead before the hours begin again."""
    if not isinstance(facts.number, PhoneNumber):
        return None
    closed = closed_at(policy, facts.number, now)
    if closed is None:
        return None
    if chased is not None and chased.first_known:
        over = end_of_window(policy, chased.day_index, chased.today)
        if over is not None and (closed.until is None or over <= closed.until):
            return Skip(SkipReason.CALLING_HOURS, f"{closed.detail}; its days are over before they begin", over)
    return Skip(SkipReason.CALLING_HOURS, closed.detail, closed.until)
