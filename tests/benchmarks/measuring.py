"""What the benchmarks share: memory and time of a process, and the line that each figure is printed as."""

import json
import os
from pathlib import Path


def peak_memory_mb(pid: int) -> float:
    """The most resident memory that the process ever had."""
    return _status(pid, "VmHWM")


def memory_mb(pid: int) -> float:
    """Its resident memory now."""
    return _status(pid, "VmRSS")


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {name} in /proc/{pid}/status")


def report(**figures: object) -> None:
    """One JSON line on standard output."""
    print(json.dumps(figures), flush=True)  # noqa: T201 - this is what a benchmark is for


def quick() -> bool:
    """Whether QUICK=1 asks for small figures: to see that a benchmark works, not how fast it is."""
    return os.environ.get("QUICK", "") not in ("", "0")
