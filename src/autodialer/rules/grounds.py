"""The figures that a verdict rests on, for people's eyes: the same reading of the facts that `decide` works with."""

from dataclasses import dataclass
from datetime import datetime

from autodialer.domain.record import CrmStatus
from autodialer.rules.cadence import day_quota
from autodialer.rules.eligibility import Standing, effective_kind, read_standing
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Grounds:
    """`attempts`: the greatest of ledger, CRM and outbox (rules.md row 9), `attempts_today` the same of the policy's date.

    All are None where the record's own data can't be trusted or its status is not called; `day_index` and `day_quota` also
    for New, which has no days yet.
    """

    attempts: int | None = None
    attempts_today: int | None = None
    total_quota: int | None = None
    day_index: int | None = None
    day_quota: int | None = None


_NONE = Grounds()


def grounds_of(facts: Facts, policy: Policy, now: datetime) -> Grounds:
    """What the checks of `decide` counted for this person at `now`."""
    kind = effective_kind(facts, policy)
    if kind is None or kind is CrmStatus.DEAD:
        return _NONE
    standing = read_standing(facts, kind, policy, now)
    if not isinstance(standing, Standing):
        return _NONE
    if kind is CrmStatus.NEW:
        return Grounds(standing.attempts, standing.made, policy.new_quota)
    index = standing.day_index
    return Grounds(standing.attempts, standing.made, policy.total_quota, index, day_quota(policy, index))
