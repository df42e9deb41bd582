"""How simulated calls end: chances by the number of the call and the hour, from recorded calls where there are enough."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from autodialer.domain.disposition import Disposition
from autodialer.ports.figures import Figure

FEWEST_CALLS: Final = 100
"""Recorded calls of one number or of one hour, below which its rate is the assumed one."""
DEFAULT_BY_ATTEMPT: Final = (0.25, 0.20, 0.18, 0.15, 0.13, 0.12, 0.10)
DEFAULT_OTHERS: Final[Mapping[Disposition, float]] = {
    Disposition.NO_ANSWER: 0.75,
    Disposition.BUSY: 0.17,
    Disposition.FAILED: 0.08,
}
_HOURS = 24
_ENDS = frozenset(end.value for end in Disposition)
_MOST_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A chance or a factor, and of how many recorded calls it is; 0 when it is assumed."""

    value: float
    calls: int = 0


@dataclass(frozen=True, slots=True)
class AnswerModel:
    """`by_attempt`: the chance that call 1, 2, … of a person is answered; the last one holds for all beyond.

    `by_hour`: a factor for each hour of the day (UTC). `others`: how calls end that are not answered, as shares of 1.
    """

    by_attempt: tuple[Rate, ...] = tuple(Rate(value) for value in DEFAULT_BY_ATTEMPT)
    by_hour: tuple[Rate, ...] = (Rate(1.0),) * _HOURS
    others: Mapping[Disposition, float] = field(default_factory=lambda: dict(DEFAULT_OTHERS))
    others_calls: int = 0

    def chance(self, attempt: int, hour: int) -> float:
        """That call number `attempt` (from 1), placed in this hour (UTC), is answered."""
        rate = self.by_attempt[min(attempt, len(self.by_attempt)) - 1].value * self.by_hour[hour].value
        return min(1.0, rate)

    def end(self, attempt: int, hour: int, first: float, second: float) -> Disposition:
        """How it ends, by two even numbers between 0 and 1."""
        if first < self.chance(attempt, hour):
            return Disposition.ANSWERED
        reached = 0.0
        for disposition, share in self.others.items():
            reached += share
            if second < reached:
                return disposition
        return Disposition.NO_ANSWER

    def fields(self) -> dict[str, object]:
        """As people and the API see it; `calls` 0: assumed."""
        return {
            "by_attempt": [{"attempt": n, **_fields(rate, "rate")} for n, rate in enumerate(self.by_attempt, 1)],
            "by_hour": [{"hour": hour, **_fields(rate, "factor")} for hour, rate in enumerate(self.by_hour)],
            "not_answered": {disposition.value: round(share, 4) for disposition, share in self.others.items()},
            "not_answered_calls": self.others_calls,
        }


def flat(rate: float) -> AnswerModel:
    """Every call has the same chance."""
    return AnswerModel(by_attempt=(Rate(rate),))


def from_history(figures: Iterable[Figure]) -> AnswerModel:
    """By recorded calls that came to an end; what fewer than 100 of them say is left as assumed."""
    counted = [figure for figure in figures if figure.end in _ENDS]
    attempts, hours = _by(counted, "attempt_number"), _by(counted, "hour")
    calls, answered = sum(one.calls for one in counted), sum(one.calls for one in counted if _is_answered(one))
    if calls < FEWEST_CALLS:
        return AnswerModel()
    overall = answered / calls
    by_attempt = _rates(attempts, overall)
    return AnswerModel(by_attempt, tuple(_factor(hours, hour, overall) for hour in range(_HOURS)), *_others(counted))


def _is_answered(one: Figure) -> bool:
    return one.end == Disposition.ANSWERED


def _by(ends: Sequence[Figure], name: str) -> Mapping[int, tuple[int, int]]:
    """(calls, answered) of each."""
    calls, answered = Counter[int](), Counter[int]()
    for one in ends:
        calls[getattr(one, name)] += one.calls
        answered[getattr(one, name)] += one.calls if _is_answered(one) else 0
    return {key: (count, answered[key]) for key, count in calls.items()}


def _rates(attempts: Mapping[int, tuple[int, int]], overall: float) -> tuple[Rate, ...]:
    """Recorded where there are enough, else the assumed ones, scaled so that they fit the recorded rate of all calls."""
    scale = overall / (sum(DEFAULT_BY_ATTEMPT) / len(DEFAULT_BY_ATTEMPT))
    found = []
    for attempt, assumed in enumerate(DEFAULT_BY_ATTEMPT, 1):
        calls, answered = attempts.get(attempt, (0, 0))
        found.append(Rate(answered / calls, calls) if calls >= FEWEST_CALLS else Rate(min(1.0, assumed * scale)))
    return tuple(found)


def _factor(hours: Mapping[int, tuple[int, int]], hour: int, overall: float) -> Rate:
    calls, answered = hours.get(hour, (0, 0))
    if calls < FEWEST_CALLS or overall == 0:
        return Rate(1.0)
    return Rate(min(_MOST_FACTOR, answered / calls / overall), calls)


def _others(ends: Sequence[Figure]) -> tuple[Mapping[Disposition, float], int]:
    counts = Counter[Disposition]()
    for one in ends:
        if not _is_answered(one):
            counts[Disposition(one.end)] += one.calls
    total = sum(counts.values())
    if total < FEWEST_CALLS:
        return dict(DEFAULT_OTHERS), 0
    return {disposition: counts[disposition] / total for disposition in Disposition if counts[disposition]}, total


def _fields(rate: Rate, name: str) -> dict[str, object]:
    return {name: round(rate.value, 4), "calls": rate.calls}
