"""D1 to D4: runs at a pace, with a limit that is halved midway, and what a dialed record costs."""

import time
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.figures import Book, Figure, ratios
from benchmarks.machine import workplace
from benchmarks.rounds import quick, rounds
from benchmarks.town import Latency, Ran, Town, naive, settle, town

LINES = {"MAX_CONCURRENT_CALLS": "1000"}
FASTEST = 200  # calls a second that the service can be set to
_TIMES_TEN = Latency(0.02, 0.015)
_PAGE, _IDS, _WRITTEN_TOGETHER, _MODULES = 2000, 50, 10, 2


def least_seconds(calls: int, per_second: float, latency: Latency) -> float:
    """One look, evenly spaced calls, the last answer."""
    return latency.zoho + (calls - 1) / per_second + latency.voice


def least_requests(calls: int, eligible: int) -> int:
    """Pages and fields of both modules, a token, the last looks, the looks before writing, and the updates as they come."""
    pages = _MODULES * max(1, -(-eligible // _MODULES // _PAGE))
    looks, writes = -(-calls // _IDS), -(-calls // _WRITTEN_TOGETHER)
    return pages + _MODULES + 1 + looks + writes + looks


def measure_pace(book: Book) -> None:
    """D1 and D2: 1,000 at 50 a second, 100 at 10."""
    cases = (("D1.50", 200, 50),) if quick() else (("D1.50", 1000, 50), ("D1.10", 100, 10))
    for goal, calls, per_second in cases:
        took = []
        for _ in range(1 if quick() else rounds()):
            # Each with a service of its own, which has nobody to look after who answered in the round before and is gone.
            with workplace() as folder, _town(folder, Latency(), per_second) as here:
                took.append(_round(here, calls))
        least = [least_seconds(one.called, per_second, Latency()) for one in took]
        beside = {"seconds": _median([one.dialing for one in took]), "least": _median(least)}
        book.tell(Figure(goal, ratios([one.dialing for one in took], least), beside, "s"))
        if goal == "D1.50":
            _tell_requests(book, took)


def _tell_requests(book: Book, took: list[Ran]) -> None:
    made = [sum(one.zoho_requests.values()) for one in took]
    fewest = [least_requests(one.called, one.called) for one in took]
    book.tell(Figure("D2", ratios(made, fewest), {"requests": _median(made), "fewest": _median(fewest)}, "requests"))
    naively = [2 * max(1, -(-one.called // 2 // 200)) + 1 + one.called for one in took]
    book.tell(
        Figure("D2.naive", ratios(naively, made), {"naive": _median(naively), "autodialer": _median(made)}, "requests")
    )
    shown = took[-1].zoho_requests
    book.table("Requests to Zoho in a run", [{"request": key, "times": count} for key, count in sorted(shown.items())])


def measure_halved(book: Book) -> None:
    """D3: 8x8 allows half as many a second, from the middle of the run on."""
    calls, per_second = (120, 40) if quick() else (1000, 50)
    took, least = [], []
    for _ in range(1 if quick() else 3):
        # Each with a service of its own, which remembers nothing of the limit that the one before it met.
        with workplace() as folder, _town(folder, Latency(), per_second) as here:
            ran, placed = _halved(here, calls, per_second)
            took.append(ran)
            seconds = placed / per_second + (ran.called - placed) / (per_second // 2)
            least.append(here.latency.zoho + seconds + here.latency.voice)
    book.tell(
        Figure(
            "D3.calls",
            ratios([one.requests for one in took], [one.called for one in took]),
            {"requests": took[-1].requests, "calls": took[-1].called},
        )
    )
    beside = {"seconds": _median([one.dialing for one in took]), "least": _median(least)}
    book.tell(Figure("D3.wall", ratios([one.dialing for one in took], least), beside, "s"))


def _halved(here: Town, calls: int, per_second: int) -> tuple[Ran, int]:
    """The run, and how many calls were placed until the limit was halved."""
    here.limit(per_second)
    placed: list[int] = []

    def halve() -> None:
        time.sleep(calls / 2 / per_second)
        here.limit(per_second // 2)
        placed.append(here.placed())

    here.settle(calls)
    return here.run(halve), placed[0]


def measure_cost(book: Book) -> None:
    """D4: processor time of the whole way of a record, its result and its update among it, beside the naive client's."""
    calls, naively = (400, 100) if quick() else (10_000, 1_000)
    ours, theirs = [], []
    with workplace() as folder, _town(folder, _TIMES_TEN, FASTEST) as here:
        _round(here, 50)  # connections, fields, token
        for _ in range(2 if quick() else 3):
            ran = _round(here, calls)
            ours.append(1000 * ran.cpu / ran.called)
            settle(here.running, here.people, naively)
            here.people += naively
            told = naive(here.running, naively)
            theirs.append(1000 * told["cpu_seconds"] / told["called"])
    note = f"{calls:,} records at {FASTEST}/s, the most that CALLS_PER_SECOND allows"
    beside = {"autodialer": _median(ours), "naive": _median(theirs)}
    book.tell(Figure("D4", ratios(ours, theirs), beside, "ms", note=note))


def _town(folder: Path, latency: Latency, per_second: int) -> AbstractContextManager[Town]:
    return town(folder, latency, {"CALLS_PER_SECOND": str(per_second), **LINES})


def _round(here: Town, calls: int) -> Ran:
    here.settle(calls)
    return here.run()


def _median(found: list[float] | list[int]) -> float:
    return sorted(found)[len(found) // 2]
