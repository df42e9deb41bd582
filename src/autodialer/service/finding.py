"""Looks for people: by Zoho id, by phone number however it is written, by its last digits, by name.

The ledger is asked first. It holds no names: those are asked of the CRM, live, each time, and kept nowhere.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.domain.phone import PhoneNumber, choose_number, read_number, spellings
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, Staged
from autodialer.service.means import Means
from autodialer.service.patience import unless_failing
from autodialer.service.people import is_known
from autodialer.service.upstreams import ZOHO

MOST: Final = 50
_MOST_NAMED: Final = 200  # of each module: as many as one credit gives
_FEWEST_DIGITS: Final = 4
_ID_DIGITS: Final = 20
_MOST_WORDS: Final = 6  # of a name: two comparisons each, and a query takes 25
_FEWEST_LETTERS: Final = 2
_RECENT: Final = timedelta(days=7)
_IN_NAMES: Final = " -.'"
_GROUPING: Final = str.maketrans("", "", " .-/()[]+")


class Way(StrEnum):
    """As what the question was understood."""

    ID = "id"
    NUMBER = "number"
    DIGITS = "digits"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """`name` only where the CRM was asked; `number` as it is dialled. `called_at`, `ended_as`: the newest call of the record."""

    key: RecordKey
    name: str | None
    status: str | None
    number: str | None
    called_at: datetime | None
    ended_as: Disposition | None
    in_crm: bool


@dataclass(frozen=True, slots=True)
class People:
    """`has_more`: there are more than are shown. `crm_error`: why Zoho could not be asked; what the ledger knows is here."""

    found: tuple[FoundPerson, ...]
    ways: tuple[Way, ...]
    has_more: bool = False
    crm_error: str | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    zoho_id: str | None
    number: PhoneNumber | None
    digits: str | None
    words: tuple[str, ...]

    @property
    def ways(self) -> tuple[Way, ...]:
        asked = {Way.ID: self.zoho_id, Way.NUMBER: self.number, Way.DIGITS: self.digits, Way.NAME: self.words}
        return tuple(way for way, what in asked.items() if what)


class PeopleFinder:
    """Answers /api/people and the console's search."""

    def __init__(self, means: Means) -> None:
        self._m = means

    async def find(self, text: str, *, whole: bool = False) -> People:
        """Up to 50 people. Costs the CRM nothing where the text can't be anybody, else one or two queries of each module.

        `whole`: only whole numbers and whole words of names find somebody, for those who may see neither: with a part of them they
        could guess the rest bit by bit.
        """
        question = read_question(text, self._m.policy.default_country)
        if whole:
            question = replace(question, digits=None)
        keys = await self._m.store.read(lambda ledger: _known_keys(ledger, question))
        try:
            asked = self._ask_crm(question, keys[: MOST + 1], whole=whole)
            records, error = await unless_failing(asked, self._m.upstreams.get(ZOHO)), None
        except CrmError as problem:
            records, error = {}, problem.message
        everybody = list(dict.fromkeys([*keys, *records]))
        found = await self._described(everybody[:MOST], records)
        return People(tuple(found), question.ways, len(everybody) > MOST, error)

    async def recent(self) -> People:
        """The people called last, the latest first. Nothing is asked of the CRM."""
        since = self._m.clock.now() - _RECENT
        rows = await self._m.store.read(lambda ledger: ledger.attempts.sent_since(since, None, 4 * MOST))
        keys = list(dict.fromkeys(row.key for row in rows))
        return People(tuple(await self._described(keys[:MOST], {})), (), len(keys) > MOST)

    async def _ask_crm(
        self, question: _Question, keys: Sequence[RecordKey], *, whole: bool
    ) -> Mapping[RecordKey, Record]:
        """Whom the ledger knows as the CRM has them now, and whom it does not know."""
        crm = self._m.crm
        wanted = list(keys)
        if question.zoho_id is not None:
            wanted += [RecordKey(record_type, question.zoho_id) for record_type in RecordType]
        found = dict(await crm.look(wanted)) if wanted else {}
        if question.number is not None and not keys:
            found |= {record.key: record for record in await crm.find_numbered(spellings(question.number), MOST + 1)}
        if question.words:
            named = await crm.find_named(question.words, _MOST_NAMED)
            # A sign of the language of queries must not find what does not hold it.
            found |= {record.key: record for record in named if _is_named(record, question.words, whole=whole)}
        return found

    async def _described(self, keys: Sequence[RecordKey], records: Mapping[RecordKey, Record]) -> list[FoundPerson]:
        calls, seen = await self._m.store.read(lambda ledger: (_calls_of(ledger, keys), ledger.staging.latest_of(keys)))
        return [self._person(key, records.get(key), calls[key], seen.get(key)) for key in keys]

    def _person(
        self, key: RecordKey, record: Record | None, calls: Sequence[AttemptRow], seen: Staged | None
    ) -> FoundPerson:
        newest = _newest(calls)
        number = record and choose_number(record.phone, record.mobile, self._m.policy.default_country)
        return FoundPerson(
            key=key,
            name=record.name if record is not None else None,
            status=record.status if record is not None else seen.status if seen else None,
            number=number.e164 if isinstance(number, PhoneNumber) else _last_number(calls, seen),
            called_at=newest.submitted_at if newest is not None else None,
            ended_as=newest.disposition if newest is not None else None,
            in_crm=record is not None,
        )


def read_question(text: str, default_country: str) -> _Question:
    """What `text` may be; it can be several things at once."""
    text = unicodedata.normalize("NFC", text)
    digits = text.strip().translate(_GROUPING)
    if digits.isascii() and digits.isdecimal():
        is_id = text.strip().isdecimal() and len(digits) <= _ID_DIGITS
        number = read_number(text, default_country)
        return _Question(
            zoho_id=digits if is_id else None,
            number=number if isinstance(number, PhoneNumber) else None,
            digits=digits if _FEWEST_DIGITS <= len(digits) < _ID_DIGITS else None,
            words=(),
        )
    cleaned = "".join(sign if sign.isalnum() or sign in _IN_NAMES else " " for sign in text)
    words = tuple(cleaned.split())[:_MOST_WORDS]
    is_name = sum(sign.isalpha() for sign in cleaned) >= _FEWEST_LETTERS
    return _Question(None, None, None, words if is_name else ())


def _known_keys(ledger: Ledger, question: _Question) -> list[RecordKey]:
    keys: list[RecordKey] = []
    if question.zoho_id is not None:
        both = [RecordKey(record_type, question.zoho_id) for record_type in RecordType]
        keys += [key for key in both if is_known(ledger, key)]
    newest = ledger.runs.latest_pulled()
    if question.number is not None:
        keys += [row.key for row in ledger.attempts.of_number(question.number.e164)]
        if newest is not None:
            keys += ledger.staging.of_number(newest.run_id, question.number.e164)
    if question.digits is not None and newest is not None:
        keys += _ending_with(ledger, newest.run_id, question.digits)
    return list(dict.fromkeys(keys))


def _ending_with(ledger: Ledger, run_id: str, digits: str) -> list[RecordKey]:
    """As they were typed; else without a 0 in front, which numbers have within their country alone."""
    found = ledger.staging.ending_with(run_id, digits, MOST + 1)
    if not found and digits.startswith("0") and len(digits) > _FEWEST_DIGITS:
        found = ledger.staging.ending_with(run_id, digits[1:], MOST + 1)
    return [key for key, _ in found]


def _calls_of(ledger: Ledger, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Sequence[AttemptRow]]:
    """Oldest first."""
    found: dict[RecordKey, list[AttemptRow]] = {key: [] for key in keys}
    for row in sorted(ledger.attempts.of_people(keys, ()), key=lambda row: (row.reserved_at, row.attempt_id)):
        found[row.key].append(row)
    return found


def _newest(calls: Sequence[AttemptRow]) -> AttemptRow | None:
    sent = [row for row in calls if row.submitted_at is not None and row.state is not AttemptState.RELEASED]
    return max(sent, key=lambda row: (row.submitted_at or row.reserved_at, row.attempt_id), default=None)


def _last_number(calls: Sequence[AttemptRow], seen: Staged | None) -> str | None:
    return (seen and seen.number) or next((row.number for row in reversed(calls) if row.number), None)


def _is_named(record: Record, words: Sequence[str], *, whole: bool) -> bool:
    name = (record.name or "").casefold()
    held: Collection[str] = re.split(r"[^\w']+", name) if whole else name
    return all(word.casefold() in held for word in words)
