"""Faults on request: what a provider or a network does wrong, for the next requests that match."""

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from starlette.types import Message, Receive, Send

Kind = Literal["status", "html", "timeout", "slow", "reset", "drop_after_commit", "torn"]
_ALWAYS_COMMIT = frozenset({"slow", "drop_after_commit", "torn"})
_OUTAGE_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests a fault meets; what is left out matches everything."""

    method: str | None = None
    path_contains: str = ""
    query_contains: str = ""
    body_contains: str = ""


class Seen(msgspec.Struct, frozen=True):
    """A request as the matcher sees it."""

    method: str
    path: str
    query: str
    body: bytes


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One queued fault.

    kind: `status` answers `status` with `body` (JSON, or text as it is) · `html` the same with an HTML
    page, 502 by default · `timeout` is silent for `delay_seconds`, then cuts; nothing is done · `slow` does
    what was asked and holds the answer for `delay_seconds` · `reset` resets the connection, nothing is done
    · `drop_after_commit` does it, then resets · `torn` does it, sends half of the answer, then closes.
    `times`: how many requests it meets, 0 for all. `skip`: how many matching requests pass first. `commit`:
    with status and html, do what was asked before answering so.
    """

    kind: Kind
    match: Match = Match()
    times: int = 1
    skip: int = 0
    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    delay_seconds: float = 3600.0
    commit: bool = False

    def __post_init__(self) -> None:
        if self.kind == "status" and not self.status:
            raise ValueError("a fault of kind status needs a status")
        if min(self.times, self.skip, self.delay_seconds) < 0:
            raise ValueError("times, skip and delay_seconds can't be negative")

    @property
    def commits(self) -> bool:
        """Whether the application does what was asked before the fault shows."""
        return self.commit or self.kind in _ALWAYS_COMMIT

    def meets(self, seen: Seen) -> bool:
        """Whether the request is one of those meant."""
        wanted = self.match
        return (
            (wanted.method is None or wanted.method.upper() == seen.method)
            and wanted.path_contains in seen.path
            and wanted.query_contains in seen.query
            and wanted.body_contains.encode() in seen.body
        )


class _Queued:
    """A fault and how often it met a request."""

    __slots__ = ("fault", "fired", "passed")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.fired = 0
        self.passed = 0

    @property
    def spent(self) -> bool:
        return self.fault.times > 0 and self.fired >= self.fault.times


class FaultQueue:
    """Faults in the order in which they were added; the first unspent one that matches a request meets it."""

    def __init__(self) -> None:
        self._queued: list[_Queued] = []

    def add(self, fault: Fault) -> None:
        """Queue one more."""
        self._queued.append(_Queued(fault))

    def clear(self) -> None:
        """Forget all, with their counts."""
        self._queued.clear()

    def take(self, seen: Seen) -> Fault | None:
        """The fault for this request, counted; None when it shall pass."""
        for queued in self._queued:
            if queued.spent or not queued.fault.meets(seen):
                continue
            if queued.passed < queued.fault.skip:
                queued.passed += 1
                continue
            queued.fired += 1
            return queued.fault
        return None

    def report(self) -> list[dict[str, Any]]:
        """Each fault and how many times it fired."""
        return [{**msgspec.to_builtins(q.fault), "fired": q.fired, "spent": q.spent} for q in self._queued]


async def play(fault: Fault, answer: Sequence[Message], receive: Receive, send: Send) -> None:
    """Answer as `fault` says. `answer`: what the application said, empty where it was not asked."""
    if fault.kind in ("status", "html"):
        await _send_own_answer(fault, send)
    elif fault.kind == "slow":
        await asyncio.sleep(fault.delay_seconds)
        for message in answer:
            await send(message)
    elif fault.kind == "torn":
        await _send_half(answer, send)
        await abort(receive, send, gently=True)
    else:
        await abort(receive, send)


async def hang(receive: Receive, seconds: float) -> None:
    """Say nothing until the client goes away, or for that long."""
    try:
        async with asyncio.timeout(seconds):
            await _until_disconnected(receive)
    except TimeoutError:
        return


async def abort(receive: Receive, send: Send, *, gently: bool = False) -> None:
    """Cut the connection: with a TCP reset, or (`gently`) after what was sent has left.

    Works on uvicorn, whose `send` is a method of the object that holds the transport; RuntimeError elsewhere.
    """
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if not hasattr(transport, "abort"):  # uvloop's transports are no asyncio.Transport
        raise RuntimeError("connections can only be cut when uvicorn serves the simulator directly")
    if gently:
        transport.close()
    else:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    await _until_disconnected(receive)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_own_answer(fault: Fault, send: Send) -> None:
    is_page = fault.kind == "html"
    body = _OUTAGE_PAGE if is_page and fault.body is None else fault.body
    raw = body.encode() if isinstance(body, str) else b"" if body is None else msgspec.json.encode(body)
    kind = "text/html" if is_page else "text/plain" if isinstance(body, str) else "application/json"
    headers = {"content-length": str(len(raw)), **({"content-type": f"{kind};charset=UTF-8"} if raw else {})}
    headers |= {name.lower(): value for name, value in fault.headers.items()}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status or 502, "headers": encoded})
    await send({"type": "http.response.body", "body": raw})


async def _send_half(answer: Sequence[Message], send: Send) -> None:
    body = b"".join(message.get("body", b"") for message in answer)
    for message in answer:
        if message["type"] == "http.response.start":
            await send(message)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
