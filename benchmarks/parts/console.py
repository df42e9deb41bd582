"""PAGES and CONSOLES: how soon a page is there with years of calls in the ledger, and what open consoles cost a run."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.figures import Book, Figure, ratios
from benchmarks.ledgers import NAMES, backends, shelf
from benchmarks.machine import ROOT, cores, pin, workplace
from benchmarks.parts.dialing import LINES
from benchmarks.parts.history import times
from benchmarks.rounds import quick
from benchmarks.servers import NO_SETTINGS, TOKENS
from benchmarks.town import Latency, Town, town
from benchmarks.year import NOW
from e2e.processes import Service, world

ROWS = 20_000 if quick() else 5_000_000
OPEN = 10
_CALLS, _PER_SECOND = (200, 50) if quick() else (2_000, 100)
# Of those that read the ledger alone; what asks Zoho is as quick as Zoho.
_PAGES = (
    *(
        "",
        "/live",
        "/runs",
        "/health",
        "/people",
        "/work-lists",
        "/unknown",
        "/orphans",
        "/parked",
        "/answered",
        "/repair",
    ),
    *("/do-not-call", "/audit", "/policy", "/plan", "/simulate"),
)


def measure_pages(book: Book) -> None:
    """Over HTTP, with one connection, by this machine's own operator; the slowest page counts."""
    for backend in backends(is_quick=quick()):
        with workplace() as folder, shelf(backend, folder) as ledgers, world(folder) as running:
            year = ledgers.year(ROWS)
            url = ledgers.url(ROWS).replace("+psycopg", "")
            person = f"/people/{year.person.record_type.value.lower()}/{year.person.zoho_id}"
            with running.service(**NO_SETTINGS, DATABASE_URL=url, CLOCK=NOW.isoformat()) as service:
                run = f"/runs/{_latest_run(service)}"
                found = {path: times(service, f"/console{path}") for path in (*_PAGES, person, run)}
        median = {path: sorted(took)[len(took) // 2] for path, took in found.items()}
        slowest = sorted(median, key=lambda path: -median[path])
        shown = {_named(path, person, run): median[path] for path in slowest[:4]}
        book.tell(Figure("PAGES", tuple(found[slowest[0]]), shown, "ms", NAMES[backend], f"{year.attempts:,} attempts"))
        rows: list[dict[str, float | str]] = [
            {"page": _named(path, person, run), "ms": round(median[path], 1)} for path in slowest
        ]
        book.table(f"The console's pages, {NAMES[backend]}", rows)


def measure_consoles(book: Book) -> None:
    """In pairs, a run without and one with ten consoles that show it live."""
    alone, watched = [], []
    with workplace() as folder, town(folder, Latency(), {"CALLS_PER_SECOND": str(_PER_SECOND), **LINES}) as here:
        here.settle(50)
        here.run()  # connections, fields, token
        for _ in range(1 if quick() else 5):
            here.settle(_CALLS)
            alone.append(here.run())
            here.settle(_CALLS)
            with _consoles(here):
                watched.append(here.run())
    seconds = {"none": _median([one.dialing for one in alone]), "ten": _median([one.dialing for one in watched])}
    note = f"{_CALLS:,} calls at {_PER_SECOND}/s; each console asks for the live parts of its page every two seconds"
    pairs = ratios([one.dialing for one in watched], [one.dialing for one in alone])
    book.tell(Figure("CONSOLES.wall", pairs, seconds, "s", note=note))
    cpu = {"none": _median([one.cpu for one in alone]), "ten": _median([one.cpu for one in watched])}
    book.tell(Figure("CONSOLES.cpu", ratios([one.cpu for one in watched], [one.cpu for one in alone]), cpu, "s"))


def _latest_run(service: Service) -> str:
    return str(service.get("/api/runs?limit=1")["runs"][0]["run_id"])


def _named(path: str, person: str, run: str) -> str:
    return {person: "one person", run: "one run", "": "today"}.get(path, path)


@contextmanager
def _consoles(here: Town) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.watching", here.service.url, TOKENS["API_TOKEN"], str(OPEN)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/tests:{ROOT}"}
    with subprocess.Popen(command, env=environment) as child:
        pin(child.pid, cores()[1])
        try:
            yield
        finally:
            child.terminate()


def _median(found: Sequence[float]) -> float:
    return sorted(found)[len(found) // 2]
