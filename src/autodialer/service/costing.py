"""What a run will take: calls, minutes, Zoho's credits; with what is assumed of a call's length, and from where."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow

DEFAULT_CALL_SECONDS = 45.0
"""How long a call is taken to hold its line while this ledger knows of too few: 25 s of ringing, a few conversations."""
FEWEST_CALLS = 30
_RECENT = timedelta(days=30)
_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class CallLength:
    """How long a call holds its line, in seconds on average. `calls`: of how many; 0 when it is only assumed."""

    seconds: float = DEFAULT_CALL_SECONDS
    calls: int = 0

    @property
    def source(self) -> str:
        """Where it is from: history or default."""
        return "history" if self.calls else "default"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls can be placed: CALLS_PER_SECOND, and the lines (MAX_CONCURRENT_CALLS) that calls of this length leave free."""

    calls_per_second: float
    lines: int
    length: CallLength

    @property
    def per_second(self) -> float:
        """Calls per second that go on for long."""
        return min(self.calls_per_second, self.lines / self.length.seconds)

    @property
    def bound_by(self) -> str:
        """What holds more calls back: pace or lines."""
        return "pace" if self.calls_per_second <= self.lines / self.length.seconds else "lines"

    def seconds_until(self, calls: int) -> float:
        """From the first call until call number `calls` (from 0) is placed: at the pace, then as lines come free."""
        if self.bound_by == "pace":
            return calls / self.calls_per_second
        rounds, place = divmod(calls, self.lines)
        return rounds * self.length.seconds + place / self.calls_per_second

    def dialing(self, calls: int) -> timedelta:
        """From the first call to the last."""
        return timedelta(seconds=self.seconds_until(calls - 1) if calls > 0 else 0.0)

    def whole(self, calls: int) -> timedelta:
        """From the first call to the last result."""
        return self.dialing(calls) + timedelta(seconds=self.length.seconds if calls > 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run. `plan_credits`: what looking cost; it is not part of `zoho_credits`, which such a run would need."""

    calls: int
    pace: Pace
    zoho_credits: int
    plan_credits: int

    def fields(self) -> dict[str, object]:
        """As people and the API see it."""
        pace = self.pace
        return {
            "calls": self.calls,
            "dialing_minutes": _minutes(pace.dialing(self.calls)),
            "minutes_to_last_result": _minutes(pace.whole(self.calls)),
            "calls_per_second": pace.calls_per_second,
            "lines": pace.lines,
            "bound_by": pace.bound_by,
            "call_seconds": round(pace.length.seconds, 1),
            "call_seconds_from": pace.length.source,
            "call_seconds_sample": pace.length.calls,
            "zoho_credits": self.zoho_credits,
            "plan_credits": self.plan_credits,
        }


def call_length(ledger: Ledger, now: datetime, result_timeout: float) -> CallLength:
    """By the newest thousand calls of the last 30 days, when at least 30 of them ended.

    A line is never taken to be held longer than `result_timeout` seconds.
    """
    rows = ledger.attempts.sent_since(now - _RECENT, None, _SAMPLE)
    held = [min(result_timeout, seconds) for row in rows if (seconds := _seconds(row)) is not None]
    if len(held) < FEWEST_CALLS:
        return CallLength()
    return CallLength(max(1.0, sum(held) / len(held)), len(held))


def _seconds(row: AttemptRow) -> float | None:
    ended = row.state is AttemptState.ENDED and row.disposition is not Disposition.UNKNOWN
    if row.run_id is None or not ended or row.submitted_at is None or row.ended_at is None:
        return None
    return max(0.0, (row.ended_at - row.submitted_at).total_seconds())


def _minutes(time: timedelta) -> float:
    return round(time.total_seconds() / 60, 1)
