"""`make profile`: the top functions of each hot path by their own time; ONLY=callback, call, stats or decide names one.

Processor time, of all threads. A profile costs time itself, most where functions are small: it says where time goes, not how much.
"""

import cProfile
import os
import pstats
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from benchmarks import page
from benchmarks.figures import Book
from benchmarks.installing import say
from benchmarks.machine import CACHE, ROOT, cores, workplace
from benchmarks.parts.deciding import answers, decided_pages
from benchmarks.rounds import quick
from benchmarks.servers import TOKENS, Server, product
from benchmarks.town import Latency, Town
from e2e.processes import Service, wait_until, world

TOP: Final = 12
_PROGRAM = ("-m", "benchmarks.profiled")


@dataclass(frozen=True, slots=True)
class Line:
    """A function: how often for each unit of work, its own time in µs for each, and its share of all time, in percent."""

    function: str
    calls: float
    own_us: float
    share: float


@dataclass(frozen=True, slots=True)
class _Profiled:
    """The service with its profile: begun with `begin`, read with `read`."""

    server: Server
    service: Service
    town: Town
    target: Path

    def begin(self) -> None:
        """From now on."""
        os.kill(self.server.pid, signal.SIGUSR1)
        time.sleep(0.1)

    def read(self) -> pstats.Stats:
        """Until now."""
        os.kill(self.server.pid, signal.SIGUSR2)
        wait_until(self.target.exists, "the profile is written")
        return pstats.Stats(str(self.target))


@contextmanager
def _profiled(folder: Path, more: Mapping[str, str], *options: str) -> Iterator[_Profiled]:
    core, _ = cores()
    target = folder / "profile"
    settings = {**more, "PROFILE_TO": str(target)}
    with (
        world(folder, *options) as running,
        product(running, core=core, more=settings, program=_PROGRAM) as (server, service),
    ):
        yield _Profiled(server, service, Town(running, service, Latency(0, 0)), target)


def _callback(folder: Path) -> tuple[pstats.Stats, float]:
    """Callbacks at 64 connections; what they mean is found out later."""
    with _profiled(folder, {}) as here:
        here.begin()
        told = here.server.post("profile", 64, 1.0 if quick() else 5.0)
        return here.read(), told.load.answered


def _call(folder: Path) -> tuple[pstats.Stats, float]:
    """Calls of a run at 200 a second, with results and updates."""
    calls = 200 if quick() else 2_000
    more = {"CALLS_PER_SECOND": "200", "MAX_CONCURRENT_CALLS": "1000"}
    with _profiled(folder, more, "--speed", "600") as here:
        here.town.settle(calls)
        here.begin()
        told = here.town.run()
        return here.read(), told.called


def _stats(folder: Path) -> tuple[pstats.Stats, float]:
    """Times GET /api/stats."""
    times = 100 if quick() else 1_000
    headers = {"authorization": f"Bearer {TOKENS['API_TOKEN']}"}
    with _profiled(folder, {}) as here, httpx2.Client(trust_env=False, headers=headers) as client:
        here.begin()
        for _ in range(times):
            assert client.get(f"{here.service.url}/api/stats").is_success
        return here.read(), times


def _decide(_folder: Path) -> tuple[pstats.Stats, float]:
    """Records decoded from pages and decided."""
    pages = 2 if quick() else 10
    decided_pages(answers().pages(1))
    profile = cProfile.Profile(time.thread_time)
    with profile:
        records = decided_pages(answers().pages(pages))
    return pstats.Stats(profile), records


PATHS: Final[Mapping[str, Callable[[Path], tuple[pstats.Stats, float]]]] = {
    "callback": _callback,
    "call": _call,
    "stats": _stats,
    "decide": _decide,
}


def top(stats: pstats.Stats, units: float, most: int = TOP) -> list[Line]:
    """The functions with the most processor time of their own."""
    found = {
        key: (calls, own)
        for key, (_, calls, own, _, _) in stats.stats.items()  # type: ignore[attr-defined]  # pstats documents it, typeshed not
    }
    total = sum(own for _, own in found.values()) or 1.0
    ordered = sorted(found.items(), key=lambda item: -item[1][1])[:most]
    return [Line(name_of(*key), calls / units, 1e6 * own / units, 100 * own / total) for key, (calls, own) in ordered]


def name_of(file: str, line: int, function: str) -> str:
    """Where it stands, short and without this machine's folders."""
    if file == "~":
        return function.strip("<>").removeprefix("built-in method ").removeprefix("method ")
    path = Path(file)
    if path.is_relative_to(ROOT / "src"):
        return f"{path.relative_to(ROOT / 'src' / 'autodialer')}:{line} {function}"
    parts = path.parts
    libraries = [at for at, part in enumerate(parts) if part == "site-packages" or part.startswith("python3.")]
    shown = parts[libraries[-1] + 1 :] if libraries else parts[-2:]
    return f"{'/'.join(shown)}:{line} {function}"


def main() -> int:
    """Print, and keep for the page what is not quick."""
    wanted = os.environ.get("ONLY", "").replace(",", " ").split() or list(PATHS)
    if unknown := set(wanted) - set(PATHS):
        say(f"ONLY={' '.join(sorted(unknown))} is unknown; there are {' '.join(PATHS)}")
        return 2
    book = Book(None if quick() else CACHE / "figures.json", silent=True)
    for name in wanted:
        began = time.monotonic()
        with workplace() as folder:
            stats, units = PATHS[name](folder)
        lines = top(stats, units)
        sys.stdout.write(f"\n{name}: {units:,.0f} {PATHS[name].__doc__}\n")
        sys.stdout.write(f"{'share':>7} {'own µs':>9} {'calls':>8}  function\n")
        for line in top(stats, units, 30):
            sys.stdout.write(f"{line.share:6.1f}% {line.own_us:9.1f} {line.calls:8.2f}  {line.function}\n")
        sys.stdout.flush()
        shown: list[dict[str, float | str]] = [
            {
                "function": f"`{line.function}`",
                "share %": line.share,
                "own µs each": line.own_us,
                "calls each": line.calls,
            }
            for line in lines
        ]
        book.table(f"Profile: {name}", shown)
        say(f"{name}: {time.monotonic() - began:.0f} s")
    if not quick():
        page.write(book)
    return 0


if __name__ == "__main__":
    sys.exit(main())
