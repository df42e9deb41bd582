"""The short way of a plain callback: the same answers as the usual way, and nothing that is not plain."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import h11
import pytest
import uvicorn
from uvicorn.server import ServerState

from autodialer.clock import SystemClock
from autodialer.domain.errors import StoreError
from autodialer.service.callbacks import CallbackDesk, read_callback
from autodialer.web import wire
from autodialer.web.lane import CallbackLane
from autodialer.web.wire import Wire, wire_with
from web.house import CALLBACK_TOKEN, House, body_of, summary

BODY = json.dumps(summary("lane", event="CALL_ACTION")).encode()
PLAIN = {
    "Host": "127.0.0.1",
    "Authorization": f"Bearer {CALLBACK_TOKEN}",
    "Content-Type": "application/json",
    "Content-Length": str(len(BODY)),
}


def request(
    changes: Mapping[str, str | None] | None = None,
    *,
    line: str = "POST /api/callback HTTP/1.1",
    body: bytes = BODY,
    more: bytes = b"",
) -> bytes:
    """A plain callback with some headers changed, or left out (None)."""
    headers = {**PLAIN, "Content-Length": str(len(body)), **(changes or {})}
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n" + more + b"\r\n" + body


class Desk(CallbackDesk):
    """Remembers what it takes; a test says when it is stored."""

    def __init__(self) -> None:
        self.taken: list[Mapping[str, object]] = []
        self.stored: list[asyncio.Future[None]] = []

    def take_soon(self, body: Mapping[str, object]) -> asyncio.Future[None]:
        read_callback(body, datetime.now(UTC))
        self.taken.append(body)
        self.stored.append(asyncio.get_running_loop().create_future())
        return self.stored[-1]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def lane(desk: Desk) -> CallbackLane:
    return CallbackLane(desk, SystemClock(), CALLBACK_TOKEN)


PLAIN_ONES = {
    "as 8x8 sends it": request(),
    "the token alone": request({"Authorization": CALLBACK_TOKEN}),
    "names in other case": request().replace(b"Content-", b"CONTENT-"),
    "headers that say nothing of the body": request({"User-Agent": "x", "X-Forwarded-For": "1.2.3.4", "Accept": "*/*"}),
    "kept alive by name": request({"Connection": "Keep-Alive"}),
    "no type": request({"Content-Type": None}),
    "our own format": request(body=b'{"zoho_id":"1","record_type":"Lead","call_status":"busy"}'),
}
OTHERS = {
    "another address": request(line="POST /api/callback/ HTTP/1.1"),
    "a query": request(line="POST /api/callback?a=b HTTP/1.1"),
    "an encoded address": request(line="POST /api/callbac%6b HTTP/1.1"),
    "another method": request(line="PUT /api/callback HTTP/1.1"),
    "a method in small letters": request(line="post /api/callback HTTP/1.1"),
    "an absolute address": request(line="POST http://127.0.0.1/api/callback HTTP/1.1"),
    "HTTP/1.0": request(line="POST /api/callback HTTP/1.0"),
    "a space more in the first line": request(line="POST  /api/callback HTTP/1.1"),
    "an empty line before": b"\r\n" + request(),
    "half of the head": request()[:60],
    "half of the body": request()[:-5],
    "two requests in one piece": request() + request(),
    "no length": request({"Content-Length": None}),
    "a length that is too small": request({"Content-Length": str(len(BODY) - 1)}),
    "a length that is too large": request({"Content-Length": str(len(BODY) + 1)}),
    "a length with a sign": request({"Content-Length": f"+{len(BODY)}"}),
    "a length in other digits": request({"Content-Length": "²"}),
    "an endless length": request({"Content-Length": "0" * 30 + str(len(BODY))}),
    "two lengths": request(more=f"Content-Length: {len(BODY)}\r\n".encode()),
    "two lengths that differ": request(more=b"content-length: 0\r\n"),
    "chunked": request({"Transfer-Encoding": "chunked"}),
    "chunked alone": request({"Transfer-Encoding": "chunked", "Content-Length": None}),
    "compressed": request({"Content-Encoding": "gzip"}),
    "a question before the body": request({"Expect": "100-continue"}),
    "an upgrade": request({"Upgrade": "websocket", "Connection": "Upgrade"}),
    "the last one of its connection": request({"Connection": "close"}),
    "no host": request({"Host": None}),
    "two hosts": request(more=b"Host: other\r\n"),
    "a folded header": request(more=b"X: a\r\n b\r\n"),
    "a space before the colon": request(more=b"X : a\r\n"),
    "a header without a name": request(more=b": a\r\n"),
    "a header without a colon": request(more=b"X\r\n"),
    "a bare carriage return": request(more=b"X: a\rTransfer-Encoding: chunked\r\n"),
    "a bare line feed": request(more=b"X: a\nTransfer-Encoding: chunked\r\n"),
    "a NUL in a header": request(more=b"X: a\x00b\r\n"),
    "other letters in a header": request(more="X: é\r\n".encode("latin-1")),
    "no token": request({"Authorization": None}),
    "another token": request({"Authorization": f"Bearer {CALLBACK_TOKEN}x"}),
    "a form": request({"Content-Type": "application/x-www-form-urlencoded"}),
    "no JSON": request(body=b"{"),
    "a list": request(body=b"[]"),
    "a key twice": request(body=BODY[:-1] + b', "namespace" : "VOICE"}'),
    "a callback of nobody's": request(body=b'{"zoho_id":"x"}'),
    "too large a body": request(body=BODY[:-1] + b', "x": "' + b"x" * 70_000 + b'"}'),
}


@pytest.mark.parametrize("data", PLAIN_ONES.values(), ids=PLAIN_ONES)
async def test_a_plain_callback_takes_the_short_way(lane: CallbackLane, desk: Desk, data: bytes) -> None:
    assert lane.admit(data) is desk.stored[0]
    assert desk.taken == [json.loads(data.partition(b"\r\n\r\n")[2])]


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
async def test_what_is_not_plain_goes_the_usual_way_and_leaves_no_trace(
    lane: CallbackLane, desk: Desk, data: bytes
) -> None:
    assert lane.admit(data) is None
    assert desk.taken == []


def _plainly(answer: bytes) -> tuple[bytes, dict[str, str], dict[str, object]]:
    """Status line, headers and body of an answer, with every time the same."""
    same = re.sub(rb"\d{4}-\d\d-\d\dT[\d:.]+Z", b"T", answer)
    head, *lines = same.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return head.encode(), headers | {"date": "D"}, body_of(same)


def test_both_ways_give_the_same_answer_and_store_the_same(guarded: House, monkeypatch: pytest.MonkeyPatch) -> None:
    admitted: list[bool] = []
    admit = CallbackLane.admit

    def watched(self: CallbackLane, data: bytes, peer: str | None) -> "asyncio.Future[None] | None":
        stored = admit(self, data, peer)
        admitted.append(stored is not None)
        return stored

    monkeypatch.setattr(CallbackLane, "admit", watched)
    bodies = [json.dumps(summary(f"both-{way}", event="CALL_ACTION")).encode() for way in ("short", "usual")]
    short = guarded.raw(request(body=bodies[0]), wait=1)
    usual = guarded.raw(request(body=bodies[1], line="POST /api/callback?x=y HTTP/1.1"), wait=1)
    assert admitted == [True, False]
    assert _plainly(short) == _plainly(usual)
    rows = guarded.sql("SELECT source, event_type, deliveries, body FROM inbox WHERE session_id LIKE 'both-%'")
    assert len({(*row[:3], row[3].replace("short", "usual")) for row in rows}) == 1
    assert len(rows) == 2


def test_a_plain_callback_that_can_not_be_stored_is_503(guarded: House) -> None:
    guarded.sql("ALTER TABLE inbox RENAME TO inbox_gone")
    try:
        answer = guarded.raw(request(), wait=2)
    finally:
        guarded.sql("ALTER TABLE inbox_gone RENAME TO inbox")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"retry-after: " in answer


# The protocol alone, on a connection that only remembers -------------------------------------------


class Connection(asyncio.Transport):
    """What was written to it, and whether it is closed or being read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unread = 0
        self._closed = False
        self._reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def abort(self) -> None:
        self._closed = True
        self.unread = 0

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def is_reading(self) -> bool:
        return self._reading


def open_wire(lane: CallbackLane) -> tuple[Wire, Connection]:
    async def nothing(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("the usual way was taken")

    config = uvicorn.Config(nothing, ws="none", lifespan="off", log_config=None)
    connection = Connection()
    protocol = wire_with(lane)(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(connection)
    return protocol, connection


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_nothing_is_answered_before_it_is_stored(lane: CallbackLane, desk: Desk) -> None:
    protocol, connection = open_wire(lane)
    protocol.data_received(request())
    await turn()
    assert connection.written == b""
    desk.stored[0].set_result(None)
    await turn()
    assert connection.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not connection.is_closing()


async def test_what_comes_in_meanwhile_waits_for_its_turn(lane: CallbackLane, desk: Desk) -> None:
    protocol, connection = open_wire(lane)
    second = request(body=json.dumps(summary("second", event="CALL_ACTION")).encode())
    protocol.data_received(request())
    protocol.data_received(second[:30])
    protocol.data_received(second[30:])
    assert not connection.is_reading()
    assert len(desk.taken) == 1
    for number in range(2):
        desk.stored[number].set_result(None)
        await turn()
    assert connection.is_reading()
    assert [body["payload"] for body in desk.taken] == [{"sessionId": "lane"}, {"sessionId": "second"}]
    assert connection.written.count(b"HTTP/1.1 200 OK") == 2


async def test_a_body_that_comes_after_its_head_goes_the_short_way(lane: CallbackLane, desk: Desk) -> None:
    protocol, connection = open_wire(lane)
    head, end, body = request().partition(b"\r\n\r\n")
    for piece in (head + end, body[:7], body[7:]):
        assert desk.taken == []
        protocol.data_received(piece)
    assert desk.taken == [json.loads(body)]
    desk.stored[0].set_result(None)
    await turn()
    assert connection.written.count(b"HTTP/1.1 200 OK") == 1


@pytest.mark.parametrize(
    "data", [request()[:60], request(line="GET / HTTP/1.1")[:-5], request({"Authorization": "x"})[:-5]]
)
async def test_only_a_plain_callback_of_an_authorised_sender_is_waited_for(lane: CallbackLane, data: bytes) -> None:
    assert not lane.lacks_body(data)


async def test_a_body_that_does_not_follow_its_head_soon_goes_the_usual_way(
    lane: CallbackLane, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BODY_AWAITED", 0.01)
    protocol, connection = open_wire(lane)
    protocol.data_received(request()[:-5])
    await asyncio.sleep(0.05)
    assert protocol._usual is not None
    assert protocol._usual.conn.their_state is h11.SEND_BODY
    assert connection.written.startswith(b"HTTP/1.1 500 "), "of the application, which here is none"
    assert desk.taken == []


async def test_stopping_lets_a_callback_that_is_being_stored_have_its_answer(lane: CallbackLane, desk: Desk) -> None:
    protocol, connection = open_wire(lane)
    protocol.data_received(request())
    protocol.shutdown()
    assert not connection.is_closing()
    desk.stored[0].set_result(None)
    await turn()
    assert connection.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.is_closing()


async def test_a_sender_who_hung_up_is_written_nothing(lane: CallbackLane, desk: Desk) -> None:
    protocol, connection = open_wire(lane)
    protocol.data_received(request())
    connection.close()
    protocol.connection_lost(None)
    desk.stored[0].set_exception(StoreError("gone", permanent=False))
    await turn()
    assert connection.written == b""


async def test_a_connection_is_kept_while_callbacks_come_and_closed_when_none_does(
    lane: CallbackLane, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_PATIENCE", 0.3)
    protocol, connection = open_wire(lane)
    for number in range(5):
        protocol.data_received(request())
        await asyncio.sleep(0.12)
        desk.stored[number].set_result(None)
        await turn()
        assert not connection.is_closing()
    await asyncio.sleep(0.8)
    assert connection.is_closing()


async def test_who_reads_nothing_of_his_answers_is_thrown_out_and_who_reads_slowly_is_not(lane: CallbackLane) -> None:
    for is_closed in (False, True):
        protocol, connection = open_wire(lane)
        protocol.data_received(request()[:-5])  # so that no head is waited for
        protocol._waits_since = None
        now = asyncio.get_running_loop().time()
        for second in range(100):
            connection.unread = 100_000 - second // 20
            protocol.lose_patience(now + second)
            assert not connection.is_closing()
        if is_closed:
            connection.close()  # which waits for what is unread
        for second in range(100, 100 + round(wire.READ_PATIENCE)):
            protocol.lose_patience(now + second)
        assert (connection.is_closing(), connection.unread) == (True, 0)
        protocol.connection_lost(None)


async def test_a_kept_connection_is_not_closed_between_a_callback_s_head_and_its_body(
    lane: CallbackLane, desk: Desk
) -> None:
    protocol, connection = open_wire(lane)
    usual = protocol._the_usual()
    usual.timeout_keep_alive_task = asyncio.get_running_loop().call_later(0.02, usual.timeout_keep_alive_handler)
    head, end, body = request().partition(b"\r\n\r\n")
    protocol.data_received(head + end)
    await asyncio.sleep(0.05)
    assert not connection.is_closing()
    protocol.data_received(body)
    desk.stored[0].set_result(None)
    await turn()
    assert connection.written.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_connection_on_which_only_plain_callbacks_come_has_no_protocol_of_uvicorn_s(
    lane: CallbackLane, desk: Desk
) -> None:
    protocol, connection = open_wire(lane)
    for number in range(2):
        protocol.data_received(request())
        desk.stored[number].set_result(None)
        await turn()
    assert connection.written.count(b"HTTP/1.1 200 OK") == 2
    assert protocol._usual is None


async def test_the_server_s_end_closes_a_connection_on_which_nothing_is_under_way(lane: CallbackLane) -> None:
    for data in (None, request()[:-5], b"GET / HT"):
        protocol, connection = open_wire(lane)
        if data is not None:
            protocol.data_received(data)
        protocol.shutdown()
        await turn()
        assert connection.is_closing(), data
        protocol.connection_lost(None)
        assert protocol._server.connections == set()


def test_a_head_that_is_known_still_says_how_long_its_body_is(lane: CallbackLane, desk: Desk) -> None:
    async def twice() -> None:
        assert lane.admit(request()) is desk.stored[0]
        assert lane.admit(request()) is desk.stored[1]
        assert lane.admit(request() + b" ") is None
        assert lane.admit(request()[:-1]) is None

    asyncio.run(twice())
    assert len(desk.taken) == 2


def test_a_sender_with_ever_new_heads_is_served_and_not_remembered_for_ever(lane: CallbackLane, desk: Desk) -> None:
    async def many() -> None:
        for number in range(1000):
            assert lane.admit(request({"X-Request-Id": str(number)})) is not None

    asyncio.run(many())
    assert len(desk.taken) == 1000
    assert len(lane._fit_heads) <= 256


def test_a_head_without_the_token_never_becomes_known(lane: CallbackLane, desk: Desk) -> None:
    for _ in range(2):
        assert lane.admit(request({"Authorization": "Bearer guessed"})) is None
    assert not desk.taken
