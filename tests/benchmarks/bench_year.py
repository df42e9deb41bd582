"""Twelve months of history: what is looked at often stays fast, starting too, and old details go in small steps."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import create_engine, text

from benchmarks.measuring import quick, report
from benchmarks.year import NOW, Year, make_year
from databases import BOTH, Postgres, make_ledger, sqlite_url
from e2e.processes import Service, World, run_command, world

ATTEMPTS = 20_000 if quick() else 5_000_000
TIMES = 20
STATS_MS, HEALTH_MS, EXPLAIN_MS = 50, 50, 100
MOST_START = 1.5  # times as long as with an empty ledger


@contextmanager
def urls(backend: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Of two ledgers: one for the year, an empty one."""
    if backend == "sqlite":
        yield sqlite_url(folder / "year.db"), sqlite_url(folder / "empty.db")
        return
    server = Postgres(durable=True)
    try:
        yield server.url(server.create_database()), server.url(server.create_database())
    finally:
        server.close()


@pytest.mark.parametrize("backend", BOTH)
def test_a_year_of_history_slows_nothing_down(backend: str, tmp_path: Path) -> None:
    with urls(backend, tmp_path) as (full, empty), world(tmp_path) as running:
        for url in (full, empty):
            make_ledger(url)
        year = make_year(full, ATTEMPTS)
        began = time.perf_counter()
        make_ledger(full)  # SQLite: nobody of ours closed it, so it is read whole
        checked = round(time.perf_counter() - began, 1)
        made = round(year.seconds)
        report(bench="year", engine=backend, attempts=year.attempts, seconds_to_make=made, seconds_to_check=checked)
        measure(running, backend, full, empty, year)


def measure(running: World, backend: str, full: str, empty: str, year: Year) -> None:
    """Ask the real service, as a process, over HTTP and by the command."""
    starts = {url: statistics.median([_start(running, url) for _ in range(3)]) for url in (full, empty)}
    person = f"{year.person.record_type.value.lower()}/{year.person.zoho_id}"
    with _service(running, full) as service:
        stats = _times(service, "/api/stats")
        health = _times(service, "/health")
        explain = _times(service, f"/api/records/{person}")
        parked = _times(service, "/api/parked")
        today = service.get("/api/stats")["stats"]["today"]["total_attempts"]
        began = time.perf_counter()
        shown = run_command("explain", *person.split("/"), cwd=running.folder, env=service.settings)
        command = time.perf_counter() - began
    report(
        bench="year",
        engine=backend,
        attempts=year.attempts,
        of_today=today,
        stats_ms=stats,
        health_ms=health,
        explain_ms=explain,
        parked_ms=parked,
        explain_command_seconds=round(command, 2),
        start_seconds=round(starts[full], 2),
        start_seconds_empty=round(starts[empty], 2),
        bytes_per_attempt=_bytes(full) // year.attempts,
    )
    assert shown.returncode == 0, shown.stderr
    assert today > 0
    assert stats["p50"] < STATS_MS
    assert health["p50"] < HEALTH_MS
    assert explain["p50"] < EXPLAIN_MS
    assert starts[full] < MOST_START * starts[empty]


def _start(running: World, url: str) -> float:
    began = time.perf_counter()
    with _service(running, url):
        return time.perf_counter() - began


@contextmanager
def _service(running: World, url: str) -> Iterator[Service]:
    with running.service(DATABASE_URL=url.replace("+psycopg", ""), CLOCK=NOW.isoformat()) as service:
        yield service


def _times(service: Service, path: str) -> dict[str, float]:
    """After a first one that connects and warms the caches: milliseconds."""
    found = []
    with httpx2.Client(base_url=service.url, trust_env=False, verify=False, timeout=60) as client:
        assert client.get(path).status_code == 200
        for _ in range(TIMES):
            began = time.perf_counter()
            assert client.get(path).status_code == 200
            found.append(1000 * (time.perf_counter() - began))
    return {"p50": round(statistics.median(found), 1), "max": round(max(found), 1)}


def _bytes(url: str) -> int:
    """Everything that the ledger holds, its callbacks and indexes among it."""
    engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            size = pages * connection.execute(text("PRAGMA page_size")).scalar_one()
        else:
            size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    engine.dispose()
    return int(size)
