"""One call of place() sends at most one request, and tells truly what became of it."""

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest

from autodialer.domain.placing import Ambiguous, NotSent, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.eightx8.client import VoiceTelephony
from contract.eightx8.support import (
    KEY,
    LEAD,
    SUBACCOUNT,
    FixedClock,
    RawServer,
    Script,
    Simulated,
    call_request,
    http_answer,
    raw_server,
    simulated,
    tcp_server,
    voice_config,
)

CREATED = json.dumps({"sessionId": "s-1", "sessionStatus": "CREATED", "statusCode": 1}).encode()
REFUSED = json.dumps({"sessionStatus": "NOT_CREATED", "statusCode": -1017, "statusMessage": "no"}).encode()


async def place(url: str, **changes: Any) -> PlaceOutcome:
    async with VoiceTelephony(voice_config(url, **changes), FixedClock()) as telephony:
        return await telephony.place(call_request())


@asynccontextmanager
async def answering(*parts: bytes, cut: str = "close") -> AsyncIterator[RawServer]:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if cut == "reset":
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if cut == "hang":
            await reader.read()

    async with raw_server(script) as server:
        yield server


async def test_a_created_session_is_placed() -> None:
    async with answering(http_answer("200 OK", CREATED)) as server:
        assert await place(server.url) == Placed("s-1")
    assert len(server.requests) == 1


async def test_a_header_that_names_no_compression_does_no_harm() -> None:
    async with answering(http_answer("200 OK", CREATED, "content-encoding: identity")) as server:
        assert await place(server.url) == Placed("s-1")


async def test_an_interim_answer_is_no_answer_yet() -> None:
    async with answering(b"HTTP/1.1 100 Continue\r\n\r\n", http_answer("200 OK", CREATED)) as server:
        assert await place(server.url) == Placed("s-1")


@pytest.mark.parametrize(
    ("parts", "cut"),
    [
        pytest.param((), "close", id="closed without a word"),
        pytest.param((), "reset", id="reset without a word"),
        pytest.param((), "hang", id="silent for longer than the read time-out"),
        pytest.param((b"HTTP/1.1 200",), "close", id="cut within the status line"),
        pytest.param((b"HTTP/1.1 200 OK\r\ncontent-",), "reset", id="reset within the headers"),
        pytest.param((b"lol what is http\r\n\r\n",), "close", id="not HTTP at all"),
        pytest.param((b"\x00" * 300_000,), "close", id="binary rubbish"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 40_000), "close", id="endless headers"),
        pytest.param((http_answer("200 OK", CREATED, length=999),), "close", id="half of a body"),
        pytest.param((http_answer("200 OK", CREATED, length=999),), "reset", id="reset within the body"),
        pytest.param((http_answer("200 OK", CREATED, length=999),), "hang", id="body that stops coming"),
        pytest.param((http_answer("200 OK", CREATED + b" " * 100_000),), "close", id="body above the limit"),
        pytest.param((http_answer("200 OK", b'{"sessionId": '),), "close", id="broken JSON"),
        pytest.param((http_answer("200 OK", b"\xff\xfe\x00"),), "close", id="not UTF-8"),
        pytest.param((http_answer("200 OK", b"[" * 60_000),), "close", id="deeply nested JSON"),
        pytest.param((http_answer("200 OK", b"<html>"),), "close", id="HTML"),
        pytest.param((http_answer("204 No Content"),), "close", id="no content"),
        pytest.param((http_answer("500 Oops", REFUSED),), "close", id="server error"),
        pytest.param((http_answer("503 Oops"),), "reset", id="server error without a body"),
        pytest.param(
            (http_answer("200 OK", gzip.compress(CREATED), "content-encoding: gzip"),),
            "close",
            id="compressed though not asked for",
        ),
        pytest.param(
            (http_answer("200 OK", gzip.compress(b" " * 50_000_000), "content-encoding: gzip"),),
            "close",
            id="compressed bomb",
        ),
    ],
)
async def test_an_answer_that_leaves_doubt_is_ambiguous_and_never_asked_for_again(
    parts: tuple[bytes, ...], cut: str
) -> None:
    async with answering(*parts, cut=cut) as server:
        assert isinstance(await place(server.url, read_timeout=0.3), Ambiguous)
        await asyncio.sleep(0.05)
    assert len(server.requests) == 1


@pytest.mark.parametrize("limit", ["read_timeout", "total_timeout"])
async def test_a_call_that_nobody_answers_for_says_so_in_words(limit: str) -> None:
    async with answering(cut="hang") as server:
        outcome = await place(server.url, **{limit: 0.3})
    assert isinstance(outcome, Ambiguous)
    assert "no answer in time" in outcome.reason
    assert "cancel" not in outcome.reason.lower()


async def test_an_answer_that_drips_is_cut_off_by_the_total_time() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(drip) as server:
        outcome = await asyncio.wait_for(place(server.url, read_timeout=20.0, total_timeout=1.0), 15)
    assert isinstance(outcome, Ambiguous)
    assert len(server.requests) == 1


@pytest.mark.parametrize("cut", ["close", "reset", "hang"])
async def test_a_refusal_stands_even_if_its_body_never_arrives(cut: str) -> None:
    async with answering(http_answer("422 No", b"{", length=999), cut=cut) as server:
        outcome = await place(server.url, read_timeout=0.3)
    assert isinstance(outcome, Refused)
    assert len(server.requests) == 1


async def test_a_refusal_with_an_endless_body_is_read_only_up_to_the_limit() -> None:
    async with answering(http_answer("422 No", b" " * 200_000, length=10**9), cut="hang") as server:
        outcome = await asyncio.wait_for(place(server.url, read_timeout=20), 5)
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_a_redirect_is_never_followed(status: str) -> None:
    async with (
        answering(http_answer("200 OK", CREATED)) as elsewhere,
        answering(http_answer(f"{status} Moved", b"", f"location: {elsewhere.url}/x")) as server,
    ):
        outcome = await place(server.url)
    assert isinstance(outcome, Refused if status in {"301", "307", "308"} else Ambiguous)
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


async def test_throttling_is_told_with_its_pause() -> None:
    async with answering(http_answer("429 Slow", b"", "retry-after: 3")) as server:
        assert await place(server.url) == Throttled(3.0)
    async with answering(http_answer("429 Slow")) as server:
        assert await place(server.url, throttle_pause=8.0) == Throttled(8.0)


async def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        outcome = await place(url)
    assert isinstance(outcome, NotSent)
    assert "reached" in outcome.reason


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_name(*_args: Any, **_kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    assert isinstance(await place("http://voice.example.invalid"), NotSent)


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """A listener that accepts nobody any more: further connections are never established."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for connection in waiting:
            connection.close()


async def test_a_connection_that_is_never_established_means_that_nothing_was_sent(full_backlog: str) -> None:
    outcome = await place(full_backlog, connect_timeout=0.3)
    assert isinstance(outcome, NotSent)
    assert "ConnectTimeout" in outcome.reason


async def test_a_total_time_that_ends_while_connecting_means_that_nothing_was_sent(full_backlog: str) -> None:
    assert isinstance(await place(full_backlog, connect_timeout=9.0, total_timeout=0.2), NotSent)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x15\x03\x03\x00\x02\x02\x28"])
async def test_a_failed_tls_handshake_means_that_nothing_was_sent(greeting: bytes) -> None:
    hellos: list[bytes] = []

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(4096))
        writer.write(greeting)

    async with tcp_server(no_tls) as port:
        outcome = await place(f"https://127.0.0.1:{port}")
    assert isinstance(outcome, NotSent)
    assert len(hellos) == 1
    assert KEY.encode() not in hellos[0]


async def test_a_tls_handshake_that_never_ends_means_that_nothing_was_sent() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with tcp_server(silent) as port:
        assert isinstance(await place(f"https://127.0.0.1:{port}", connect_timeout=0.3), NotSent)


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the proxy at that port the way out of this machine."""

    def go(port: int) -> None:
        for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")

    return go


@pytest.mark.parametrize(
    "status",
    ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway", "503 Service Unavailable"],
)
async def test_a_tunnel_that_a_proxy_refuses_means_that_nothing_was_sent(
    status: str, behind: Callable[[int], None]
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http_answer(status))

    async with tcp_server(refuse) as port:
        behind(port)
        outcome = await place("https://voice.example.invalid")
    assert isinstance(outcome, NotSent)
    assert status in outcome.reason
    assert "HTTPS_PROXY" in outcome.reason


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 200 Connection established\r\n\r\n"])
async def test_a_tunnel_that_breaks_before_the_request_means_that_nothing_was_sent(
    greeting: bytes, behind: Callable[[int], None]
) -> None:
    asked: list[bytes] = []

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(greeting)

    async with tcp_server(cut) as port:
        behind(port)
        assert isinstance(await place("https://voice.example.invalid"), NotSent)
    assert [head.split(b" ")[0] for head in asked] == [b"CONNECT"]
    assert KEY.encode() not in asked[0]


async def test_a_request_that_a_proxy_took_over_and_lost_is_ambiguous(
    behind: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answering() as proxy:
        behind(0)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert isinstance(await place("http://voice.example.invalid"), Ambiguous)
    assert proxy.requests[0].startswith(b"POST http://voice.example.invalid/")


async def test_certificates_are_verified() -> None:
    async with VoiceTelephony(voice_config("https://127.0.0.1:1"), FixedClock()) as telephony:
        client = telephony._exchange._open()
        transport: Any = client._transport
        assert transport._pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
        assert transport._pool._ssl_context.check_hostname


@pytest.mark.parametrize(
    "setting", ["api_key", "subaccount_id", "caller_id", "agent_number"], ids=lambda name: f"without {name}"
)
async def test_nothing_is_sent_while_a_setting_is_missing(setting: str) -> None:
    async with answering(http_answer("200 OK", CREATED)) as server:
        outcome = await place(server.url, **{setting: ""})
    assert isinstance(outcome, Refused)
    assert outcome.scope is Scope.ACCOUNT
    assert f"EIGHTX8_{setting.upper()}" in outcome.message
    assert server.requests == []


async def test_a_connection_that_was_closed_while_idle_is_not_used_again() -> None:
    async with (
        answering(http_answer("200 OK", CREATED)) as server,
        VoiceTelephony(voice_config(server.url), FixedClock()) as telephony,
    ):
        for _ in range(3):
            assert await telephony.place(call_request()) == Placed("s-1")
            await asyncio.sleep(0.02)
    assert len(server.requests) == 3


async def test_the_request_carries_the_key_and_asks_for_no_compression() -> None:
    async with answering(http_answer("200 OK", CREATED)) as server:
        await place(server.url)
    head = server.requests[0].split(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert head[0] == f"post /api/v1/subaccounts/{SUBACCOUNT}/callflows http/1.1"
    assert {f"authorization: bearer {KEY}", "content-type: application/json", "accept-encoding: identity"} < set(head)


async def test_a_cancelled_call_is_not_swallowed() -> None:
    arrived = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()

    async with raw_server(silent) as server:
        task = asyncio.ensure_future(place(server.url))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_fifty_calls_at_once_are_fifty_requests() -> None:
    async with (
        answering(http_answer("200 OK", CREATED)) as server,
        VoiceTelephony(voice_config(server.url), FixedClock()) as telephony,
    ):
        outcomes = await asyncio.gather(*(telephony.place(call_request()) for _ in range(50)))
    assert outcomes == [Placed("s-1")] * 50
    assert len(server.requests) == 50


def scripted(simulator: Simulated, kind: str, **fault: Any) -> None:
    simulator.post("faults", {"kind": kind, **fault})


@pytest.mark.parametrize(
    ("kind", "fault", "expected", "accepted"),
    [
        ("slow", {"delay_seconds": 1}, Ambiguous, 1),
        ("drop_after_commit", {}, Ambiguous, 1),
        ("torn", {}, Ambiguous, 1),
        ("timeout", {"delay_seconds": 5}, Ambiguous, 0),
        ("reset", {}, Ambiguous, 0),
        ("html", {}, Ambiguous, 0),
        ("status", {"status": 500, "commit": True}, Ambiguous, 1),
        ("status", {"status": 503}, Ambiguous, 0),
        ("status", {"status": 429, "headers": {"retry-after": "2"}}, Throttled, 0),
        ("status", {"status": 403}, Refused, 0),
    ],
)
async def test_each_fault_of_the_simulator_is_told_truly_and_sent_once(
    kind: str, fault: dict[str, Any], expected: type, accepted: int
) -> None:
    with simulated() as simulator:
        scripted(simulator, kind, **fault)
        outcome = await place(simulator.url, read_timeout=0.5)
        counts = simulator.get("counts")["counts"]
        totals = simulator.get("rings")["totals"]
    assert isinstance(outcome, expected)
    assert counts == {f"POST /api/v1/subaccounts/{SUBACCOUNT}/callflows": 1}
    assert totals["accepted"] == accepted


async def test_a_call_reaches_the_simulator_with_our_id_and_both_numbers() -> None:
    with simulated() as simulator:
        outcome = await place(simulator.url)
        rings = simulator.get("rings")["rings"]
    assert isinstance(outcome, Placed)
    assert list(rings) == [LEAD]
    assert [(r["clientRequestId"], r["sessionId"]) for r in rings[LEAD]] == [("att-1", outcome.session_id)]


async def test_the_scripts_are_what_they_claim_to_be() -> None:
    """The raw server really reads the whole request before it misbehaves."""
    seen: list[bytes] = []

    async def look(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(b"called")
        writer.write(http_answer("200 OK", CREATED))

    script: Script = look
    async with raw_server(script) as server:
        await place(server.url)
    assert seen == [b"called"]
    assert json.loads(server.requests[0].split(b"\r\n\r\n")[1])["clientRequestId"] == "att-1"
