"""The simulated 8x8 asks what to do next and follows the answer; a bad or late one ends the session with -2003."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from autodialer.eightx8.callflow import callflow_body
from autodialer.eightx8.press1 import Press1
from autodialer.simulators.people import Behaviour
from contract.eightx8.support import (
    AGENT,
    CALLER_ID,
    LEAD,
    call_request,
    make_call,
    serve,
    simulated,
    voice_config,
    wait_until,
)

GOODBYE = {"action": "say", "params": {"text": "Goodbye.", "voiceProfile": "en-US-BenjaminRUS"}}
HANGUP = {"action": "hangup"}


@dataclass
class Ours:
    """Our side: answers each VCA with the next of `answers`, the last one for ever."""

    answers: list[Any]
    asked: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)


@contextmanager
def dialled(
    *answers: Any, behaviour: Behaviour | None = None, agent: str = "answered", **settings: Any
) -> Iterator[Ours]:
    """One call with press1, until its summary is there."""
    ours = Ours(list(answers))

    async def take(request: Request) -> Response:
        body = json.loads(await request.body())
        if body["eventType"] == "CALL_STATUS":
            ours.statuses.append(body["payload"]["callStatus"])
            return Response("ok")
        if body["eventType"] != "CALL_ACTION":
            ours.heard.append(body)
            return Response("ok")
        ours.asked.append(body)
        answer = ours.answers.pop(0) if len(ours.answers) > 1 else ours.answers[0]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        if isinstance(answer, int):
            return Response(status_code=answer)
        return Response(answer if isinstance(answer, str) else json.dumps(answer))

    people = {LEAD: behaviour or Behaviour(("answered",)), AGENT: Behaviour((agent,))}  # type: ignore[arg-type]  # an outcome
    config = voice_config("x", mode="press1")
    body = callflow_body(config, call_request(), source=CALLER_ID, agent=None)
    with (
        serve(Starlette(routes=[Route("/", take, methods=["POST"])])) as url,
        simulated(people, **settings) as simulator,
    ):
        for kind in ("VSS", "VCA", "VCS"):
            simulator.ask("POST", "webhooks", {"type": kind, "url": url + "/"})
        assert simulator.ask("POST", "callflows", body).status_code == 200
        wait_until(lambda: bool(ours.heard))
        yield ours


def _connect() -> dict[str, Any]:
    return {"clientActionId": "att-1", "callflow": [make_call(AGENT)]}


def _end(ours: Ours) -> tuple[str, list[str], str]:
    payload = ours.heard[0]["payload"]
    return payload["sessionStatus"], [leg["callStatus"] for leg in payload["details"].values()], payload["lastAction"]


@pytest.mark.parametrize(("agent", "status"), [("answered", "COMPLETED"), ("busy", "BUSY"), ("no_answer", "NO_ANSWER")])
def test_an_answer_that_calls_the_agent_is_followed(agent: str, status: str) -> None:
    with dialled(_connect(), agent=agent) as ours:
        assert _end(ours) == (status, ["COMPLETED", status], "MAKE_CALL")
        assert ours.asked[0]["payload"]["eventData"] == {"dtmf": "1"}
        assert ours.statuses == ["CALL_INITIATED", "CALL_CONNECTED", "CALL_DISCONNECTED"]


def test_a_voicemail_presses_nothing_and_goodbye_ends_the_call() -> None:
    with dialled({"callflow": [GOODBYE, HANGUP]}, behaviour=Behaviour(("voicemail",))) as ours:
        assert ours.asked[0]["payload"]["eventData"] == {"dtmf": None}
        assert _end(ours) == ("COMPLETED", ["COMPLETED"], "HANGUP")


@pytest.mark.parametrize(
    "answer",
    [
        500,
        "no JSON",
        {},
        {"callflow": [{"action": "dial"}]},
        {"callflow": [{"action": "makeCall", "params": {}}]},
        0.7,
    ],
)
def test_a_bad_or_late_answer_ends_the_session_with_the_error_2003(answer: Any) -> None:
    with dialled(answer, vca_patience=0.2) as ours:
        payload = ours.heard[0]["payload"]
        assert (payload["sessionStatus"], payload["errorDetails"]["errorCode"]) == ("ERROR", -2003)
        assert "connectedTimestamp" in payload["details"]["callA"]


def test_asked_after_every_action_a_hangup_would_end_the_talk_and_nothing_more_does_not() -> None:
    nothing: dict[str, Any] = {"callflow": []}
    with dialled(nothing, _connect(), nothing, vca_every_action=True) as ours:
        assert _end(ours)[1] == ["COMPLETED", "COMPLETED"]
        assert [body["payload"].get("eventData") for body in ours.asked] == [None, {"dtmf": "1"}, None]
        assert ours.asked[2]["payload"]["clientActionId"] == "att-1"
    with dialled({"callflow": [HANGUP]}, vca_every_action=True) as ours:
        assert (len(ours.asked), _end(ours)) == (1, ("COMPLETED", ["COMPLETED"], "HANGUP"))


def test_without_a_webhook_for_it_nobody_can_be_asked() -> None:
    body = callflow_body(voice_config("x"), call_request(), source=CALLER_ID, agent=None)
    with simulated() as simulator:
        assert simulator.ask("POST", "callflows", body).json()["statusCode"] == -1004


@pytest.mark.parametrize(
    ("field_name", "value", "code"),
    [
        ("voiceProfile", "nobody", -1002),
        ("minDigits", 2, -1003),
        ("maxDigits", 26, -1003),
        ("overallTimeout", 1, -1005),
        ("digitTimeout", 0, -1006),
        ("promptMessage", "x" * 3001, -1001),
        ("speed", 3, -1001),
        ("speed", "fast", -1001),
    ],
)
def test_what_is_beyond_the_documented_limits_is_refused(field_name: str, value: object, code: int) -> None:
    body: Any = callflow_body(voice_config("x"), call_request(), source=CALLER_ID, agent=None)
    body["callflow"][1]["params"][field_name] = value
    with simulated() as simulator:
        simulator.ask("POST", "webhooks", {"type": "VCA", "url": "http://127.0.0.1:9/"})
        assert simulator.ask("POST", "callflows", body).json()["statusCode"] == code


@pytest.mark.parametrize("voice", ["en-US-BenjaminRUS", "en-IE-EmilyNeural", "en-US-Standard-A", "en-US-Neural2-C"])
def test_every_kind_of_voice_that_8x8_documents_is_taken(voice: str) -> None:
    body = callflow_body(voice_config("x", press1=Press1(voice=voice)), call_request(), source=CALLER_ID, agent=None)
    with simulated() as simulator:
        simulator.ask("POST", "webhooks", {"type": "VCA", "url": "http://127.0.0.1:9/"})
        assert simulator.ask("POST", "callflows", body).status_code == 200


def test_people_answer_by_the_hour_and_ring_as_long_as_they_do() -> None:
    draw = random.Random(4)
    habits = Behaviour(hours={9: 0.9, 20: 0.05})
    answers = {hour: sum(habits.outcome(0, draw, hour) == "answered" for _ in range(400)) for hour in (9, 20, 3)}
    assert answers[9] > 330
    assert 3 < answers[20] < 45
    assert answers[3] == 0
    with simulated({LEAD: Behaviour(("answered",), rings=(17, 17))}) as simulator:
        simulator.place()
        assert next(iter(simulator.app.switch.judge.sessions.values())).plan.legs[0].connected == 17
