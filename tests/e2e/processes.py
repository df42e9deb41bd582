"""The real thing as processes: `autodialer simulator` and `autodialer serve`, told by environment variables alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from sockets import free_port

PATIENCE = 30.0
PROGRAM = ("-m", "autodialer")


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    pause = 0.02
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience} s in vain: {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def ask(method: str, url: str, **more: Any) -> httpx2.Response:
    """One request on this machine. Without certificates: loading them would take 50 ms, more than all the rest."""
    return httpx2.request(method, url, verify=False, trust_env=False, **{"timeout": PATIENCE, **more})


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**keep, **more}


def run_command(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One short command of ours, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "autodialer", *arguments],
        cwd=cwd,
        env=_environment(env or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def process(
    *arguments: str, cwd: Path, env: Mapping[str, str], log: str, program: Sequence[str] = PROGRAM
) -> Iterator["subprocess.Popen[bytes]"]:
    """A long-running command of ours; ended with SIGTERM, and with SIGKILL if that takes too long."""
    command = [sys.executable, *program, *arguments]
    with (cwd / log).open("ab") as output:
        child = subprocess.Popen(command, cwd=cwd, env=_environment(env), stdout=output, stderr=output)
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(25)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


@dataclass
class World:
    """Running simulators, and what points a service at them."""

    folder: Path
    zoho: str
    voice: str
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0

    def rings(self) -> dict[str, Any]:
        return dict(ask("GET", f"{self.voice}/_sim/rings").json())

    def rings_of(self, number: str) -> int:
        return len(self.rings()["rings"].get(number, []))

    def sessions(self) -> list[dict[str, Any]]:
        """Every call that 8x8 took, in order."""
        return list(ask("GET", f"{self.voice}/_sim/sessions").json()["sessions"])

    def records(self) -> dict[str, dict[str, Any]]:
        """Both modules by record id."""
        found: dict[str, dict[str, Any]] = {}
        for module in ("Leads", "Contacts"):
            rows = ask("GET", f"{self.zoho}/_sim/records", params={"module": module}, timeout=60).json()["records"]
            found |= {row["id"]: {**row, "module": module} for row in rows}
        return found

    def status_of(self, record: Mapping[str, Any]) -> Any:
        return record["Lead_Status" if record["module"] == "Leads" else "Status"]

    def fault(self, which: str, **fault: Any) -> None:
        base = self.zoho if which == "zoho" else self.voice
        assert ask("POST", f"{base}/_sim/faults", json=fault).status_code == 200

    @contextmanager
    def service(self, *, program: Sequence[str] = PROGRAM, **more: str) -> Iterator["Service"]:
        port = free_port()
        callback = f"http://127.0.0.1:{port}/api/callback"
        settings = {**self.environment, "PORT": str(port), "EIGHTX8_CALLBACK_URL": callback, **more}
        with process("serve", cwd=self.folder, env=settings, log="serve.out", program=program) as child:
            service = Service(f"http://127.0.0.1:{port}", child, settings, self)
            wait_until(service.healthy, "the service is healthy")
            yield service


@contextmanager
def world(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[World]:
    """Simulators in a process of their own."""
    zoho, voice = free_port(), free_port()
    ports = ("--zoho-port", str(zoho), "--voice-port", str(voice))
    with process("simulator", *ports, *options, cwd=folder, env=env or {}, log="simulator.out") as child:
        output = folder / "simulator.out"

        def ready() -> bool:
            assert child.poll() is None, output.read_text()
            return "EIGHTX8_CALLBACK_URL" in output.read_text()

        wait_until(ready, "the simulators listen")
        lines = [line.removeprefix("export ") for line in output.read_text().splitlines() if line.startswith("export ")]
        environment = dict(line.split("=", 1) for line in lines)
        yield World(folder, f"http://127.0.0.1:{zoho}", f"http://127.0.0.1:{voice}", environment, child.pid)


@dataclass
class Service:
    """A running service."""

    url: str
    child: "subprocess.Popen[bytes]"
    settings: dict[str, str]
    world: World

    def healthy(self) -> bool:
        assert self.child.poll() is None, (self.world.folder / "serve.out").read_text()[-3000:]
        try:
            return ask("GET", f"{self.url}/health").status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str) -> dict[str, Any]:
        return dict(ask("GET", f"{self.url}{path}", timeout=60).json())

    def cron(self, **params: str) -> httpx2.Response:
        return ask("POST", f"{self.url}/api/cron", params=params, timeout=300)

    def webhook_registered(self) -> bool:
        listed = ask(
            "GET",
            f"{self.world.voice}/api/v1/subaccounts/{self.settings['EIGHTX8_SUBACCOUNT_ID']}/webhooks",
            headers={"authorization": f"Bearer {self.settings['EIGHTX8_API_KEY']}"},
        ).json()
        return any(hook["url"] == self.settings["EIGHTX8_CALLBACK_URL"] for hook in listed.get("webhooks", ()))

    def settled(self) -> bool:
        """No phone rings, no call waits for its result, no update for Zoho."""
        stats = self.get("/api/stats")["stats"]
        waits = stats["today"]["by_disposition"].get("no_result_yet", 0)
        pending = stats["work_lists"]["pending_updates"]
        return not (self.world.rings()["totals"]["live"] or waits or pending)

    def run_and_settle(self) -> dict[str, Any]:
        """POST /api/cron, then wait for results and write-back."""
        wait_until(self.webhook_registered, "the webhook is registered")
        answer = self.cron()
        assert answer.status_code == 200, answer.text
        wait_until(self.settled, "results and updates are in")
        return dict(answer.json()["results"])
