"""Gathers the facts about people: the record from the CRM, the rest from the ledger."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from autodialer.domain.phone import NoNumber, PhoneNumber, choose_number
from autodialer.domain.record import CrmStatus, Record, RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, OutboxRow
from autodialer.rules.facts import Facts, PendingUpdate
from autodialer.rules.policy import Policy
from autodialer.rules.reading import tells_of_conversion
from autodialer.rules.text import normalise
from autodialer.service.history import summarise
from autodialer.service.projecting import statuses_expected

JUST_WRITTEN = timedelta(seconds=2)
"""How much earlier than the question was asked an update may have been written that the CRM's answer does not show."""


def gather_facts(
    ledger: Ledger, records: Sequence[Record], policy: Policy, now: datetime, seen_at: datetime
) -> list[Facts]:
    """The facts about each record, in order. `seen_at`: when the CRM gave these records; later write-backs overrule them."""
    numbers = {record.key: choose_number(record.phone, record.mobile, policy.default_country) for record in records}
    dialable = {number.e164 for number in numbers.values() if isinstance(number, PhoneNumber)}
    keys = [record.key for record in records]
    by_record, by_number = _index(ledger.attempts.of_people(keys, dialable))
    unseen = ledger.outbox.newest(keys, seen_at)
    called_before = [key for key in keys if key in by_record]
    our_statuses = ledger.outbox.written_statuses(called_before)
    suppressed = ledger.do_not_call.has(dialable)
    today = policy.local_date(now).isoformat()

    def known_of(record: Record, e164: str | None) -> Known:
        rows = {row.attempt_id: row for row in (*by_record.get(record.key, ()), *by_number.get(e164 or "", ()))}
        return Known(
            list(rows.values()),
            unseen.get(record.key),
            our_statuses.get(record.key, frozenset()),
            e164 in suppressed,
        )

    def facts_of(record: Record) -> Facts:
        number = numbers[record.key]
        return compose(record, number, known_of(record, e164_of(number)), policy, today)

    return [facts_of(record) for record in records]


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the ledger knows of one record: the `attempts` of it and of its number, each once; the rest as gather_facts finds it."""

    attempts: Sequence[AttemptRow]
    unseen: OutboxRow | None
    our_statuses: Collection[CrmStatus]
    do_not_call: bool


def compose(record: Record, number: PhoneNumber | NoNumber, known: Known, policy: Policy, today: str) -> Facts:
    """The facts about one record. `today`: the date in the policy's zone, YYYY-MM-DD."""
    return Facts(
        record=record,
        number=number,
        history=summarise(record, e164_of(number), known.attempts, known.our_statuses, policy, today),
        pending=_pending(record, known.unseen, policy),
        do_not_call=known.do_not_call,
    )


def is_known(ledger: Ledger, key: RecordKey) -> bool:
    """Whether it was ever pulled, called or written to."""
    return bool(ledger.attempts.of_record(key, limit=1) or ledger.staging.latest(key) or ledger.outbox.of_record(key))


def e164_of(number: PhoneNumber | NoNumber) -> str | None:
    """The number as it is dialled."""
    return None if isinstance(number, NoNumber) else number.e164


def _index(
    rows: Sequence[AttemptRow],
) -> tuple[Mapping[RecordKey, list[AttemptRow]], Mapping[str, list[AttemptRow]]]:
    by_record: dict[RecordKey, list[AttemptRow]] = defaultdict(list)
    by_number: dict[str, list[AttemptRow]] = defaultdict(list)
    for row in rows:
        by_record[row.key].append(row)
        if row.number:
            by_number[row.number].append(row)
    return by_record, by_number


def _pending(record: Record, row: OutboxRow | None, policy: Policy) -> PendingUpdate | None:
    if row is None:
        return None
    shown = normalise(record.status or "")
    ours = statuses_expected(row, policy)
    expected = record.status if shown in {normalise(status) for status in ours} else next(iter(ours), None)
    converted = row.state != "sent" and tells_of_conversion(row.last_error)
    return PendingUpdate(expected, row.status, row.call_attempts, row.first_no_answer_at, converted)
