"""What is sent to place a call has the documented shape."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from autodialer.eightx8.callflow import callflow_body
from contract.eightx8.support import AGENT, CALLER_ID, LEAD, REFERENCE, call_request, voice_config

CALLFLOWS = "/api/v1/subaccounts/{subAccountId}/callflows"


def body(**changes: Any) -> dict[str, Any]:
    moment = datetime(2026, 3, 2, 12, 5, 0, 123999, tzinfo=timezone(timedelta(hours=2)))
    return callflow_body(voice_config("x", **changes), replace(call_request(), valid_until=moment))


def test_the_person_is_rung_first_and_then_the_agent() -> None:
    assert body() == {
        "validUntil": "2026-03-02T10:05:00.123Z",
        "clientRequestId": "att-1",
        "callflow": [
            {"action": "makeCall", "params": {"source": CALLER_ID, "destination": LEAD}},
            {"action": "makeCall", "params": {"source": CALLER_ID, "destination": AGENT}},
        ],
    }


def test_our_id_can_be_left_out() -> None:
    assert "clientRequestId" not in body(client_request_id=False)


def test_milliseconds_are_written_even_where_there_are_none() -> None:
    request = replace(call_request(), valid_until=datetime(2026, 3, 2, 10, 5, tzinfo=UTC))
    assert callflow_body(voice_config("x"), request)["validUntil"] == "2026-03-02T10:05:00.000Z"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """8x8's schema of the request. Its defects, patched here:

    the top level has neither `required` nor `additionalProperties`, and the entries' `anyOf` alternatives require nothing, so
    that `{}` passes as an entry: all alternatives are made to require `action`, makeCall and the top level what they need.
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
    # References of the schema start at the specification's root, so they are resolved there.
    root = {
        **spec,
        "$ref": "#/paths/~1api~1v1~1subaccounts~1{subAccountId}~1callflows/post/requestBody/content/"
        "application~1json/schema",
    }
    return jsonschema.Draft202012Validator(root)


@pytest.mark.parametrize("own_id", [True, False])
def test_the_request_fits_8x8s_own_schema(validator: jsonschema.Draft202012Validator, own_id: bool) -> None:
    assert list(validator.iter_errors(body(client_request_id=own_id))) == []


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
        {"validUntil": 5, "callflow": [{"action": "hangup"}]},
    ],
)
def test_the_patched_schema_would_notice_a_wrong_request(
    validator: jsonschema.Draft202012Validator, wrong: dict[str, Any]
) -> None:
    assert list(validator.iter_errors(wrong)) != []
