"""Simulated Zoho and 8x8 with so many new people, a service that calls them, and what that took."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from benchmarks.installing import RIVALS
from benchmarks.machine import cores, cpu_seconds, pin
from benchmarks.servers import TOKENS, product
from crash.town import person
from e2e.processes import Service, World, ask, wait_until, world

_LONG = 600.0  # seconds, for the longest run


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds before Zoho and before 8x8 answers."""

    zoho: float = 0.2
    voice: float = 0.15


@dataclass(frozen=True, slots=True)
class Ran:
    """A run, from its start until all results were in and written. Times in seconds.

    `dialing`: from the end of the pull, or the first request where that was sooner, until the last call was placed.
    """

    called: int
    requests: int
    dialing: float
    cpu: float
    zoho_requests: dict[str, int]
    most_in_a_second: int


@dataclass
class Town:
    """The simulators, a service beside them, and who lives there."""

    running: World
    service: Service
    latency: Latency
    people: int = 0

    def settle(self, count: int) -> None:
        """Only so many new people live there from now on, whom nobody called before."""
        settle(self.running, self.people, count)
        self.people += count

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """One of the service's, with its token."""
        headers = {"authorization": f"Bearer {TOKENS['API_TOKEN']}"}
        answer = ask(method, f"{self.service.url}{path}", headers=headers, timeout=_LONG, **more)
        assert answer.is_success, answer.text
        return answer

    def run(self, meanwhile: Callable[[], object] = lambda: None) -> Ran:
        """Call everybody. `meanwhile` is done once the run dials."""
        pid = self.service.child.pid
        totals, zoho = self._totals(), self.zoho_requests()
        seen = set(self._rings())
        cpu = cpu_seconds(pid)
        run_id = self.request("POST", "/api/cron?wait=false").json()["run_id"]
        wait_until(lambda: self._totals()["accepted"] > totals["accepted"], "the first call is placed")
        meanwhile()
        wait_until(lambda: self._state(run_id)["ended_at"] is not None, "the run ends", _LONG)
        wait_until(self._quiet, "results and updates are in", _LONG)
        used = cpu_seconds(pid) - cpu
        after, run = self._totals(), self._state(run_id)
        calls = {key: at for key, at in self._rings().items() if key not in seen}
        refused = sum(after["refused"].values()) - sum(totals["refused"].values())
        first = min(calls.values()) - self.latency.voice
        began = min(_seconds(run["staged_at"]), first)
        zoho_after = self.zoho_requests()
        return Ran(
            called=len(calls),
            requests=len(calls) + refused,
            dialing=_seconds(run["ended_at"]) - began,
            cpu=used,
            zoho_requests={
                key: count - zoho.get(key, 0) for key, count in zoho_after.items() if count > zoho.get(key, 0)
            },
            most_in_a_second=after["max_per_second"],
        )

    def limit(self, per_second: int | None) -> None:
        """What 8x8 allows from now on."""
        assert ask("POST", f"{self.running.voice}/_sim/settings", json={"calls_per_second": per_second}).is_success

    def placed(self) -> int:
        """How many calls 8x8 took until now."""
        return int(self._totals()["accepted"])

    def zoho_requests(self) -> dict[str, int]:
        """How often each was made."""
        return dict(ask("GET", f"{self.running.zoho}/_sim/counts").json()["counts"])

    def _totals(self) -> dict[str, Any]:
        return dict(self.running.rings()["totals"])

    def _rings(self) -> dict[str, float]:
        rings = self.running.rings()["rings"].values()
        return {call["sessionId"]: _seconds(call["at"]) for calls in rings for call in calls}

    def _state(self, run_id: str) -> dict[str, Any]:
        return dict(self.request("GET", f"/api/runs/{run_id}?limit=1").json()["run"])

    def _quiet(self) -> bool:
        time.sleep(0.3)  # seldom enough to cost nothing
        stats = self.request("GET", "/api/stats").json()["stats"]
        return not (stats["today"]["by_disposition"].get("no_result_yet", 0) or stats["work_lists"]["pending_updates"])


def settle(running: World, first: int, count: int) -> None:
    """These new people instead of everybody, who pick up at once."""
    everybody = [person(index, "New", ("answered",)) for index in range(first, first + count)]
    for start in range(0, count, 2_000):
        some = everybody[start : start + 2_000]
        body = msgspec.json.encode(some)
        assert ask("POST" if start else "PUT", f"{running.zoho}/_sim/people", content=body).is_success
        habits = {one.number: ["answered"] for one in some}
        assert ask("POST", f"{running.voice}/_sim/behaviour", json=habits).is_success


@contextmanager
def town(folder: Path, latency: Latency, settings: Mapping[str, str], speed: int = 600) -> Iterator[Town]:
    """The service on one core, the simulators on the other."""
    core, other = cores()
    folder.mkdir(exist_ok=True)
    delays = ("--zoho-latency", str(latency.zoho), "--voice-latency", str(latency.voice))
    with world(folder, "--speed", str(speed), *delays) as running:
        pin(running.pid, other)
        with product(running, core=core, more=settings) as (_server, service):
            yield Town(running, service, latency)


def naive(running: World, most: int) -> dict[str, float]:
    """The naive client calls so many."""
    core, _ = cores()
    environment = {**os.environ, **running.environment}
    command = [sys.executable, str(RIVALS / "naive_client.py"), str(most)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        pin(child.pid, core)
        told = child.communicate(timeout=_LONG)[0]
    assert child.returncode == 0
    return dict(json.loads(told))


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
