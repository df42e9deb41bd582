"""What comes next for one person: the rules asked at each coming slot, as if nobody heard of anything more until then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from autodialer.domain.sentence import Sentence
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, MarkDead, Verdict

_HORIZON: Final = timedelta(days=45)  # beyond any cadence and any closure that calling hours look through


@dataclass(frozen=True, slots=True)
class Outlook:
    """`next_call_at`: the next slot at which the rules say Call; `dead_at`: the slot at which they make it Dead before that.

    Both None: not within `asked_until` as things stand. `provided`: what else must be so.
    """

    next_call_at: datetime | None
    dead_at: datetime | None
    asked_until: datetime
    provided: tuple[Sentence, ...] = ()


def look_ahead(verdict_at: Callable[[datetime], Verdict], policy: Policy, now: datetime) -> Outlook:
    """Ask at each coming slot until the answer is Call or Dead, for 45 days at most."""
    last = now
    for slot in coming_slots(policy.run_hours, now):
        verdict, last = verdict_at(slot), slot
        if isinstance(verdict, Call):
            return Outlook(slot, None, slot)
        if isinstance(verdict, MarkDead):
            return Outlook(None, slot, slot)
    return Outlook(None, None, last)


def coming_slots(run_hours: Sequence[int], now: datetime) -> list[datetime]:
    """The slots after `now`, the next one first."""
    today = now.astimezone(UTC).date()
    days = (today + timedelta(days=n) for n in range(_HORIZON.days + 1))
    slots = (datetime.combine(day, time(hour), tzinfo=UTC) for day in days for hour in sorted(run_hours))
    return [slot for slot in slots if slot > now]
