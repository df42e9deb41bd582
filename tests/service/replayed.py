"""The rules once more, written from docs/rules.md over the bare rows of the ledger: neither `decide` nor a use case is asked.

For the rules as they are by default: three calls on Day 0, two on Day 1, two on Day 2, then Dead; days and slots in UTC.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from autodialer.domain.record import Record, RecordKey
from proof.population import number_of

Row = Mapping[str, Any]
_TABLES = ("attempts", "outbox", "inbox", "staged_records", "runs", "do_not_call")
_OPEN = ("reserved", "submitting", "placed", "unknown")
_UNANSWERED = ("no_answer", "busy", "failed")
_QUOTAS = (3, 2, 2)
_JUST_NOW = timedelta(seconds=2)


@dataclass(frozen=True)
class Rows:
    """Every row, as the tables hold them."""

    attempts: list[Row]
    outbox: list[Row]
    inbox: list[Row]
    staged_records: list[Row]
    runs: list[Row]
    do_not_call: list[Row]

    @cached_property
    def calls(self) -> Mapping[object, list[Row]]:
        """The attempts of each record, and of each number."""
        found: dict[object, list[Row]] = defaultdict(list)
        for row in self.attempts:
            found[row["record_type"], row["zoho_id"]].append(row)
            found[row["number"]].append(row)
        return found

    @cached_property
    def updates(self) -> Mapping[object, list[Row]]:
        """The updates of each record, oldest first."""
        found: dict[object, list[Row]] = defaultdict(list)
        for row in sorted(self.outbox, key=lambda row: row["outbox_id"]):
            found[row["record_type"], row["zoho_id"]].append(row)
        return found


def raw_rows(ledger: Any) -> Rows:
    connection = ledger._connection
    found: dict[str, list[Row]] = {
        table: [dict(row._mapping) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608 - our own names
        for table in _TABLES
    }
    return Rows(**found)


def instant(millis: int | None) -> datetime:
    assert millis is not None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)


def is_of(row: Row, key: RecordKey) -> bool:
    return bool(row["zoho_id"] == key.zoho_id and row["record_type"] == key.record_type.value)


def dialled(record: Record) -> str | None:
    number = number_of(record)
    return number if number is not None and number.startswith("+407") and len(number) == 12 else None


@dataclass(frozen=True)
class _Person:
    """One record as the rules see it. `first` may lie in the future; `counted` is None where it can't be trusted."""

    status: str
    counted: int | None
    first: datetime | None
    attempts: list[Row]
    number: str | None
    holds: bool


def verdict(record: Record, rows: Rows, records: Mapping[RecordKey, Record], when: datetime, now: datetime) -> str:
    """The reason that the rules give at `when`, or `call`. `now`: when the CRM was looked at and the rows were read."""
    alone = _verdict(record, rows, when, now)
    if not _contends(alone):
        return alone
    number = dialled(record)
    rivals = [one for one in records.values() if dialled(one) == number and _contends(_verdict(one, rows, when, now))]
    first = min(
        rivals,
        key=lambda one: (_person(one, rows, when, now).status != "no answer", _created(one), int(one.key.zoho_id)),
    )
    return alone if first.key == record.key else "same_phone_as"


def next_slot(
    record: Record, rows: Rows, records: Mapping[RecordKey, Record], now: datetime
) -> tuple[str, datetime] | None:
    """The first slot of the coming six weeks at which it is called, or made Dead."""
    for day in range(45):
        for hour in (10, 14, 18):
            slot = datetime.combine(now.date() + timedelta(days=day), datetime.min.time(), UTC).replace(hour=hour)
            if slot > now and (found := verdict(record, rows, records, slot, now)) in ("call", "window_over"):
                return found, slot
    return None


def _contends(reason: str) -> bool:
    """Got past the do-not-call list."""
    return reason in ("call", "attempts_used", "day_quota")


def _created(record: Record) -> datetime:
    return datetime.fromisoformat(str(record.created_time))


def _person(record: Record, rows: Rows, when: datetime, now: datetime) -> _Person:
    number = dialled(record)
    mine = (record.key.record_type.value, record.key.zoho_id)
    theirs = [*rows.calls.get(mine, ()), *(rows.calls.get(number, ()) if number is not None else ())]
    each_once = {row["attempt_id"]: row for row in theirs if row["state"] != "released"}
    attempts = [_closed(row, when) for row in each_once.values()]
    updates = rows.updates.get(mine, ())
    status = _spelled(record.status)
    ours = {_spelled(row["status"]) for row in updates if row["status"]}
    counted, first = _counted(record.call_attempts), _read(record.first_no_answer_at)
    held = [row for row in attempts if row["disposition"] == "answered" and row["hold_lifted_at"] is None]
    holds = any(not is_of(row, record.key) or status in {_spelled(row["record_status"]), *ours} for row in held)
    unseen = [
        row
        for row in updates
        if row["state"] in ("pending", "parked")
        or (row["state"] == "sent" and instant(row["settled_at"]) > now - _JUST_NOW)
    ]
    if unseen:
        waiting = unseen[-1]
        over = json.loads(waiting["expected_statuses"])
        expected = {_spelled(each if isinstance(each, str) else each["ours"]) for each in over}
        expected |= {_spelled(waiting["status"])} if waiting["status"] else set()
        if waiting["status"] and status in expected:
            status = _spelled(waiting["status"])
        counted = None if counted is None else max(counted, waiting["call_attempts"] or 0)
        if waiting["first_no_answer_at"] is not None and (first is None or _spelled(record.status) in expected):
            first = instant(waiting["first_no_answer_at"])
    return _Person(status, counted, first, attempts, number, holds)


def _verdict(record: Record, rows: Rows, when: datetime, now: datetime) -> str:
    one = _person(record, rows, when, now)
    if one.status not in ("new", "no answer"):
        return "status"
    if any(row["state"] in _OPEN for row in one.attempts):
        return "open_attempt"
    if one.holds:
        return "answered_waiting"
    if one.counted is None:
        return "bad_call_attempts"
    first = one.first
    unanswered = [instant(row["submitted_at"]) for row in one.attempts if row["disposition"] in _UNANSWERED]
    if first is None and one.status == "no answer":
        first = min(unanswered, default=None)
    if first is not None and first > when + timedelta(minutes=1):
        return "first_no_answer_in_future"
    day = max(0, (when.date() - first.date()).days) if first is not None else 0
    if one.status == "no answer" and day > 2:
        return "window_over"
    total = max(len(one.attempts), one.counted)
    if one.status == "new" and (total > 0 or first is not None):
        return "new_already_called"
    return _by_number(one, rows) or _by_quota(one, day, total, first, when.date())


def _by_number(one: _Person, rows: Rows) -> str | None:
    if one.number is None:
        return "no_valid_phone"
    if any(row["number_refused"] for row in rows.calls.get(one.number, ())):
        return "number_refused"
    return "do_not_call" if any(row["number"] == one.number for row in rows.do_not_call) else None


def _by_quota(one: _Person, day: int, total: int, first: datetime | None, today: date) -> str:
    made = sum(row["policy_day"] == today.isoformat() for row in one.attempts)
    if first is not None and first.date() >= today:
        made = max(made, one.counted or 0)
    of_all, of_day = (1, 1) if one.status == "new" else (7, _QUOTAS[day])
    return "attempts_used" if total >= of_all else "day_quota" if made >= of_day else "call"


def _closed(row: Row, when: datetime) -> Row:
    """What is open when its day ends is closed as unknown (row 25)."""
    over = row["state"] in _OPEN and row["policy_day"] < when.date().isoformat()
    return {**row, "state": "ended", "disposition": "unknown"} if over else row


def _counted(value: object) -> int | None:
    if value is None:
        return 0
    is_sane = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 50
    return value if is_sane and isinstance(value, int) else None


def _read(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None


def _spelled(status: object) -> str:
    return " ".join(str(status or "").split()).casefold()


def happened(key: RecordKey, rows: Rows) -> set[tuple[datetime, str]]:
    """What of the ledger's rows is to stand in the timeline of a record that shares its number with nobody."""
    found: set[tuple[datetime, str]] = set()
    started = {row["run_id"]: instant(row["started_at"]) for row in rows.runs}
    found |= {(started[row["run_id"]], "pulled") for row in rows.staged_records if is_of(row, key)}
    mine = [row for row in rows.attempts if is_of(row, key)]
    for row in mine:
        states = (
            ("reserved_at", "reserved"),
            ("submitted_at", "submitting"),
            ("placed_at", "placed"),
            ("unknown_at", "unknown"),
        )
        found |= {(instant(row[column]), kind) for column, kind in states if row[column] is not None}
        if row["ended_at"] is not None:
            found.add((instant(row["ended_at"]), "released" if row["state"] == "released" else "ended"))
        if row["hold_lifted_at"] is not None:
            found.add((instant(row["hold_lifted_at"]), "hold_lifted"))
    sessions = {row["session_id"] for row in mine if row["session_id"]}
    found |= {(instant(row["received_at"]), "callback") for row in rows.inbox if row["session_id"] in sessions}
    for row in (row for row in rows.outbox if is_of(row, key)):
        found.add((instant(row["created_at"]), "queued"))
        kinds = {"sent": "written", "parked": "parked", "superseded": "superseded"}
        if row["settled_at"] is not None:
            found.add((instant(row["settled_at"]), kinds[row["state"]]))
            found |= {(instant(row["settled_at"]), "status_kept")} if row["status_kept"] is not None else set()
    return found
