"""The CRM's side of a person as the ledger has seen it, and the edits of people that show in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from msgspec import structs

from autodialer.domain.record import Record
from autodialer.ports.rows import OutboxRow
from autodialer.rules.policy import Policy
from autodialer.rules.text import normalise
from autodialer.service.explaining.dossier import Dossier


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One look at the CRM, between `since` and `until`. `whole`: more than the status was seen. `by`: in whose course."""

    since: datetime
    until: datetime
    status: str | None
    by: str
    whole: bool = False
    call_attempts: object = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A person's change that shows in two looks.

    `field` is the CRM's; `before` is what it had to show if nobody but us had touched it.
    """

    seen_at: datetime
    not_before: datetime
    field: str
    before: object
    after: object


def glimpses(dossier: Dossier, now_shown: Record | None, number: str | None, now: datetime) -> list[Glimpse]:
    """Every look that the ledger knows of, and the present one, in the order of time."""
    found = [
        Glimpse(
            since=run.started_at,
            until=run.staged_at or run.started_at,
            status=row.status,
            by="run",
            whole=bool(row.facts),
            call_attempts=row.facts.get("call_attempts"),
            number=row.number,
        )
        for run, row in dossier.sightings
    ]
    found += [
        Glimpse(row.reserved_at, row.reserved_at, row.record_status, "last look")
        for row in dossier.attempts
        if row.key == dossier.key
    ]
    found += [
        Glimpse(row.settled_at, row.settled_at, row.status_kept, "write-back")
        for row in dossier.updates
        if row.status_kept is not None and row.settled_at is not None
    ]
    if now_shown is not None:
        count = now_shown.call_attempts
        found.append(Glimpse(now, now, now_shown.status, "now", whole=True, call_attempts=count, number=number))
    return sorted(found, key=lambda glimpse: (glimpse.since, glimpse.until))


def edits(dossier: Dossier, looks: Sequence[Glimpse], policy: Policy) -> Iterator[Edit]:
    """What differs between two looks and was not written by us."""
    statuses = [
        _Write(row, policy.label_of(row.status)) for row in dossier.updates if _may_set_status(row) and row.status
    ]
    counts = [_Write(row, row.call_attempts) for row in dossier.updates if row.call_attempts is not None]
    for before, after in _pairs(looks):
        expected = _expected(before, after, before.status, statuses)
        if _spelled(after.status) not in map(_spelled, expected):
            yield Edit(after.since, before.since, "Status", expected[0], after.status)
    for before, after in _pairs([look for look in looks if look.whole]):
        expected = _expected(before, after, before.call_attempts, counts)
        if (after.call_attempts or 0) not in [_not_below(value, before.call_attempts) for value in expected]:
            yield Edit(after.since, before.since, "Call Attempts", expected[0], after.call_attempts)
    for before, after in _pairs([look for look in looks if look.whole]):
        if before.number != after.number:
            yield Edit(after.since, before.since, "Phone", before.number, after.number)


@dataclass(frozen=True, slots=True)
class _Write:
    """An update of ours and what it says of one field."""

    row: OutboxRow
    value: object

    @property
    def sent_at(self) -> datetime | None:
        return self.row.settled_at if self.row.state == "sent" else None


def _pairs(looks: Sequence[Glimpse]) -> Iterator[tuple[Glimpse, Glimpse]]:
    return pairwise(looks)


def _expected(before: Glimpse, after: Glimpse, shown: object, writes: Sequence[_Write]) -> list[object]:
    """What the CRM may show if nobody but us touched it: what it showed, or what we wrote since, or may have been writing."""
    sent = [each.value for each in writes if each.sent_at is not None and before.since <= each.sent_at <= after.since]
    on_its_way = [
        each.value
        for each in writes
        if each.row.created_at <= after.until and (each.row.settled_at is None or each.row.settled_at > after.since)
    ]
    return [sent[-1] if sent else shown, *on_its_way]


def _may_set_status(row: OutboxRow) -> bool:
    return row.status is not None and row.status_kept is None


def _not_below(value: object, shown: object) -> object:
    """Call Attempts never go down: a greater value in the CRM stays."""
    both = (value or 0, shown or 0)
    return max(both) if all(isinstance(each, int) for each in both) else value or 0  # type: ignore[type-var]  # ints, as asked


def _spelled(status: object) -> str:
    return normalise(str(status or ""))


def record_at(dossier: Dossier, at: datetime, policy: Policy) -> tuple[Record, datetime] | None:
    """The record as the ledger last saw it before `at`, with what we wrote since; and when that was. None: never seen by then.

    What a person changed between that look and `at` nobody can know.
    """
    sighting = next(((run, row) for run, row in dossier.sightings if run.started_at <= at), None)
    if sighting is None:
        return None
    run, row = sighting
    record = Record(
        dossier.key,
        status=row.status,
        call_attempts=row.facts.get("call_attempts"),
        first_no_answer_at=row.facts.get("first_no_answer_at"),
        phone=row.number,
        created_time=None,
    )
    changes: list[tuple[datetime, dict[str, object]]] = [
        (call.reserved_at, {"status": call.record_status})
        for call in dossier.attempts
        if call.key == dossier.key and call.record_status is not None
    ]
    changes += [
        (update.settled_at, _written(update, policy))
        for update in dossier.updates
        if update.state == "sent" and update.settled_at is not None
    ]
    for moment, values in sorted(changes, key=lambda change: change[0]):
        if run.started_at < moment <= at:
            record = structs.replace(record, **values)
    return record, run.started_at


def _written(row: OutboxRow, policy: Policy) -> dict[str, object]:
    values: dict[str, object] = {}
    if row.status_kept is not None:
        values["status"] = row.status_kept
    elif row.status is not None:
        values["status"] = policy.label_of(row.status)
    if row.call_attempts is not None:
        values["call_attempts"] = row.call_attempts
    if row.first_no_answer_at is not None:
        values["first_no_answer_at"] = row.first_no_answer_at.isoformat()
    return values
