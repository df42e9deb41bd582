"""Rows for the tests of the store, with what does not matter filled in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from msgspec import structs
from sqlalchemy import insert

from autodialer.domain.attempt import Ended, PlacedCall, Reserved, Submitting
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.result import CallResult
from autodialer.ports.rows import CallElsewhere, Projection, Reservation, Run, RunKind, RunState, Staged, StagedState
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import attempts

T = TypeVar("T")

NOW = datetime(2026, 1, 13, 10, 0, 0, 123000, tzinfo=UTC)
TODAY = "2026-01-13"
OWNER = "host:1:aaaa"
Replicas = tuple[Database, Database]
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def work(store: SqlStore, unit: Callable[[SqlLedger], T]) -> T:
    """Run one committed transaction."""
    return on(store.database, unit)


def on(database: Database, unit: Callable[[SqlLedger], T]) -> T:
    """The same on a database."""
    return database.submit(lambda connection: unit(SqlLedger(connection))).result()


def lead(number: int = 1) -> RecordKey:
    return RecordKey(RecordType.LEAD, str(number))


def contact(number: int = 1) -> RecordKey:
    return RecordKey(RecordType.CONTACT, str(number))


def phone(number: int = 1) -> str:
    return f"+4072100{number:04}"


def a_run(run_id: str = "run-1", **changes: Any) -> Run:
    run = Run(
        run_id=run_id,
        kind=RunKind.MANUAL,
        slot=None,
        state=RunState.STAGING,
        confirm=False,
        policy_hash="p",
        owner=OWNER,
        started_at=NOW,
    )
    return replace(run, **changes)


def open_runs(store: SqlStore, *run_ids: str) -> None:
    """Runs that stand in the ledger; all but the last are finished."""

    def unit(ledger: SqlLedger) -> None:
        for number, run_id in enumerate(run_ids):
            before = ledger.runs.current()
            if before is not None:
                ledger.runs.advance(before.run_id, OWNER, RunState.FINISHED, NOW)
            ledger.runs.open(a_run(run_id, started_at=NOW + number * MINUTE), NOW + MINUTE)

    work(store, unit)


def reservation(attempt_id: str = "a-1", **changes: Any) -> Reservation:
    wanted = Reservation(
        attempt_id=attempt_id,
        run_id="run-1",
        key=lead(),
        number=phone(),
        owner=OWNER,
        reserved_at=NOW,
        lease_until=NOW + 3 * MINUTE,
        is_new=False,
        record_status="No Answer",
        attempts_before=0,
        day_attempts_before=0,
        first_no_answer_at=None,
        policy_day=TODAY,
        day_index=0,
        total_quota=7,
        day_quota=3,
    )
    return replace(wanted, **changes)


def person(one: int, attempt_id: str | None = None, **changes: Any) -> Reservation:
    """The reservation of a call to Lead `one`."""
    return reservation(attempt_id or f"a-{one}", **{"key": lead(one), "number": phone(one), **changes})


def submitted(ledger: SqlLedger, wanted: Reservation, at: datetime = NOW) -> Submitting:
    reserved = ledger.attempts.reserve(replace(wanted, reserved_at=min(wanted.reserved_at, at)))
    after = reserved.submit(at)
    assert ledger.attempts.submit(reserved, after, at + 3 * MINUTE)
    return after


def placed(ledger: SqlLedger, wanted: Reservation, session_id: str | None = None, at: datetime = NOW) -> PlacedCall:
    before = submitted(ledger, wanted, at)
    after = before.place(session_id or f"session of {wanted.attempt_id}", at)
    assert ledger.attempts.place(before, after)
    return after


def ended(
    ledger: SqlLedger, wanted: Reservation, disposition: Disposition = Disposition.NO_ANSWER, at: datetime = NOW
) -> Ended:
    before = placed(ledger, wanted, at=at)
    after = before.end(disposition, at)
    assert ledger.attempts.end(before, after, a_result(disposition))
    return after


def released(ledger: SqlLedger, wanted: Reservation, *, number_refused: bool = False) -> Reserved:
    reserved = ledger.attempts.reserve(wanted)
    assert ledger.attempts.release(reserved, reserved.release("changed its mind", NOW), number_refused=number_refused)
    return reserved


def a_result(disposition: Disposition = Disposition.NO_ANSWER, **changes: Any) -> CallResult:
    return replace(CallResult(disposition=disposition, call_status=disposition.value.upper()), **changes)


def elsewhere(attempt_id: str = "e-1", **changes: Any) -> CallElsewhere:
    call = CallElsewhere(
        attempt_id=attempt_id,
        key=lead(),
        number=phone(),
        session_id=None,
        disposition=Disposition.NO_ANSWER,
        call_status="no_answer",
        is_new=False,
        record_status="No Answer",
        attempts_before=2,
        first_no_answer_at=NOW,
        policy_day=TODAY,
        happened_at=NOW - MINUTE,
        recorded_at=NOW,
    )
    return replace(call, **changes)


def staged(one: int, state: StagedState = StagedState.DUE, **changes: Any) -> Staged:
    row = Staged(
        key=lead(one),
        sort_key=f"1{one:04}-Lead",
        status="New",
        number=phone(one),
        contends=state is StagedState.DUE,
        rank=f"1{one:04}-Lead",
        state=state,
        reason="new",
    )
    return structs.replace(row, **changes)


def projection(key: RecordKey | None = None, **changes: Any) -> Projection:
    wanted = Projection(
        key=key or lead(),
        attempt_id="a-1",
        cause="result",
        expected_status="New",
        status=None,
        call_attempts=None,
        first_no_answer_at=None,
    )
    return replace(wanted, **changes)


def raw_attempt(database: Database, attempt_id: str = "raw-1", **changes: Any) -> None:
    """Insert a row past all our code: a sound, ended call of its own person unless `changes` say otherwise."""
    values = {
        "attempt_id": attempt_id,
        "run_id": None,
        "record_type": "Lead",
        "zoho_id": attempt_id.rpartition("-")[2],
        "number": phone(9000),
        "state": "ended",
        "disposition": "no_answer",
        "is_new": 0,
        "attempts_before": 0,
        "policy_day": TODAY,
        "total_quota": 7,
        "day_quota": 3,
        "owner": OWNER,
        "reserved_at": NOW,
        "submitted_at": NOW,
        **changes,
    }
    database.submit(lambda connection: connection.execute(insert(attempts).values(**values)).close()).result()
