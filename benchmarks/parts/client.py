"""D5: the client that places calls, 50 at once, beside aiohttp.

python -m benchmarks.parts.client WHICH URL SECONDS tells calls a second.
"""

import asyncio
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from autodialer.domain.placing import CallRequest, Placed
from autodialer.domain.record import RecordKey, RecordType
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import VoiceConfig
from benchmarks.figures import Book, Figure, ratios
from benchmarks.installing import python_packages, rival_environment
from benchmarks.machine import ROOT, cores, pin
from benchmarks.pages import NOW, StandingClock
from benchmarks.rounds import quick, rounds
from sockets import free_port

AT_ONCE = 50
_ANSWER = json.dumps(
    {
        "sessionId": "e3b5c1f0-0000-4000-8000-000000000000",
        "sessionStatus": "CREATED",
        "callFlowRequestId": "e3b5c1f0-0000-4000-8000-000000000001",
        "statusCode": 1,
        "statusMessage": "Created",
    }
).encode()
_REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_ANSWER), _ANSWER)


def measure(book: Book) -> None:
    """In turns, each a process of its own; who answers is on the other core."""
    packages = python_packages()
    rates: dict[str, list[float]] = {"autodialer": [], "aiohttp": []}
    with _answering() as url:
        for number in range(-1, rounds()):
            for which, found in rates.items():
                if which == "autodialer" or not isinstance(packages, str):
                    rate = _ask(which, url, 0.5 if quick() or number < 0 else 3.0)
                    if number >= 0:
                        found.append(rate)
    book.tell(Figure("D5.rate", tuple(rates["autodialer"])))
    if isinstance(packages, str):
        book.miss(("D5.aiohttp",), packages)
        return
    shown = {name: sorted(found)[len(found) // 2] for name, found in rates.items()}
    book.tell(Figure("D5.aiohttp", ratios(rates["autodialer"], rates["aiohttp"]), shown, "/s"))


def _ask(which: str, url: str, seconds: float) -> float:
    known = rival_environment()
    # The service's client keeps what it would have where nothing is installed beside it.
    own = os.environ if which == "autodialer" else known
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *([known["PYTHONPATH"]] if which != "autodialer" else [])])
    command = [sys.executable, "-m", "benchmarks.parts.client", which, url, str(seconds)]
    with subprocess.Popen(command, env={**own, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True) as child:
        pin(child.pid, cores()[0])
        told = child.communicate(timeout=seconds + 60)[0]
    assert child.returncode == 0
    return float(told)


class _Answer(asyncio.Protocol):
    """Answers each request as 8x8 does, reading no more of it than where it ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while True:
            head, found, rest = self._held.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if not found or len(rest) < length:
                return
            self._held = rest[length:]
            self._transport.write(_REPLY)


@contextmanager
def _answering() -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    command = [sys.executable, "-m", "benchmarks.parts.client", "answer", str(port), "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        try:
            pin(child.pid, cores()[1])
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            child.kill()


async def _answer(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Answer, "127.0.0.1", port)
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    await server.serve_forever()


@dataclass
class _Ours:
    telephony: VoiceTelephony
    count: int = 0

    async def place(self) -> None:
        self.count += 1
        key = RecordKey(RecordType.LEAD, str(self.count))
        request = CallRequest(f"attempt-{self.count}", key, "+40709000001", NOW + timedelta(seconds=120))
        assert isinstance(await self.telephony.place(request), Placed)


async def _place_for(place: Callable[[], Awaitable[None]], seconds: float) -> float:
    until, done = time.perf_counter() + seconds, 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await place()
            done += 1

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return done / seconds


async def _with_ours(url: str, seconds: float) -> float:
    config = VoiceConfig(
        api_key="bench", base_url=url, subaccount_id="bench", caller_id="+40210000001", agent_number="+40210000002"
    )
    async with VoiceTelephony(config, StandingClock()) as telephony:
        return await _place_for(_Ours(telephony).place, seconds)


async def _with_aiohttp(url: str, seconds: float) -> float:
    aiohttp = importlib.import_module("aiohttp")
    ring = {"action": "makeCall", "params": {"source": "+40210000001", "destination": "+40709000001"}}
    body = {"validUntil": "2026-03-02T10:02:00.000Z", "callflow": [ring, ring], "clientRequestId": "attempt-1"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def place() -> None:
            async with session.post(f"{url}/callflows", json=body, headers={"authorization": "Bearer bench"}) as reply:
                assert (await reply.json())["statusCode"] == 1

        return await _place_for(place, seconds)


def main(which: str, where: str, seconds: str) -> None:
    """One of both, or who answers them."""
    if which == "answer":
        asyncio.run(_answer(int(where)))
        return
    ways = {"autodialer": _with_ours, "aiohttp": _with_aiohttp}
    print(asyncio.run(ways[which](where, float(seconds))))  # noqa: T201 - as above


if __name__ == "__main__":
    main(*sys.argv[1:4])
