"""The machine: which core does what, time and memory of a process, what the figures were taken on."""

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".bench"
_TICKS = os.sysconf("SC_CLK_TCK")


def cores() -> tuple[int, int]:
    """(The core of whoever is measured, the core of the load); one and the same where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return (0, 0)
    mine = sorted(os.sched_getaffinity(0))
    return mine[-1], mine[0]


def pin(pid: int, core: int | None) -> None:
    """Let all threads of the process, and those that they start, run on this core alone; None: wherever they like."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), {core})


def peak_memory_mb(pid: int) -> float:
    """The most resident memory that the process ever had."""
    return _status(pid, "VmHWM")


def memory_mb(pid: int) -> float:
    """Its resident memory now."""
    return _status(pid, "VmRSS")


def cpu_seconds(pid: int) -> float:
    """User and system time so far, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {name} in /proc/{pid}/status")


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder on the disk that holds the repository, gone afterwards: a file system in memory would make every fsync free."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=CACHE) as folder:
        yield Path(folder)


def sync_ms(times: int = 50) -> float:
    """What one fsync after 4 KiB costs on the disk that is measured on; median."""
    took = []
    with workplace() as folder, (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"\0" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def described() -> str:
    """What the figures were taken on, in a sentence's words; nothing that names the machine."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return (
        f"{os.cpu_count()} cores ({model}), {memory} GB, {platform.system()} {platform.release().partition('-')[0]}, Python "
        f"{platform.python_version()}, one fsync {sync_ms():.2f} ms"
    )


def compiler() -> str | None:
    """For the shim that makes a disk slow."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
