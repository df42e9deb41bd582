"""Whom a simulation is about: people drawn from a seed, or those whom the ledger called."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.numbering import NoNumber, PhoneNumber
from autodialer.domain.phone import number_like
from autodialer.domain.record import CrmStatus, RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow
from autodialer.rules.policy import Policy
from autodialer.service.schedule import latest_slot

_PAGE = 1000
_AT_ONCE = 500
_CALLS_EACH = 20  # looked through for each person that may come
_MOST_BACKLOG_DAYS = 4


@dataclass(frozen=True, slots=True)
class Start:
    """A person as the simulation finds them at `appears_at`.

    `known`: attempts that the ledger knows from before. `recorded`: how calls ended that were made at those instants.
    """

    key: RecordKey
    number: PhoneNumber | NoNumber
    appears_at: datetime
    created_at: datetime
    kind: CrmStatus
    call_attempts: int | None = None
    first_no_answer_at: datetime | None = None
    known: tuple[AttemptRow, ...] = ()
    recorded: tuple[tuple[datetime, Disposition], ...] = ()


@dataclass(frozen=True, slots=True)
class Mix:
    """What a made-up population consists of, as shares of 1.

    `backlog`: there when it begins, the others appear as New, evenly over the days. `chased`: of the backlog, in No Answer already.
    `no_number`: neither Phone nor Mobile can be dialled. `same_number`: have the number of the one before.
    """

    backlog: float = 0.4
    chased: float = 0.5
    no_number: float = 0.02
    same_number: float = 0.01


USUAL: Final = Mix()


def made_up(seed: int, count: int, start: datetime, days: int, country: str, mix: Mix = USUAL) -> list[Start]:
    """`count` people, the same ones for the same arguments. Their numbers are nobody's that will ever be dialled."""
    chance = random.Random(f"population {seed}")  # noqa: S311 - a repeatable population, no secret
    people: list[Start] = []
    for index in range(count):
        same = people[-1].number if people and chance.random() < mix.same_number else None
        people.append(_made_up(chance, index, start, days, same or number_like(country, index), mix))
    return people


def _made_up(
    chance: random.Random, index: int, start: datetime, days: int, number: PhoneNumber | NoNumber, mix: Mix
) -> Start:
    record_type = RecordType.CONTACT if index % 3 == 2 else RecordType.LEAD  # noqa: PLR2004 - every third one
    key = RecordKey(record_type, str(1_000_000 + index))
    if chance.random() < mix.no_number:
        number = NoNumber("Phone: empty; Mobile: empty")
    if chance.random() >= mix.backlog:
        appears_at = start + days * timedelta(days=1) * chance.random()
        return Start(key, number, appears_at, appears_at, CrmStatus.NEW)
    created_at = start - timedelta(days=_MOST_BACKLOG_DAYS) * (1 + chance.random())
    if chance.random() >= mix.chased:
        return Start(key, number, start, created_at, CrmStatus.NEW)
    first = start - timedelta(days=_MOST_BACKLOG_DAYS) * chance.random()
    attempts = min(7, 1 + 2 * (start - first).days + chance.randrange(2))
    return Start(key, number, start, created_at, CrmStatus.NO_ANSWER, attempts, first)


def whom_the_ledger_called(ledger: Ledger, policy: Policy, since: datetime, until: datetime, most: int) -> list[Start]:
    """The people whom it called between these instants, at most `most` of them, each as before the first of these calls."""
    keys: dict[RecordKey, None] = {}
    for row in islice(_sent(ledger, since, until), _CALLS_EACH * most):
        keys[row.key] = None
        if len(keys) == most:
            break
    calls, earlier = _calls_of(ledger, list(keys), since, until)
    # In the order in which they appeared.
    starts = [_recorded(key, rows, earlier.get(key, ()), policy) for key, rows in calls.items()]
    return sorted(starts, key=lambda start: (start.appears_at, start.key))


def _sent(ledger: Ledger, since: datetime, until: datetime) -> Iterator[AttemptRow]:
    before = (until, "")
    while page := ledger.attempts.sent_since(since, before, _PAGE):
        yield from page
        last = page[-1]
        if len(page) < _PAGE or last.submitted_at is None:
            return
        before = (last.submitted_at, last.attempt_id)


Calls = Mapping[RecordKey, Sequence[AttemptRow]]


def _calls_of(ledger: Ledger, keys: Sequence[RecordKey], since: datetime, until: datetime) -> tuple[Calls, Calls]:
    """The calls of these people between the two instants, and those that had ended before; the oldest first."""
    calls: dict[RecordKey, list[AttemptRow]] = defaultdict(list)
    earlier: dict[RecordKey, list[AttemptRow]] = defaultdict(list)
    for begin in range(0, len(keys), _AT_ONCE):
        rows = ledger.attempts.of_people(keys[begin : begin + _AT_ONCE], ())
        sent = [(row.submitted_at, row.attempt_id, row) for row in rows if row.submitted_at is not None]
        for at, _, row in sorted(sent, key=lambda one: one[:2]):
            if since <= at < until and row.state is not AttemptState.RELEASED:
                calls[row.key].append(row)
            elif at < since and row.state is AttemptState.ENDED:
                earlier[row.key].append(row)
    return calls, earlier


def _recorded(key: RecordKey, rows: Sequence[AttemptRow], known: Sequence[AttemptRow], policy: Policy) -> Start:
    first = rows[0]
    sent_at = first.submitted_at or first.reserved_at
    number = PhoneNumber(first.number, policy.default_country) if first.number else NoNumber("the ledger knows none")
    return Start(
        key=key,
        number=number,
        appears_at=latest_slot(policy.run_hours, sent_at),
        created_at=sent_at,
        kind=CrmStatus.NEW if first.is_new else CrmStatus.NO_ANSWER,
        call_attempts=None if first.is_new else first.attempts_before,
        first_no_answer_at=first.first_no_answer_at,
        known=tuple(known),
        recorded=tuple(
            (row.submitted_at, row.disposition or Disposition.UNKNOWN) for row in rows if row.submitted_at is not None
        ),
    )
