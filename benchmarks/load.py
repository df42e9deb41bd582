"""Posts callbacks over keep-alive connections as fast as they are answered, in a process of its own.

python load.py PORT CONNECTIONS SECONDS NAME [TOKEN] prints one line of JSON, the figures of `Load`. Each callback has a call id of
its own, which begins with NAME. One thread, epoll and sockets: on one core it posts several times what any of the servers takes.
"""

import json
import resource
import select
import socket
import sys
import time
from array import array
from dataclasses import asdict, dataclass

PATIENCE = 30.0  # seconds for connecting, and again for the last answers
_BODY = (
    b'{"zoho_id":"4150868000000%06d","record_type":"Lead","call_status":"no_answer","timestamp":"%b","call_id":"%b-%d"}'
)
_ENVELOPE = (
    b'{"namespace":"VOICE","eventType":"SESSION_SUMMARY","eventVersion":1,"payload":{"sessionId":"%b-%d",'
    b'"subAccountId":"bench","sessionStatus":"COMPLETED","initiatedTimestamp":"2026-03-03T11:20:00.000Z",'
    b'"startTime":"2026-03-03T11:20:01.000Z","endTime":"%b","callCount":2,"details":{}}}'
)
_OK = b"HTTP/1.1 200"
_SOME = 500  # connections opened before answers are looked at again
_READ = 65536


@dataclass(slots=True)
class Load:
    """What came of it. `refused`: answered otherwise than 200; `broken`: connections that failed or were closed on us."""

    answered: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_seconds: float


class Poster:
    """One connection: a callback, its answer, the next callback."""

    __slots__ = ("_batch", "_buffer", "_count", "_number", "_socket", "_whole", "sent_at")

    def __init__(self, batch: "Batch", number: int) -> None:
        self._batch, self._number, self._count = batch, number, 0
        self._buffer, self._whole = b"", 0
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect_ex(("127.0.0.1", batch.port))
        self.sent_at = 0.0

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()

    def post(self) -> bool:
        """Send the next one; False when the connection is gone."""
        self._count += 1
        body = self._batch.body(self._number, self._count)
        self.sent_at = time.perf_counter()
        try:
            self._socket.send(self._batch.head % len(body) + body)
        except OSError:
            return False
        return True

    def read(self) -> bool | None:
        """Whether the answer, now whole, says 200; None when it is not whole yet. OSError when the connection is gone."""
        data = self._socket.recv(_READ)
        if not data:
            raise ConnectionResetError
        if self._buffer or len(data) != self._whole:
            self._buffer += data
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found or len(rest) < _length(head):
                return None
            data, self._buffer = self._buffer, b""
            self._whole = len(data)
        return data.startswith(_OK)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Batch:
    """What all connections have in common."""

    def __init__(self, port: int, name: str, token: str, *, envelope: bool) -> None:
        self.port = port
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self.head = (
            f"POST /api/callback HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        ).encode()
        self._name, self._envelope = name.encode(), envelope

    def body(self, number: int, count: int) -> bytes:
        """The `count`-th callback of connection `number`: the one that the service documents, or (`envelope`) an event of 8x8."""
        name = b"%b-%d" % (self._name, number)
        now = time.time()
        ended = b"%b.%03dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)).encode(), 1000 * now % 1000)
        return _ENVELOPE % (name, count, ended) if self._envelope else _BODY % (number, ended, name, count)


def load(batch: Batch, connections: int, seconds: float) -> Load:
    """Post from so many connections for so long."""
    _allow_files(connections + 100)
    poll = select.epoll()
    posters: dict[int, Poster] = {}
    waiting = list(range(connections, 0, -1))
    latencies = array("d")
    refused = broken = 0
    cpu = time.process_time()
    began = time.perf_counter()
    until, end = began + seconds, began + seconds + PATIENCE
    while (posters or waiting) and (now := time.perf_counter()) < end:
        for _ in range(min(_SOME, len(waiting)) if now < until else 0):
            poster = Poster(batch, waiting.pop())
            posters[poster.fileno()] = poster
            poll.register(poster, select.EPOLLOUT)
        if now >= until:
            waiting.clear()
        for fileno, event in poll.poll(0.0 if waiting else 0.2):
            poster = posters[fileno]
            done = False
            if event & select.EPOLLOUT:  # connected
                poll.modify(fileno, select.EPOLLIN)
                done = not poster.post()
                broken += done
            else:
                try:
                    answer = poster.read()
                except OSError:
                    done, broken, answer = True, broken + 1, None
                if answer is not None:
                    now = time.perf_counter()
                    if answer:
                        latencies.append(now - poster.sent_at)
                    else:
                        refused += 1
                    done = now >= until or not poster.post()
            if done:
                poll.unregister(fileno)
                del posters[fileno]
                poster.close()
    took = time.perf_counter() - began
    ordered = sorted(latencies) or [0.0]
    return Load(
        answered=len(latencies),
        refused=refused,
        broken=broken + len(posters),
        seconds=took,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[len(ordered) * 99 // 100],
        max_ms=1000 * ordered[-1],
        cpu_seconds=time.process_time() - cpu,
    )


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard > 0 else count, hard))


if __name__ == "__main__":
    port, connections, seconds, name, *rest = sys.argv[1:]
    envelope = "--envelope" in rest
    token = "".join(one for one in rest if one != "--envelope")
    found = load(Batch(int(port), name, token, envelope=envelope), int(connections), float(seconds))
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
