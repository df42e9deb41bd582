"""The people of a simulation, drawn from its seed: in all states, with good, bad and shared numbers."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from autodialer.domain.record import Record, RecordKey
from service.world import contact, lead, phone

_CREATED = datetime(2026, 1, 1, tzinfo=UTC)
_BAD_PHONES = ("", "not yet known", "112", "0900123456", "+40 12")
_BAD_COUNTS = (-1, "many", 99)


def people(chance: random.Random, count: int, start: datetime) -> list[Record]:
    """So many records."""
    return [_one(chance, n, start) for n in range(count)]


def _one(chance: random.Random, n: int, start: datetime) -> Record:
    key = (lead if chance.random() < 0.7 else contact)(n)
    number = phone(n) if n < 10 or chance.random() > 0.04 else phone(chance.randrange(n))
    created = _CREATED + timedelta(minutes=chance.randrange(60_000))
    record = Record(key, status="New", phone=number, created_time=created.isoformat(), modified_time="1")
    return _in_some_state(chance, _dialled_as(chance, record), start)


def _dialled_as(chance: random.Random, record: Record) -> Record:
    """How people write a number."""
    dice = chance.random()
    if dice < 0.03:
        return replace(record, phone=chance.choice(_BAD_PHONES))
    if dice < 0.08:
        return replace(record, phone=None, mobile=record.phone)
    if dice < 0.2 and record.phone:
        return replace(record, phone=f"0{record.phone[3:6]} {record.phone[6:9]} {record.phone[9:]}")
    return record


def _in_some_state(chance: random.Random, record: Record, start: datetime) -> Record:
    dice = chance.random()
    if dice < 0.5:
        return replace(
            record, status=chance.choice(("New", "New", "New", "New", " new ")), call_attempts=chance.choice((None, 0))
        )
    if dice < 0.86:
        first = start - timedelta(days=chance.randrange(5), hours=chance.randrange(1, 9))
        return replace(
            record, status="No Answer", call_attempts=chance.randrange(1, 6), first_no_answer_at=first.isoformat()
        )
    if dice < 0.9:
        return replace(record, status="No Answer", call_attempts=chance.randrange(3))
    if dice < 0.92:
        return replace(record, status="No Answer", call_attempts=chance.choice(_BAD_COUNTS))
    if dice < 0.93:
        return replace(record, status="No Answer", first_no_answer_at=(start + timedelta(days=30)).isoformat())
    if dice < 0.95:
        return replace(record, call_attempts=2)
    return replace(record, status=chance.choice(("Recruiting", "Onboarding", "Dead", "Not interested / Rejected")))


def number_of(record: Record) -> str | None:
    """As E.164, for the ways in which this population writes one."""
    digits = "".join((record.phone or record.mobile or "").split())
    return f"+40{digits[1:]}" if digits.startswith("0") else digits or None


class Quotas:
    """What rules.md allows a number on a day, for those whose days are certain: one record, which nobody edits by hand."""

    def __init__(self, records: list[Record]) -> None:
        numbers = Counter(number_of(record) for record in records)
        self._first: dict[str, datetime] = {}
        self._keys: dict[RecordKey, str] = {}
        for record in records:
            number = number_of(record)
            certain = record.status == "No Answer" and isinstance(record.first_no_answer_at, str)
            if number is not None and numbers[number] == 1 and certain:
                self._first[number] = datetime.fromisoformat(str(record.first_no_answer_at))
                self._keys[record.key] = number

    def forget(self, key: RecordKey) -> None:
        """Somebody edited the record."""
        self._first.pop(self._keys.get(key, ""), None)

    def __call__(self, number: str, at: datetime) -> int:
        first = self._first.get(number)
        if first is None:
            return 3
        return (3, 2, 2, 0)[max(0, min(3, (at.date() - first.date()).days))]
