"""E1 and E2: pages decoded and decided, in time and in memory; python -m benchmarks.parts.deciding PAGES tells the memory."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from autodialer.domain.phone import choose_number
from autodialer.domain.record import Record
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy
from autodialer.zoho.client import ZohoCrm
from benchmarks.figures import Book, Figure, ratios
from benchmarks.installing import RIVALS
from benchmarks.machine import ROOT, cores, memory_mb, pin
from benchmarks.pages import NOW, PAGE, Answers, Reader, client_over, records_of, zoho_answers
from benchmarks.rounds import quick, rounds

_POLICY = Policy()
answers: Callable[[], Answers] = cache(zoho_answers)


@cache
def _reader() -> tuple[Reader, ZohoCrm]:
    """The service has one client for as long as it runs."""
    reader = Reader(answers())
    return reader, client_over(reader)


def decided_pages(pages: Iterator[bytes]) -> int:
    """How many records of these pages were decided; by the service's own client and rules."""
    return asyncio.run(_decide(pages)).total()


async def _decide(pages: Iterator[bytes]) -> Counter[str]:
    told: Counter[str] = Counter()
    reader, crm = _reader()
    reader.pages = pages
    async for page in records_of(crm):
        told.update(_verdict(record) for record in page)
    return told


def _verdict(record: Record) -> str:
    number = choose_number(record.phone, record.mobile, _POLICY.default_country)
    return type(decide(Facts(record, number), _POLICY, NOW)).__name__


def measure_speed(book: Book) -> None:
    """E1: in turns, processor time of this process."""
    sys.path.insert(0, str(RIVALS))
    from decisions import by_json, by_json_and_libraries, by_msgspec  # noqa: PLC0415 - it stands with the rivals

    pages = 3 if quick() else 10
    made = list(answers().pages(pages))
    ways: dict[str, Callable[[], object]] = {
        "autodialer": lambda: decided_pages(iter(made)),
        "json and dicts": lambda: [by_json_and_libraries(page, NOW) for page in made],
        "json, fewest checks": lambda: [by_json(page, NOW) for page in made],
        "msgspec, fewest checks": lambda: [by_msgspec(page, NOW) for page in made],
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    before = os.sched_getaffinity(0)
    pin(os.getpid(), cores()[0])
    for number in range(-1, rounds()):
        for name, way in ways.items():
            began = time.process_time()
            way()
            if number >= 0:
                rates[name].append(pages * PAGE / (time.process_time() - began))
    os.sched_setaffinity(0, before)
    for goal, rival in (
        ("E1.json", "json and dicts"),
        ("E1.bare", "json, fewest checks"),
        ("E1.msgspec", "msgspec, fewest checks"),
    ):
        shown = {name: sorted(rates[name])[len(rates[name]) // 2] for name in ("autodialer", rival)}
        book.tell(Figure(goal, ratios(rates["autodialer"], rates[rival]), shown, "records/s"))


def measure_memory(book: Book) -> None:
    """E2: a process of its own each."""
    many = 100_000 if quick() else 1_000_000
    grown = {count: [_growth(count // PAGE) for _ in range(1 if quick() else 3)] for count in (10_000, many)}
    shown = {f"{count:,}": sorted(found)[len(found) // 2] for count, found in grown.items()}
    book.tell(Figure("E2", ratios(grown[many], grown[10_000]), shown, "MB"))


def _growth(pages: int) -> float:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    command = [sys.executable, "-m", "benchmarks.parts.deciding", str(pages)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600)
    return float(json.loads(told.stdout)["grown_mb"])


def main(arguments: Sequence[str]) -> None:
    """How much the most memory is above what was taken before the first page."""
    answers()
    before = memory_mb(os.getpid())
    decided_pages(answers().pages(int(arguments[0])))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    sys.stdout.write(json.dumps({"grown_mb": grown}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
