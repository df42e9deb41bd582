"""What the service counts on, whoever places the calls. A new provider passes all of it, or says in its kit what it lacks."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.placing import Ambiguous, CallRequest, NotSent, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.result import CallEvent, CallResult, NoResult
from autodialer.service.callbacks import read_callback
from autodialer.simulators.faults import Fault
from contract.telephony.kit import End, Kit

LEAD, OTHER = "+40709000001", "+40709000002"
ATTEMPTS = {LEAD: "6f0c1c5e-6a53-4d0e-9d7a-2f6f3f1f0a01", OTHER: "6f0c1c5e-6a53-4d0e-9d7a-2f6f3f1f0a02"}
ENDS: list[End] = ["answered", "no_answer", "busy", "failed"]


def request(number: str = LEAD) -> CallRequest:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    return CallRequest(ATTEMPTS[number], RecordKey(RecordType.LEAD, "1"), number, soon)


async def place(kit: Kit, number: str = LEAD) -> PlaceOutcome:
    return await kit.adapter.place(request(number))


async def session_of(kit: Kit, number: str = LEAD) -> str:
    outcome = await place(kit, number)
    assert isinstance(outcome, Placed), outcome
    return outcome.session_id


@dataclass
class Read:
    """Everything that came, read as the service does it."""

    kit: Kit

    def events(self) -> list[CallEvent]:
        dialled = dict(self.kit.calls())
        dialled |= {attempt_id: number for number, attempt_id in ATTEMPTS.items()}
        return [self.kit.adapter.read_callback(body, dialled.get, self._heard) for body in list(self.kit.events)]

    def results(self) -> list[CallResult]:
        return [event for event in self.events() if isinstance(event, CallResult)]

    def _heard(self, session_id: str) -> list[Mapping[str, Any]]:
        return [body for body in self.kit.events if body["payload"].get("sessionId") == session_id]


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


async def test_a_call_is_placed_once_and_has_a_session(kit: Kit) -> None:
    kit.script(LEAD, "busy")
    session = await session_of(kit)
    assert kit.calls() == [(session, LEAD)]


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_refused_call_rings_nobody_and_says_what_the_refusal_is_about(kit: Kit, scope: Scope) -> None:
    if scope not in kit.refusals:
        pytest.skip("this provider has no such refusal")
    kit.refuse(LEAD, scope)
    outcome = await place(kit)
    assert isinstance(outcome, Refused)
    assert outcome.scope is scope
    assert outcome.code
    assert outcome.message
    assert outcome.remedy or scope is not Scope.ACCOUNT
    assert LEAD not in outcome.message
    assert kit.calls() == []


async def test_a_call_too_many_waits_as_long_as_the_provider_says(kit: Kit) -> None:
    kit.throttle(7)
    assert await place(kit) == Throttled(7.0)
    assert kit.calls() == []


@pytest.mark.parametrize(
    ("fault", "rang"),
    [
        pytest.param(Fault(kind="status", status=500, commit=True), True, id="500 after it was placed"),
        pytest.param(Fault(kind="status", status=503), False, id="503"),
        pytest.param(Fault(kind="html"), False, id="502 of a proxy"),
        pytest.param(Fault(kind="status", status=200, body="fine"), False, id="200 that tells nothing"),
        pytest.param(Fault(kind="status", status=200, body={}), False, id="200 with an empty answer"),
        pytest.param(Fault(kind="reset"), False, id="reset"),
        pytest.param(Fault(kind="drop_after_commit"), True, id="reset after it was placed"),
        pytest.param(Fault(kind="torn"), True, id="half an answer"),
    ],
)
async def test_what_may_have_rung_is_ambiguous_and_never_sent_again(kit: Kit, fault: Fault, rang: bool) -> None:
    kit.script(LEAD, "busy")
    kit.fault(fault)
    outcome = await place(kit)
    assert isinstance(outcome, Ambiguous), outcome
    assert outcome.reason
    assert len(kit.calls()) == rang


async def test_silence_is_ambiguous(kit: Kit) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):  # who is free may be asked first
            body = b'{"data": [{"agent-id": "ag1", "agent-status": 4}]}'
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            await silent(reader, writer)
        with_writer.append(writer)
        await reader.read()

    with_writer: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with kit.elsewhere(url, read_timeout=0.1) as telephony:
        assert isinstance(await telephony.place(request()), Ambiguous)
    for writer in with_writer:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_where_nobody_listens_nothing_was_sent(kit: Kit) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with kit.elsewhere(f"http://127.0.0.1:{port}") as telephony:
        assert isinstance(await telephony.place(request()), NotSent)


async def test_without_its_settings_it_says_which_and_asks_nobody(kit: Kit) -> None:
    async with kit.without_settings() as telephony:
        problems = telephony.missing_settings()
        assert problems
        outcome = await telephony.place(request())
        assert isinstance(outcome, Refused)
        assert (outcome.scope, outcome.message) == (Scope.ACCOUNT, problems[0])
        assert await telephony.check()
    assert kit.calls() == []


@pytest.mark.parametrize("end", ENDS)
async def test_each_end_comes_as_a_result_of_its_own_session(kit: Kit, end: End) -> None:
    kit.script(LEAD, end)
    kit.script(OTHER, "busy" if end != "busy" else "no_answer")
    session, other = await session_of(kit), await session_of(kit, OTHER)
    read = Read(kit)
    await until(lambda: {one.session_id for one in read.results()} == {session, other})
    mine = [one for one in read.results() if one.session_id == session]
    assert {one.disposition for one in mine} == {Disposition(end)}
    assert all(one.call_status for one in mine)
    assert {one.attempt_id for one in mine} <= {ATTEMPTS[LEAD], None}
    assert any(one.attempt_id == ATTEMPTS[LEAD] or end == "answered" for one in mine)
    assert all(one.happened_at is None or one.happened_at.tzinfo is UTC for one in mine)


async def test_a_result_told_twice_says_the_same_twice(kit: Kit) -> None:
    kit.script(LEAD, "no_answer", "twice")
    session = await session_of(kit)
    read = Read(kit)
    await until(lambda: len(read.results()) >= 2)
    assert {(one.session_id, one.disposition) for one in read.results()} == {(session, Disposition.NO_ANSWER)}
    digests = {read_callback(body, datetime.now(UTC)).dedupe_key for body in kit.events}
    assert len(digests) < len(kit.events)


async def test_a_result_may_come_before_the_call_is_known_as_placed(kit: Kit) -> None:
    kit.script(LEAD, "answered", "early")
    session = await session_of(kit)
    read = Read(kit)
    await until(read.results)
    assert {(one.session_id, one.disposition) for one in read.results()} == {(session, Disposition.ANSWERED)}


async def test_a_late_result_is_the_same_result(kit: Kit) -> None:
    kit.script(LEAD, "busy", "late")
    session = await session_of(kit)
    read = Read(kit)
    await asyncio.sleep(0.05)
    assert read.results() == []
    await until(read.results)
    (result,) = read.results()
    assert (result.session_id, result.disposition) == (session, Disposition.BUSY)


async def test_silence_is_no_result(kit: Kit) -> None:
    kit.script(LEAD, "no_answer", "never")
    kit.script(OTHER, "no_answer")
    session, other = await session_of(kit), await session_of(kit, OTHER)
    read = Read(kit)
    await until(lambda: other in {one.session_id for one in read.results()})
    await asyncio.sleep(0.05)
    assert session not in {one.session_id for one in read.results()}


async def test_the_service_stores_every_event_under_its_session(kit: Kit) -> None:
    kit.script(LEAD, "answered")
    session = await session_of(kit)
    await until(Read(kit).results)
    arrivals = [read_callback(body, datetime.now(UTC)) for body in kit.events]
    assert {arrival.session_id for arrival in arrivals} == {session}


@pytest.mark.parametrize(
    "body",
    [
        {"namespace": "NOBODY", "eventType": "X", "payload": {}},
        {"namespace": "NOBODY", "eventType": "SESSION_SUMMARY", "payload": {"sessionId": "s"}},
        {"namespace": 7, "eventType": ["InteractionDeleted"], "payload": {"sessionId": "s"}},
        {"payload": []},
        {},
    ],
)
async def test_what_is_not_the_providers_is_refused(kit: Kit, body: dict[str, object]) -> None:
    with pytest.raises(MalformedCallback):
        kit.adapter.read_callback(body, lambda _: None, lambda _: [])


async def test_an_event_that_nobody_has_heard_of_is_no_result(kit: Kit) -> None:
    kit.script(LEAD, "busy")
    await session_of(kit)
    await until(lambda: kit.events)
    strange = {**kit.events[0], "eventType": "SOMETHING_NEW"}
    assert isinstance(kit.adapter.read_callback(strange, lambda _: None, lambda _: []), NoResult)


async def test_listening_ends_only_where_there_is_nothing_to_fetch(kit: Kit) -> None:
    async def take(_: Mapping[str, object]) -> None:
        return

    listening = asyncio.create_task(kit.adapter.listen(take))
    _, goes_on = await asyncio.wait({listening}, timeout=0.2 if kit.listens else 5)
    listening.cancel()
    assert bool(goes_on) is kit.listens


async def test_its_log_of_calls_is_a_list_even_when_there_is_none(kit: Kit) -> None:
    now = datetime.now(UTC)
    assert list(await kit.adapter.logged_calls(now - timedelta(hours=1), now)) == []
