"""A simulated Zoho on a real socket, and the client under test in front of it."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports import MintingTurn, StoredToken, TokenState, TokenStore
from autodialer.service.upstreams import Upstream
from autodialer.simulators.common import Exchange, SimClock
from autodialer.simulators.faults import Fault
from autodialer.simulators.people import Module, Person, mobile, zoho_id
from autodialer.simulators.zoho import ZohoSimulator, create_app
from autodialer.simulators.zoho_tokens import Credentials
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.config import ZohoConfig

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
RAW = "x-raw-request"
PROPER = "proper"  # the value of RAW that marks a request that a client might send
MODULES: Mapping[RecordType, Module] = {RecordType.LEAD: "Leads", RecordType.CONTACT: "Contacts"}


class Switchboard:
    """One server for all tests; each test plugs its own simulator in."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.port = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@contextmanager
def served(app: Switchboard) -> Iterator[str]:
    """The address of `app` on this machine, as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, lifespan="off", log_level="critical", timeout_graceful_shutdown=1, date_header=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="simulated-zoho")
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


class QuickClock:
    """ports.Clock for tests: waits take no time, they move the simulated time instead."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(seconds)
        await asyncio.sleep(0.001)


class MemoryTokens:
    """ports.TokenStore in memory; share one between clients and they are replicas of one deployment."""

    def __init__(self) -> None:
        self.states: dict[str, TokenState] = {}
        self.turns = 0
        self._is_taken = False

    @property
    def token(self) -> StoredToken | None:
        """The one that is kept, where there is but one."""
        return next((state.token for state in self.states.values()), None)

    async def load(self, key: str) -> TokenState:
        await asyncio.sleep(0)
        return self.states.get(key, TokenState())

    async def mark_worked(self, key: str, value: str) -> None:
        await asyncio.sleep(0)
        state = self.states[key]
        if state.token is not None and state.token.value == value:
            self.states[key] = replace(state, token=replace(state.token, worked=True))

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[MintingTurn | None]:
        if self._is_taken:
            yield None
            return
        self._is_taken = True
        self.turns += 1
        try:
            yield _MemoryTurn(self.states, key)
        finally:
            self._is_taken = False


class _MemoryTurn:
    """Never lost."""

    def __init__(self, states: dict[str, TokenState], key: str) -> None:
        self._states = states
        self._key = key

    async def keep(self) -> bool:
        return True

    async def save(self, state: TokenState) -> bool:
        await asyncio.sleep(0)
        self._states[self._key] = state
        return True


@dataclass
class World:
    """A simulator, its address, and what went over the wire. `open_client` gives a client; `upstream`: how its requests went."""

    url: str
    sim: ZohoSimulator
    clock: SimClock
    exchanges: list[Exchange]
    tokens: MemoryTokens = field(default_factory=MemoryTokens)

    @property
    def quick_clock(self) -> QuickClock:
        return QuickClock(self.clock)

    def config(self, **changes: Any) -> ZohoConfig:
        credentials = Credentials()
        config = ZohoConfig(
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            refresh_token=credentials.refresh_token,
            api_domain=self.url,
            accounts_url=self.url,
            connect_timeout=2,
            read_timeout=2,
            request_timeout=4,
        )
        return replace(config, **changes)

    @asynccontextmanager
    async def open_client(
        self, clock: QuickClock | None = None, tokens: TokenStore | None = None, **changes: Any
    ) -> AsyncIterator[ZohoCrm]:
        self.upstream = Upstream(clock or self.quick_clock)
        crm = ZohoCrm(self.config(**changes), tokens or self.tokens, clock or self.quick_clock, self.upstream)
        try:
            yield crm
        finally:
            await crm.aclose()

    @asynccontextmanager
    async def open_raw(self, *, authorised: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
        """Plain HTTP to the simulator, with a token of its own."""
        headers = {RAW: "1"}
        if authorised:
            token = self.sim.accounts.mint(self.form(), self.url)[1]["access_token"]
            headers["Authorization"] = f"Zoho-oauthtoken {token}"
        # Plain HTTP: reading all certificates would take longer than most tests.
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, verify=False) as raw:
            yield raw

    def form(self, **changes: str) -> dict[str, str]:
        credentials = Credentials()
        return {
            "grant_type": "refresh_token",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
        } | changes

    def fault(self, **described: Any) -> None:
        """Queue a fault."""

        self.sim.gate.faults.add(msgspec.convert(described, Fault))

    def fired(self) -> list[int]:
        """How often each fault fired."""
        return [fault["fired"] for fault in self.sim.gate.faults.report()]

    def sent(self, method: str, path: str) -> list[Exchange]:
        """Requests that reached the simulator."""
        return [e for e in self.exchanges if e.method == method and e.path == path]

    def stored(self, key: RecordKey) -> dict[str, Any]:
        """A record as Zoho would show it now."""
        records = self.sim.records[MODULES[key.record_type]]
        record = records.get(int(key.zoho_id))
        assert record is not None
        return records.row(record, records.schema.types)


def plug(url: str, switchboard: Switchboard, people: Iterable[Person], **options: Any) -> World:
    """A fresh simulator behind the switchboard."""
    clock = SimClock()
    clock.set(NOW)
    sim = create_app(people, clock=clock, **options)
    exchanges: list[Exchange] = []
    sim.gate.observer = exchanges.append
    switchboard.app = sim
    return World(url, sim, clock, exchanges)


def is_ours(exchange: Exchange) -> bool:
    """Whether the client under test sent it, and neither a test nor Zoho's SDK."""
    return RAW not in exchange.headers and not exchange.headers.get("user-agent", "").startswith("python-requests")


def is_proper(exchange: Exchange) -> bool:
    """Whether Zoho would take the request: the client's, the SDK's, and those that say so."""
    return exchange.headers.get(RAW, PROPER) == PROPER


def person(index: int, status: str | None = "New", module: Module = "Leads", **changes: Any) -> Person:
    """Somebody in the simulated CRM."""
    return Person(
        module=module,
        zoho_id=zoho_id(module, index),
        first_name="Ana",
        last_name="Zăpadă",
        status=status,
        created_time=NOW - timedelta(days=3),
        phone=mobile(index),
        number=mobile(index),
        **changes,
    )


def key_of(someone: Person) -> RecordKey:
    """The record's key."""
    record_type = RecordType.LEAD if someone.module == "Leads" else RecordType.CONTACT
    return RecordKey(record_type, someone.zoho_id)


async def pull_all(crm: ZohoCrm, record_type: RecordType = RecordType.LEAD) -> list[Any]:
    """All records of a pull."""
    return [record async for page in crm.pull(record_type) for record in page]
