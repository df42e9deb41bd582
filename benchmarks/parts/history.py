"""S1, S2, S4, GROWTH and YEAR: what ten million attempts of history cost a call, a callback, the statistics and the start."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

import httpx2
from sqlalchemy import create_engine, text

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.store.ledger import SqlLedger
from benchmarks.figures import Book, Curve, Figure, ratios
from benchmarks.flight import Caller, new_people, stage
from benchmarks.ledgers import NAMES, Shelf, backends, shelf
from benchmarks.machine import workplace
from benchmarks.rounds import quick, rounds
from benchmarks.servers import NO_SETTINGS
from benchmarks.year import NOW, TODAY
from e2e.processes import Service, World, world

MOST = int(os.environ.get("ROWS", "10000000"))
SIZES = (2_000, 20_000) if quick() else (MOST // 1000, MOST // 100, MOST // 10, MOST)
FEW = 1_000
CALLS = 120 if quick() else 600
TIMES = 20
REFERENCE_BYTES = {"sqlite": 361, "postgresql": 460}
People = Sequence[tuple[RecordKey, str, int]]
_SCAN = {
    "sqlite": (),
    "postgresql": ("SET enable_indexscan = off", "SET enable_bitmapscan = off", "SET enable_indexonlyscan = off"),
}


def measure(book: Book) -> None:
    """All of them, an engine after the other."""
    for backend in backends(is_quick=quick()):
        with workplace() as folder, shelf(backend, folder) as ledgers:
            asyncio.run(_measure_steps(book, ledgers))
            ledgers.put_away()
            _measure_statistics(book, ledgers)
            ledgers.put_away()
            own, whole = ledgers.bytes_per_attempt(SIZES[-1])
            note = f"{whole:,.0f} bytes with its callbacks, updates and staged records"
            size = {"autodialer": own, "reference": REFERENCE_BYTES[backend]}
            book.tell(Figure("S2", (own / REFERENCE_BYTES[backend],), size, "bytes", NAMES[backend], note))
            with world(folder) as running:
                if not quick():
                    _measure_start(book, running, ledgers)
                _measure_pages(book, running, ledgers)


async def _measure_steps(book: Book, ledgers: Shelf) -> None:
    """Rounds in turn over all sizes, one call after the other; half of the people are new, half were called before."""
    # The largest first: made last, it would push the others out of memory, to be read from disk again.
    for size in reversed(SIZES):
        ledgers.url(size)
    callers = {size: Caller(ledgers.store(size), "bench", NOW) for size in SIZES}
    taken: dict[str, dict[int, list[float]]] = {"call": {}, "callback": {}}
    for round_ in range(rounds()):
        for size, caller in callers.items():
            await caller.store.write(partial(_stage_round, round_))
            caller.took.clear()
            while rows := await caller.claim():
                for row in rows:
                    await caller.call(row)
            assert caller.refused == 0, size
            medians = {step: 1000 * statistics.median(took) for step, took in caller.took.items()}
            call = medians["claim"] / len(caller.took["intent"]) * len(caller.took["claim"])
            call += medians["intent"] + medians["place"] + medians["result"]
            taken["call"].setdefault(size, []).append(call)
            taken["callback"].setdefault(size, []).append(medians["callback"])
    name = NAMES[ledgers.backend]
    for what, by_size in taken.items():
        least, most = by_size[SIZES[0]], by_size[SIZES[-1]]
        shown = {f"{size:,}": statistics.median(found) for size, found in by_size.items()}
        book.tell(Figure(f"GROWTH.{what}", ratios(most, least), shown, "ms", name))
    book.plot(
        *(
            Curve(
                "growth",
                f"a {what}, {name}",
                tuple((size, statistics.median(found)) for size, found in by_size.items()),
            )
            for what, by_size in taken.items()
        )
    )


def _stage_round(round_: int, ledger: Ledger) -> None:
    stage(ledger, _people(cast(SqlLedger, ledger), round_), NOW)


def _people(ledger: SqlLedger, round_: int) -> People:
    """Each round others. Who was called before: some from the whole year, with two or three calls."""
    half = max(10, CALLS // rounds() // 2)
    found = ledger._connection.execute(  # noqa: SLF001 - a question that the service never asks
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


def _measure_statistics(book: Book, ledgers: Shelf) -> None:
    """S1: one day's statistics as the service asks for them, in the largest ledger and in a tenth of it, and without an index."""
    sizes = SIZES[-2:]
    stores = {size: ledgers.store(size) for size in sizes}
    took: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(-1, max(rounds(), 5)):
        for size, store in stores.items():
            each = [asyncio.run(_timed(store.read, lambda ledger: ledger.stats.today(TODAY))) for _ in range(TIMES)]
            if number >= 0:
                took[size].append(statistics.median(each))
    name = NAMES[ledgers.backend]
    shown = {f"{size:,}": 1000 * statistics.median(found) for size, found in took.items()}
    book.tell(Figure("S1.growth", ratios(took[sizes[1]], took[sizes[0]]), shown, "ms", name))
    ledgers.put_away()
    scanned = [_scan(ledgers, sizes[1]) for _ in range(3)]
    ours = statistics.median(took[sizes[1]])
    beside = {"autodialer": 1000 * ours, "no index": 1000 * statistics.median(scanned)}
    book.tell(Figure("S1.scan", tuple(ours / one for one in scanned), beside, "ms", name))


async def _timed(read: object, work: object) -> float:
    began = time.perf_counter()
    await read(work)  # type: ignore[operator]  # SqlStore.read
    return time.perf_counter() - began


def _scan(ledgers: Shelf, size: int) -> float:
    engine = create_engine(ledgers.url(size))
    hint = "NOT INDEXED " if ledgers.backend == "sqlite" else ""
    with engine.connect() as connection:
        for setting in _SCAN[ledgers.backend]:
            connection.execute(text(setting))
        began = time.perf_counter()
        sql = f"SELECT state, disposition, count(*) FROM attempts {hint}WHERE policy_day = :day GROUP BY state, disposition"
        connection.execute(text(sql), {"day": TODAY}).all()
        took = time.perf_counter() - began
    engine.dispose()
    return took


def _measure_start(book: Book, running: World, ledgers: Shelf) -> None:
    """S4: from the start of the process to the first 200 of /health, in turns."""
    took: dict[int, list[float]] = {SIZES[-1]: [], FEW: []}
    for number in range(-1, rounds()):
        for size, found in took.items():
            ledgers.url(size)
            began = time.perf_counter()
            with _service(running, ledgers, size):
                if number >= 0:
                    found.append(time.perf_counter() - began)
    shown = {f"{ledgers.year(size).attempts:,}": statistics.median(found) for size, found in took.items()}
    book.tell(Figure("S4", ratios(took[SIZES[-1]], took[FEW]), shown, "s", NAMES[ledgers.backend]))


def _measure_pages(book: Book, running: World, ledgers: Shelf) -> None:
    """YEAR: over HTTP, with one connection; the slowest of them counts."""
    person = ledgers.year(SIZES[-1]).person
    with _service(running, ledgers, SIZES[-1]) as service:
        story = f"/api/records/{person.record_type.value.lower()}/{person.zoho_id}"
        found = {path: times(service, path) for path in ("/api/stats", "/health", story, "/api/parked")}
    shown = {"one person" if path == story else path: statistics.median(took) for path, took in found.items()}
    slowest = max(found.values(), key=statistics.median)
    book.tell(Figure("YEAR", tuple(slowest), shown, "ms", NAMES[ledgers.backend]))


@contextmanager
def _service(running: World, ledgers: Shelf, size: int) -> Iterator[Service]:
    settings = {**NO_SETTINGS, "DATABASE_URL": ledgers.url(size).replace("+psycopg", ""), "CLOCK": NOW.isoformat()}
    with running.service(**settings) as service:
        yield service


def times(service: Service, path: str) -> list[float]:
    """After a first one that connects and warms the caches: milliseconds."""
    found = []
    with httpx2.Client(base_url=service.url, trust_env=False, verify=False, timeout=60) as client:
        assert client.get(path).status_code == 200
        for _ in range(TIMES):
            began = time.perf_counter()
            assert client.get(path).status_code == 200
            found.append(1000 * (time.perf_counter() - began))
    return found
