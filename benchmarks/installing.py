"""What the rivals need, installed into .bench/ the first time: nothing of it comes near the service's own packages."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.machine import CACHE

RIVALS = Path(__file__).parent / "rivals"
_MINUTES = 600
NO_NODE = "no node"


def say(sentence: str) -> None:
    """To whoever waits; figures alone go to standard output."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


@cache
def node_modules() -> Path | str:
    """The folder with express, fastify and better-sqlite3; else why there is none, in a few words."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return NO_NODE
    home = CACHE / "node"
    home.mkdir(parents=True, exist_ok=True)
    wanted = json.loads((RIVALS / "node" / "package.json").read_text())
    if not _has(home, wanted["dependencies"]):
        say("Installing the rivals for Node into .bench/node (better-sqlite3 may be compiled: minutes, this once) …")
        shutil.copy(RIVALS / "node" / "package.json", home)
        told = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=home,
            capture_output=True,
            text=True,
            timeout=_MINUTES,
            check=False,
        )
        if told.returncode or not _has(home, wanted["dependencies"]):
            say(told.stderr[-2000:])
            return "npm install failed"
    for file in (RIVALS / "node").glob("*.mjs"):  # modules are looked for beside the file that wants them
        shutil.copy(file, home)
    works = subprocess.run(
        [node, "-e", "import('better-sqlite3').then(m => new m.default(':memory:'))"],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if works.returncode:
        say(works.stderr[-2000:])
        return "better-sqlite3 does not load"
    return home


def _has(home: Path, wanted: dict[str, str]) -> bool:
    for name, version in wanted.items():
        found = home / "node_modules" / name / "package.json"
        if not found.exists() or json.loads(found.read_text())["version"] != version:
            return False
    return True


@cache
def python_packages() -> Path | str:
    """A folder for PYTHONPATH with uvloop, httptools, asyncpg and aiohttp; else why there is none, in a few words."""
    home, wanted = CACHE / "python", RIVALS / "requirements.txt"
    mark = home / "requirements.txt"
    if mark.exists() and mark.read_text() == wanted.read_text() + sys.version:
        return home
    say("Installing the rivals for Python into .bench/python …")
    shutil.rmtree(home, ignore_errors=True)
    installer = Path(sys.executable).with_name("uv")
    told = subprocess.run(
        [installer, "pip", "install", "--quiet", "--python", sys.executable, "--target", home, "-r", wanted],
        capture_output=True,
        text=True,
        timeout=_MINUTES,
        check=False,
    )
    if told.returncode:
        say(told.stderr[-2000:])
        return "their packages could not be installed"
    mark.write_text(wanted.read_text() + sys.version)
    return home


def rival_environment() -> dict[str, str]:
    """Of a rival written in Python: with those packages where they are, else on what the service has."""
    found = python_packages()
    return {**os.environ, **({"PYTHONPATH": str(found)} if isinstance(found, Path) else {})}
