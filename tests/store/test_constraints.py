"""What may never happen is refused by the database itself, whatever code asks for it."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Column, Table, insert

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal
from autodialer.domain.record import CrmStatus, RecordType
from autodialer.ports.rows import RunKind, RunState, StagedState
from autodialer.rules.verdict import SkipReason
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.tables import attempts, inbox, outbox, runs, staged_records
from store.made import NOW, OWNER, TODAY, open_runs, phone, raw_attempt

OPEN = ("reserved", "submitting", "placed", "unknown")
SLOTS = {"record_slot": 1, "number_slot": 1, "record_day_slot": 1, "number_day_slot": 1}


def refuses(database: Database, attempt_id: str, **changes: Any) -> str:
    with pytest.raises(LedgerRefusal) as refusal:
        raw_attempt(database, attempt_id, **changes)
    return refusal.value.message


def still_open(state: str) -> dict[str, Any]:
    return {"state": state, "disposition": None, "session_id": None if state != "placed" else f"s{state}"}


def raw_run(database: Database, run_id: str, **changes: Any) -> None:
    values = {
        "run_id": run_id,
        "kind": "manual",
        "state": "finished",
        "policy_hash": "p",
        "owner": OWNER,
        "lease_until": NOW,
        "started_at": NOW,
        **changes,
    }
    database.submit(lambda connection: connection.execute(insert(runs).values(**values)).close()).result()


@pytest.mark.parametrize("second", OPEN)
@pytest.mark.parametrize("first", OPEN)
def test_a_number_has_one_open_attempt(database: Database, first: str, second: str) -> None:
    raw_attempt(database, "raw-1", **still_open(first))
    refuses(database, "raw-2", **{**still_open(second), "session_id": "another"})
    raw_attempt(database, "raw-3", **{**still_open(second), "session_id": "another"}, number=phone(2))


@pytest.mark.parametrize("state", OPEN)
def test_a_record_has_one_open_attempt(database: Database, state: str) -> None:
    raw_attempt(database, "raw-1", zoho_id="5", number=phone(1), **still_open(state))
    refuses(database, "raw-2", zoho_id="5", number=phone(2), **{**still_open(state), "session_id": "another"})
    raw_attempt(
        database,
        "raw-3",
        zoho_id="5",
        record_type="Contact",
        number=phone(2),
        **{**still_open(state), "session_id": "another"},
    )


@pytest.mark.parametrize("state", ["ended", "released"])
def test_a_closed_attempt_stands_in_nobodys_way(database: Database, state: str) -> None:
    closed = {"state": state, "disposition": "busy" if state == "ended" else None}
    for number in range(3):
        raw_attempt(database, f"raw-{number}", zoho_id="5", number=phone(1), **closed)
    raw_attempt(database, "raw-9", zoho_id="5", number=phone(1), **still_open("unknown"))


@pytest.mark.parametrize(
    ("column", "quota"),
    [("record_slot", 7), ("number_slot", 7), ("record_day_slot", 3), ("number_day_slot", 3)],
)
def test_a_slot_beyond_the_quota_does_not_exist(database: Database, column: str, quota: int) -> None:
    message = refuses(database, "raw-1", **{column: quota + 1})
    assert "quota_of_" in message
    refuses(database, "raw-1", **{column: 0})
    raw_attempt(database, "raw-1", **{column: quota})


@pytest.mark.parametrize(
    ("column", "shared"),
    [
        ("record_slot", {"zoho_id": "5"}),
        ("record_day_slot", {"zoho_id": "5"}),
        ("number_slot", {"number": phone(5)}),
        ("number_day_slot", {"number": phone(5)}),
    ],
)
def test_two_attempts_never_share_a_slot(database: Database, column: str, shared: dict[str, str]) -> None:
    raw_attempt(database, "raw-1", **{"number": phone(1), column: 2, **shared})
    refuses(database, "raw-2", **{"number": phone(2), column: 2, **shared})
    raw_attempt(database, "raw-2", **{"number": phone(2), column: 3, **shared})
    raw_attempt(database, "raw-3", **{"number": phone(3), column: 2})  # somebody else's


def test_the_slots_of_a_day_are_there_again_the_next_day(database: Database) -> None:
    one = {"zoho_id": "5", "record_day_slot": 1, "number_day_slot": 1}
    raw_attempt(database, "raw-1", **one)
    refuses(database, "raw-2", **one)
    raw_attempt(database, "raw-2", policy_day="2026-01-14", **one)


@pytest.mark.parametrize("missing", SLOTS)
@pytest.mark.parametrize("state", [*OPEN, "ended"])
def test_a_call_of_ours_takes_all_its_slots(database: Database, store: SqlStore, state: str, missing: str) -> None:
    open_runs(store, "run-1")
    row = still_open(state) if state != "ended" else {}
    assert "ours_takes_slots" in refuses(database, "raw-1", run_id="run-1", **row, **{**SLOTS, missing: None})
    raw_attempt(database, "raw-1", run_id="run-1", **row, **SLOTS)


def test_a_released_call_of_ours_needs_no_slots(database: Database, store: SqlStore) -> None:
    open_runs(store, "run-1")
    raw_attempt(database, "raw-1", run_id="run-1", state="released", disposition=None)


def test_a_run_calls_a_record_once(database: Database, store: SqlStore) -> None:
    open_runs(store, "run-1", "run-2")
    second = {"record_slot": 2, "number_slot": 2, "record_day_slot": 2, "number_day_slot": 2}
    raw_attempt(database, "raw-1", run_id="run-1", zoho_id="5", **SLOTS)
    refuses(database, "raw-2", run_id="run-1", zoho_id="5", **second)
    raw_attempt(database, "raw-2", run_id="run-1", zoho_id="5", state="released", disposition=None)
    raw_attempt(database, "raw-3", run_id="run-2", zoho_id="5", **second)


def test_an_attempt_belongs_to_a_run_that_exists(database: Database) -> None:
    refuses(database, "raw-1", run_id="no such run", **SLOTS)


def test_a_call_of_ours_has_a_number(database: Database, store: SqlStore) -> None:
    open_runs(store, "run-1")
    assert "ours_has_number" in refuses(database, "raw-1", run_id="run-1", number=None, **SLOTS)
    raw_attempt(database, "raw-1", number=None)


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("end_has_disposition", {"disposition": None}),
        ("end_has_disposition", {"state": "unknown"}),
        ("end_has_disposition", {"state": "released"}),
        ("placed_has_session", {"state": "placed", "disposition": None}),
        ("sent_has_intent", {"submitted_at": None}),
        ("sent_has_intent", {"state": "submitting", "disposition": None, "submitted_at": None}),
        ("sent_has_intent", {"state": "placed", "disposition": None, "submitted_at": None, "session_id": "s"}),
        ("sent_has_intent", {"state": "unknown", "disposition": None, "submitted_at": None}),
        ("state", {"state": "ringing", "disposition": None}),
        ("record_type", {"record_type": "Account"}),
        ("disposition", {"disposition": "voicemail"}),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(database: Database, constraint: str, changes: dict[str, Any]) -> None:
    assert f"ck_attempts_{constraint}" in refuses(database, "raw-1", **changes)
    raw_attempt(database, "raw-1")


def test_two_attempts_never_share_an_id_or_a_session(database: Database) -> None:
    raw_attempt(database, "raw-1", session_id="s-1")
    refuses(database, "raw-2", session_id="s-1")
    refuses(database, "raw-1", session_id="s-2")


@pytest.mark.parametrize("column", ["owner", "policy_day", "is_new", "attempts_before", "total_quota", "reserved_at"])
def test_what_every_attempt_has_is_never_missing(database: Database, column: str) -> None:
    refuses(database, "raw-1", **{column: None})


@pytest.mark.parametrize(("first", "second"), [("staging", "staging"), ("staging", "dialing"), ("dialing", "dialing")])
def test_one_run_is_open(database: Database, first: str, second: str) -> None:
    for number, closed in enumerate(["finished", "stopped", "skipped"]):
        raw_run(database, f"closed-{number}", state=closed)
    raw_run(database, "run-1", state=first)
    with pytest.raises(LedgerRefusal):
        raw_run(database, "run-2", state=second)


def test_a_slot_has_one_run(database: Database) -> None:
    raw_run(database, "run-1", slot=NOW, kind="scheduled")
    with pytest.raises(LedgerRefusal):
        raw_run(database, "run-2", slot=NOW, kind="scheduled", state="skipped")
    raw_run(database, "run-2", slot=NOW + timedelta(hours=4), kind="scheduled")
    raw_run(database, "manual-1")
    raw_run(database, "manual-2")


@pytest.mark.parametrize("changes", [{"state": "paused"}, {"kind": "automatic"}])
def test_a_run_has_a_known_state_and_kind(database: Database, changes: dict[str, str]) -> None:
    with pytest.raises(LedgerRefusal):
        raw_run(database, "run-1", **changes)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (
            staged_records,
            {"run_id": "r", "record_type": "Lead", "zoho_id": "1", "sort_key": "1", "state": "dialled"},
        ),
        (inbox, {"dedupe_key": "d", "source": "mission", "body": "{}", "received_at": NOW, "state": "lost"}),
        (
            outbox,
            {
                "record_type": "Lead",
                "zoho_id": "1",
                "cause": "result",
                "expected_statuses": "[]",
                "next_try_at": NOW,
                "created_at": NOW,
                "state": "dropped",
            },
        ),
    ],
)
def test_a_state_that_nobody_knows_is_refused(database: Database, table: Table, row: dict[str, Any]) -> None:
    with pytest.raises(LedgerRefusal, match=f"ck_{table.name}_state"):
        database.submit(lambda connection: connection.execute(insert(table).values(**row)).close()).result()


def test_a_record_has_one_update_that_waits(database: Database) -> None:
    def put(state: str) -> None:
        row = {
            "record_type": "Lead",
            "zoho_id": "1",
            "cause": "result",
            "expected_statuses": "[]",
            "next_try_at": NOW,
            "created_at": NOW,
            "state": state,
        }
        database.submit(lambda connection: connection.execute(insert(outbox).values(**row)).close()).result()

    put("sent")
    put("superseded")
    put("parked")
    for state in ("pending", "parked"):
        with pytest.raises(LedgerRefusal):
            put(state)
    put("sent")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (attempts.c.state, AttemptState),
        (attempts.c.disposition, Disposition),
        (attempts.c.record_type, RecordType),
        (staged_records.c.record_type, RecordType),
        (staged_records.c.state, StagedState),
        (staged_records.c.reason, SkipReason),
        (outbox.c.status, CrmStatus),
        (runs.c.state, RunState),
        (runs.c.kind, RunKind),
    ],
)
def test_every_word_fits_its_column(column: Column[Any], words: type[StrEnum]) -> None:
    """PostgreSQL refuses what is longer, SQLite does not."""
    assert max(len(word.value) for word in words) <= getattr(column.type, "length", 0)


def test_a_day_is_written_as_a_date(database: Database) -> None:
    raw_attempt(database, "raw-1", policy_day=TODAY)
    assert len(TODAY) == getattr(attempts.c.policy_day.type, "length", 0)
