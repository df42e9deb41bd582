"""What is sent to place a call has the documented shape."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from autodialer.eightx8.actions import read_question
from autodialer.eightx8.callflow import callflow_body
from autodialer.eightx8.press1 import Press1
from contract.eightx8.support import AGENT, CALLER_ID, LEAD, REFERENCE, call_request, voice_config

CALLFLOWS = "/api/v1/subaccounts/{subAccountId}/callflows"


def body(**changes: Any) -> dict[str, Any]:
    moment = datetime(2026, 3, 2, 12, 5, 0, 123999, tzinfo=timezone(timedelta(hours=2)))
    return callflow_body(
        voice_config("x", **changes), replace(call_request(), valid_until=moment), source=CALLER_ID, agent=AGENT
    )


def test_the_person_is_rung_first_and_then_the_agent() -> None:
    assert body() == {
        "validUntil": "2026-03-02T10:05:00.123Z",
        "clientRequestId": "att-1",
        "callflow": [
            {"action": "makeCall", "params": {"source": CALLER_ID, "destination": LEAD}},
            {"action": "makeCall", "params": {"source": CALLER_ID, "destination": AGENT}},
        ],
    }


def test_with_press1_the_person_is_asked_and_every_field_is_sent() -> None:
    asked = callflow_body(voice_config("x", mode="press1"), call_request(), source=CALLER_ID, agent=None)["callflow"]
    assert isinstance(asked, list)
    assert asked[0] == {"action": "makeCall", "params": {"source": CALLER_ID, "destination": LEAD}}
    assert asked[1:] == [
        {
            "action": "sayAndCapture",
            "params": {
                "promptMessage": Press1().prompt,
                "voiceProfile": "en-US-BenjaminRUS",
                "speed": 1,
                "minDigits": 1,
                "maxDigits": 1,
                "digitTimeout": 5000,
                "overallTimeout": 15000,
                "completeOnHash": False,
                "noOfTries": 2,
                "successMessage": Press1().connecting,
                "failureMessage": Press1().again,
            },
        }
    ]


def test_our_id_can_be_left_out() -> None:
    assert "clientRequestId" not in body(client_request_id=False)


def test_milliseconds_are_written_even_where_there_are_none() -> None:
    request = replace(call_request(), valid_until=datetime(2026, 3, 2, 10, 5, tzinfo=UTC))
    sent = callflow_body(voice_config("x"), request, source=CALLER_ID, agent=AGENT)
    assert sent["validUntil"] == "2026-03-02T10:05:00.000Z"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """8x8's schema of the request. Its defects, patched here:

    - the top level has neither `required` nor `additionalProperties`, and the entries' `anyOf` alternatives require nothing, so
      that `{}` passes as an entry: all alternatives are made to require `action`, makeCall and the top level what they need;
    - `$ref`s are paths from the specification's root, with braces percent-encoded (`%7BsubAccountId%7D`);
    - `speed` is a whole number, though 0.5 to 2 is documented: it is made a number;
    - `nullable` is OpenAPI's word, not JSON Schema's, and is left as it is: we send no null.

    `maxProperties: 2` of makeCall's params stands: it forbids `callRecording` in the request that places a call.
    """
    path = REFERENCE / "specs" / "voice_v1_api.json"
    if not path.is_file():
        pytest.skip("no reference schema here")
    spec = json.loads(path.read_text())
    content = spec["paths"][CALLFLOWS]["post"]["requestBody"]["content"]["application/json"]
    request = content["schema"]["anyOf"][0]
    request["required"] = ["callflow"]
    request["properties"]["callflow"]["minItems"] = 1
    for alternative in request["properties"]["callflow"]["items"]["anyOf"]:
        alternative["required"] = ["action", "params"] if alternative["title"] != "Hangup" else ["action"]
        speed = alternative["properties"].get("params", {}).get("properties", {}).get("speed")
        if speed is not None:
            speed.update(type="number", minimum=0.5, maximum=2)
    # References of the schema start at the specification's root, so they are resolved there.
    root = {
        **spec,
        "$ref": "#/paths/~1api~1v1~1subaccounts~1{subAccountId}~1callflows/post/requestBody/content/"
        "application~1json/schema",
    }
    return jsonschema.Draft202012Validator(root)


@pytest.mark.parametrize("own_id", [True, False])
@pytest.mark.parametrize("press1", [None, Press1(), Press1(speed=0.5, tries=3, prompt="p" * 3000), Press1(speed=2)])
def test_the_request_fits_8x8s_own_schema(
    validator: jsonschema.Draft202012Validator, own_id: bool, press1: Press1 | None
) -> None:
    config = voice_config("x", client_request_id=own_id, press1=press1 or Press1())
    sent = callflow_body(config, call_request(), source=CALLER_ID, agent=AGENT if press1 is None else None)
    assert list(validator.iter_errors(sent)) == []


@pytest.mark.parametrize(("data", "count"), [("1", 1), ("2", 2), (None, 2)])
def test_our_answers_fit_the_same_schema_but_for_the_recording_that_only_answers_may_ask_for(
    validator: jsonschema.Draft202012Validator, data: str | None, count: int
) -> None:
    for recording in (False, True):
        config = voice_config("x", mode="press1", press1=Press1(recording=recording))
        question = read_question(
            config, {"eventType": "CALL_ACTION", "payload": {"eventData": {"dtmf": data}}}, lambda: AGENT
        )
        assert question is not None
        answer = dict(question.answer("att-1", connected=False).body)
        assert len(answer["callflow"]) == count  # type: ignore[arg-type]  # a list
        errors = list(validator.iter_errors({"callflow": answer["callflow"]}))
        assert bool(errors) is (recording and data == "1")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"callflow": []},
        {"callflow": [{}]},
        {"callflow": [{"action": "dial", "params": {}}]},
        {"callflow": [{"action": "makeCall", "params": {"source": "+1"}}]},
        {"callflow": [{"action": "makeCall", "params": {"source": "+1", "destination": "+2", "timeout": 5}}]},
        {"callflow": [{"action": "makeCall", "params": {"source": 1, "destination": "+2"}}]},
        {"callflow": [{"action": "sayAndCapture", "params": {"promptMessage": "x", "voiceProfile": "v", "speed": 3}}]},
        {
            "callflow": [
                {"action": "sayAndCapture", "params": {"promptMessage": "x", "voiceProfile": "v", "minDigits": 0}}
            ]
        },
        {"callflow": [{"action": "say", "params": {"text": "x"}}]},
        {"validUntil": 5, "callflow": [{"action": "hangup"}]},
    ],
)
def test_the_patched_schema_would_notice_a_wrong_request(
    validator: jsonschema.Draft202012Validator, wrong: dict[str, Any]
) -> None:
    assert list(validator.iter_errors(wrong)) != []
