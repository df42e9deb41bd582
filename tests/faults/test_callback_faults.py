"""Faults of who sends callbacks, and of who asks the API: numbers 13, 14, 16 to 18, 28 and 33 to 39."""

import asyncio
import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from autodialer.simulators.people import Behaviour, Person
from crash.town import people
from faults.conftest import OpenStage
from faults.stage import Stage
from web.house import API_TOKEN, TOKENS, result, summary

SILENT = Behaviour(("silent",))
HEAD = b"POST /api/callback HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def silent(count: int) -> list[Person]:
    """People New, of whose calls 8x8 itself tells nothing."""
    return [Person(**{**_fields(who), "behaviour": SILENT}) for who in people()[:count]]


def _fields(who: Person) -> dict[str, Any]:
    return {name: getattr(who, name) for name in Person.__dataclass_fields__}


def call_everybody(here: Stage) -> list[str]:
    """One run; the sessions, in the order of `everybody`."""
    answer = here.house.ask("POST", "/api/cron")
    assert answer.json()["results"]["called"] == len(here.everybody), answer.text
    by_number = {session["destination"]: session["sessionId"] for session in here.world.sessions()}
    return [by_number[who.number] for who in here.everybody]


def ended(session: str, status: str) -> dict[str, object]:
    """8x8's summary of a call to one phone that ended so."""
    leg = {"callStatus": status, "callDuration": 3, "callType": "PSTN", "callDirection": "OUTBOUND"}
    return summary(session, sessionStatus=status, callCount=1, details={"callA": leg})


def test_fault_13_one_result_delivered_five_times_at_once_has_one_effect(open_stage: OpenStage) -> None:
    with open_stage(everybody=silent(4)) as here:
        sessions = call_everybody(here)
        for who, session in zip(here.everybody, sessions, strict=True):
            assert here.post_at_once([result(who, call_id=session)] * 5) == [200] * 5
        here.settle()
        assert here.sql("SELECT count(*) FROM inbox WHERE deliveries = 5") == 4
        assert here.sql("SELECT count(*) FROM outbox WHERE cause = 'result'") == 4
        assert [record["Call_Attempts"] for record in here.world.records().values()] == [1] * 4


def test_fault_14_whatever_order_results_come_in_an_answer_wins(open_stage: OpenStage) -> None:
    events = ("ringing", "NO_ANSWER", "BUSY", "COMPLETED")
    orders = list(itertools.permutations(events))[::5]
    with open_stage(everybody=silent(5)) as here:
        sessions = call_everybody(here)
        for session, order in zip(sessions, orders, strict=True):
            for event in order:
                body = summary(session, event="CALL_ACTION") if event == "ringing" else ended(session, event)
                assert here.post(body) == 200
        here.settle()
        assert here.sql("SELECT count(*) FROM attempts WHERE disposition = 'answered'") == 5
        assert {record["Call_Attempts"] for record in here.world.records().values()} == {1}


def test_fault_16_a_result_of_a_call_that_nobody_knows_is_kept_and_shown(here: Stage) -> None:
    assert here.post(ended("nobody-knows", "COMPLETED")) == 200
    here.settle()
    stats = here.house.ask("GET", "/api/stats").json()["stats"]
    assert stats["work_lists"]["orphan_callbacks"] == 1
    here.run()
    here.check()


def test_fault_17_of_contradicting_results_both_are_kept_and_the_first_stands(open_stage: OpenStage) -> None:
    with open_stage(everybody=silent(1)) as here:
        (session,) = call_everybody(here)
        for status in ("BUSY", "NO_ANSWER"):
            assert here.post(ended(session, status)) == 200
            here.settle()
        assert here.sql("SELECT disposition FROM attempts") == "busy"
        states = [row[0] for row in here.house.sql("SELECT state FROM inbox ORDER BY inbox_id")]
        assert states == ["applied", "conflict"]
        assert [record["Call_Attempts"] for record in here.world.records().values()] == [1]


def test_fault_18_a_thousand_callbacks_on_two_hundred_connections_are_each_stored_or_refused(here: Stage) -> None:
    async def client(number: int) -> list[tuple[str, bytes]]:
        reader, writer = await asyncio.open_connection(*here.house.address)
        answers = []
        for nth in range(5):
            session = f"flood-{number}-{nth}"
            body = json.dumps(summary(session)).encode()
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            answers.append((session, head[9:12]))
        writer.close()
        await writer.wait_closed()
        return answers

    async def flood() -> list[tuple[str, bytes]]:
        return [answer for answers in await asyncio.gather(*map(client, range(200))) for answer in answers]

    answers = asyncio.run(flood())
    here.acknowledged |= {session for session, status in answers if status == b"200"}
    assert {status for _, status in answers} <= {b"200", b"503"}
    assert len(here.acknowledged) > 500
    here.settle()
    here.run()
    here.check()


def test_fault_28_of_a_hundred_starts_at_once_one_is_a_run(here: Stage) -> None:
    """On one process; on several: tests/replicas."""
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(lambda _: here.house.client.post("/api/cron", params={"wait": "false"}).status_code, range(100))
        )
    assert set(answers) == {202, 409}
    here.settle()
    runs = here.sql("SELECT count(*) FROM runs")
    assert runs == answers.count(202)
    totals = here.world.rings()["totals"]
    assert totals["max_rings_of_one_number"] <= runs
    here.check()


MALFORMED = [
    b"[" * 60_000,
    b'{"zoho_id": "1", "zoho_id": "2"}',
    b'{"zoho_id": NaN}',
    b'{"zoho_id": 1e999}',
    b'{"zoho_id": "\\ud800", "record_type": "Lead", "call_status": "busy"}',
    b'{"zoho_id": "1\\u0000", "record_type": "Lead", "call_status": "busy"}',
    b'\xef\xbb\xbf{"zoho_id": "1", "record_type": "Lead", "call_status": 3}',
    b'{"zoho_id": "\xff"}',
    b'{"zoho_id": 1' + b"0" * 400 + b', "record_type": "Lead", "call_status": "busy"}',
    b"",
    b"null",
]


def test_fault_33_malformed_bodies_are_4xx_at_once_and_leave_no_row(here: Stage) -> None:
    for body in MALFORMED:
        began = time.monotonic()
        answer = here.house.client.post("/api/callback", content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, body[:60]
        assert time.monotonic() - began < 2  # measured: 5 ms on an idle machine
        assert len(answer.content) < 1000
    assert here.sql("SELECT count(*) FROM inbox") == 0
    here.run()
    here.check()


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 1073741824\r\n\r\n" + b"x" * 100_000,
        b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 31,
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=["a gigabyte", "no end", "compressed"],
)
def test_fault_34_a_body_too_large_or_compressed_is_refused_unread_and_the_connection_closed(
    here: Stage, body: bytes
) -> None:
    answer = here.house.raw(HEAD + body)
    assert answer[9:12] in (b"413", b"415"), answer[:60]
    assert b"connection: close" in answer.lower()
    assert here.sql("SELECT count(*) FROM inbox") == 0
    here.run()
    here.check()


SMUGGLED = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    b"Content-Length: +5\r\n\r\n12345",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"X: a\r\n b\r\nContent-Length: x\r\n\r\n",
]


def test_fault_35_a_request_of_unclear_framing_gets_one_answer_and_a_closed_connection(here: Stage) -> None:
    for framing in SMUGGLED:
        answer = here.house.raw(HEAD + framing)
        assert answer.count(b"HTTP/1.1 ") == 1, framing
        assert answer[9:10] in (b"4", b"5"), answer[:60]
        assert b"connection: close" in answer.lower()
    assert here.sql("SELECT count(*) FROM inbox") == 0
    here.run()
    here.check()


def test_fault_36_three_hundred_slow_clients_are_dropped_and_honest_ones_served(
    here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodialer.web.wire.HEAD_PATIENCE", 1.0)
    monkeypatch.setattr("autodialer.web.guards.BODY_PATIENCE", 1.0)
    half = [b"GET / HTTP/1.1\r\nHo", HEAD + b"Content-Length: 50\r\n\r\n{"]
    opened = []
    for number in range(300):
        connection = socket.create_connection(here.house.address, timeout=10)
        connection.sendall(half[number % 2])
        opened.append(connection)
    began = time.monotonic()
    client = here.house.client
    # A connection of its own: one that was kept alive may be closed, as it was silent for as long as the slow ones.
    with httpx2.Client(base_url=client.base_url, headers=client.headers) as fresh:
        assert fresh.post("/api/callback", json=summary("honest")).status_code == 200
    here.acknowledged.add("honest")
    assert time.monotonic() - began < 2
    for connection in opened:
        while connection.recv(4096):
            pass
        connection.close()
    assert time.monotonic() - began < 8
    here.run()
    here.check()


INJECTIONS = ["1' OR '1'='1", "1; DROP TABLE attempts; --", "1) or (id > 0", '"', "\\", "%27", "1 union select 1"]


@pytest.mark.parametrize("field", ["zoho_id", "record_type", "call_status", "call_id", "timestamp"])
def test_fault_37_what_looks_like_sql_or_coql_is_refused_or_kept_as_the_text_it_is(here: Stage, field: str) -> None:
    queries: list[bytes] = []
    here.house.simulated.zoho.gate.observer = lambda exchange: queries.append(exchange.body)
    tables = here.sql("SELECT count(*) FROM sqlite_master")
    who = here.everybody[5]
    for text in INJECTIONS:
        status = here.post({**result(who), field: text})
        assert status == (200 if field == "call_id" else 400)
        for path in (f"/api/records/lead/{text}", f"/api/runs/{text}"):
            assert here.house.ask("GET", path).status_code in (400, 404)
    here.settle()
    assert here.sql("SELECT count(*) FROM sqlite_master") == tables
    assert queries or field != "call_id", "Zoho was asked about that record"
    assert not [query for query in queries if any(text.encode() in query for text in INJECTIONS if len(text) > 4)]


def test_fault_39_a_thousand_guesses_open_nothing_and_harm_nobody(open_stage: OpenStage) -> None:
    with open_stage(**TOKENS) as here:
        before = here.house.ledger()
        paths = ("/api/cron", "/api/callback", "/api/pause", "/api/do-not-call")
        guesses = [API_TOKEN[:-1] + "x", API_TOKEN[:5], "x", "Bearer", "é" * 30]

        def guess(number: int) -> int:
            token = guesses[number % len(guesses)]
            headers = [(b"authorization", b"Bearer " + token.encode())]
            return here.house.client.post(paths[number % 4], headers=headers, json={}).status_code

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(guess, range(1000)))
        assert set(answers) <= {401, 403}
        assert here.house.ledger() == before
        here.run()
        here.check()
