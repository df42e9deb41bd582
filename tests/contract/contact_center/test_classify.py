"""Every answer to "place this call" has one meaning."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.contact_center.classify import classify
from autodialer.domain.placing import Ambiguous, NobodyFree, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.telephony_http.exchange import Reply
from contract.contact_center.support import documented

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
GUID = "int-184a0c5493f-nempJR9b0nXcZbChiZmtZkLCE-phone-00-acmecorp01"
TAKEN = {"reasons": ["Call successfully initiated"], "message": "OK", "interactionGuid": GUID}
AWAY = {"reasons": ["Agent=[ag1] not available to handle interaction"], "message": "Error"}
BUSY = {"reasons": ["Agent=[ag1] not available to handle interaction, already on busy phone interaction"]}


def outcome(status: int, body: Any = None, retry_after: str | None = None) -> PlaceOutcome:
    return classify(Reply(status, body, retry_after), now=NOW, default_pause=5.0, nobody_free_pause=2.0)


def test_the_documented_answer_is_placed() -> None:
    body = documented("cc_place_call_response.json")
    assert outcome(200, body) == Placed(body["interactionGuid"])


@pytest.mark.parametrize(
    "body",
    [
        TAKEN,
        {"id": GUID},
        {"id": GUID, "reasons": ["Call successfully initiated", "Agent is handling other interactions"]},
        {"interactionGUID": f" {GUID} ", "reasons": None},
        {**TAKEN, "reasons": [7, None]},
    ],
)
def test_an_interaction_is_placed_whatever_else_is_said(body: object) -> None:
    assert outcome(200, body) == Placed(GUID)


@pytest.mark.parametrize("body", [AWAY, BUSY, {"reasons": AWAY["reasons"][0]}, {"message": BUSY["reasons"][0]}])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 410, 422])
def test_an_agent_who_is_not_available_costs_nothing_at_any_status_below_500(status: int, body: object) -> None:
    found = outcome(status, body)
    assert isinstance(found, NobodyFree)
    assert found.retry_after == 2.0
    assert "not available" in found.reason


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("body", [None, {}, AWAY, TAKEN, {"reasons": ["no such number"]}])
def test_row_27_after_a_server_error_it_may_ring_whatever_the_body_says(status: int, body: object) -> None:
    assert isinstance(outcome(status, body), Ambiguous)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        "OK",
        {"message": "OK"},
        {"reasons": ["Call successfully initiated"]},
        {"interactionGuid": ""},
        {"interactionGuid": 7},
        {"interactionGuid": "x" * 121},
        {"interactionGuid": "x" * 121, **AWAY},
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_row_27_a_success_without_a_usable_interaction_is_ambiguous(status: int, body: object) -> None:
    assert isinstance(outcome(status, body), Ambiguous)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429])
def test_row_27_a_refusal_that_names_an_interaction_is_ambiguous(status: int) -> None:
    assert isinstance(outcome(status, TAKEN), Ambiguous)


@pytest.mark.parametrize(
    ("status", "scope", "named"),
    [
        (400, Scope.CALL, "EIGHTX8_CALLER_ID"),
        (401, Scope.ACCOUNT, "EIGHTX8_API_SECRET"),
        (403, Scope.ACCOUNT, "EIGHTX8_CC_TENANT"),
        (404, Scope.ACCOUNT, "EIGHTX8_BASE_URL"),
        (405, Scope.ACCOUNT, "EIGHTX8_BASE_URL"),
        (409, Scope.CALL, ""),
        (422, Scope.CALL, ""),
        (301, Scope.ACCOUNT, "EIGHTX8_BASE_URL"),
        (308, Scope.ACCOUNT, "EIGHTX8_BASE_URL"),
    ],
)
def test_row_26_a_refusal_has_its_scope_and_remedy(status: int, scope: Scope, named: str) -> None:
    found = outcome(status, {"reasons": ["no, +40709000001"], "message": "Error"})
    assert isinstance(found, Refused)
    assert (found.code, found.scope) == (str(status), scope)
    assert named in found.remedy
    assert "40709000001" not in found.message


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (None, 5.0), ("soon", 5.0), ("-1", 5.0)])
def test_row_26_throttled_for_as_long_as_it_says(header: str | None, seconds: float) -> None:
    assert outcome(429, None, header) == Throttled(seconds)


VALUES = (
    st.none() | st.integers() | st.text(max_size=130) | st.sampled_from([GUID, AWAY["reasons"], AWAY["message"], []])
)
BODIES = (
    st.none()
    | st.text(max_size=5)
    | st.dictionaries(st.sampled_from(["id", "interactionGuid", "reasons", "message", "x"]), VALUES, max_size=5)
)


@settings(max_examples=120, deadline=None)
@given(status=st.integers(100, 999), body=BODIES, header=st.none() | st.text(max_size=6))
def test_no_answer_is_without_a_meaning_and_only_a_success_with_an_interaction_is_placed(
    status: int, body: object, header: str | None
) -> None:
    found = outcome(status, body, header)
    named = isinstance(body, dict) and any(body.get(key) not in (None, "") for key in ("id", "interactionGuid"))
    if isinstance(found, Placed):
        assert named
        assert 200 <= status < 300
    if isinstance(found, NobodyFree):
        assert not named
        assert status < 500
    if isinstance(found, Refused):
        assert 300 <= status < 500
    if status >= 500:
        assert isinstance(found, Ambiguous)
