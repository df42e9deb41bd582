"""The people of a seed: those of proof.population, made once for a process and drawn from anew by each seed."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from msgspec.structs import replace

from autodialer.domain.record import Record, RecordKey
from proof.population import number_of, people

VARIANTS = 8
RESTING = 6  # variants in which nobody is new; in every other of them those in No Answer have had their calls, too


@dataclass(frozen=True, slots=True)
class Known:
    """A record as drawn. `first`: its First No Answer At where its days are certain; `count`: what the CRM counts then."""

    record: Record
    number: str | None
    first: datetime | None
    count: int


@cache
def _pool(count: int, start: datetime) -> list[list[Known]]:
    """For each place in the population, in how many ways it may be filled."""
    variants = [people(random.Random(f"population {n}"), count, start) for n in range(VARIANTS)]
    for n in range(RESTING):
        variants[n] = [
            _resting(record, number, start) if _may_rest(record, also_chased=n % 2 == 0) else record
            for number, record in enumerate(variants[n])
        ]
    return [[_known(record) for record in ways] for ways in zip(*variants, strict=True)]


def _may_rest(record: Record, *, also_chased: bool) -> bool:
    """Who may be called in the given state: New, and those in No Answer if they are asked for."""
    if record.status is not None and record.status.strip() in ("New", "new"):
        return not record.call_attempts
    return also_chased and record.status == "No Answer" and isinstance(record.first_no_answer_at, str)


def _resting(record: Record, number: int, start: datetime) -> Record:
    """Their calls of this day, which is their first, second or third, are made."""
    day = number % 3
    first = start - timedelta(days=day, hours=1 + number % 5)
    return replace(record, status="No Answer", call_attempts=(3, 7, 7)[day], first_no_answer_at=first.isoformat())


def _known(record: Record) -> Known:
    first, count = record.first_no_answer_at, record.call_attempts
    if record.status == "No Answer" and isinstance(first, str) and isinstance(count, int) and 0 <= count <= 7:
        return Known(record, number_of(record), datetime.fromisoformat(first), count)
    return Known(record, number_of(record), None, 0)


def draw(chance: random.Random, count: int, start: datetime) -> list[Known]:
    """So many people."""
    return [ways[int(chance.random() * VARIANTS)] for ways in _pool(count, start)]


class Quotas:
    """How often rules.md lets a number ring: on a day, and at all.

    Less than the most for those whose days are certain: one record, which nobody edits by hand.
    """

    def __init__(self, people: Sequence[Known]) -> None:
        numbers = Counter([person.number for person in people])
        certain = [person for person in people if person.first is not None and numbers[person.number] == 1]
        self._certain = {person.number: person for person in certain}
        self._numbers = {person.record.key: person.number for person in certain}

    def forget(self, key: RecordKey) -> None:
        """Somebody edited the record."""
        self._certain.pop(self._numbers.get(key), None)

    def of_day(self, number: str, at: datetime) -> int:
        """On the day of that instant. On Day 0 all calls that the CRM counted before fell on that day (rules.md row 9)."""
        person = self._certain.get(number)
        if person is None or person.first is None:
            return 3
        day = (at.date() - person.first.date()).days
        return max(0, 3 - person.count) if day <= 0 else (3, 2, 2, 0)[min(3, day)]

    def of_all(self, number: str) -> int:
        """In all the three days."""
        person = self._certain.get(number)
        return 7 if person is None else 7 - person.count
