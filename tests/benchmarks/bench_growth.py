"""What a call costs with ten thousand, a hundred thousand and a million attempts in the ledger, and through eight processes."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.verify import find_breaches
from benchmarks.flight import Caller, new_people, stage
from benchmarks.measuring import quick, report
from benchmarks.year import NOW, TODAY, make_year
from databases import BOTH, Postgres, make_ledger, sqlite_url

SIZES = (2_000, 10_000) if quick() else (10_000, 100_000, 1_000_000)
CALLS = 100 if quick() else 600
ROUNDS = 3
FLIGHT = 2_000 if quick() else 100_000
PROCESSES = 8
# Median of the largest ledger ÷ median of the smallest: reading a larger tree from a colder cache may cost this much more.
MOST_GROWTH = 2.5
People = Sequence[tuple[RecordKey, str, int]]


@contextmanager
def ledgers(backend: str, folder: Path, sizes: Sequence[int]) -> Iterator[dict[int, SqlStore]]:
    """One filled ledger of each size."""
    server = Postgres(durable=True) if backend == "postgresql" else None
    opened: dict[int, SqlStore] = {}
    try:
        for size in sizes:
            url = server.url(server.create_database()) if server else sqlite_url(folder / f"{size}.db")
            make_ledger(url)
            if size:
                make_year(url, size)
            opened[size] = SqlStore(Database(url))
        yield opened
    finally:
        for store in opened.values():
            store.database.close()
        if server is not None:
            server.close()


@pytest.mark.parametrize("backend", BOTH)
async def test_no_step_of_a_call_grows_with_the_history(backend: str, tmp_path: Path) -> None:
    """Rounds in turn over all sizes, one call after the other; half of the people are new, half were called before."""
    with ledgers(backend, tmp_path, SIZES) as stores:
        callers = {size: Caller(store, "bench", NOW) for size, store in stores.items()}
        for round_ in range(ROUNDS):
            for size, caller in callers.items():
                await caller.store.write(partial(_stage_round, round_))
                while rows := await caller.claim():
                    for row in rows:
                        await caller.call(row)
                assert caller.refused == 0, size
    for step in ("claim", "intent", "place", "result"):
        medians = {size: statistics.median(caller.took[step]) for size, caller in callers.items()}
        growth = medians[SIZES[-1]] / medians[SIZES[0]]
        shown = {str(size): round(1000 * median, 3) for size, median in medians.items()}
        report(bench="growth", engine=backend, step=step, median_ms=shown, growth=round(growth, 2))
        assert growth < MOST_GROWTH, step


def _stage(people: People, ledger: Ledger) -> None:
    stage(ledger, people, NOW)


def _stage_round(round_: int, ledger: Ledger) -> None:
    _stage(_people(cast(SqlLedger, ledger), round_), ledger)


def _people(ledger: SqlLedger, round_: int) -> People:
    """Each round others. Who was called before: some from the whole year, with two or three calls."""
    half = CALLS // ROUNDS // 2
    found = ledger._connection.execute(
        text(
            "SELECT record_type, zoho_id, number FROM attempts a WHERE record_slot = 2 AND policy_day < :today "
            "AND NOT EXISTS "
            "(SELECT 1 FROM attempts b WHERE b.zoho_id = a.zoho_id AND b.record_type = a.record_type AND b.record_slot = 4) "
            "ORDER BY attempt_id LIMIT :half OFFSET :skip"
        ),
        {"half": half, "today": TODAY, "skip": round_ * half},
    )
    before = [(RecordKey(RecordType(kind), zoho_id), number, 3) for kind, zoho_id, number in found]
    return [*before, *new_people(round_ * CALLS, half)]


def test_many_attempts_go_through_eight_processes_each_once(tmp_path: Path) -> None:
    """On PostgreSQL, with everything that is due claimed by whoever comes first."""
    with ledgers("postgresql", tmp_path, [0]) as stores:
        (store,) = stores.values()
        for first in range(0, FLIGHT, 5_000):
            some = new_people(first, min(5_000, FLIGHT - first))
            asyncio.run(store.write(partial(_stage, some)))
        told = _fly(store.database.url.render_as_string(hide_password=False))
        breaches = asyncio.run(store.database.read(find_breaches))
    claimed = Counter(key for one in told for key in one["claimed"])
    sent = Counter(key for one in told for key in one["sent"])
    took: dict[str, list[float]] = defaultdict(list)
    for one in told:
        for step, seconds in one["took"].items():
            took[step] += seconds
    seconds = max(one["seconds"] for one in told)
    report(
        bench="flight",
        engine="postgresql",
        processes=PROCESSES,
        attempts=FLIGHT,
        claimed_twice=sum(count > 1 for count in claimed.values()),
        sent_twice=sum(count > 1 for count in sent.values()),
        attempts_per_second=round(FLIGHT / seconds),
        fewest_of_a_process=min(len(one["sent"]) for one in told),
        **{f"{step}_ms": _spread(values) for step, values in took.items()},
    )
    assert len(claimed) == len(sent) == FLIGHT
    assert set(claimed.values()) == set(sent.values()) == {1}
    assert sum(one["refused"] for one in told) == 0
    assert breaches == []


def _fly(url: str) -> list[dict[str, Any]]:
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-m", "benchmarks.flight", url]
    children = [
        subprocess.Popen(
            [*command, f"process-{number}", NOW.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        for number in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=1800)[0] for child in children]
    assert [child.returncode for child in children] == [0] * PROCESSES
    return [json.loads(answer) for answer in answers]


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(1000 * ordered[len(ordered) // 2], 2),
        "p99": round(1000 * ordered[len(ordered) * 99 // 100], 2),
    }
