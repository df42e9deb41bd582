"""What a call costs in the ledger: reserve, submit, place, each a durable commit; alone and twenty at a time, on both databases."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Reservation, Run, RunKind, RunState
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.migrate import migrate
from benchmarks.measuring import report
from databases import Postgres, sqlite_url

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
CALLS = 600
ROUNDS = 5


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        server, url = None, sqlite_url(tmp_path / "bench.db")
    else:
        server = Postgres()
        url = server.url(server.create_database())
    database = Database(url)
    migrate(database)
    yield SqlStore(database)
    database.close()
    if server is not None:
        server.close()


async def test_a_call_costs_three_durable_commits(store: SqlStore) -> None:
    """Calls per second that the ledger alone would allow; a run places at most some tens."""
    await store.write(_open_run)
    numbers = itertools.count(1)
    rates: dict[int, list[float]] = {1: [], 20: []}
    for _ in range(ROUNDS):
        for side_by_side, found in rates.items():
            began = time.perf_counter()
            await _place_calls(store, numbers, side_by_side)
            found.append(CALLS / (time.perf_counter() - began))
    alone, together = (round(statistics.median(found)) for found in rates.values())
    engine = store.database.url.get_backend_name()
    report(
        bench="ledger",
        engine=engine,
        calls_per_second_alone=alone,
        calls_per_second_20=together,
        ratio=round(together / alone, 1),
    )
    assert alone > 50


async def _place_calls(store: SqlStore, numbers: Iterator[int], side_by_side: int) -> None:
    todo = iter(range(CALLS))

    async def caller() -> None:
        for _ in todo:
            await _place_one(store, next(numbers))

    await asyncio.gather(*(caller() for _ in range(side_by_side)))


async def _place_one(store: SqlStore, n: int) -> None:
    reserved = await store.write(lambda ledger: ledger.attempts.reserve(_reservation(n)))
    submitting = reserved.submit(NOW)
    assert await store.write(lambda ledger: ledger.attempts.submit(reserved, submitting, NOW + timedelta(minutes=3)))
    assert await store.write(lambda ledger: ledger.attempts.place(submitting, submitting.place(f"session-{n}", NOW)))


def _open_run(ledger: Ledger) -> None:
    run = Run("bench", RunKind.MANUAL, None, RunState.DIALING, False, "policy", "bench", NOW)
    assert ledger.runs.open(run, NOW)


def _reservation(n: int) -> Reservation:
    return Reservation(
        attempt_id=f"attempt-{n}",
        run_id="bench",
        key=RecordKey(RecordType.LEAD, str(n)),
        number=f"+40709{n:06}",
        owner="bench",
        reserved_at=NOW,
        lease_until=NOW + timedelta(minutes=3),
        is_new=True,
        record_status="New",
        attempts_before=0,
        day_attempts_before=0,
        first_no_answer_at=None,
        policy_day="2026-03-02",
        day_index=0,
        total_quota=1,
        day_quota=1,
    )
