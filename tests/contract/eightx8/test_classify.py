"""Every kind of answer to "place this call" has one meaning (rules.md rows 26 and 27)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.placing import Ambiguous, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.eightx8.classify import Reply, classify, pause_seconds
from contract.eightx8.support import NOW

SESSION = "03cc8cac-376b-11ef-a28b-0582ff0039d5"
CREATED = {"sessionId": SESSION, "sessionStatus": "CREATED", "statusCode": 1, "statusMessage": "Created"}


def meaning(status: int, body: object = None, retry_after: str | None = None) -> PlaceOutcome:
    return classify(Reply(status, body, retry_after), now=NOW, default_pause=5.0)


def refusal(code: Any, status: str = "NOT_CREATED") -> dict[str, Any]:
    return {"sessionStatus": status, "statusCode": code, "statusMessage": "why"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, CREATED),
        (201, CREATED),
        (202, {**CREATED, "sessionStatus": "created"}),
        (200, {**CREATED, "more": {"than": "documented"}}),
        (200, {"sessionId": SESSION}),
        (200, {**CREATED, "statusCode": "1"}),
    ],
)
def test_a_session_in_a_success_is_a_placed_call(status: int, body: object) -> None:
    assert meaning(status, body) == Placed(SESSION)


@pytest.mark.parametrize(
    ("status", "code", "scope"),
    [
        (422, -1017, Scope.NUMBER),
        (400, -1017, Scope.NUMBER),
        (200, -1017, Scope.NUMBER),
        (422, -1014, Scope.ACCOUNT),
        (422, -1011, Scope.ACCOUNT),
        (400, -1002, Scope.ACCOUNT),
        (422, -1004, Scope.ACCOUNT),
        (401, 401, Scope.ACCOUNT),
        (403, 403, Scope.ACCOUNT),
        (404, 404, Scope.ACCOUNT),
        (200, 404, Scope.ACCOUNT),
        (422, -1015, Scope.CALL),
        (200, -1015, Scope.CALL),
        (400, -1001, Scope.CALL),
        (400, -1007, Scope.CALL),
        (422, -1013, Scope.CALL),
        (422, -1016, Scope.CALL),
        (422, -1999, Scope.CALL),
        (302, -1015, Scope.CALL),
    ],
)
@pytest.mark.parametrize("word", ["NOT_CREATED", "NOT CREATED", "not-created", " Not_Created "])
def test_not_created_with_a_code_is_a_refusal_of_the_right_scope(
    status: int, code: int, scope: Scope, word: str
) -> None:
    outcome = meaning(status, refusal(code, word))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.scope) == (str(code), scope)
    assert "why" in outcome.message


@pytest.mark.parametrize(
    ("status", "scope"),
    [
        (400, Scope.CALL),
        (401, Scope.ACCOUNT),
        (402, Scope.ACCOUNT),
        (403, Scope.ACCOUNT),
        (404, Scope.ACCOUNT),
        (405, Scope.ACCOUNT),
        (407, Scope.ACCOUNT),
        (408, Scope.CALL),
        (409, Scope.CALL),
        (410, Scope.ACCOUNT),
        (413, Scope.CALL),
        (422, Scope.CALL),
        (426, Scope.ACCOUNT),
        (451, Scope.CALL),
    ],
)
@pytest.mark.parametrize("body", [None, "text", [], {}, {"sessionStatus": 7, "statusCode": []}])
def test_a_client_error_without_8x8s_body_is_a_refusal(status: int, scope: Scope, body: object) -> None:
    outcome = meaning(status, body)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.scope) == (str(status), scope)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [None, CREATED, refusal(-1017), refusal(500), {}])
def test_a_server_error_is_ambiguous_whatever_it_says(status: int, body: object) -> None:
    assert isinstance(meaning(status, body), Ambiguous)


@pytest.mark.parametrize("status", [200, 400, 422, 429, 500])
@pytest.mark.parametrize("code", [-9999, "-9999"])
def test_the_unknown_error_is_ambiguous_at_every_status(status: int, code: object) -> None:
    assert isinstance(meaning(status, refusal(code)), Ambiguous)
    assert isinstance(meaning(status, {**CREATED, "statusCode": code}), Ambiguous)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize(
    "body",
    [
        None,
        "CREATED",
        [],
        {},
        {"sessionStatus": "CREATED", "statusCode": 1},
        {"sessionId": "", "sessionStatus": "CREATED"},
        {"sessionId": None, "sessionStatus": "CREATED"},
        {"sessionId": 17, "sessionStatus": "CREATED"},
        {"sessionId": "x" * 300, "sessionStatus": "CREATED"},
        refusal(None),
        refusal(1),
        refusal(0),
        refusal(500),
        refusal(True),
        {**refusal(None), "sessionId": SESSION},
    ],
)
def test_a_success_with_neither_session_nor_refusal_is_ambiguous(status: int, body: object) -> None:
    assert isinstance(meaning(status, body), Ambiguous)


@pytest.mark.parametrize("status", [302, 400, 409, 429])
def test_a_session_in_an_answer_that_is_no_success_is_ambiguous(status: int) -> None:
    assert isinstance(meaning(status, CREATED), Ambiguous)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_an_address_that_moved_is_a_wrong_setting_and_no_call(status: int) -> None:
    outcome = meaning(status)
    assert isinstance(outcome, Refused)
    assert outcome.scope is Scope.ACCOUNT
    assert "EIGHTX8_BASE_URL" in outcome.remedy


@pytest.mark.parametrize("status", [101, 300, 302, 303, 304, 600, 999])
def test_a_status_that_says_nothing_of_the_call_is_ambiguous(status: int) -> None:
    assert isinstance(meaning(status), Ambiguous)


@pytest.mark.parametrize("body", [None, refusal(429), refusal(-1017)])
def test_too_many_requests_is_throttled_for_as_long_as_told(body: object) -> None:
    assert meaning(429, body, "7") == Throttled(7.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 5.0),
        ("", 5.0),
        ("0", 0.0),
        ("2.5", 2.5),
        (" 30 ", 30.0),
        ("-1", 5.0),
        ("nan", 5.0),
        ("inf", 5.0),
        ("soon", 5.0),
        ("1e30", 3600.0),
        ("Mon, 02 Mar 2026 10:00:10 GMT", 9.876544),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 5.0),
        ("Mon, 99 Mar 2026 09:00:00 GMT", 5.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert pause_seconds(header, now=NOW, default=5.0) == pytest.approx(seconds)


def test_what_8x8_said_reaches_the_message_without_phone_numbers_or_control_characters() -> None:
    outcome = meaning(422, {**refusal(-1017), "statusMessage": "bad +40709000001\r\n\x1b[31m" + "x" * 999})
    assert isinstance(outcome, Refused)
    assert "0709000001" not in outcome.message
    assert "-1017" in outcome.message
    assert outcome.message.isprintable()
    assert len(outcome.message) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "sessionId": JSON | st.just(SESSION),
        "sessionStatus": JSON | st.sampled_from(["CREATED", "NOT_CREATED", "NOT CREATED", "ERROR"]),
        "statusCode": JSON | st.sampled_from([1, 0, -1017, -9999, "-1014", 500, 401]),
        "statusMessage": JSON,
    },
)


@given(status=st.integers(100, 999), body=ANSWER | JSON, header=st.none() | st.text())
def test_every_answer_has_exactly_one_meaning_and_only_sure_ones_release_a_call(
    status: int, body: object, header: str | None
) -> None:
    outcome = meaning(status, body, header)
    assert isinstance(outcome, Placed | Refused | Throttled | Ambiguous)
    said_no = isinstance(body, dict) and isinstance(body.get("sessionStatus"), str)
    if isinstance(outcome, Refused):
        assert 400 <= status < 500 or status in {301, 307, 308} or (said_no and status < 500)
    if isinstance(outcome, Placed):
        assert 200 <= status < 300
    if isinstance(outcome, Throttled):
        assert status == 429
        assert 0 <= outcome.retry_after <= 3600
