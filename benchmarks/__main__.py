"""`make bench`: measure all, or the parts that ONLY names; QUICK=1 ends within three minutes.

Where both databases are measured, BACKEND names one of them alone.
Each figure is one JSON line. What is not quick is kept in .bench/figures.json and goes into docs/performance.md, with its plots,
once each goal was measured in this checkout: a page of a part alone would lose what others found.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks import page
from benchmarks.figures import Book
from benchmarks.goals import GOALS, Verdict
from benchmarks.installing import say
from benchmarks.machine import CACHE
from benchmarks.parts import (
    callbacks,
    claims,
    client,
    console,
    deciding,
    dialing,
    footing,
    history,
    pressure,
    pulling,
    replicas,
)
from benchmarks.rounds import quick

_QUICK_SECONDS: Final = 140.0  # until then a part may begin

Measure = Callable[[Book], None]
# Each with the goals it measures, and whether QUICK=1 measures it too; what changes most often comes first.
PARTS: Final[Sequence[tuple[tuple[str, ...], Measure, bool]]] = (
    (("P1", "P2", "P3", "P4", "P9"), callbacks.measure, True),
    (("D4",), dialing.measure_cost, True),
    (("D1", "D2"), dialing.measure_pace, True),
    (("E1",), deciding.measure_speed, True),
    (("E2",), deciding.measure_memory, True),
    (("S1", "S2", "S4", "GROWTH", "YEAR"), history.measure, True),
    (("P5",), pressure.measure_slow_disk, True),
    (("P6",), pressure.measure_without_storage, True),
    (("D5",), client.measure, True),
    (("START", "IDLE", "REST", "IMPORTS", "LIBRARIES", "SIZE"), footing.measure, True),
    (("D3",), dialing.measure_halved, True),
    (("P8",), pressure.measure_postgres, True),
    (("CONSOLES",), console.measure_consoles, False),
    (("PAGES",), console.measure_pages, False),
    (("P1",), pressure.measure_while_dialing, False),
    (("P7",), pressure.measure_crowd, False),
    (("S3",), claims.measure_claims, False),
    (("FLIGHT",), claims.measure_flight, False),
    (("LEDGER",), claims.measure_ledger, False),
    (("PULL",), pulling.measure, False),
    (("REPLICAS",), replicas.measure, False),
)


def main() -> int:
    """Exit code 1 when a floor was missed, but not with QUICK: its few short rounds show a change, and judge nothing."""
    only = {name.strip().upper() for name in os.environ.get("ONLY", "").replace(",", " ").split()}
    known = {goal.part for goal in GOALS.values()}
    if unknown := only - known:
        say(f"ONLY={' '.join(sorted(unknown))} is unknown; there are {' '.join(sorted(known))}")
        return 2
    book = Book(None if quick() else CACHE / "figures.json")
    told: list[str] = []
    until = time.monotonic() + _QUICK_SECONDS
    for ids, measure, is_quick in PARTS:
        if not (only.intersection(ids) if only else (is_quick or not quick())):
            continue
        if quick() and not only and time.monotonic() > until:
            book.miss(
                [goal.id for goal in GOALS.values() if goal.part in ids], "three minutes are over; name it with ONLY"
            )
            continue
        began = time.monotonic()
        measure(book)
        told += ids
        say(f"{' '.join(ids)}: {time.monotonic() - began:.0f} s")
    missed = [figure.id for figure in book.figures if figure.verdict is Verdict.MISSED and figure.goal.part in told]
    say(f"missed: {', '.join(missed)}" if missed else "every floor was met")
    if quick():
        return 0
    if lacks := book.lacks():
        say(f"docs/performance.md stays as it is: {len(lacks)} goals were never measured in this checkout (make bench)")
        return 1 if missed else 0
    page.write(book)
    if open_ends := page.unexplained(book.figures):
        say(f"benchmarks/reasons.py says nothing yet of {', '.join(open_ends)}")
    return 1 if missed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever was started is ended too
    sys.exit(main())
