"""`make bench`: measure all, or the parts that ONLY names; QUICK=1 ends within three minutes.

Each figure is one JSON line. What is not quick is kept in .bench/figures.json and goes into docs/performance.md, with its plots.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.figures import Book
from benchmarks.goals import GOALS, Verdict
from benchmarks.installing import say
from benchmarks.machine import CACHE
from benchmarks.parts import callbacks, dialing
from benchmarks.rounds import quick

Measure = Callable[[Book], None]
# Each with the goals it measures. What QUICK=1 leaves out takes long by its nature.
PARTS: Final[Sequence[tuple[tuple[str, ...], Measure, bool]]] = (
    (("P1", "P2", "P3", "P4", "P9"), callbacks.measure, True),
    (("D4",), dialing.measure_cost, True),
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
    for ids, measure, is_quick in PARTS:
        if only.intersection(ids) if only else (is_quick or not quick()):
            measure(book)
            told += ids
    missed = [figure.id for figure in book.figures if figure.verdict is Verdict.MISSED and figure.goal.part in told]
    say(f"missed: {', '.join(missed)}" if missed else "every floor was met")
    return 1 if missed and not quick() else 0


if __name__ == "__main__":
    sys.exit(main())
