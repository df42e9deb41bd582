"""START, IDLE, REST, IMPORTS, LIBRARIES and SIZE: how fast the service starts, what it needs to be there, what is installed."""

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
_LOADED = "import sys, json\nfrom autodialer.cli.main import app\n{more}print(json.dumps(list(sys.modules)))"
_SERVE = "import autodialer.bootstrap, autodialer.cli.serving\n"
_WEIGHED = """
import importlib, os, sys
from benchmarks.machine import memory_mb
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # an alias that only who made it can find
print(memory_mb(os.getpid()))
"""


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
    served = _modules(_SERVE)
    loaded = {"--help": float(len(_modules(""))), "serve": float(len(served))}
    book.tell(Figure("IMPORTS", (loaded["--help"] / loaded["serve"],), loaded, "modules"))
    book.tell(Figure("LIBRARIES", (_weigh([name for name in served if name.partition(".")[0] != "autodialer"]),)))
    if not quick():
        _measure_size(book)


def _modules(more: str) -> list[str]:
    return list(json.loads(_run("-c", _LOADED.format(more=more))))


def _weigh(modules: list[str]) -> float:
    """Memory (MB) of a process that has loaded these and does nothing."""
    return float(_run("-c", _WEIGHED, *modules))


def _run(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment).stdout


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
