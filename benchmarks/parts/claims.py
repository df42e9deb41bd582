"""S3, FLIGHT and LEDGER: eight processes claim and call on PostgreSQL, and what the ledger alone allows one caller."""

import asyncio
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Engine, event

from autodialer.domain.errors import StoreError
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import StagedState
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.verify import find_breaches
from benchmarks.figures import Book, Figure, ratios
from benchmarks.flight import RUN_ID, Caller, new_people, stage
from benchmarks.ledgers import NAMES, backends, shelf
from benchmarks.machine import ROOT, workplace
from benchmarks.rounds import quick, rounds
from benchmarks.year import NOW

PROCESSES = 8
AT_ONCE = 100
CLAIMS = 8_000 if quick() else 100_000
FLIGHT = 2_000 if quick() else 20_000
CALLS = 100 if quick() else 600
_STAGED_AT_ONCE = 5_000
_WAITS = "WAITS_FOR_LOCKS"


def measure_claims(book: Book) -> None:
    """S3: the same claims as the service makes, with SKIP LOCKED and with it taken out of the statement."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    twice = []
    with workplace() as folder, shelf("postgresql", folder) as ledgers:
        for number in range(2 if quick() else rounds()):
            for skips in (True, False) if number % 2 == 0 else (False, True):
                store = ledgers.store(0)
                _stage_new(store, CLAIMS)
                told = _fly(_url(store), "claim", waits=not skips)
                claimed = Counter(key for one in told for key in one["claimed"])
                assert claimed.total() >= CLAIMS
                rates[skips].append(CLAIMS / max(one["seconds"] for one in told))
                twice.append(float(sum(count > 1 for count in claimed.values())))
                ledgers.forget(0)
    shown = {"SKIP LOCKED": statistics.median(rates[True]), "without": statistics.median(rates[False])}
    book.tell(Figure("S3.rate", ratios(rates[True], rates[False]), shown, "records/s"))
    book.tell(Figure("S3.twice", tuple(twice)))


def measure_flight(book: Book) -> None:
    """FLIGHT: everything that is due is claimed, reserved, placed and ended by whoever comes first, each once."""
    with workplace() as folder, shelf("postgresql", folder) as ledgers:
        store = ledgers.store(0)
        _stage_new(store, FLIGHT)
        told = _fly(_url(store), "call")
        breaches = asyncio.run(store.database.read(find_breaches))
    assert breaches == []
    claimed = Counter(key for one in told for key in one["claimed"])
    sent = Counter(key for one in told for key in one["sent"])
    assert len(claimed) == len(sent) == FLIGHT
    rate = FLIGHT / max(one["seconds"] for one in told)
    book.tell(Figure("FLIGHT", (rate,), {"attempts/s": rate, "processes": PROCESSES}))
    doubled = sum(count > 1 for count in (*claimed.values(), *sent.values()))
    book.tell(Figure("FLIGHT.twice", (float(doubled),)))


def measure_ledger(book: Book) -> None:
    """LEDGER: three durable commits for each call, alone and twenty at a time."""
    for backend in backends(is_quick=quick()):
        with workplace() as folder, shelf(backend, folder) as ledgers:
            asyncio.run(_calls_a_second(book, ledgers.store(0), NAMES[backend]))


async def _calls_a_second(book: Book, store: SqlStore, name: str) -> None:
    firsts = itertools.count(0, CALLS)
    rates: dict[int, list[float]] = {1: [], 20: []}
    for _ in range(rounds()):
        for side_by_side, found in rates.items():
            await store.write(partial(_stage, new_people(next(firsts), CALLS)))
            caller = Caller(store, "bench", NOW)
            rows = [row for _ in range(-(-CALLS // 20)) for row in await caller.claim()]
            todo = iter(rows)
            began = time.perf_counter()
            await asyncio.gather(*(_place_all(caller, todo) for _ in range(side_by_side)))
            found.append(len(rows) / (time.perf_counter() - began))
    shown = {"one at a time": statistics.median(rates[1]), "twenty at a time": statistics.median(rates[20])}
    book.tell(Figure("LEDGER", tuple(rates[1]), shown, "/s", name))


async def _place_all(caller: Caller, todo: Iterator[Any]) -> None:
    for row in todo:
        assert await caller.place(row) is not None


def _stage(people: Sequence[tuple[RecordKey, str, int]], ledger: Ledger) -> None:
    stage(ledger, people, NOW)


def _stage_new(store: SqlStore, count: int) -> None:
    for first in range(0, count, _STAGED_AT_ONCE):
        people = new_people(first, min(_STAGED_AT_ONCE, count - first))
        asyncio.run(store.write(partial(_stage, people)))


def _url(store: SqlStore) -> str:
    return str(store.database.url.render_as_string(hide_password=False))


def _fly(url: str, work: str, *, waits: bool = False) -> list[dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    if waits:
        environment[_WAITS] = "1"
    command = [sys.executable, "-m", "benchmarks.parts.claims", url]
    children = [
        subprocess.Popen(
            [*command, f"process-{number}", work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
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


def _without_skip_locked(
    _connection: object, _cursor: object, statement: str, parameters: object, _context: object, _many: bool
) -> tuple[str, object]:
    return re.sub(r"\s+SKIP LOCKED", "", statement), parameters


async def _all_that_is_due(caller: Caller, work: str) -> None:
    while True:
        try:
            rows = await (caller.claim(AT_ONCE) if work == "claim" else caller.claim())
        except StoreError as error:  # waited for a lock as long as the service would
            if error.permanent:
                raise
            continue
        if work == "call":
            await asyncio.gather(*(caller.call(row) for row in rows))
        if not rows:  # who waits for locks finds the rows taken; others may be left
            counts = await caller.store.read(lambda ledger: ledger.staging.counts(RUN_ID))
            if all(state != StagedState.DUE for state, _ in counts):
                return


def main(url: str, owner: str, work: str) -> None:
    """Say "ready", wait for a line, claim or call all that is due, tell what happened as one line."""
    database = Database(url)
    if os.environ.get(_WAITS):
        event.listen(Engine, "before_cursor_execute", _without_skip_locked, retval=True)
    caller = Caller(SqlStore(database), owner, NOW)
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    sys.stdin.readline()
    began = time.monotonic()
    asyncio.run(_all_that_is_due(caller, work))
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "sent": caller.sent, "claimed": caller.claimed}), flush=True)  # noqa: T201 - as above
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:4])
