"""START, IDLE, REST, IMPORTS and SIZE: how fast the service starts, what it needs with nothing to do, what is installed."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Book, Figure
from benchmarks.installing import say
from benchmarks.machine import ROOT, cpu_seconds, memory_mb, workplace
from benchmarks.rounds import quick, rounds
from benchmarks.servers import HOME, TOKENS
from e2e.processes import wait_until, world

_PAUSE = 3.0 if quick() else 30.0
_LOADED = "import sys, json\nfrom autodialer.cli.main import app\n{more}print(json.dumps(len(sys.modules)))"
_SERVE = "import autodialer.bootstrap, autodialer.cli.serving\n"


def measure(book: Book) -> None:
    """The service with tokens, everything on, beside simulators that ask nothing of it."""
    starts, memories, rests = [], [], []
    with workplace() as folder, world(folder) as running:
        for number in range(-1, 2 if quick() else rounds()):
            began = time.perf_counter()
            with running.service(**TOKENS, **HOME) as service:
                took = time.perf_counter() - began
                wait_until(service.webhook_registered, "the webhook is registered")
                if number < 0:  # it made its ledger
                    continue
                time.sleep(1)
                before = cpu_seconds(service.child.pid)
                time.sleep(_PAUSE)
                rests.append(100 * (cpu_seconds(service.child.pid) - before) / _PAUSE)
                starts.append(took)
                memories.append(memory_mb(service.child.pid))
    book.tell(Figure("START", tuple(starts)))
    book.tell(Figure("IDLE", tuple(memories)))
    book.tell(Figure("REST", tuple(rests)))
    loaded = {"--help": _modules(""), "serve": _modules(_SERVE)}
    book.tell(Figure("IMPORTS", (loaded["--help"] / loaded["serve"],), loaded, "modules"))
    if not quick():
        _measure_size(book)


def _modules(more: str) -> float:
    command = [sys.executable, "-c", _LOADED.format(more=more)]
    return float(json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout))


def _measure_size(book: Book) -> None:
    """What `make install` lays down, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        installer = Path(sys.executable).with_name("uv")
        lock = ROOT / "requirements" / "run.txt"
        command: list[str | Path] = [
            installer,
            "pip",
            "install",
            "--quiet",
            "--python",
            sys.executable,
            "--target",
            folder,
            "-r",
            lock,
        ]
        if subprocess.run(command, capture_output=True, check=False, timeout=600).returncode:
            book.miss(("SIZE",), "the packages could not be installed")
            return
        sizes = {each.name: _bytes(each) / 1e6 for each in Path(folder).iterdir()}
    own = _bytes(ROOT / "src") / 1e6
    total = sum(sizes.values()) + own
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    book.tell(Figure("SIZE", (total,), {"autodialer": own, **dict(largest)}, "MB"))
    say("SIZE: without what Python compiles when it first runs")


def _bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(path)
        if Path(folder).name != "__pycache__"
        for name in names
    )
