"""Figures, and the two views over attempts."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, text

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.result import NOT_RUNG, UNCONFIRMED
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    TODAY,
    a_result,
    contact,
    elsewhere,
    ended,
    open_runs,
    person,
    placed,
    projection,
    raw_attempt,
    released,
    submitted,
    work,
)

YESTERDAY = "2026-01-12"


@pytest.fixture
def busy_day(store: SqlStore) -> SqlStore:
    """One attempt in every state, and some of yesterday."""
    open_runs(store, "run-0", "run-1")

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1, "yesterday", run_id="run-0", policy_day=YESTERDAY), at=NOW - timedelta(days=1))
        ended(ledger, person(1, attempts_before=1))
        ended(ledger, person(2), Disposition.BUSY)
        before = placed(ledger, person(3))
        result = a_result(Disposition.ANSWERED, agent_unreached=True)
        ledger.attempts.end(before, before.end(Disposition.ANSWERED, NOW), result)
        ended(ledger, person(4), Disposition.UNKNOWN)
        placed(ledger, person(5))
        submitted(ledger, person(6))
        lost = submitted(ledger, person(7), at=NOW - MINUTE)
        ledger.attempts.lose(lost, lost.lose("x", NOW))
        ledger.attempts.reserve(person(8))
        released(ledger, person(9))
        sent = submitted(ledger, person(10))
        ledger.attempts.release(sent, sent.release("refused", NOW))
        ledger.attempts.add_elsewhere(elsewhere("e-1", key=contact(1), disposition=Disposition.FAILED))

    work(store, unit)
    return store


def test_a_day_is_counted_by_how_its_calls_ended(busy_day: SqlStore) -> None:
    assert work(busy_day, lambda ledger: ledger.stats.today(TODAY)) == {
        "total_records": 8,
        "total_attempts": 8,
        "by_disposition": {"no_answer": 1, "busy": 1, "answered": 1, "failed": 1, "unknown": 2, "no_result_yet": 2},
        "agent_unreached": 1,
        "unconfirmed": 0,
        "not_rung": 0,
    }
    assert work(busy_day, lambda ledger: ledger.stats.today(YESTERDAY)) == {
        "total_records": 1,
        "total_attempts": 1,
        "by_disposition": {"no_answer": 1},
        "agent_unreached": 0,
        "unconfirmed": 0,
        "not_rung": 0,
    }
    assert work(busy_day, lambda ledger: ledger.stats.today("2026-01-14"))["total_attempts"] == 0


def test_a_record_that_was_called_twice_is_one_record(store: SqlStore) -> None:
    open_runs(store, "run-0", "run-1")

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1, "first", run_id="run-0"))
        ended(ledger, person(1, "second", attempts_before=1, day_attempts_before=1))

    work(store, unit)
    today = work(store, lambda ledger: ledger.stats.today(TODAY))
    assert (today["total_records"], today["total_attempts"]) == (1, 2)


def test_the_calls_of_a_run_are_counted_by_how_they_ended(busy_day: SqlStore) -> None:
    assert work(busy_day, lambda ledger: ledger.stats.of_run("run-1")) == {
        "no_answer": 1,
        "busy": 1,
        "answered": 1,
        "unknown": 2,
        "no_result_yet": 2,
    }
    assert work(busy_day, lambda ledger: ledger.stats.of_run("run-0")) == {"no_answer": 1}
    assert work(busy_day, lambda ledger: ledger.stats.of_run("run-9")) == {}


def test_calls_since_an_instant_are_those_that_were_sent(busy_day: SqlStore) -> None:
    def count(since: datetime) -> int:
        return work(busy_day, lambda ledger: ledger.stats.calls_since(since))

    assert count(NOW + timedelta(milliseconds=1)) == 0
    assert count(NOW) == 6
    assert count(NOW - MINUTE) == 8
    assert count(NOW - timedelta(days=2)) == 9


def test_the_work_lists_are_counted(busy_day: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(20), Disposition.ANSWERED)
        ledger.attempts.lift_holds([person(20).key], NOW)
        ledger.attempts.add_elsewhere(elsewhere("e-2", key=person(3).key, disposition=Disposition.ANSWERED))
        for number, state in enumerate(["orphan", "orphan", "applied", "conflict", "new"]):
            ledger.inbox.add(
                dedupe_key=str(number), source="provider", event_type="X", session_id=None, body="{}", at=NOW
            )
            ledger.inbox.settle(ledger.inbox.waiting(1)[0].inbox_id, state, at=NOW)
        for number in range(3):
            ledger.outbox.put(projection(person(number).key), NOW)
        ledger.outbox.park(ledger.outbox.claim(OWNER, NOW, 1, NOW)[0].outbox_id, OWNER, "bad", NOW)

    work(busy_day, unit)
    assert work(busy_day, lambda ledger: ledger.stats.work_lists()) == {
        "unknown_calls": 1,
        "answered_waiting": 1,
        "orphan_callbacks": 2,
        "conflicting_results": 1,
        "pending_updates": 2,
        "parked_updates": 1,
    }


# The two views (design.md section 5) --------------------------------------------------------------


def select_all(database: Database, statement: str) -> list[dict[str, Any]]:
    def unit(connection: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(text(statement)).mappings()]

    return database.submit(unit).result()


def test_the_views_have_exactly_the_columns_that_were_asked_for(database: Database) -> None:
    def columns(connection: Any) -> dict[str, list[str]]:
        inspector = inspect(connection)
        return {view: [column["name"] for column in inspector.get_columns(view)] for view in inspector.get_view_names()}

    assert database.submit(columns).result() == {
        "call_logs": ["zoho_id", "record_type", "call_date", "attempts_today"],
        "call_history": ["zoho_id", "record_type", "call_status", "eightx8_call_id", "timestamp"],
    }


def test_call_logs_counts_what_was_sent_per_record_and_day(busy_day: SqlStore) -> None:
    rows = select_all(busy_day.database, "SELECT * FROM call_logs")
    counted = {(row["record_type"], row["zoho_id"], row["call_date"]): row["attempts_today"] for row in rows}
    assert counted == {
        ("Lead", "1", YESTERDAY): 1,
        **{("Lead", str(number), TODAY): 1 for number in range(1, 8)},
        ("Contact", "1", TODAY): 1,
    }


def test_call_logs_adds_up_the_calls_of_a_day(database: Database) -> None:
    for number in range(3):
        raw_attempt(database, f"raw-{number}", zoho_id="5")
    raw_attempt(database, "raw-9", zoho_id="5", record_type="Contact")
    rows = select_all(database, "SELECT * FROM call_logs ORDER BY attempts_today")
    assert [(row["record_type"], row["call_date"], row["attempts_today"]) for row in rows] == [
        ("Contact", TODAY, 1),
        ("Lead", TODAY, 3),
    ]


def test_call_history_says_how_each_call_ended_and_nothing_while_that_is_unknown(busy_day: SqlStore) -> None:
    rows = select_all(busy_day.database, "SELECT * FROM call_history")
    told = {(row["record_type"], row["zoho_id"], row["timestamp"][:10]): row["call_status"] for row in rows}
    assert told == {
        ("Lead", "1", YESTERDAY): "no_answer",
        ("Lead", "1", TODAY): "no_answer",
        ("Lead", "2", TODAY): "busy",
        ("Lead", "3", TODAY): "answered",
        ("Lead", "4", TODAY): None,
        ("Lead", "5", TODAY): None,
        ("Lead", "6", TODAY): None,
        ("Lead", "7", TODAY): None,
        ("Contact", "1", TODAY): "failed",
    }
    assert {row["zoho_id"]: row["eightx8_call_id"] for row in rows if row["zoho_id"] in "56"} == {
        "5": "session of a-5",
        "6": None,
    }


def test_an_attempt_that_was_not_sent_is_in_neither_view(database: Database) -> None:
    raw_attempt(database, "raw-1", state="released", disposition=None)
    raw_attempt(database, "raw-2", state="reserved", disposition=None)
    assert select_all(database, "SELECT * FROM call_history") == []
    assert select_all(database, "SELECT * FROM call_logs") == []


def test_a_timestamp_is_iso_8601_in_utc_with_its_exact_millisecond(database: Database) -> None:
    moments = [
        datetime(2026, 1, 13, 8, 26, 58, tzinfo=UTC),
        datetime(2026, 7, 1, 0, 0, 0, 1000, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(2028, 2, 29, 12, 0, 0, 29000, tzinfo=UTC),
        datetime(2026, 1, 13, 10, 0, tzinfo=UTC).astimezone(tz=None),
        *(NOW.replace(microsecond=millisecond * 1000) for millisecond in range(0, 1000, 37)),
    ]
    for number, moment in enumerate(moments):
        raw_attempt(database, f"raw-{number}", submitted_at=moment)
    rows = select_all(database, "SELECT zoho_id, timestamp FROM call_history")
    told = {int(row["zoho_id"]): row["timestamp"] for row in rows}
    for number, moment in enumerate(moments):
        assert told[number] == moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown) for shown in told.values())


def test_every_state_is_either_sent_or_not(database: Database) -> None:
    """A state that is added must be thought of in the views."""
    sent = {"submitting", "placed", "unknown", "ended"}
    for number, state in enumerate(AttemptState):
        raw_attempt(
            database,
            f"raw-{number}",
            number=f"+40721{number:06}",
            state=state.value,
            disposition="busy" if state is AttemptState.ENDED else None,
            session_id=state.value,
        )
    rows = select_all(database, "SELECT eightx8_call_id FROM call_history")
    assert {row["eightx8_call_id"] for row in rows} == sent


def test_calls_that_nobody_confirmed_and_those_that_rang_nobody_are_counted_apart(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        told = placed(ledger, person(1))
        said = a_result(Disposition.NO_ANSWER, reason=f"{UNCONFIRMED}: voicemail")
        assert ledger.attempts.end(told, told.end(Disposition.NO_ANSWER, NOW), said)
        taken = placed(ledger, person(2))
        assert ledger.attempts.release(taken, taken.release(f"{NOT_RUNG}: -2010", NOW))
        ended(ledger, person(3), Disposition.BUSY)
        unreached = placed(ledger, person(4))
        result = a_result(Disposition.ANSWERED, agent_unreached=True)
        assert ledger.attempts.end(unreached, unreached.end(Disposition.ANSWERED, NOW), result)

    work(store, unit)
    today = work(store, lambda ledger: ledger.stats.today(TODAY))
    assert (today["unconfirmed"], today["not_rung"], today["total_attempts"]) == (1, 1, 3)
    assert work(store, lambda ledger: ledger.stats.unreached_of_run("run-1")) == 1
