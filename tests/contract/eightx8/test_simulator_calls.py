"""The simulator's calls go as scripted, are judged exactly, and end in a documented summary."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.result import CallResult, NoResult
from autodialer.simulators.people import Behaviour, Outcome
from contract.eightx8.summaries import read
from contract.eightx8.support import (
    AGENT,
    CALLER_ID,
    LEAD,
    TOKEN,
    Received,
    Simulated,
    documented,
    make_call,
    receiver,
    simulated,
    wait_until,
)

OTHER = "+40709000002"


def call(simulator: Simulated, inbox: Received, *outcomes: Outcome, **settings: Any) -> dict[str, Any]:
    """One call with a registered webhook; its first summary."""
    simulator.post("behaviour", {LEAD: list(outcomes)})
    simulator.post("settings", settings)
    if simulator.app.switch.webhooks.enabled("VSS") is None:
        simulator.register(inbox.url)
    before = len(inbox.bodies)
    assert simulator.place(clientRequestId="att-1").status_code == 200
    wait_until(lambda: len(inbox.bodies) > before)
    return inbox.bodies[before]


def shape(value: Any) -> Any:
    """The keys at all depths."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize(
    ("outcome", "disposition"),
    [
        ("answered", Disposition.ANSWERED),
        ("no_answer", Disposition.NO_ANSWER),
        ("busy", Disposition.BUSY),
        ("failed", Disposition.FAILED),
    ],
)
def test_what_happens_at_the_phone_is_what_the_adapter_reads(
    simulator: Simulated, inbox: Received, outcome: Outcome, disposition: Disposition
) -> None:
    event = read(call(simulator, inbox, outcome))
    assert isinstance(event, CallResult)
    assert (event.disposition, event.agent_unreached) == (disposition, False)
    assert event.session_id == simulator.sessions()[0]["sessionId"]
    assert event.attempt_id == "att-1"
    assert (event.duration_seconds or 0) > 0 or disposition is not Disposition.ANSWERED


@pytest.mark.parametrize("agent", ["no_answer", "busy", "failed"])
def test_a_person_who_answers_while_no_agent_does_has_answered(
    simulator: Simulated, inbox: Received, agent: Outcome
) -> None:
    simulator.post("behaviour", {AGENT: [agent]})
    body = call(simulator, inbox, "answered")
    assert body["payload"]["sessionStatus"] == agent.upper()
    event = read(body)
    assert isinstance(event, CallResult)
    assert (event.disposition, event.agent_unreached) == (Disposition.ANSWERED, True)


def test_the_share_of_agents_who_answer_can_be_set(simulator: Simulated, inbox: Received) -> None:
    assert call(simulator, inbox, "answered", agent_answers=0.0)["payload"]["sessionStatus"] == "NO_ANSWER"
    assert call(simulator, inbox, "answered", agent_answers=1.0)["payload"]["sessionStatus"] == "COMPLETED"


def test_a_summary_has_the_documented_shape(simulator: Simulated, inbox: Received) -> None:
    real = documented("voice_vss_ivr_completed_two_outbound_legs_clientRequestId_v5.json")
    for side in ("callA", "callB"):
        del real["payload"]["details"][side]["sourceRefId"]  # optional
    assert shape(call(simulator, inbox, "answered")) == shape(real)


def test_the_summary_of_an_unanswered_call_has_one_leg_that_never_connected(
    simulator: Simulated, inbox: Received
) -> None:
    payload = call(simulator, inbox, "no_answer")["payload"]
    (leg,) = payload["details"].values()
    assert (payload["callCount"], payload["lastAction"], payload["sessionStatus"]) == (1, "MAKE_CALL", "NO_ANSWER")
    assert (leg["callStatus"], leg["callDuration"]) == ("NO_ANSWER", 0)
    assert "connectedTimestamp" not in leg
    assert (leg["source"], leg["destination"], leg["destinationCountryCode"]) == (CALLER_ID, LEAD, "RO")


def test_times_and_durations_of_a_summary_agree_and_none_lies_in_the_future(
    simulator: Simulated, inbox: Received
) -> None:
    payload = call(simulator, inbox, "answered")["payload"]
    at = datetime.fromisoformat
    for leg in payload["details"].values():
        connected = at(leg["disconnectedTimestamp"]) - at(leg["connectedTimestamp"])
        assert connected.total_seconds() == leg["callDuration"] > 0
        assert at(payload["startTime"]) <= at(leg["initiatedTimestamp"]) < at(leg["connectedTimestamp"])
        assert at(leg["disconnectedTimestamp"]) <= at(payload["endTime"]) <= datetime.now(UTC)


def test_the_registered_header_is_sent_verbatim(simulator: Simulated, inbox: Received) -> None:
    call(simulator, inbox, "busy")
    assert inbox.authorizations == [TOKEN]


def test_without_a_registered_header_none_is_sent(simulator: Simulated, inbox: Received) -> None:
    simulator.register(inbox.url, None)
    call(simulator, inbox, "busy")
    assert inbox.authorizations == [None]


def test_our_id_is_echoed_only_where_8x8_does_it(simulator: Simulated, inbox: Received) -> None:
    body = call(simulator, inbox, "busy", echo_client_request_id=False)
    assert "clientRequestId" not in body["payload"]


def test_outcomes_come_in_order_and_the_last_one_stays() -> None:
    with simulated({LEAD: Behaviour(("busy", "failed", "no_answer"))}) as simulator:
        for _ in range(4):
            simulator.place()
        assert [s["outcome"] for s in simulator.sessions()] == ["busy", "failed", "no_answer", "no_answer"]


def test_the_same_seed_gives_the_same_calls_whatever_their_order() -> None:
    numbers = [f"+4070900{index:04d}" for index in range(60)]
    seen = []
    for order in (numbers, numbers[::-1]):
        with simulated() as simulator:
            for number in order:
                simulator.place(number)
            seen.append({s["destination"]: (s["outcome"], s["legs"]) for s in simulator.sessions()})
    assert seen[0] == seen[1]
    assert {outcome for outcome, _ in seen[0].values()} == {"answered", "no_answer", "busy", "failed"}


def test_weights_of_a_behaviour_are_drawn_from(simulator: Simulated) -> None:
    simulator.post("behaviour", {OTHER: {"weights": {"busy": 1.0}}})
    for _ in range(5):
        simulator.place(OTHER)
    assert {session["outcome"] for session in simulator.sessions()} == {"busy"}


def test_a_silent_person_brings_no_summary_but_stands_in_the_log(simulator: Simulated, inbox: Received) -> None:
    simulator.post("behaviour", {LEAD: ["silent"], OTHER: ["busy"]})
    simulator.register(inbox.url)
    simulator.place()
    wait_until(simulator.all_over)
    simulator.place(OTHER)
    wait_until(lambda: len(inbox.bodies) == 1)
    assert inbox.bodies[0]["payload"]["details"]["callA"]["destination"] == OTHER
    assert simulator.sessions()[0]["deliveries"] == ["silent"]


def test_a_summary_that_cannot_be_delivered_is_not_sent_again(simulator: Simulated) -> None:
    simulator.post("behaviour", {LEAD: ["busy"]})
    simulator.place()
    wait_until(simulator.all_over)
    simulator.register("http://127.0.0.1:1/nobody")
    simulator.place()
    wait_until(simulator.all_over)
    assert [session["deliveries"] for session in simulator.sessions()] == [["no webhook"], ["ConnectError"]]


def test_time_is_compressed_as_set(simulator: Simulated, inbox: Received) -> None:
    started = time.monotonic()
    call(simulator, inbox, "no_answer", speed=100, ring_seconds=30)
    assert 0.3 <= time.monotonic() - started < 3


def fault(kind: str, **more: Any) -> dict[str, Any]:
    return {"vss_faults": [{"kind": kind, **more}]}


def fired(simulator: Simulated) -> list[int]:
    return [entry["fired"] for entry in simulator.get("settings")["vss_faults"]]


def test_a_summary_can_be_lost_once(simulator: Simulated, inbox: Received) -> None:
    simulator.register(inbox.url)
    simulator.post("settings", fault("lost", destination=LEAD))
    for number in (LEAD, OTHER, LEAD):
        simulator.place(number)
    wait_until(simulator.all_over)
    assert [session["deliveries"] for session in simulator.sessions()] == [["lost"], ["200"], ["200"]]
    assert fired(simulator) == [1]


def test_a_summary_can_come_several_times(simulator: Simulated, inbox: Received) -> None:
    call(simulator, inbox, "busy", **fault("duplicate", copies=3))
    wait_until(lambda: len(inbox.bodies) == 4)
    assert all(body == inbox.bodies[0] for body in inbox.bodies)


def test_a_summary_can_come_late(simulator: Simulated, inbox: Received) -> None:
    started = time.monotonic()
    call(simulator, inbox, "busy", speed=1000, **fault("delay", seconds=400))
    assert time.monotonic() - started >= 0.4


def test_summaries_can_come_in_another_order(simulator: Simulated, inbox: Received) -> None:
    simulator.register(inbox.url)
    simulator.post("settings", {"speed": 400, "ring_seconds": 1, **fault("shuffle", copies=5, times=0, seconds=900)})
    numbers = [f"+4070900000{index}" for index in range(5)]
    simulator.post("behaviour", {number: ["no_answer"] for number in numbers})
    for number in numbers:
        simulator.place(number)
    wait_until(lambda: len(inbox.bodies) == 5)
    came = [body["payload"]["details"]["callA"]["destination"] for body in inbox.bodies]
    assert sorted(came) == numbers
    assert came != numbers


def test_shuffled_summaries_do_not_wait_forever(simulator: Simulated, inbox: Received) -> None:
    call(simulator, inbox, "busy", **fault("shuffle", copies=9, seconds=100))
    assert len(inbox.bodies) == 1


def test_a_summary_can_come_before_the_answer_to_the_request(simulator: Simulated, inbox: Received) -> None:
    simulator.register(inbox.url)
    simulator.post("settings", fault("early"))
    session = simulator.place().json()["sessionId"]
    assert [body["payload"]["sessionId"] for body in inbox.bodies] == [session]


def test_a_second_summary_can_contradict_the_first(simulator: Simulated, inbox: Received) -> None:
    call(simulator, inbox, "no_answer", **fault("contradict"))
    wait_until(lambda: len(inbox.bodies) == 2)
    events = [read(body) for body in inbox.bodies]
    assert [e.disposition for e in events if isinstance(e, CallResult)] == [
        Disposition.NO_ANSWER,
        Disposition.ANSWERED,
    ]
    assert {body["payload"]["sessionId"] for body in inbox.bodies} == {simulator.sessions()[0]["sessionId"]}


def test_a_status_can_be_one_that_nobody_knows(simulator: Simulated, inbox: Received) -> None:
    event = read(call(simulator, inbox, "busy", **fault("status", status="TELEPORTED")))
    assert isinstance(event, NoResult)


@pytest.mark.parametrize("code", [-2004, -2007, -2008, -2010, -9999])
def test_a_session_can_end_with_an_asynchronous_error(simulator: Simulated, inbox: Received, code: int) -> None:
    body = call(simulator, inbox, "answered", **fault("status", status="ERROR", error_code=code))
    assert body["payload"]["errorDetails"]["errorCode"] == code
    event = read(body)
    assert isinstance(event, CallResult)
    assert event.disposition is Disposition.FAILED
    assert str(code) in event.reason
    assert simulator.get("rings")["totals"]["rang"] == 0


def test_the_summary_of_an_error_has_the_documented_shape(simulator: Simulated, inbox: Received) -> None:
    real = documented("voice_vss_voicemessaging_error_2004.json")
    del real["payload"]["details"]["callA"]["sourceRefId"]
    body = call(simulator, inbox, "answered", **fault("status", status="ERROR"))
    del body["version"], body["payload"]["clientRequestId"]  # of the IVR variant
    assert shape(body) == shape(real)


def test_a_summary_can_be_sent_now_and_again(inbox: Received) -> None:
    with simulated({LEAD: Behaviour(("busy",))}, speed=0.001) as simulator:
        simulator.register(inbox.url)
        session = simulator.place(clientRequestId="att-7").json()["sessionId"]
        for name, value in (("sessionId", session), ("clientRequestId", "att-7"), ("destination", LEAD[1:])):
            assert simulator.post("vss", {name: value})["delivery"] == "200"
        simulator.post("vss", {"sessionId": session, "status": "CANCELLED"})
        assert [b["payload"]["details"]["callA"]["callStatus"] for b in inbox.bodies] == [*["BUSY"] * 3, "CANCELLED"]
        assert simulator.get("rings")["totals"]["live"] == 0


def test_rings_are_counted_for_each_number_with_ids_and_times(simulator: Simulated) -> None:
    for number, own in ((LEAD, "a"), (OTHER, "b"), (LEAD, "c"), (LEAD, "c")):
        simulator.place(number, clientRequestId=own)
    judged = simulator.get("rings")
    assert {number: [ring["clientRequestId"] for ring in rings] for number, rings in judged["rings"].items()} == {
        LEAD: ["a", "c", "c"],
        OTHER: ["b"],
    }
    times = [ring["monotonic"] for ring in judged["rings"][LEAD]]
    assert times == sorted(times)
    totals = judged["totals"]
    assert (totals["accepted"], totals["destinations"], totals["max_rings_of_one_number"]) == (4, 2, 3)
    assert totals["repeated_client_request_ids"] == ["c"]


def test_the_judge_knows_how_many_calls_there_were_at_once() -> None:
    with simulated(speed=0.001) as simulator:
        for number in (LEAD, OTHER, LEAD):
            simulator.place(number)
        totals = simulator.get("rings")["totals"]
        assert (totals["max_concurrent"], totals["max_concurrent_of_one_number"], totals["live"]) == (3, 2, 3)
        assert 1 <= totals["max_per_second"] <= 3


def test_a_simulator_that_is_stopped_leaves_no_call_behind() -> None:
    with receiver() as inbox:
        with simulated(speed=0.001) as simulator:
            simulator.register(inbox.url)
            simulator.place()
            assert simulator.app.switch.delivery._tasks
        assert not simulator.app.switch.delivery._tasks
        assert inbox.bodies == []


def test_a_call_without_an_agent_is_a_call_too(simulator: Simulated, inbox: Received) -> None:
    simulator.register(inbox.url)
    simulator.post("behaviour", {LEAD: ["answered"]})
    flow = [make_call(LEAD), {"action": "hangup"}]
    simulator.ask("POST", "callflows", {"callflow": flow})
    wait_until(lambda: len(inbox.bodies) == 1)
    payload = inbox.bodies[0]["payload"]
    assert (payload["lastAction"], payload["callCount"], payload["sessionStatus"]) == ("HANGUP", 1, "COMPLETED")


def test_two_hundred_calls_all_end_in_one_summary_each(simulator: Simulated, inbox: Received) -> None:
    simulator.register(inbox.url)
    placed = {simulator.place(f"+4070900{index:04d}").json()["sessionId"] for index in range(200)}
    wait_until(lambda: len(inbox.bodies) >= 200)
    assert len(placed) == 200
    assert {body["payload"]["sessionId"] for body in inbox.bodies} == placed
    assert len(inbox.bodies) == 200
    assert simulator.get("rings")["totals"]["max_rings_of_one_number"] == 1


def test_the_latency_delays_each_answer(simulator: Simulated) -> None:
    simulator.post("latency", {"seconds": 0.2})
    started = time.monotonic()
    answer: httpx2.Response = simulator.place()
    assert answer.status_code == 200
    assert time.monotonic() - started >= 0.2
