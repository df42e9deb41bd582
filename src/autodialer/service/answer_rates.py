"""How many of the calls are answered: by the hour of the day, and by which call to a person it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from autodialer.domain.disposition import Disposition
from autodialer.ports.figures import Figure

_ENDED = frozenset(Disposition) - {Disposition.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Rate:
    """`at`: an hour of the day or the number of a call; `calls` whose end is known, and how many of them were answered."""

    at: int
    calls: int
    answered: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.answered / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class AnswerRates:
    """Of these days, both included. Hours as the clocks of the policy's zone show them; only those in which calls ended."""

    first_day: date
    last_day: date
    by_hour: Sequence[Rate] = ()
    by_attempt: Sequence[Rate] = ()


def answer_rates(figures: Sequence[Figure], first_day: date, last_day: date, zone: ZoneInfo) -> AnswerRates:
    """From the ledger's figures of these days. A call with no known end says nothing of when people answer."""
    by_hour = _rates(figures, lambda figure: _local_hour(figure, zone))
    return AnswerRates(first_day, last_day, by_hour, _rates(figures, lambda figure: figure.attempt_number))


def _rates(figures: Sequence[Figure], at: Callable[[Figure], int]) -> Sequence[Rate]:
    calls: dict[int, list[int]] = {}
    for figure in figures:
        if figure.end in _ENDED:
            both = calls.setdefault(at(figure), [0, 0])
            both[0] += figure.calls
            both[1] += figure.calls if figure.end == Disposition.ANSWERED else 0
    return [Rate(key, *calls[key]) for key in sorted(calls)]


def _local_hour(figure: Figure, zone: ZoneInfo) -> int:
    """On the day of the policy on which it was sent: in summer another one than in winter.

    That day has two dates in UTC, and between them the clocks may have changed.
    """
    day = date.fromisoformat(figure.day)
    moments = [
        datetime.combine(day + timedelta(days=n), time(figure.hour), tzinfo=UTC).astimezone(zone) for n in (0, -1, 1)
    ]
    return next((moment for moment in moments if moment.date() == day), moments[0]).hour
