"""What came of simulated days: sums, loads, and for each person what was done and why."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey
from autodialer.rules.policy import Policy
from autodialer.service.budget import Load, credits_needed, together_at
from autodialer.service.costing import Pace


class Did(StrEnum):
    """What a simulated run did with a record."""

    CALL = "call"
    SKIP = "skip"
    MARK_DEAD = "mark_dead"


class Fate(StrEnum):
    """How somebody stands at the end."""

    REACHED = "reached"  # answered a call
    DEAD = "dead"  # lost
    CHASED = "chased"  # called, not reached, not given up
    NOT_CALLED = "not_called"


class Entry(NamedTuple):
    """One decision of the run of `slot` about one person, and how the call ended if there was one."""

    slot: datetime
    at: datetime
    did: Did
    reason: str
    detail: str
    end: Disposition | None = None


@dataclass(slots=True)
class DayTotals:
    """One date of the policy's zone."""

    runs: int = 0
    calls: int = 0
    answered: int = 0
    dead: int = 0
    credits: int = 0


class Tally:
    """The books of one simulation. A skip is noted when it is not the same as the one before."""

    def __init__(self, policy: Policy, pace: Pace) -> None:
        self._policy = policy
        self._pace = pace
        self.log: dict[RecordKey, list[Entry]] = defaultdict(list)
        self.days: dict[date, DayTotals] = defaultdict(DayTotals)
        self.by_hour: Counter[int] = Counter()
        self.answered_by_hour: Counter[int] = Counter()
        self.by_attempt: Counter[int] = Counter()
        self.answered_by_attempt: Counter[int] = Counter()
        self.ends: Counter[Disposition] = Counter()
        self.skips: Counter[str] = Counter()
        self.slots: set[datetime] = set()
        self.skipped_slots: list[datetime] = []
        self.people: Sequence[RecordKey] = ()
        self._load: Counter[datetime] = Counter()
        self._pulled = self._calls = self._dead = 0
        self._slot = datetime.min.replace(tzinfo=UTC)

    def begin(self, slot: datetime, pulled: int) -> None:
        """A run has pulled so many records."""
        self.slots.add(slot)
        self._slot, self._pulled, self._calls, self._dead = slot, pulled, 0, 0

    def call(self, attempt: int, at: datetime, end: Disposition) -> None:
        """A call was placed."""
        answered = end is Disposition.ANSWERED
        hour = at.replace(minute=0, second=0, microsecond=0)
        self._calls += 1
        self._load[hour] += 1
        self.by_hour[hour.hour] += 1
        self.by_attempt[attempt] += 1
        self.ends[end] += 1
        self.answered_by_hour[hour.hour] += answered
        self.answered_by_attempt[attempt] += answered
        day = self.days[self._policy.local_date(at)]
        day.calls += 1
        day.answered += answered

    def note(self, key: RecordKey, entry: Entry) -> None:
        """What was done with one person."""
        log = self.log[key]
        if entry.did is Did.SKIP:
            self.skips[entry.reason] += 1
            if log and (log[-1].did, log[-1].reason) == (Did.SKIP, entry.reason):
                return
        elif entry.did is Did.MARK_DEAD:
            self._dead += 1
            self.days[self._policy.local_date(entry.at)].dead += 1
        log.append(entry)

    def end(self) -> None:
        """The run is over."""
        load = Load(self._pulled, self._calls, self._dead, together=together_at(self._pace.calls_per_second))
        day = self.days[self._policy.local_date(self._slot)]
        day.runs += 1
        day.credits += credits_needed(load)

    def skipped_slot(self, slot: datetime) -> None:
        """A run was due while the one before was still going (rules.md row 19)."""
        self.skipped_slots.append(slot)

    def close(self, people: Sequence[RecordKey]) -> None:
        """Whom it was about."""
        self.people = people

    def fate(self, key: RecordKey) -> Fate:
        """How this person stands at the end."""
        log = self.log.get(key, ())
        calls = [entry for entry in log if entry.did is Did.CALL]
        if any(entry.end is Disposition.ANSWERED for entry in calls):
            return Fate.REACHED
        if any(entry.did is Did.MARK_DEAD for entry in log):
            return Fate.DEAD
        return Fate.CHASED if calls else Fate.NOT_CALLED

    def fates(self) -> Mapping[Fate, int]:
        """How many people of each."""
        found = Counter(self.fate(key) for key in self.people)
        return {fate: found[fate] for fate in Fate}

    def totals(self) -> dict[str, int | float]:
        """The sums."""
        fates, calls = self.fates(), sum(self.by_hour.values())
        reached = fates[Fate.REACHED]
        credits_ = [day.credits for day in self.days.values()]
        return {
            "people": len(self.people),
            "runs": sum(day.runs for day in self.days.values()),
            "runs_skipped": len(self.skipped_slots),
            "calls": calls,
            "answered": self.ends[Disposition.ANSWERED],
            "reached": reached,
            "lost_to_dead": fates[Fate.DEAD],
            "chased": fates[Fate.CHASED],
            "not_called": fates[Fate.NOT_CALLED],
            "calls_per_reached": round(calls / reached, 2) if reached else 0.0,
            "most_calls_in_an_hour": max(self._load.values(), default=0),
            "most_calls_in_a_day": max((day.calls for day in self.days.values()), default=0),
            "line_minutes": round(calls * self._pace.length.seconds / 60, 1),
            "zoho_credits": sum(credits_),
            "most_zoho_credits_in_a_day": max(credits_, default=0),
        }

    def entries(self) -> Iterator[tuple[RecordKey, Entry]]:
        """Everything that was done, person after person."""
        for key in self.people:
            for entry in self.log.get(key, ()):
                yield key, entry
