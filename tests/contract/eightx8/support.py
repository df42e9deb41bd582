"""What the tests of this folder share: servers over real sockets, a fixed clock, 8x8's shapes."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from autodialer.domain.placing import CallRequest
from autodialer.domain.record import RecordKey, RecordType
from autodialer.eightx8.config import VoiceConfig
from autodialer.simulators.eightx8 import VoiceSimulator, create_app
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Behaviour

REFERENCE = Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "8x8"
LEAD = "+40709000001"
AGENT = "+40210000009"
CALLER_ID = "+40210000001"
KEY = "key-of-the-simulated-account"
TOKEN = "token-of-our-callbacks"
SUBACCOUNT = "simulated_voice"
NOW = datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=UTC)
FAST = 2000.0


class FixedClock:
    """Always NOW; never waits."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0))


def call_request(number: str = LEAD, attempt_id: str = "att-1") -> CallRequest:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    return CallRequest(attempt_id, RecordKey(RecordType.LEAD, "1"), number, soon)


def voice_config(base_url: str, **changes: Any) -> VoiceConfig:
    standard: dict[str, Any] = {
        "api_key": KEY,
        "subaccount_id": SUBACCOUNT,
        "caller_id": CALLER_ID,
        "agent_number": AGENT,
        "base_url": base_url,
        "callback_url": "http://127.0.0.1:9/api/callback",
        "callback_token": TOKEN,
    }
    return VoiceConfig(**{**standard, **changes})


class PromptServer(uvicorn.Server):
    """Stops at once when told to, where uvicorn looks only ten times a second."""

    async def main_loop(self) -> None:
        self.told = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        await self.told.wait()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.told.set)


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """The application behind uvicorn in a thread; yields its base URL."""
    # asyncio switches Nagle's algorithm off only where the protocol is named; else each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: hasattr(server, "loop"))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@dataclass
class Simulated:
    """A running simulator; `admin` speaks to its /_sim pages and, authorised, to its API."""

    app: VoiceSimulator
    url: str
    admin: httpx2.Client

    def get(self, page: str) -> Any:
        return self._json(self.admin.get(f"/_sim/{page}"))

    def post(self, page: str, body: Any) -> Any:
        return self._json(self.admin.post(f"/_sim/{page}", json=body))

    def ask(self, method: str, path: str, body: Any = None, key: str | None = KEY) -> httpx2.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return self.admin.request(method, f"/api/v1/subaccounts/{SUBACCOUNT}/{path}", json=body, headers=headers)

    def place(self, number: str = LEAD, **more: Any) -> httpx2.Response:
        return self.ask("POST", "callflows", {"callflow": [make_call(number), make_call(AGENT)], **more})

    def register(self, url: str, header: str | None = TOKEN, kind: str = "VSS") -> None:
        answer = self.ask("POST", "webhooks", {"type": kind, "url": url, "httpAuthHeader": header})
        assert answer.status_code == 200

    def sessions(self) -> list[dict[str, Any]]:
        sessions: list[dict[str, Any]] = self.get("sessions")["sessions"]
        return sessions

    def all_over(self) -> bool:
        return all(session["deliveries"] for session in self.sessions())

    @staticmethod
    def _json(answer: httpx2.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


def make_call(destination: str, source: str = CALLER_ID) -> dict[str, Any]:
    return {"action": "makeCall", "params": {"source": source, "destination": destination}}


@contextmanager
def simulated(behaviours: dict[str, Behaviour] | None = None, **settings: Any) -> Iterator[Simulated]:
    chosen = {"api_key": KEY, "subaccount_id": SUBACCOUNT, "speed": FAST, **settings}
    app = create_app(behaviours, settings=VoiceSettings(**chosen))
    with serve(app) as url, httpx2.Client(base_url=url, trust_env=False) as admin:
        yield Simulated(app, url, admin)


@dataclass
class Received:
    """What came to our webhook, in order."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Any] = lambda _body: "ok"


@contextmanager
def receiver() -> Iterator[Received]:
    """Our side of the webhook."""
    received = Received()

    async def take(request: Request) -> Response:
        received.authorizations.append(request.headers.get("authorization"))
        body = json.loads(await request.body())
        received.bodies.append(body)
        answer = received.answer(body)
        return Response(answer if isinstance(answer, str) else json.dumps(answer))

    with serve(Starlette(routes=[Route("/api/callback", take, methods=["POST"])])) as url:
        received.url = f"{url}/api/callback"
        yield received


@dataclass
class RawServer:
    """A server on the bare socket; `requests` holds what each request began with."""

    url: str
    requests: list[bytes] = field(default_factory=list)


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(script: Script) -> AsyncIterator[int]:
    """Gives each connection to `script`, then closes it; yields the port and leaves nothing running."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await server.wait_closed()


@asynccontextmanager
async def raw_server(script: Script) -> AsyncIterator[RawServer]:
    """Reads a whole request, then lets `script` answer; each connection is served once."""
    made = RawServer("")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line.lower() for line in head.split(b"\r\n")]
        length = sum(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
        made.requests.append(head + await reader.readexactly(length))
        await script(reader, writer)

    async with tcp_server(connected) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made


def http_answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"content-length: {size}", "content-type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def documented(name: str) -> Any:
    """A payload that 8x8's pages show; the test is skipped where the reference is not at hand."""
    path = REFERENCE / "payloads" / name
    if not path.is_file():
        pytest.skip(f"no reference payload {name} here")
    return json.loads(path.read_text())
