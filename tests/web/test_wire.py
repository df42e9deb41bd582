"""On the wire: requests of unclear length, slow clients, bodies without an end."""

import queue
import socket
import time
from contextlib import suppress

import pytest

from autodialer.web import guards, wire
from web.house import CALLBACK_TOKEN, House, body_of, read_to_end

HEAD = f"POST /api/callback HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {CALLBACK_TOKEN}\r\n".encode()
OPEN_HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
HIDDEN = b"POST /api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
CHUNK = b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"
SMUGGLED: dict[str, bytes] = {
    "length and chunked": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "chunked and length": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + b"0\r\n\r\n" + HIDDEN,
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "two lengths in one": b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a negative length": b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length with a sign": b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "a length in hex": b"Content-Length: 0x10\r\n\r\n" + HIDDEN,
    "a length in other digits": "Content-Length: ²\r\n\r\n".encode("latin-1") + HIDDEN,
    "an endless length": b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + HIDDEN,
    "two codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNK,
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK,
    "chunked in a list": b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNK,
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK,
    "a bare carriage return": b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "a NUL in a header": b"X: a\x00b\r\n\r\n" + HIDDEN,
    "no name": b": x\r\n\r\n" + HIDDEN,
    "a chunk size that is none": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + HIDDEN,
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + HIDDEN,
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "BODY_PATIENCE", 0.5)
    monkeypatch.setattr(wire, "HEAD_PATIENCE", 0.5)


@pytest.mark.parametrize("headers", SMUGGLED.values(), ids=SMUGGLED)
def test_a_request_of_unclear_length_is_refused_and_its_connection_closed(local: House, headers: bytes) -> None:
    before = local.ledger()
    for head in (HEAD, OPEN_HEAD):
        answer = local.raw(head + headers)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert answer.count(b"HTTP/1.1") == 1
        assert b"connection: close" in answer.lower()
        assert body_of(answer)["success"] is False
    assert local.ledger() == before


def test_what_is_no_http_at_all_is_refused_in_our_shape(local: House) -> None:
    for data in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET / HTTX/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ):
        answer = local.raw(data)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert body_of(answer)["success"] is False


def test_two_requests_in_one_packet_get_two_answers_in_their_order(local: House) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = local.raw(one + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b'"healthy"') < answer.index(b'"running"')


def test_websockets_are_not_spoken(local: House) -> None:
    upgrade = b"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    assert local.raw(upgrade).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"", b""),
        (b"GET / HT", b""),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
    ],
    ids=["silence", "half a line", "one header after the other"],
)
def test_a_head_that_never_ends_loses_its_connection(local: House, begin: bytes, piece: bytes) -> None:
    answer, seconds = _trickle(local, begin, piece)
    assert seconds < 4
    assert (body_of(answer)["success"] is False) if begin else (answer == b"")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 5000\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"],
    ids=["length", "chunked"],
)
def test_a_body_that_trickles_is_408_and_nothing_is_stored(local: House, framing: bytes) -> None:
    before = local.ledger()
    piece = b" " if b"Length" in framing else b"1\r\n \r\n"
    answer, seconds = _trickle(local, HEAD + framing, piece)
    assert seconds < 4
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert body_of(answer)["success"] is False
    assert local.ledger() == before


def _trickle(service: House, begin: bytes, piece: bytes) -> tuple[bytes, float]:
    """Send `begin`, then `piece` again and again until the service closes; its answer and how many seconds that took."""
    started = time.monotonic()
    with socket.create_connection(service.address, timeout=0.1) as connection:
        connection.sendall(begin)
        answer = b""
        while time.monotonic() - started < 6:
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                if piece:
                    connection.sendall(piece)
                continue
            except ConnectionResetError:
                break
            if not chunk:
                break
            answer += chunk
        return answer, time.monotonic() - started


@pytest.mark.usefixtures("hasty")
def test_patience_with_heads_does_not_cut_a_request_that_is_being_answered(local: House) -> None:
    with socket.create_connection(local.address, timeout=3) as connection:
        for _ in range(3):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.3)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("hasty")
def test_who_asks_and_does_not_read_loses_the_connection(local: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "READ_PATIENCE", 0.5)
    impatient: queue.SimpleQueue[object] = queue.SimpleQueue()
    lost = wire.Wire.connection_lost

    def connection_lost(self: wire.Wire, exc: Exception | None) -> None:
        impatient.put(self._transport.get_extra_info("peername"))
        lost(self, exc)

    monkeypatch.setattr(wire.Wire, "connection_lost", connection_lost)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(local.address)
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)
        while impatient.get(timeout=30) != connection.getsockname():
            pass
        answers = b""
        with suppress(ConnectionResetError):
            while chunk := connection.recv(65536):  # a TimeoutError: the service still waits
                answers += chunk
    assert answers.count(b"HTTP/1.1 200 ") < 60


def test_who_reads_slowly_and_steadily_keeps_the_connection(local: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system takes more from us only when a third of its own buffer is free again, which takes a slow reader seconds."""
    monkeypatch.setattr(wire, "READ_PATIENCE", 0.3)
    monkeypatch.setattr(wire, "HEAD_PATIENCE", 0.5)
    with socket.create_connection(local.address, timeout=5) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 120)
        for _ in range(80):
            assert connection.recv(100_000), "the service has cut it"
            time.sleep(0.05)


def test_a_body_that_says_it_is_too_large_is_413_before_it_is_sent(local: House) -> None:
    for length in (b"65537", b"99999999999"):
        started = time.monotonic()
        answer = local.raw(HEAD + b"Content-Length: " + length + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert time.monotonic() - started < 3


def test_a_body_without_an_end_is_413_after_64_kib(local: House) -> None:
    sent = 0
    with socket.create_connection(local.address, timeout=5) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            while sent < 20_000_000:
                connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
                sent += 4096
        except (ConnectionError, TimeoutError):
            pass
        read_to_end(connection)
    assert sent < 20_000_000
    assert local.client.get("/health").status_code == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_changes_nothing(local: House) -> None:
    before = local.ledger()
    for path in (b"/api/pause", b"/api/cron", b"/api/callback", b"/api/do-not-call"):
        with socket.create_connection(local.address, timeout=5) as connection:
            connection.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{}")
    time.sleep(0.3)
    assert local.client.get("/health").status_code == 200
    assert local.ledger() == before
