"""What both simulators share: a clock that can be set, faults on request, counters, latency, /_sim pages.

A `SimulatorApp` is a Starlette application behind a gate. Requests below /_sim pass the gate untouched; every
other request is counted, delayed by the latency, and meets the faults that were queued for it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autodialer.simulators.faults import Fault, FaultQueue, Seen, abort, hang, play

ADMIN_PREFIX: Final = "/_sim"
_ID_IN_PATH = re.compile(r"(?<=/)(\d{6,}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27,})(?=/|$)")


class SimClock:
    """The simulators' time: the real one (or `source`) plus an offset that can be set. UTC, aware."""

    def __init__(self, source: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._source = source
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """The simulated present."""
        return self._source() + self._offset

    def set(self, now: datetime) -> None:
        """Let it be `now`; time goes on from there. ValueError for a time without zone."""
        if now.tzinfo is None:
            raise ValueError("the time needs a zone, for example 2026-01-02T10:00:00Z")
        self._offset = now.astimezone(UTC) - self._source()

    def advance(self, seconds: float) -> None:
        """Jump ahead (or back, when negative)."""
        self._offset += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what the simulator made of it, for tests that look at the wire.

    `status` 0: a fault came before it was asked. What a fault did to its answer is not in here.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes


@dataclass(slots=True)
class Gate:
    """The state behind the /_sim pages. `observer` sees every exchange before its answer leaves.

    `doorman` is entered for as long as a request is in the house; the answer that it yields turns the
    request away.
    """

    clock: SimClock
    latency_seconds: float = 0.0
    faults: FaultQueue = field(default_factory=FaultQueue)
    counts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    peak_in_flight: int = 0
    observer: Callable[[Exchange], None] | None = None
    doorman: Callable[[Seen], AbstractContextManager[Response | None]] = field(default=lambda _seen: nullcontext())

    async def admit(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: count it, delay it, apply the first fault that matches, else ask `app`."""
        body = await _read_body(receive)
        if body is None:
            return
        self.counts[route_of(scope["method"], scope["path"])] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        answer = _Recorder(lambda: self._observe(scope, body, answer))
        try:
            seen = Seen(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), body)
            with self.doorman(seen) as refusal:
                fault = self.faults.take(seen) if refusal is None else None
                if self.latency_seconds > 0:
                    await asyncio.sleep(self.latency_seconds)
                if fault is None:
                    await (refusal or app)(scope, _replay(body, receive), answer.to(send))
                else:
                    await _answer_with_fault(fault, app, scope, body, receive, answer, send)
        finally:
            self.in_flight -= 1

    def _observe(self, scope: Scope, body: bytes, answer: "_Recorder") -> None:
        if self.observer is not None:
            self.observer(_exchange(scope, body, answer))


class SimulatorApp(Starlette):
    """A simulator: its routes, the shared /_sim pages, and the gate in front of the former."""

    def __init__(self, gate: Gate, routes: Sequence[BaseRoute], **kwargs: Any) -> None:
        super().__init__(routes=[*routes, *_admin_routes(gate)], **kwargs)
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The gate comes before all of Starlette, so that it holds the server's own connection."""
        if scope["type"] != "http" or scope["path"].startswith(ADMIN_PREFIX):
            await super().__call__(scope, receive, send)
            return
        await self.gate.admit(super().__call__, scope, receive, send)


def route_of(method: str, path: str) -> str:
    """`GET /crm/v8/Leads/{id}`: what requests are counted under."""
    return f"{method} {_ID_IN_PATH.sub('{id}', path)}"


def bad_request(problem: str) -> JSONResponse:
    """The answer of a /_sim page that can't do what was asked."""
    return JSONResponse({"error": problem}, status_code=400)


async def read_json(request: Request) -> Any:
    """The request's body. msgspec.DecodeError when it is no JSON."""
    return msgspec.json.decode(await request.body() or b"null")


async def _answer_with_fault(
    fault: Fault, app: ASGIApp, scope: Scope, body: bytes, receive: Receive, answer: "_Recorder", send: Send
) -> None:
    if not fault.commits:
        answer.complete()
    if fault.kind == "timeout":
        await hang(receive, fault.delay_seconds)
        await abort(receive, send)
        return
    if fault.commits:
        await app(scope, _replay(body, receive), answer.to(None))
    await play(fault, answer.messages, receive, send)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None when the client went away in the middle of it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


class _Recorder:
    """Keeps what an application answers, and passes it on unless told to hold it.

    `complete` is called once the answer is whole, before its last part leaves.
    """

    def __init__(self, complete: Callable[[], None]) -> None:
        self.complete = complete
        self.messages: list[Message] = []
        self.status = 0

    def to(self, send: Send | None) -> Send:
        async def recorded(message: Message) -> None:
            self.messages.append(message)
            if message["type"] == "http.response.start":
                self.status = message["status"]
            elif not message.get("more_body", False):
                self.complete()
            if send is not None:
                await send(message)

        return recorded


def _exchange(scope: Scope, body: bytes, answer: _Recorder) -> Exchange:
    sent: Sequence[tuple[bytes, bytes]] = next(
        (m["headers"] for m in answer.messages if m["type"] == "http.response.start"), ()
    )
    return Exchange(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=_text(scope["headers"]),
        body=body,
        status=answer.status,
        answer_headers=_text(sent),
        answer=b"".join(m.get("body", b"") for m in answer.messages),
    )


def _text(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _admin_routes(gate: Gate) -> list[BaseRoute]:
    pages = _AdminPages(gate)
    return [
        Route(f"{ADMIN_PREFIX}/faults", pages.faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{ADMIN_PREFIX}/clock", pages.clock, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/latency", pages.latency, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/counts", pages.counts, methods=["GET"]),
    ]


class _AdminPages:
    """GET shows, POST sets; 400 says what was wrong with the body."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._gate.faults.clear()
        elif request.method == "POST":
            try:
                self._gate.faults.add(msgspec.convert(await read_json(request), Fault))
            except (msgspec.DecodeError, ValueError) as problem:
                return bad_request(str(problem))
        return JSONResponse({"faults": self._gate.faults.report()})

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._gate.clock.set(datetime.fromisoformat((await read_json(request))["now"]))
            except (msgspec.DecodeError, ValueError, TypeError, KeyError) as problem:
                return bad_request(f'{{"now": "2026-01-02T10:00:00Z"}} is what goes here: {problem}')
        return JSONResponse({"now": self._gate.clock.now().isoformat()})

    async def latency(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._gate.latency_seconds = float((await read_json(request))["seconds"])
            except (msgspec.DecodeError, ValueError, TypeError, KeyError) as problem:
                return bad_request(f'{{"seconds": 0.1}} is what goes here: {problem}')
        return JSONResponse({"seconds": self._gate.latency_seconds})

    async def counts(self, _request: Request) -> Response:
        gate = self._gate
        return JSONResponse(
            {"counts": dict(gate.counts), "in_flight": gate.in_flight, "peak_in_flight": gate.peak_in_flight}
        )
