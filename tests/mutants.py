"""Break the ledger and at-most-once in many small ways, each in a copy of the tree: the tests named for each breakage must fail.

`make mutants`, or `python tests/mutants.py WORD …` for the breakages whose name holds all the words. Exit code 1: one is not found.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutation.breakages import BREAKAGES
from mutation.edits import Breakage, StaleError

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests", "pyproject.toml")
AT_ONCE = 2
PATIENCE = 240.0  # seconds for the tests of one breakage
PASSED, FAILED = 0, 1  # pytest's exit codes; any other one says that the tests did not run


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found`: the tests failed for it. `why`: the first thing that failed, or why nothing can be said."""

    name: str
    found: bool
    why: str
    seconds: float


def main(words: Sequence[str]) -> int:
    """Run all of it; the process's exit code."""
    began = time.monotonic()
    chosen = [breakage for breakage in BREAKAGES if all(word in breakage.name for word in words)]
    tests = sorted({test for breakage in chosen for test in breakage.tests})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = [share for number in range(AT_ONCE) if (share := tests[number::AT_ONCE])]
        sound = pool.map(_sound, shares)
        if not all(sound):
            return _say("the tests fail without any breakage: nothing can be said")
        verdicts = []
        for verdict in pool.map(_try, chosen):
            verdicts.append(verdict)
            _say(f"{'found ' if verdict.found else 'MISSED'} {verdict.seconds:5.1f} s  {verdict.name}: {verdict.why}")
    found = sum(verdict.found for verdict in verdicts)
    figures = {"mutants": len(verdicts), "found": found, "seconds": round(time.monotonic() - began, 1)}
    _say(json.dumps(figures))
    return 0 if found == len(verdicts) > 0 else 1


def _say(line: str) -> int:
    print(line, flush=True)  # noqa: T201 - a script speaks
    return 1


def _sound(tests: Sequence[str]) -> bool:
    """Whether these tests pass on the tree as it is."""
    with tempfile.TemporaryDirectory(prefix="autodialer-mutant-") as folder:
        code, output = _run(_copy(Path(folder)), tests)
    if code != PASSED:
        _say(output[-3000:])
    return code == PASSED


def _try(breakage: Breakage) -> Verdict:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="autodialer-mutant-") as folder:
        tree = _copy(Path(folder))
        try:
            for edit in breakage.edits:
                for path in edit.apply(tree):
                    _forget_compiled(path)
            code, output = _run(tree, breakage.tests)
        except (StaleError, subprocess.TimeoutExpired) as error:
            return Verdict(breakage.name, found=False, why=str(error), seconds=time.monotonic() - began)
    seconds = time.monotonic() - began
    if code == PASSED:
        return Verdict(breakage.name, found=False, why="no test failed", seconds=seconds)
    if code != FAILED:
        return Verdict(breakage.name, found=False, why=f"pytest ended with {code}: {output[-500:]}", seconds=seconds)
    return Verdict(breakage.name, found=True, why=_reason(output), seconds=seconds)


def _copy(folder: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy2(source, folder / name)
    return folder


def _forget_compiled(path: Path) -> None:
    """Its compiled file is known by time and size alone, and both may happen to be the same."""
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()


def _run(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Pytest's exit code and output. One database is enough to notice; what needs PostgreSQL asks for it by itself."""
    command = [sys.executable, "-m", "pytest", "-x", "--tb=short", "-k", "not postgresql", *tests]
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _reason(output: str) -> str:
    errors = re.findall(r"^E +(\S.*)$", output, re.MULTILINE)
    return errors[0][:110] if errors else "failed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
