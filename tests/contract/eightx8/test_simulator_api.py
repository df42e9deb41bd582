"""The simulator answers requests to place a call as 8x8 documents it."""

import re
from typing import Any

import pytest

from autodialer.simulators.people import Behaviour
from contract.eightx8.support import AGENT, KEY, LEAD, Simulated, make_call, simulated, wait_until

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GOOD = [make_call(LEAD), make_call(AGENT)]


def test_a_call_that_is_taken_is_answered_with_a_session(simulator: Simulated) -> None:
    answer = simulator.place(validUntil="2999-01-01T00:00:00.000Z")
    body = answer.json()
    assert answer.status_code == 200
    assert UUID.fullmatch(body.pop("sessionId"))
    assert UUID.fullmatch(body.pop("callFlowRequestId"))
    assert body == {
        "sessionStatus": "CREATED",
        "validUntil": "2999-01-01T00:00:00.000Z",
        "statusCode": 1,
        "statusMessage": "Created",
    }


@pytest.mark.parametrize(
    ("callflow", "status", "code"),
    [
        (None, 400, -1009),
        ([], 400, -1009),
        (["makeCall"], 400, -1009),
        ([{"action": "dial"}], 400, -1007),
        ([{"params": {}}], 400, -1007),
        ([{"action": "hangup"}], 422, -1013),
        ([{"action": "say", "params": {"text": "x", "voiceProfile": "en"}}], 422, -1013),
        ([*GOOD, make_call(LEAD)], 422, -1010),
        ([make_call(LEAD), {"action": "hangup"}, make_call(AGENT)], 422, -1012),
        ([make_call(LEAD), {"action": "sayAndCapture", "params": {}}], 422, -1004),
        ([{"action": "makeCall"}], 400, -1009),
        ([{"action": "makeCall", "params": {"source": "+4021", "destination": LEAD, "timeout": 1}}], 400, -1009),
        ([make_call("0709000001")], 400, -1017),
        ([make_call("+40")], 400, -1017),
        ([make_call("")], 400, -1017),
        ([make_call("+40 709 000 001")], 400, -1016),
        ([make_call(LEAD), make_call("agent")], 400, -1016),
    ],
)
def test_a_callflow_that_is_wrong_is_refused_with_its_code(
    simulator: Simulated, callflow: Any, status: int, code: int
) -> None:
    answer = simulator.ask("POST", "callflows", {"callflow": callflow})
    assert (answer.status_code, answer.json()["statusCode"]) == (status, code)
    assert answer.json()["sessionStatus"] == "NOT_CREATED"
    assert set(answer.json()) == {"sessionStatus", "callFlowRequestId", "statusCode", "statusMessage"}
    assert simulator.get("rings")["totals"]["accepted"] == 0
    assert simulator.get("rings")["totals"]["refused"] == {str(code): 1}


@pytest.mark.parametrize(
    ("valid_until", "code"),
    [
        ("2001-01-01T00:00:00.000Z", -1015),
        ("2001-01-01T00:00:00Z", -1001),
        ("tomorrow", -1001),
        ("2999-99-01T00:00:00.000Z", -1001),
        (5, -1001),
    ],
)
def test_a_validity_that_has_passed_or_is_misspelled_is_refused(
    simulator: Simulated, valid_until: object, code: int
) -> None:
    assert simulator.place(validUntil=valid_until).json()["statusCode"] == code


def test_a_body_that_is_no_json_is_refused(simulator: Simulated) -> None:
    path = "/api/v1/subaccounts/simulated_voice/callflows"
    for content in (b"", b"{", b"[]", b"\xff"):
        answer = simulator.admin.post(path, content=content, headers={"authorization": f"Bearer {KEY}"})
        assert (answer.status_code, answer.json()["statusCode"]) == (400, -1001)


@pytest.mark.parametrize("key", [None, "wrong", f"{KEY}x"])
def test_a_wrong_key_is_answered_as_documented(simulator: Simulated, key: str | None) -> None:
    answer = simulator.ask("POST", "callflows", {"callflow": GOOD}, key=key)
    assert answer.status_code == 401
    assert answer.json()["statusMessage"] == "Authentication header not found or token invalid"
    assert answer.json()["statusCode"] == 401
    assert simulator.ask("GET", "webhooks", key=key).status_code == 401


def test_an_unknown_sub_account_is_answered_as_documented(simulator: Simulated) -> None:
    path = "/api/v1/subaccounts/another/"
    headers = {"authorization": f"Bearer {KEY}"}
    answer = simulator.admin.post(f"{path}callflows", json={"callflow": GOOD}, headers=headers)
    assert answer.status_code == 404
    assert answer.json()["statusMessage"] == "SubAccount not found by Id : another"
    assert simulator.admin.get(f"{path}webhooks", headers=headers).status_code == 404


def test_a_caller_id_that_is_not_whitelisted_is_refused() -> None:
    with simulated(caller_ids=["40210000001"]) as simulator:
        assert simulator.place().status_code == 200
        strange = [make_call(LEAD, source="+40219999999")]
        answer = simulator.ask("POST", "callflows", {"callflow": strange})
        assert (answer.status_code, answer.json()["statusCode"]) == (422, -1014)


def test_a_sub_account_without_two_calls_refuses_the_second() -> None:
    with simulated(two_calls=False) as simulator:
        assert simulator.place().json()["statusCode"] == -1011
        assert simulator.ask("POST", "callflows", {"callflow": [make_call(LEAD)]}).status_code == 200


def test_refusals_may_come_with_status_200() -> None:
    with simulated({LEAD: Behaviour(("refused",))}, refusal_status=200) as simulator:
        answer = simulator.place()
        assert (answer.status_code, answer.json()["statusCode"]) == (200, -1017)


def test_a_refused_number_is_refused_and_never_rung() -> None:
    with simulated({LEAD: Behaviour(("refused", "busy"))}) as simulator:
        assert simulator.place().json()["statusCode"] == -1017
        assert simulator.place().status_code == 200
        assert simulator.get("rings")["totals"]["rang"] == 1


def test_too_many_calls_in_a_second_are_throttled_with_a_time_to_wait() -> None:
    with simulated(calls_per_second=2, retry_after=4) as simulator:
        answers = [simulator.place() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["retry-after"] == "4"
        totals = simulator.get("rings")["totals"]
        assert (totals["accepted"], totals["max_per_second"]) == (2, 2)


def test_too_many_calls_at_once_are_throttled_until_one_ends() -> None:
    with simulated({LEAD: Behaviour(("busy",))}, max_concurrent=1, speed=20) as simulator:
        assert [simulator.place().status_code for _ in range(2)] == [200, 429]
        wait_until(simulator.all_over)
        assert simulator.place().status_code == 200
        assert simulator.get("rings")["totals"]["max_concurrent"] == 1


def test_beyond_the_trunks_capacity_the_session_may_end_with_an_error() -> None:
    with simulated(calls_per_second=1, over_limit="-2010") as simulator:
        assert [simulator.place().status_code for _ in range(2)] == [200, 200]
        wait_until(simulator.all_over)
        first, second = simulator.sessions()
        assert (first["rang"], second["rang"]) == (True, False)
        assert second["sessionStatus"] == "ERROR"
        assert simulator.get("rings")["totals"]["rang"] == 1


def test_webhooks_are_listed_created_and_deleted_as_documented(simulator: Simulated) -> None:
    empty = {"subAccountId": "simulated_voice", "count": 0, "webhooks": [], "statusCode": 0, "statusMessage": "ok"}
    assert simulator.ask("GET", "webhooks").json() == empty
    hook = {"type": "VSS", "url": "https://dialer.example/x"}
    created = simulator.ask("POST", "webhooks", {**hook, "httpAuthHeader": "secret", "active": True})
    shown = {**hook, "enabled": True, "httpAuthHeaderAvailable": True}
    assert created.json() == {**empty, "count": 1, "webhooks": [shown]}
    assert simulator.ask("GET", "webhooks").json()["webhooks"] == [shown]
    deleted = simulator.ask("DELETE", "webhooks/VSS")
    assert deleted.json() == {
        "subAccountId": "simulated_voice",
        **shown,
        "enabled": False,
        "statusCode": 0,
        "statusMessage": "deleted",
    }
    assert simulator.ask("GET", "webhooks").json() == empty
    assert simulator.ask("DELETE", "webhooks/VSS").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"type": "XYZ", "url": "https://dialer.example/x"},
        {"type": "VSS", "url": "not a url"},
        {"type": "VSS", "url": "https://dialer.example/x", "enabled": "yes"},
        {"type": "VSS", "url": "https://dialer.example/x", "httpAuthHeader": 5},
    ],
)
def test_a_wrong_webhook_is_refused_with_a_status_code_that_is_text(simulator: Simulated, body: object) -> None:
    answer = simulator.ask("POST", "webhooks", body)
    assert answer.status_code == 422
    assert answer.json()["statusCode"] == "1001"
    assert set(answer.json()) == {"errorId", "statusCode", "statusMessage", "timestamp"}


def test_a_second_webhook_of_one_type_is_refused_or_replaces_as_set(simulator: Simulated) -> None:
    hook = {"type": "VSS", "url": "https://dialer.example/x"}
    assert [simulator.ask("POST", "webhooks", hook).status_code for _ in range(2)] == [200, 422]
    simulator.post("settings", {"webhook_replaces": True})
    assert simulator.ask("POST", "webhooks", hook).json()["count"] == 1


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("settings", {"speed": 0}),
        ("settings", {"speeed": 1}),
        ("settings", [1]),
        ("settings", {"vss_faults": [{"kind": "explode"}]}),
        ("settings", {"vss_faults": [{"kind": "status"}]}),
        ("settings", {"vss_faults": [{"kind": "lost", "times": -1}]}),
        ("settings", {"agent_answers": 2}),
        ("settings", {"talk_seconds": 0}),
        ("behaviour", {LEAD: ["gone"]}),
        ("behaviour", 5),
        ("vss", {"sessionId": "none"}),
        ("vss", {"session": "none"}),
    ],
)
def test_a_wrong_order_to_the_simulator_is_refused_and_explained(simulator: Simulated, page: str, body: object) -> None:
    answer = simulator.admin.post(f"/_sim/{page}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
