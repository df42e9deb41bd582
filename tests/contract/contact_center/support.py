"""What the tests of the Contact Center adapter share: its simulator over real sockets, an adapter, its events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from autodialer.clock import SystemClock
from autodialer.contact_center.client import ContactCenterTelephony
from autodialer.contact_center.config import ContactCenterConfig
from autodialer.domain.placing import CallRequest
from autodialer.domain.record import RecordKey, RecordType
from autodialer.simulators.contact_center import ContactCenterSimulator, create_app
from autodialer.simulators.contact_center_settings import ContactCenterSettings
from autodialer.simulators.people import Behaviour
from contract.eightx8.support import serve
from service.fakes import MemoryLog

REFERENCE = Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "8x8"
LEAD = "+40709000001"
CALLER_ID = "+40210000001"
TENANT, TOKEN, KEY = "simulated01", "action-token", "eght_stream-key"
ATTEMPT = "6f0c1c5e-6a53-4d0e-9d7a-2f6f3f1f0a01"
FAST = 2000.0
Body = Mapping[str, object]


def call_request(number: str = LEAD, attempt_id: str = ATTEMPT, *, seconds: float = 300) -> CallRequest:
    soon = datetime.now(UTC) + timedelta(seconds=seconds)
    return CallRequest(attempt_id, RecordKey(RecordType.LEAD, "1"), number, soon)


def config(url: str = "http://127.0.0.1:9", **changes: Any) -> ContactCenterConfig:
    standard: dict[str, Any] = {
        "tenant": TENANT,
        "action_token": TOKEN,
        "base_url": url,
        "agent_ids": ("all",),
        "caller_id": CALLER_ID,
        "queue_id": "101",
        "stream": url.replace("http://", "ws://"),
        "stream_key": KEY,
        "status_age": 0.0,
        "reconnect_longest": 0.05,
    }
    return ContactCenterConfig(**{**standard, **changes})


def adapter(url: str, **changes: Any) -> ContactCenterTelephony:
    """One that may place at once: as if its subscription stood from an earlier start."""
    telephony = ContactCenterTelephony(config(url, **changes), SystemClock(), MemoryLog())
    telephony._stream._subscribed.set()
    return telephony


@dataclass
class Simulated:
    """A running simulator; its state is reached in the same process."""

    app: ContactCenterSimulator
    url: str

    def asked(self, what: str) -> int:
        """How many requests had this in their path."""
        return sum(count for route, count in self.app.gate.counts.items() if what in route)


@contextmanager
def simulated(behaviours: dict[str, Behaviour] | None = None, **settings: Any) -> Iterator[Simulated]:
    chosen = {"tenant": TENANT, "action_token": TOKEN, "stream_key": KEY, "speed": FAST, **settings}
    app = create_app(behaviours, settings=ContactCenterSettings(**chosen))
    with serve(app) as url:
        yield Simulated(app, url)


@dataclass
class Heard:
    """Our side of the stream: what was taken, in order. `obstacle` is called before an event is kept."""

    events: list[Body] = field(default_factory=list)
    obstacle: Callable[[Body], Awaitable[None]] | None = None

    async def take(self, body: Body) -> None:
        if self.obstacle is not None:
            await self.obstacle(body)
        self.events.append(body)

    def names(self) -> list[object]:
        return [event["eventType"] for event in self.events]

    def of(self, session_id: str) -> list[Body]:
        return [event for event in self.events if payload_of(event).get("sessionId") == session_id]


def payload_of(event: Body) -> Mapping[str, object]:
    payload = event["payload"]
    assert isinstance(payload, Mapping)
    return payload


@asynccontextmanager
async def listening(telephony: ContactCenterTelephony) -> AsyncIterator[Heard]:
    """The adapter listens meanwhile."""
    heard = Heard()
    telephony._stream._subscribed.clear()
    task = asyncio.create_task(telephony.listen(heard.take))
    assert await telephony._stream.subscribed()
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen in time")


def documented(name: str) -> Any:
    """A payload that 8x8's pages show; the test is skipped where the reference is not at hand."""
    path = REFERENCE / "payloads" / name
    if not path.is_file():
        pytest.skip(f"no reference payload {name} here")
    return json.loads(path.read_text())
