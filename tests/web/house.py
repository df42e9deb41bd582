"""The real service over HTTP, with simulated Zoho and 8x8, in a thread with an event loop of its own."""

import asyncio
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from autodialer.bootstrap import System, open_system
from autodialer.cli.serving import serving
from autodialer.clock import ShiftedClock, SystemClock
from autodialer.settings import Settings, load_settings
from autodialer.simulators.contact_center_settings import ContactCenterSettings
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Behaviour, Outcome, Person, mobile, zoho_id
from autodialer.simulators.servers import Simulated, simulators
from databases import empty_ledger
from sockets import free_port

T = TypeVar("T")
API_TOKEN = "api-token-of-the-tests-0123456789"
CALLBACK_TOKEN = "callback-token-of-the-tests-98765"
TOKENS: dict[str, Any] = {"api_token": API_TOKEN, "callback_token": CALLBACK_TOKEN, "host": "127.0.0.1"}
NOW = datetime(2026, 3, 3, 11, 20, tzinfo=UTC)  # a Tuesday, between two slots
FIRST_NAME, LAST_NAME = "Ileana", "Cireșoaia"
PATIENCE = 20.0


@dataclass
class House:
    """A running service. `client` shows no token; `bearer` does where the service asks for one."""

    system: System
    simulated: Simulated
    loop: asyncio.AbstractEventLoop
    client: httpx2.Client
    database: Path

    @property
    def url(self) -> str:
        return str(self.client.base_url).rstrip("/")

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.system.settings.port

    @property
    def bearer(self) -> dict[str, str]:
        token = self.system.settings.api_token
        return {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return self.client.request(method, path, headers=self.bearer | dict(more.pop("headers", {})), **more)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Inside of the service's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def wait_until(self, condition: str, what: str) -> None:
        """Until an SQL query gives something other than 0."""

        deadline = time.monotonic() + PATIENCE
        while not self.sql(condition)[0][0]:
            assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain: {what}"
            time.sleep(0.02)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.database, timeout=5)
        try:
            with connection:
                return list(connection.execute(statement))
        finally:
            connection.close()

    def ledger(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in it but the access token and what a waiting service writes by itself."""
        names = [row[0] for row in self.sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        quiet = [name for name in names if name not in ("tokens", "sqlite_sequence", "crm_usage")]
        return {name: self.sql(f"SELECT * FROM {name} ORDER BY 1") for name in quiet}  # noqa: S608 - names of our own tables

    def rings(self) -> int:
        """How many calls the simulated 8x8 was asked for."""
        found = httpx2.get(f"{self.simulated.voice_url}/_sim/rings").json()["rings"]
        return sum(len(calls) for calls in found.values())

    def raw(self, data: bytes, *, wait: float = 5.0) -> bytes:
        """What the service answers to these bytes until it closes, or until it has been silent for `wait` seconds."""
        with socket.create_connection(self.address, timeout=wait) as connection:
            connection.sendall(data)
            return read_to_end(connection)


def read_to_end(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    return answer


def person(index: int, *, number: str | None = None, outcomes: tuple[Outcome, ...] = ("silent",)) -> Person:
    """Somebody New; odd ones are Contacts."""
    dialled = number or mobile(index)
    return Person(
        module="Contacts" if index % 2 else "Leads",
        zoho_id=zoho_id("Contacts" if index % 2 else "Leads", index),
        first_name=FIRST_NAME,
        last_name=LAST_NAME,
        status="New",
        created_time=NOW - timedelta(days=3, seconds=index),
        phone=dialled,
        number=dialled,
        behaviour=Behaviour(outcomes),
    )


def settings_for(simulated: Simulated, folder: Path, **more: object) -> Settings:
    """Nothing of the environment or of a .env plays a part."""
    port = free_port()
    values: dict[str, object] = {name: field.get_default() for name, field in Settings.model_fields.items()}
    values |= {name.lower(): value for name, value in simulated.environment().items()}
    values |= {
        "port": port,
        "db_path": folder / "ledger.db",
        "log_dir": folder / "logs",
        "eightx8_callback_url": f"http://127.0.0.1:{port}/api/callback",
        "max_concurrent_calls": 400,
        "calls_per_second": 200.0,
    }
    return load_settings(_env_file=None, **values | more)


@contextmanager
def house(
    folder: Path,
    people: Sequence[Person] = (),
    *,
    clock: datetime | SystemClock = NOW,
    voice: VoiceSettings | ContactCenterSettings | None = None,
    scheduled: bool = True,
    **more: object,
) -> Iterator[House]:
    """Start everything; `more` are settings by their field names. `clock`: an instant that it starts at, or one of its own."""
    shown = ShiftedClock(clock) if isinstance(clock, datetime) else clock
    started: dict[str, Any] = {}
    ready, leave = threading.Event(), asyncio.Event()

    async def live() -> None:
        async with simulators(people, settings=voice or VoiceSettings(speed=900)) as simulated:
            settings = settings_for(simulated, folder, **more)
            if not settings.db_path.exists():
                settings.db_path.write_bytes(empty_ledger())
            async with open_system(settings, clock=shown) as system, serving(system, scheduled=scheduled):
                started.update(system=system, simulated=simulated, loop=asyncio.get_running_loop())
                ready.set()
                await leave.wait()

    def thread() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - told to the test below
            started["error"] = error
        finally:
            ready.set()

    running = threading.Thread(target=thread, name="house")
    running.start()
    ready.wait(PATIENCE)
    try:
        if "error" in started:
            raise started["error"]
        port = started["system"].settings.port
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            yield House(client=client, database=folder / "ledger.db", **started)
    finally:
        if "loop" in started and running.is_alive():
            started["loop"].call_soon_threadsafe(leave.set)
        running.join(PATIENCE)
    if "error" in started:
        raise started["error"]


def result(who: Person, *, status: str = "no_answer", **more: object) -> dict[str, object]:
    """A result in our own format."""
    record_type = "Lead" if who.module == "Leads" else "Contact"
    return {"zoho_id": who.zoho_id, "record_type": record_type, "call_status": status, **more}


def summary(session: str, *, event: str = "SESSION_SUMMARY", **payload: object) -> dict[str, object]:
    """An event in 8x8's envelope."""
    return {"namespace": "VOICE", "eventType": event, "payload": {"sessionId": session, **payload}}


def body_of(raw: bytes) -> dict[str, Any]:
    """The JSON object in an HTTP answer as it came over the wire."""
    found: dict[str, Any] = json.loads(raw.partition(b"\r\n\r\n")[2])
    return found
