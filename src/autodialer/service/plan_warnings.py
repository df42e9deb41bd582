"""What about a planned run somebody should know before it starts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from autodialer.domain.sentence import Sentence
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import SkipReason
from autodialer.service.costing import Cost
from autodialer.service.schedule import next_slot
from autodialer.service.staging import Pulled

_MANY_TO_REPAIR = 0.1  # of all records
_TO_REPAIR = frozenset(reason.value for reason in SkipReason if reason.needs_repair)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A plan's figures. `credits_left` of Zoho's, of which `credits_kept` are for writing results back."""

    now: datetime
    pulled: Pulled
    totals: Mapping[str, object]
    cost: Cost
    credits_left: int
    credits_kept: int
    confirm: bool

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many records for each reason."""
        found = self.totals["reasons"]
        return found if isinstance(found, Mapping) else {}

    @property
    def to_repair(self) -> int:
        """Records whose data somebody should correct."""
        return sum(count for reason, count in self.reasons.items() if reason in _TO_REPAIR)


def warnings_about(plan: Outlook, policy: Policy) -> list[Sentence]:
    """One sentence each; none for an ordinary run."""
    return [*_dead(plan, policy), *_time(plan, policy), *_credits(plan), *_repair(plan), *_nobody(plan)]


def _dead(plan: Outlook, policy: Policy) -> Iterator[Sentence]:
    held = plan.pulled.dead_held_back
    if held:
        yield Sentence(
            "{count} records would become {dead}, but a run makes at most {limit} so: {held} are held back for the next run. "
            "Look at them first; --confirm lifts the limit.",
            {
                "count": held + policy.max_dead(plan.pulled.records),
                "dead": policy.dead_status,
                "limit": policy.max_dead(plan.pulled.records),
                "held": held,
            },
        )
    dead = plan.totals["marked_dead"]
    limit = policy.max_dead(plan.pulled.records)
    if plan.confirm and isinstance(dead, int) and dead > limit:
        yield Sentence(
            "{count} records would become {dead}, more than the {limit} that a run makes so without --confirm.",
            {"count": dead, "dead": policy.dead_status, "limit": limit},
        )


def _time(plan: Outlook, policy: Policy) -> Iterator[Sentence]:
    lasts, slot = plan.cost.pace.dialing(plan.cost.calls), next_slot(policy.run_hours, plan.now)
    if plan.now + lasts > slot:
        yield Sentence(
            "Placing {calls} calls would take {minutes} minutes, until after the next run at {slot}, which would be skipped.",
            {"calls": plan.cost.calls, "minutes": round(lasts.total_seconds() / 60), "slot": slot},
        )
    if policy.local_date(plan.now + lasts) != policy.local_date(plan.now):
        yield Sentence(
            "Placing {calls} calls would last beyond midnight in {zone}, when the run ends: the last of them are not made.",
            {"calls": plan.cost.calls, "zone": policy.timezone},
        )


def _credits(plan: Outlook) -> Iterator[Sentence]:
    for_runs = max(0, plan.credits_left - plan.credits_kept)
    if plan.cost.zoho_credits > for_runs:
        yield Sentence(
            "The run needs about {needed} of Zoho's credits and {left} are left for runs in these 24 hours: it would stop early.",
            {"needed": plan.cost.zoho_credits, "left": for_runs},
        )


def _repair(plan: Outlook) -> Iterator[Sentence]:
    if plan.to_repair > _MANY_TO_REPAIR * max(1, plan.pulled.records):
        yield Sentence(
            "{count} of {records} records are not called because their data needs repair in Zoho.",
            {"count": plan.to_repair, "records": plan.pulled.records},
        )


def _nobody(plan: Outlook) -> Iterator[Sentence]:
    closed = plan.reasons.get(SkipReason.CALLING_HOURS.value, 0)
    if closed and not plan.cost.calls:
        yield Sentence(
            "Nobody would be called now: it is outside the calling hours of all {count} who would be due.",
            {"count": closed},
        )
