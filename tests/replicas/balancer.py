"""A load balancer as small as can be: each request goes to the next replica, and to the one after it where nobody listens."""

import asyncio
import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
_PATIENCE = 3.0  # seconds that a replica may take to answer, before the client is left without one
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass
class Balancer:
    """Forwards to `ports` of this machine by turns. `answered`: how many requests each of them answered.

    `passed_on`: how often nobody listened and the next one was tried; `unanswered`: requests that a replica took and left so.
    """

    ports: Sequence[int]
    port: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    passed_on: int = 0
    unanswered: int = 0

    def __post_init__(self) -> None:
        self._turn = itertools.cycle(range(len(self.ports)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the connection is closed, so that the next request may go elsewhere."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(await self._answer(await _request(reader)))
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, request: bytes) -> bytes:
        first = next(self._turn)
        for offset in range(len(self.ports)):
            port = self.ports[(first + offset) % len(self.ports)]
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                self.passed_on += 1
                continue
            return await self._exchange(port, request, reader, writer)
        return _BAD_GATEWAY

    async def _exchange(
        self, port: int, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """What has left may have been done: it is not sent a second time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                writer.write(request)
                answer = await reader.read(-1)
        except (OSError, TimeoutError):
            answer = b""
        finally:
            writer.transport.abort()
        if answer:
            self.answered[port] += 1
        else:
            self.unanswered += 1
        return answer


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_HEAD_END)
    lines = head.removesuffix(_HEAD_END).split(b"\r\n")
    length = sum(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:"))
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    body = await reader.readexactly(length)
    return b"\r\n".join([*kept, b"connection: close"]) + _HEAD_END + body


@contextmanager
def balancing(ports: Sequence[int]) -> Iterator[Balancer]:
    """One that listens, in a thread of this process."""
    balancer = Balancer(ports)
    ready, leave = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        server = await asyncio.start_server(balancer.forward, "127.0.0.1", 0)
        balancer.port = server.sockets[0].getsockname()[1]
        loops.append(asyncio.get_running_loop())
        ready.set()
        async with server:
            await leave.wait()

    thread = threading.Thread(target=lambda: asyncio.run(live()), name="balancer")
    thread.start()
    try:
        assert ready.wait(10), "the balancer does not start"
        yield balancer
    finally:
        if loops:
            loops[0].call_soon_threadsafe(leave.set)
        thread.join(10)
