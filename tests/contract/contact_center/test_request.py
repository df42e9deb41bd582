"""What is sent to place a call and to ask who is free has the documented shape."""

import json
from typing import Any

import jsonschema
import pytest

from autodialer.contact_center.agents import read_statuses
from autodialer.contact_center.calls import call_body
from contract.contact_center.support import (
    ATTEMPT,
    CALLER_ID,
    LEAD,
    REFERENCE,
    TENANT,
    Simulated,
    adapter,
    call_request,
    config,
)


def body(**changes: Any) -> dict[str, Any]:
    return call_body(config(**changes), call_request(), "ag1")


def test_the_agent_is_called_for_the_person_and_our_id_goes_along() -> None:
    own = [{"name": "attemptId", "value": ATTEMPT}]
    assert body() == {
        "agentId": "ag1",
        "prefix": "",
        "number": LEAD,
        "callerId": CALLER_ID,
        "queueId": 101,
        "ctlUserData": own,
        "extTransactionData": own,
    }


def test_a_dial_plan_may_want_digits_only() -> None:
    sent = body(digits_only=True, queue_id=None)
    assert (sent["number"], sent["callerId"]) == (LEAD[1:], CALLER_ID[1:])
    assert "queueId" not in sent


def _spec(name: str) -> Any:
    path = REFERENCE / "specs" / name
    if not path.is_file():
        pytest.skip(f"no reference schema {name} here")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """8x8's schema of the request. Its defects, patched here:

    prefix, number and callerId are typed as numbers, which can't hold the empty prefix of the guide nor a plus sign: they are made
    text, as the guide sends them. Nothing forbids further properties: that is added, so that a misspelled one is noticed.
    """
    spec = _spec("contact_center_call_api.json")
    schema = spec["components"]["schemas"]["PhoneInteraction"]
    for name in ("prefix", "number", "callerId"):
        assert schema["properties"][name]["type"] == "number"
        schema["properties"][name] = {"type": "string"}
    schema["additionalProperties"] = False
    return jsonschema.Draft202012Validator({**spec, "$ref": "#/components/schemas/PhoneInteraction"})


@pytest.mark.parametrize("changes", [{}, {"queue_id": None}, {"digits_only": True}])
def test_the_request_fits_8x8s_own_schema(validator: jsonschema.Draft202012Validator, changes: dict[str, Any]) -> None:
    assert list(validator.iter_errors(body(**changes))) == []


@pytest.mark.parametrize("without", ["agentId", "prefix", "number", "callerId"])
def test_the_patched_schema_would_notice_what_is_missing(
    validator: jsonschema.Draft202012Validator, without: str
) -> None:
    sent = body()
    del sent[without]
    assert list(validator.iter_errors(sent)) != []


@pytest.mark.parametrize("wrong", [{"queueId": "101"}, {"number": 1}, {"ctlUserData": {}}, {"extra": 1}])
def test_the_patched_schema_would_notice_what_is_wrong(
    validator: jsonschema.Draft202012Validator, wrong: dict[str, Any]
) -> None:
    assert list(validator.iter_errors({**body(), **wrong})) != []


async def test_it_asks_as_the_tenant_with_the_action_token_at_the_documented_addresses(simulator: Simulated) -> None:
    seen: list[tuple[str, str, str]] = []
    simulator.app.gate.observer = lambda one: seen.append((one.method, one.path, one.headers["authorization"]))
    async with adapter(simulator.url) as telephony:
        await telephony.place(call_request())
    basic = "Basic c2ltdWxhdGVkMDE6YWN0aW9uLXRva2Vu"
    assert seen == [
        ("GET", f"/api/v1/tenants/{TENANT}/agentstatus/agents", basic),
        ("POST", f"/api/v1/tenants/{TENANT}/calls", basic),
    ]


async def test_the_simulated_statuses_fit_8x8s_own_schema(simulator: Simulated) -> None:
    spec = _spec("contact_center_agent_status_api.json")
    check = jsonschema.Draft202012Validator({**spec, "$ref": "#/components/schemas/AgentsStatuses"})
    seen: list[Any] = []
    simulator.app.gate.observer = lambda one: seen.append(json.loads(one.answer))
    async with adapter(simulator.url) as telephony:
        assert await telephony.free_agents() == 5
    assert list(check.iter_errors(seen[0])) == []
    assert read_statuses(seen[0]) == {f"agSim{n:03}": 4 for n in range(1, 6)}
