"""Posts callbacks over keep-alive connections as fast as they are answered, in a process of its own.

python callback_load.py PORT CONNECTIONS SECONDS NAME [TOKEN] prints one line: answered, failed, seconds, p50_ms, p99_ms.
Each callback has a session of its own, which begins with NAME.
"""

import asyncio
import json
import sys
import time

_PATIENCE = 30.0  # seconds for the last answers


class Poster(asyncio.Protocol):
    """One connection: a callback, its answer, the next callback, until `until` (monotonic seconds)."""

    def __init__(self, name: str, head: bytes, until: float, done: "asyncio.Future[None]") -> None:
        self._name, self._head, self._until, self._done = name, head, until, done
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._count = 0
        self._sent = 0.0
        self.latencies: list[float] = []
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._post()

    def _post(self) -> None:
        assert self._transport is not None
        self._count += 1
        body = (
            b'{"namespace":"VOICE","eventType":"SESSION_SUMMARY","eventVersion":1,"payload":{"sessionId":"%s-%d",'
            b'"subAccountId":"bench","sessionStatus":"COMPLETED","initiatedTimestamp":"2026-03-03T11:20:00.000Z",'
            b'"startTime":"2026-03-03T11:20:01.000Z","endTime":"2026-03-03T11:21:00.000Z","callCount":2,"details":{}}}'
        ) % (self._name.encode(), self._count)
        self._sent = time.perf_counter()
        self._transport.write(self._head % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        now = time.perf_counter()
        self._buffer = b""
        if head.startswith(b"HTTP/1.1 200 "):
            self.latencies.append(now - self._sent)
        else:
            self.failed += 1
        if now < self._until:
            self._post()
        elif self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed += exc is not None or time.perf_counter() < self._until
        if not self._done.done():
            self._done.set_result(None)


async def load(port: int, connections: int, seconds: float, name: str, token: str) -> dict[str, float]:
    """Post from so many connections for so long."""
    loop = asyncio.get_running_loop()
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST /api/callback HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    began = time.perf_counter()
    posters = []
    ends = [loop.create_future() for _ in range(connections)]
    for number, end in enumerate(ends):
        poster = Poster(f"{name}-{number}", head, began + seconds, end)
        await loop.create_connection(lambda poster=poster: poster, "127.0.0.1", port)  # type: ignore[misc]  # no type for a lambda's default
        posters.append(poster)
    await asyncio.wait_for(asyncio.gather(*ends), seconds + _PATIENCE)
    took = time.perf_counter() - began
    latencies = sorted(latency for poster in posters for latency in poster.latencies) or [0.0]
    return {
        "answered": sum(len(poster.latencies) for poster in posters),
        "failed": sum(poster.failed for poster in posters),
        "seconds": took,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    port, connections, seconds, name, *token = sys.argv[1:]
    figures = asyncio.run(load(int(port), int(connections), float(seconds), name, "".join(token)))
    sys.stdout.write(json.dumps(figures) + "\n")
