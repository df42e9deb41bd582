"""Servers that take callbacks: the service as it runs, and its rivals, each a process of its own on the same core."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.installing import RIVALS, node_modules, rival_environment
from benchmarks.load import Load
from benchmarks.machine import ROOT, cores, cpu_seconds, memory_mb, pin
from e2e.processes import PROGRAM, Service, World, run_command, wait_until
from sockets import free_port

TOKENS = {"API_TOKEN": "api-token-of-the-benchmark-01234", "CALLBACK_TOKEN": "callback-token-of-the-benchmark"}
HOME = {"HOST": "127.0.0.1"}
NO_SETTINGS: Mapping[str, str] = {}
WITHOUT_STORAGE = ("-m", "benchmarks.without_storage")
_LOAD = Path(__file__).with_name("load.py")


@dataclass(frozen=True, slots=True)
class Round:
    """One server's round. `cpu_us`: of the server, for each answer; `memory`: resident, at the end, MB."""

    load: Load
    per_second: float
    cpu_us: float
    memory: float


@dataclass
class Server:
    """One that takes callbacks. `rows`: how many with this name stand in its database. `envelope`: it is sent 8x8's events."""

    name: str
    port: int
    pid: int
    rows: Callable[[str], int] | None
    token: str = ""
    rounds: list[Round] = field(default_factory=list)
    answered: int = 0
    envelope: bool = False

    def post(self, name: str, connections: int, seconds: float, *, kept: bool = True) -> Round:
        """One round. `kept`: it counts."""
        _, load_core = cores()
        command = [sys.executable, str(_LOAD), str(self.port), str(connections), str(seconds), name]
        before = cpu_seconds(self.pid)
        with subprocess.Popen(
            [*command, *([self.token] if self.token else []), *(["--envelope"] if self.envelope else [])],
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            pin(child.pid, load_core)
            told = child.communicate(timeout=seconds + 120)[0]
        if child.returncode:
            raise RuntimeError(f"the load on {self.name} failed")
        found = Load(**json.loads(told))
        used = cpu_seconds(self.pid) - before
        each = Round(found, found.answered / found.seconds, 1e6 * used / max(1, found.answered), memory_mb(self.pid))
        if kept:
            self.rounds.append(each)
        self.answered += found.answered
        return each

    def column(self, name: str) -> list[float]:
        """One figure of all rounds: of Round, or of its Load."""
        return [getattr(one if hasattr(one, name) else one.load, name) for one in self.rounds]

    def check(self, name: str) -> None:
        """Every callback that was answered stands in the database."""
        if self.rows is not None and (stored := self.rows(name)) < self.answered:
            raise AssertionError(f"{self.name} answered {self.answered} callbacks and stored {stored}")


def sqlite_rows(path: Path, table: str, column: str) -> Callable[[str], int]:
    """Counts in a file."""

    def rows(name: str) -> int:
        connection = sqlite3.connect(path, timeout=30)
        try:
            sql = f"SELECT count(*) FROM {table} WHERE {column} LIKE ?"
            return int(connection.execute(sql, (f"{name}-%",)).fetchone()[0])
        finally:
            connection.close()

    return rows


def server_rows(url: str, table: str, column: str) -> Callable[[str], int]:
    """Counts in PostgreSQL."""

    def rows(name: str) -> int:
        engine = create_engine(url)
        with engine.connect() as connection:
            sql = text(f"SELECT count(*) FROM {table} WHERE {column} LIKE :name")
            found = int(connection.execute(sql, {"name": f"{name}-%"}).scalar_one())
        engine.dispose()
        return found

    return rows


@contextmanager
def product(
    running: World,
    name: str = "autodialer",
    *,
    core: int | None = None,
    storing: bool = True,
    program: Sequence[str] = PROGRAM,
    more: Mapping[str, str] = NO_SETTINGS,
) -> Iterator[tuple[Server, Service]]:
    """The service as in production: with tokens, logs, metrics and all loops. `storing` False: what it answers is not kept.

    On a ledger that is there, as after any start but the first: that one also holds Alembic in memory.
    """
    program = program if storing else WITHOUT_STORAGE
    settings = {**TOKENS, **HOME, **more}
    if program != PROGRAM:
        settings["PYTHONPATH"] = str(ROOT)
    made = run_command("migrate", cwd=running.folder, env={**running.environment, **settings})
    assert made.returncode == 0, made.stderr
    with running.service(program=program, **settings) as service:
        wait_until(service.webhook_registered, "the webhook is registered")
        pin(service.child.pid, core)
        url = service.settings.get("DATABASE_URL")
        path = running.folder / service.settings.get("DB_PATH", "data/call_logs.db")
        rows = (
            server_rows(url.replace("postgresql:", "postgresql+psycopg:"), "inbox", "session_id")
            if url
            else sqlite_rows(path, "inbox", "session_id")
        )
        server = Server(
            name, int(service.settings["PORT"]), service.child.pid, rows if storing else None, TOKENS["CALLBACK_TOKEN"]
        )
        try:
            yield server, service
        finally:  # it would first apply what it has taken; what is durable needs no farewell
            service.child.kill()
            service.child.wait()


@contextmanager
def _rival(
    name: str, command: list[str], port: int, folder: Path, env: Mapping[str, str], core: int | None
) -> Iterator[Server]:
    with (folder / f"{name.replace(' ', '-')}.out").open("ab") as output:
        child = subprocess.Popen(command, cwd=folder, env=dict(env), stdout=output, stderr=output)
        try:
            wait_until(lambda: _listens(port, child, name), f"{name} listens")
            pin(child.pid, core)
            yield Server(name, port, child.pid, None)
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _listens(port: int, child: "subprocess.Popen[bytes]", name: str) -> bool:
    assert child.poll() is None, f"{name} does not start"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def python_rival(
    name: str,
    script: str,
    folder: Path,
    *mode: str,
    core: int | None = None,
    target: str = "",
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """One of rivals/*.py. `target`: where it stores, when that is no file of its own."""
    port, path = free_port(), folder / f"{name.replace(' ', '-')}.db"
    command = [sys.executable, str(RIVALS / script), str(port), target or str(path), *mode]
    with _rival(name, command, port, folder, {**rival_environment(), **(env or {})}, core) as server:
        if not target and mode != ("nothing",):
            server.rows = sqlite_rows(path, "callbacks", "call_id")
        yield server


@contextmanager
def node_rival(
    name: str, script: str, folder: Path, *, core: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """One of rivals/node/*.mjs; installing.node_modules() must have found what it needs."""
    home = node_modules()
    node = shutil.which("node")
    assert isinstance(home, Path)
    assert node is not None
    port, path = free_port(), folder / f"{name.replace(' ', '-')}.db"
    command = [node, str(home / script), str(port), str(path), str(folder)]
    with _rival(name, command, port, folder, {**os.environ, **(env or {})}, core) as server:
        server.rows = sqlite_rows(path, "callbacks", "call_id")
        yield server
