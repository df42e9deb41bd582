"""Callbacks, durable before they are answered: rates and latencies beside a FastAPI handler that commits each request by itself.

Interleaved rounds, medians of ratios; the service runs as in production, with tokens, and applies meanwhile what it has taken.
"""

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from benchmarks.measuring import cpu_seconds, report
from e2e.processes import Service, free_port, wait_until, world

HERE = Path(__file__).resolve().parent
SHIM = HERE.parent / "shims" / "slow_sync.c"
ROUNDS, SECONDS, CONNECTIONS = 5, 3.0, 64
TOKENS = {"API_TOKEN": "api-token-of-the-benchmark-01234", "CALLBACK_TOKEN": "callback-token-of-the-benchmark"}
HOME = {"HOST": "127.0.0.1"}


@dataclass
class Server:
    """One that takes callbacks, and what came of it."""

    name: str
    port: int
    pid: int
    database: Path
    token: str = ""
    rates: list[float] = field(default_factory=list)
    p50s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    answered: int = 0
    cpu: float = 0.0

    def post(self, name: str, seconds: float = SECONDS) -> None:
        """One round."""
        command = [sys.executable, str(HERE / "callback_load.py"), str(self.port), str(CONNECTIONS), str(seconds), name]
        before = cpu_seconds(self.pid)
        done = subprocess.run([*command, self.token], capture_output=True, text=True, check=True, timeout=120)
        self.cpu += cpu_seconds(self.pid) - before
        found = json.loads(done.stdout)
        assert found["failed"] == 0
        self.rates.append(found["answered"] / found["seconds"])
        self.p50s.append(found["p50_ms"])
        self.p99s.append(found["p99_ms"])
        self.answered += found["answered"]

    def stored(self) -> int:
        """How many callbacks stand in the database."""
        connection = sqlite3.connect(self.database, timeout=10)
        try:
            return int(connection.execute("SELECT count(*) FROM inbox WHERE session_id LIKE 'bench-%'").fetchone()[0])
        finally:
            connection.close()


@contextmanager
def rival(folder: Path, env: dict[str, str]) -> Iterator[Server]:
    """A FastAPI handler that commits each request by itself."""
    port, database = free_port(), folder / "rival.db"
    command = [sys.executable, str(HERE / "rivals" / "fastapi_commit_each.py"), str(port), str(database)]
    child = subprocess.Popen(command, env={**os.environ, **env})
    try:

        def answers() -> bool:
            try:
                return httpx2.get(f"http://127.0.0.1:{port}/openapi.json").status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(answers, "the rival answers")
        yield Server("commit each", port, child.pid, database)
    finally:
        child.terminate()
        child.wait(30)


def product(service: Service) -> Server:
    """The service as it runs."""
    port = int(service.settings["PORT"])
    database = service.world.folder / "data" / "call_logs.db"
    return Server("autodialer", port, service.child.pid, database, TOKENS["CALLBACK_TOKEN"])


def measure(bench: str, ours: Server, theirs: Server) -> tuple[float, float]:
    """(Median ratio of the rates, median p99 of ours in milliseconds); every answered callback stands in its database."""
    for server in (ours, theirs):
        server.post("warm", 1.0)
        for figures in (server.rates, server.p50s, server.p99s):
            figures.clear()
        server.answered, server.cpu = 0, 0.0
    for number in range(ROUNDS):
        for server in (ours, theirs):
            server.post(f"bench-{number}")
    ratio = statistics.median(mine / his for mine, his in zip(ours.rates, theirs.rates, strict=True))
    for server in (ours, theirs):
        assert server.stored() >= server.answered
        report(
            bench=bench,
            server=server.name,
            per_second=round(statistics.median(server.rates)),
            p50_ms=round(statistics.median(server.p50s), 1),
            p99_ms=round(statistics.median(server.p99s), 1),
            cpu_us_each=round(1e6 * server.cpu / server.answered),
            stored=server.stored(),
            answered=server.answered,
        )
    report(bench=bench, ratio=round(ratio, 2), rounds=ROUNDS)
    return ratio, statistics.median(ours.p99s)


def test_callbacks_beside_a_handler_that_commits_each(tmp_path: Path) -> None:
    """At 64 connections: at least 5 times the rate, p99 under 50 ms."""
    with world(tmp_path) as running, running.service(**TOKENS, **HOME) as service, rival(tmp_path, {}) as other:
        ratio, p99 = measure("callbacks", product(service), other)
    assert ratio >= 5
    assert p99 < 50


def test_callbacks_while_a_run_is_dialing(tmp_path: Path) -> None:
    """The same, while the same process places ten calls a second."""
    people = ("--people", "2100", "--seed", "7", "--speed", "60")
    pace = {"CALLS_PER_SECOND": "10", "MAX_CONCURRENT_CALLS": "200"}
    with (
        world(tmp_path, *people) as running,
        running.service(**TOKENS, **HOME, **pace) as service,
        rival(tmp_path, {}) as other,
    ):
        headers = {"authorization": f"Bearer {TOKENS['API_TOKEN']}"}
        time.sleep(2)  # the webhook is registered meanwhile
        started = httpx2.post(f"{service.url}/api/cron?wait=false", headers=headers, timeout=60)
        assert started.status_code == 202, started.text
        address = f"{service.url}/api/runs/{started.json()['run_id']}?limit=1"

        def state() -> str:
            return str(httpx2.get(address, headers=headers, timeout=60).json()["run"]["state"])

        wait_until(lambda: state() == "dialing", "the run dials")
        ratio, p99 = measure("callbacks while dialing", product(service), other)
        assert state() == "dialing"
    assert ratio >= 5
    assert p99 < 50


def test_callbacks_on_a_slow_disk(tmp_path: Path) -> None:
    """With 10 ms added to each fsync: at least 15 times the rate."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on this machine, which the slow disk is made with")
    shim = tmp_path / "slow_sync.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(shim), str(SHIM), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    slow = {"LD_PRELOAD": str(shim), "SLOW_SYNC_US": "10000"}
    with (
        world(tmp_path) as running,
        running.service(**TOKENS, **HOME, **slow) as service,
        rival(tmp_path, slow) as other,
    ):
        ratio, _ = measure("callbacks on a slow disk", product(service), other)
    assert ratio >= 15
