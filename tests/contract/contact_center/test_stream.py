"""The stream brings every event at least once, in order, stored before it is acknowledged, whatever breaks."""

import asyncio
import base64
import json
from typing import Any

import httpx2
import pytest

from autodialer.clock import SystemClock
from autodialer.contact_center.client import ContactCenterTelephony
from autodialer.contact_center.stream import read_frame
from autodialer.domain.errors import MalformedCallback, StoreError
from autodialer.domain.placing import NotSent, Placed, Refused, Scope
from autodialer.service.callbacks import read_callback
from autodialer.simulators.contact_center_pulsar import Subscription
from autodialer.simulators.contact_center_settings import StreamFault
from autodialer.simulators.people import Behaviour
from contract.contact_center.shapes import event
from contract.contact_center.support import (
    KEY,
    LEAD,
    Body,
    Heard,
    Simulated,
    adapter,
    call_request,
    config,
    documented,
    listening,
    payload_of,
    simulated,
    until,
)
from service.fakes import MemoryLog

WHOLE = [
    "InteractionCreated",
    "InteractionAssigned",
    "InteractionAccepted",
    "InteractionDeassigned",
    "InteractionDeleted",
]


def subscription(simulator: Simulated) -> Subscription:
    return simulator.app.floor.pulsar.subscriptions["autodialer"]


async def publish(simulator: Simulated, *sessions: str) -> None:
    """An end of each of these interactions."""
    reason = "CEC_DISCONNECT_BUSY"
    ends = [event("InteractionDeleted", interactionGUID=one, callHangupReason=reason) for one in sessions]
    await ask_simulator(simulator, "publish", ends)


async def ask_simulator(simulator: Simulated, page: str, body: object) -> None:
    """By its own page, so that it happens in its own loop."""
    async with httpx2.AsyncClient(base_url=simulator.url, trust_env=False, verify=False) as client:
        answer = await client.post(f"/_sim/{page}", json=body)
        assert answer.status_code == 200


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def sessions(heard: Heard) -> list[object]:
    return [payload_of(one)["sessionId"] for one in heard.events]


def unready(url: str, **changes: Any) -> ContactCenterTelephony:
    return ContactCenterTelephony(config(url, **changes), SystemClock(), MemoryLog())


def logged(telephony: ContactCenterTelephony, level: str) -> list[object]:
    log = telephony._log
    assert isinstance(log, MemoryLog)
    return [fields.get("problem") or name for at, name, fields in log.lines if at == level]


@pytest.fixture
def quiet(simulator: Simulated) -> Simulated:
    simulator.app.floor.behaviours[LEAD] = Behaviour(("busy",))
    return simulator


async def test_all_events_of_a_call_come_in_their_order_and_are_acknowledged(quiet: Simulated) -> None:
    async with adapter(quiet.url) as telephony, listening(telephony) as heard:
        placed = await telephony.place(call_request())
        assert isinstance(placed, Placed)
        await until(lambda: len(heard.of(placed.session_id)) == 5)
        assert heard.names() == WHOLE
        await until(lambda: not subscription(quiet).backlog)


async def test_what_comes_while_nobody_listens_is_there_at_the_next_start(simulator: Simulated) -> None:
    async with adapter(simulator.url) as telephony:
        async with listening(telephony):
            pass
        await publish(simulator, "int-1", "int-2")
        async with listening(telephony) as heard:
            await until(lambda: len(heard.events) == 2)
            assert sessions(heard) == ["int-1", "int-2"]


async def test_what_was_not_stored_when_the_process_died_comes_again(simulator: Simulated) -> None:
    reached = asyncio.Event()

    async def never_stored(_: Body) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with adapter(simulator.url) as telephony:
        async with listening(telephony) as dying:
            dying.obstacle = never_stored
            await publish(simulator, "int-1", "int-2")
            await reached.wait()
        assert len(subscription(simulator).backlog) == 2
        async with listening(telephony) as heard:
            await until(lambda: len(heard.events) == 2)
        assert sessions(heard) == ["int-1", "int-2"]
    assert subscription(simulator).redelivered >= 1


async def test_an_event_is_acknowledged_only_after_it_was_stored(simulator: Simulated) -> None:
    standing: list[int] = []

    async def look(_: Body) -> None:
        standing.append(len(subscription(simulator).backlog))

    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        heard.obstacle = look
        await publish(simulator, "int-1")
        await until(lambda: heard.events)
        assert standing == [1]
        await until(lambda: not subscription(simulator).backlog)


async def test_while_the_ledger_is_down_the_event_waits_and_is_not_lost(simulator: Simulated) -> None:
    troubles = iter([StoreError("the disk is full", permanent=False)])

    async def down(_: Body) -> None:
        for trouble in troubles:
            raise trouble

    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        heard.obstacle = down
        await publish(simulator, "int-1", "int-2")
        await until(lambda: len(heard.events) == 2)
        assert sessions(heard) == ["int-1", "int-2"]
        assert "event stream: an event can't be stored" in logged(telephony, "error")


async def test_one_that_can_never_be_stored_holds_up_no_other_and_is_not_acknowledged(simulator: Simulated) -> None:
    async def refuse(body: Body) -> None:
        if payload_of(body)["sessionId"] == "int-1":
            raise StoreError("no such column", permanent=True)

    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        heard.obstacle = refuse
        await publish(simulator, "int-1", "int-2")
        await until(lambda: len(subscription(simulator).backlog) == 1)
        assert sessions(heard) == ["int-2"]


async def test_one_that_fails_unexpectedly_comes_again_and_then_holds_up_no_other(simulator: Simulated) -> None:
    tries: list[Body] = []

    async def fail(body: Body) -> None:
        if payload_of(body)["sessionId"] == "int-1":
            tries.append(body)
            raise ZeroDivisionError

    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        heard.obstacle = fail
        await publish(simulator, "int-1", "int-2")
        await until(lambda: len(subscription(simulator).backlog) == 1)
        assert sessions(heard) == ["int-2"]
        assert len(tries) == 2
        assert logged(telephony, "error") == ["event stream: an event is left unacknowledged"]


async def test_one_that_fails_unexpectedly_once_is_not_lost(simulator: Simulated) -> None:
    tries: list[Body] = []

    async def fail_once(body: Body) -> None:
        tries.append(body)
        if len(tries) == 1:
            raise ZeroDivisionError

    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        heard.obstacle = fail_once
        await publish(simulator, "int-1", "int-2")
        await until(lambda: not subscription(simulator).backlog)
        assert sessions(heard) == ["int-1", "int-2"]


async def test_one_that_the_desk_cannot_read_is_acknowledged(simulator: Simulated) -> None:
    async def refuse(_: Body) -> None:
        raise MalformedCallback(["payload must be an object"])

    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        heard.obstacle = refuse
        await publish(simulator, "int-1")
        await until(lambda: not subscription(simulator).backlog)
        assert heard.events == []


async def test_unreadable_frames_are_left_out_and_hold_up_nothing(quiet: Simulated) -> None:
    quiet.app.floor.settings.stream_faults.append(StreamFault(kind="garbage"))
    async with adapter(quiet.url) as telephony, listening(telephony) as heard:
        await telephony.place(call_request())
        await until(lambda: len(heard.events) == 5)
        assert heard.names() == WHOLE
        await until(lambda: not subscription(quiet).backlog)
        assert "event stream: a frame that is no message was left out" in logged(telephony, "warning")


async def test_a_cut_connection_is_made_anew_and_nothing_is_missing(simulator: Simulated) -> None:
    pulsar = simulator.app.floor.pulsar
    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        for number in range(3):
            await publish(simulator, f"int-{number}")
            await ask_simulator(simulator, "stream", {"cut": 1})
        await until(lambda: {f"int-{number}" for number in range(3)} <= set(map(str, sessions(heard))))
        assert pulsar.connections >= 2


async def test_what_comes_twice_has_one_place_in_the_inbox(quiet: Simulated) -> None:
    quiet.app.floor.settings.stream_faults.append(StreamFault(kind="duplicate", copies=2))
    async with adapter(quiet.url) as telephony, listening(telephony) as heard:
        placed = await telephony.place(call_request())
        assert isinstance(placed, Placed)
        await until(lambda: len(heard.events) == 15)
    now = SystemClock().now()
    again = [read_callback(one, now).dedupe_key for one in heard.events if one["eventType"] == "InteractionDeleted"]
    first = heard.events[0]
    assert read_callback(first, now).dedupe_key == read_callback(json.loads(json.dumps(first)), now).dedupe_key
    assert len(again) == 3


async def test_a_second_process_waits_and_takes_over_what_is_left(simulator: Simulated) -> None:
    async with adapter(simulator.url) as first, adapter(simulator.url) as second:
        async with listening(first) as one:
            waiting = Heard()
            task = asyncio.create_task(second.listen(waiting.take))
            await until(lambda: logged(second, "warning"))
            assert logged(second, "warning") == ["another process listens to the event stream under this subscription"]
            await publish(simulator, "int-1")
            await until(lambda: one.events)
            await until(lambda: not subscription(simulator).backlog)
        await publish(simulator, "int-2")
        await until(lambda: waiting.events)
        await stop(task)
        assert (sessions(one), sessions(waiting)) == (["int-1"], ["int-2"])
        assert (
            logged(second, "warning").count("another process listens to the event stream under this subscription") == 1
        )


async def test_who_waits_for_another_s_subscription_asks_often_enough_to_take_over_within_ten_seconds(
    simulator: Simulated,
) -> None:
    async with (
        adapter(simulator.url) as first,
        adapter(simulator.url, reconnect_longest=30.0) as second,
        listening(first),
    ):
        second._stream._wait = 30.0  # as after a long outage
        task = asyncio.create_task(second.listen(Heard().take))
        await until(lambda: logged(second, "warning"))
        assert second._stream._wait == 5.0
        await stop(task)


@pytest.mark.parametrize(("status", "named"), [(401, "EIGHTX8_API_KEY"), (403, "EIGHTX8_CC_TENANT"), (503, "HTTP 503")])
async def test_a_refused_stream_is_told_once_with_its_remedy_and_tried_again(
    simulator: Simulated, status: int, named: str
) -> None:
    simulator.app.floor.pulsar.refuse = status
    async with unready(simulator.url, reconnect_longest=0.02) as telephony:
        heard = Heard()
        telephony._stream._wait = 0.02
        task = asyncio.create_task(telephony.listen(heard.take))
        await asyncio.sleep(0.2)
        (told,) = logged(telephony, "warning")
        assert named in str(told)
        assert KEY not in str(told)
        simulator.app.floor.pulsar.refuse = 0
        assert await telephony._stream.subscribed()
        await stop(task)


async def test_before_the_first_subscription_no_call_is_placed(simulator: Simulated) -> None:
    """8x8 keeps events for a subscription from its beginning on: the result of an earlier call would never come."""
    async with unready(simulator.url, stream_patience=0.05) as telephony:
        assert isinstance(await telephony.place(call_request()), NotSent)
        assert simulator.app.floor.judge.calls == {}
        async with listening(telephony):
            assert isinstance(await telephony.place(call_request()), Placed)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_while_8x8_lets_nobody_hear_how_calls_end_no_further_one_is_placed_and_the_reason_is_told(
    simulator: Simulated, status: int
) -> None:
    pulsar = simulator.app.floor.pulsar
    async with adapter(simulator.url, stream_patience=0.1) as telephony, listening(telephony):
        pulsar.refuse = status
        await ask_simulator(simulator, "stream", {"cut": 1})
        await until(lambda: f"HTTP {status}" in str(logged(telephony, "warning")))
        outcome = await telephony.place(call_request())
        assert isinstance(outcome, Refused)
        assert (outcome.scope, outcome.code) == (Scope.ACCOUNT, str(status))
        assert "EIGHTX8_CC_" in outcome.remedy or "EIGHTX8_API_KEY" in outcome.remedy
        assert simulator.app.floor.judge.calls == {}
        pulsar.refuse = 0
        await until(telephony._stream._subscribed.is_set)
        assert isinstance(await telephony.place(call_request()), Placed)


async def test_while_the_stream_is_out_of_reach_for_a_moment_calls_go_on_as_8x8_keeps_what_it_has_to_tell(
    simulator: Simulated,
) -> None:
    pulsar = simulator.app.floor.pulsar
    async with adapter(simulator.url, stream_patience=0.1) as telephony, listening(telephony):
        pulsar.refuse = 503
        await ask_simulator(simulator, "stream", {"cut": 1})
        await until(lambda: "HTTP 503" in str(logged(telephony, "warning")))
        assert isinstance(await telephony.place(call_request()), Placed)


async def test_a_call_waits_a_little_for_the_stream(simulator: Simulated) -> None:
    async with unready(simulator.url) as telephony:
        placing = asyncio.create_task(telephony.place(call_request()))
        async with listening(telephony):
            assert isinstance(await placing, Placed)


async def test_more_events_than_8x8_sends_unacknowledged_all_come(simulator: Simulated) -> None:
    names = [f"int-{number}" for number in range(250)]
    async with adapter(simulator.url) as telephony, listening(telephony) as heard:
        await publish(simulator, *names)
        await until(lambda: len(heard.events) == 250)
        assert sessions(heard) == names


def test_the_documented_frame_is_read_and_is_no_call_of_ours() -> None:
    frame = documented("stream_pulsar_envelope.json")
    assert read_frame(json.dumps(frame)) == ("CAEQAQ==", {"eventId": "evt_123456", "eventType": "agent.login"})


@pytest.mark.parametrize(
    ("frame", "message_id"),
    [
        ("", None),
        ("[]", None),
        ("{}", None),
        ('{"messageId": 7}', None),
        ('{"messageId": ""}', None),
        (b"\xff\xfe", None),
        ('{"messageId": "a"}', "a"),
        ('{"messageId": "a", "payload": 7}', "a"),
        ('{"messageId": "a", "payload": "no base64!"}', "a"),
        (json.dumps({"messageId": "a", "payload": base64.b64encode(b"no JSON").decode()}), "a"),
    ],
)
def test_a_frame_that_cannot_be_read_carries_nothing(frame: str | bytes, message_id: str | None) -> None:
    assert read_frame(frame) == (message_id, None)


async def test_the_doctor_looks_without_taking_anything(simulator: Simulated) -> None:
    async with adapter(simulator.url) as telephony, listening(telephony):
        found = {finding.subject: (finding.level.value, finding.message) for finding in await telephony.check()}
    assert {subject: level for subject, (level, _) in found.items()} == {
        "8x8 settings": "ok",
        "8x8 agents": "warning",
        "8x8 event stream": "ok",
    }
    assert found["8x8 agents"][1].startswith("8x8 accepts tenant and token. 5 of 5 agents wait for a call.")
    assert list(simulator.app.floor.pulsar.subscriptions) == ["autodialer"]


@pytest.mark.parametrize(
    ("changes", "subject", "level"),
    [
        ({"queue_id": None}, "8x8 queue", "warning"),
        ({"action_token": "old"}, "8x8 agents", "problem"),
        ({"tenant": "other"}, "8x8 agents", "problem"),
        ({"stream_key": "wrong"}, "8x8 event stream", "problem"),
        ({"stream": "ws://127.0.0.1:9"}, "8x8 event stream", "problem"),
        ({"base_url": "http://127.0.0.1:9"}, "8x8 agents", "problem"),
        ({"agent_ids": ("agSim001",)}, "8x8 agents", "ok"),
        ({"caller_id": None}, "8x8 settings", "problem"),
    ],
)
async def test_the_doctor_names_what_is_wrong(
    simulator: Simulated, changes: dict[str, Any], subject: str, level: str
) -> None:
    async with adapter(simulator.url, **changes) as telephony:
        findings = [finding for finding in await telephony.check() if finding.subject == subject]
    assert [finding.level.value for finding in findings] == [level]
    assert findings[0].remedy or level == "ok"


async def test_the_doctor_tells_when_8x8_does_not_say_who_is_free() -> None:
    with simulated(status_api=False) as simulator:
        async with adapter(simulator.url, agent_ids=("agSim001",)) as telephony:
            assert ("8x8 agents", "warning") in [(one.subject, one.level.value) for one in await telephony.check()]
        async with adapter(simulator.url) as telephony:
            assert ("8x8 agents", "problem") in [(one.subject, one.level.value) for one in await telephony.check()]


@pytest.mark.parametrize("agent_ids", [("all",), ("agSim001",)])
@pytest.mark.parametrize("wrong", ["EIGHTX8_BASE_URL", "EIGHTX8_CC_TENANT"])
async def test_the_doctor_does_not_blame_the_api_alone_where_the_address_or_the_tenant_may_be_wrong(
    simulator: Simulated, agent_ids: tuple[str, ...], wrong: str
) -> None:
    """Both are answered as by a tenant that has no Agent Status API: 404 and 403."""
    changes = {"base_url": f"{simulator.url}/CM"} if wrong == "EIGHTX8_BASE_URL" else {"tenant": "other"}
    async with adapter(simulator.url, agent_ids=agent_ids, **changes) as telephony:
        (finding,) = [one for one in await telephony.check() if one.subject == "8x8 agents"]
    assert wrong in finding.remedy
