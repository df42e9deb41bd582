"""A session summary ends a call by the person's own leg, and nothing is ever guessed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallResult, NoResult, Progress
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.mapping import read_callback
from contract.eightx8.summaries import SESSION, always, leg, nothing, read, result, vss
from contract.eightx8.support import AGENT, LEAD, FixedClock, documented, voice_config

ANSWERED, NO_ANSWER = Disposition.ANSWERED, Disposition.NO_ANSWER
BUSY, FAILED = Disposition.BUSY, Disposition.FAILED


@pytest.mark.parametrize(
    ("word", "disposition"),
    [
        ("COMPLETED", ANSWERED),
        ("NO_ANSWER", NO_ANSWER),
        ("NO ANSWER", NO_ANSWER),
        ("no-answer", NO_ANSWER),
        ("BUSY", BUSY),
        ("FAILED", FAILED),
        ("CANCELED", FAILED),
        ("CANCELLED", FAILED),
        ("ERROR", FAILED),
        (" completed ", ANSWERED),
    ],
)
def test_each_documented_status_of_the_persons_leg_has_its_end(word: str, disposition: Disposition) -> None:
    event = result(vss("WHATEVER", {"callA": leg(LEAD, word)}))
    assert event.disposition is disposition
    assert event.call_status == word.strip()
    assert (event.session_id, event.attempt_id) == (SESSION, "att-1")
    assert event.do_not_call is False


@pytest.mark.parametrize(
    "word", ["", "   ", None, "RINGING", "IN_PROGRESS", "COMPLETED_MAYBE", "ANSWERED", "N/A", "noanswer"]
)
@pytest.mark.parametrize("session", ["COMPLETED", "NO_ANSWER", "BUSY", "ERROR"])
def test_a_status_that_nobody_knows_is_no_result(word: object, session: str) -> None:
    details = {"callA": leg(LEAD, word), "callB": leg(AGENT, "COMPLETED")}
    nothing(vss(session, details))


def test_who_calls_one_of_the_account_s_numbers_is_no_call_of_ours() -> None:
    details = {"callA": leg("+6531589338", "COMPLETED", callDirection="INBOUND"), "callB": leg(AGENT, "COMPLETED")}
    event = read(vss("COMPLETED", details, clientRequestId=None), number=None)
    assert isinstance(event, NoResult)
    assert "called in" in event.reason


@pytest.mark.parametrize("known", [{"number": LEAD}, {"number": None, "clientRequestId": "att-1"}])
def test_a_session_that_is_known_is_ours_whatever_8x8_calls_its_first_call(known: dict[str, Any]) -> None:
    details = {"callA": leg(LEAD, "BUSY", callDirection="INBOUND")}
    body = vss("BUSY", details, clientRequestId=known.get("clientRequestId"))
    assert result(body, known["number"]).disposition is BUSY


@pytest.mark.parametrize(
    ("agent_status", "unreached"),
    [("COMPLETED", False), ("NO_ANSWER", True), ("BUSY", True), ("FAILED", True), ("CANCELED", True), ("ERROR", True)],
)
@pytest.mark.parametrize("order", [("callA", "callB"), ("callB", "callA")])
def test_the_agents_end_never_becomes_the_persons(agent_status: str, unreached: bool, order: tuple[str, str]) -> None:
    details = {order[0]: leg(LEAD, "COMPLETED"), order[1]: leg(AGENT, agent_status)}
    event = result(vss(agent_status, details))
    assert (event.disposition, event.agent_unreached) == (ANSWERED, unreached)


def test_no_agent_is_unreached_where_none_was_called_or_the_person_did_not_answer() -> None:
    assert result(vss("COMPLETED", {"callA": leg(LEAD, "COMPLETED"), "callB": None})).agent_unreached is False
    both = {"callA": leg(LEAD, "BUSY"), "callB": leg(AGENT, "CANCELED")}
    assert result(vss("BUSY", both)).agent_unreached is False


@pytest.mark.parametrize("keys", [("callA", "callB"), ("CallA", "CallB"), ("CALLB", "calla"), ("callb", "CallA")])
def test_legs_are_found_whatever_the_case_and_order_of_their_keys(keys: tuple[str, str]) -> None:
    details = {keys[1]: leg(AGENT, "COMPLETED"), keys[0]: leg(LEAD, "BUSY")}
    assert result(vss("COMPLETED", details)).disposition is BUSY


@pytest.mark.parametrize("written", ["40709000001", "+40 709 000 001", "0040709000001", "+40709000001"])
def test_numbers_are_compared_by_their_digits(written: str) -> None:
    details = {"callA": leg(AGENT, "COMPLETED"), "callB": leg(written, "NO_ANSWER")}
    assert result(vss("COMPLETED", details)).disposition is NO_ANSWER


def test_call_a_is_the_persons_where_no_destination_fits_or_the_number_is_not_known() -> None:
    details = {"callB": leg("+40799999999", "COMPLETED"), "callA": leg("+40788888888", "BUSY")}
    assert result(vss("COMPLETED", details)).disposition is BUSY
    assert result(vss("COMPLETED", details), number=None).disposition is BUSY


def test_the_agents_leg_is_never_taken_for_the_persons() -> None:
    alone = {"callA": leg(AGENT, "NO_ANSWER")}
    nothing(vss("NO_ANSWER", alone))
    nothing(vss("NO_ANSWER", alone), number=None)


def test_a_person_who_has_the_agents_number_is_the_first_leg() -> None:
    details = {"callB": leg(AGENT, "BUSY"), "callA": leg(AGENT, "COMPLETED")}
    event = result(vss("BUSY", details), number=AGENT)
    assert (event.disposition, event.agent_unreached) == (ANSWERED, True)


def test_the_number_is_asked_for_by_session_then_by_our_own_id() -> None:
    asked: list[str] = []

    def number_of(known: str) -> str | None:
        asked.append(known)
        return LEAD if known == "att-1" else None

    details = {"callA": leg("+40788888888", "COMPLETED"), "callB": leg(LEAD, "BUSY")}
    event = read_callback(vss("COMPLETED", details), number_of, voice_config("x", agent_number=None))
    assert isinstance(event, CallResult)
    assert event.disposition is BUSY
    assert asked == [SESSION, "att-1"]


@pytest.mark.parametrize("details", [None, {}, {"callA": None}, {"callA": leg(LEAD, None)}])
@pytest.mark.parametrize("count", [0, 1, "1"])
@pytest.mark.parametrize(
    ("word", "disposition"),
    [("COMPLETED", ANSWERED), ("NO ANSWER", NO_ANSWER), ("BUSY", BUSY), ("FAILED", FAILED), ("ERROR", FAILED)],
)
def test_the_session_decides_only_for_one_call_without_a_usable_leg(
    details: object, count: object, word: str, disposition: Disposition
) -> None:
    event = result(vss(word, details, callCount=count))
    assert (event.disposition, event.call_status) == (disposition, word)


@pytest.mark.parametrize("count", [2, 3, None, -1, "two", True, 1.5, [], {}])
def test_the_session_decides_nothing_where_it_may_be_about_the_agent(count: object) -> None:
    nothing(vss("NO_ANSWER", {}, callCount=count))


def test_the_session_decides_nothing_beside_the_agents_leg() -> None:
    nothing(vss("NO_ANSWER", {"callB": leg(AGENT, "NO_ANSWER")}, callCount=1))


@pytest.mark.parametrize("session", ["IN_PROGRESS", "", None, "UNKNOWN"])
def test_a_session_status_that_nobody_knows_is_no_result(session: object) -> None:
    nothing(vss(session, {}, callCount=1))


@pytest.mark.parametrize(
    ("word", "disposition"),
    [("COMPLETED_UNSUBSCRIBED", ANSWERED), ("COMPLETED_UNSUB_ERROR", ANSWERED), ("UNSUBSCRIBED_CONTACT", FAILED)],
)
@pytest.mark.parametrize("details", [{}, {"callA": leg(LEAD, "SOMETHING")}])
def test_an_opt_out_is_kept_even_where_no_leg_says_more(
    word: str, disposition: Disposition, details: dict[str, Any]
) -> None:
    event = result(vss(word, details, callCount=None))
    assert (event.disposition, event.do_not_call) == (disposition, True)
    assert event.reason


def test_an_opt_out_beside_a_leg_keeps_the_legs_end() -> None:
    event = result(vss("COMPLETED_UNSUBSCRIBED", {"callA": leg(LEAD, "NO_ANSWER")}))
    assert (event.disposition, event.do_not_call) == (NO_ANSWER, True)


def test_an_error_names_its_code_and_hides_numbers() -> None:
    error = {"errorMsg": "No coverage for +40709000001", "errorCode": -2004}
    event = result(vss("ERROR", {"callA": leg(LEAD, "ERROR")}, errorDetails=error))
    assert event.disposition is FAILED
    assert event.reason.startswith("error -2004 No coverage")
    assert "0709000001" not in event.reason
    assert result(vss("X", {"callA": leg(LEAD, "CANCELED")})).reason == "canceled"


def failing(status: str, code: int, **more: Any) -> CallResult:
    """A session that ended with 8x8's own error at once, in which the person's leg has this status."""
    at_once = {"disconnectedTimestamp": "2026-03-02T09:59:00Z", "callDuration": 0, **more}
    error = {"errorMsg": "as 8x8 says it", "errorCode": code}
    return result(vss("ERROR", {"callA": leg(LEAD, status, **at_once)}, errorDetails=error))


@pytest.mark.parametrize("code", [-2004, -2007, -2008, -2010])
@pytest.mark.parametrize("status", ["ERROR", "FAILED", "CANCELED", "CANCELLED"])
def test_8x8s_own_failure_is_trouble_whatever_it_calls_the_persons_leg(status: str, code: int) -> None:
    event = failing(status, code)
    assert event.disposition is FAILED
    assert event.trouble is not None
    assert (event.trouble.code, event.trouble.rang) == (str(code), False)


@pytest.mark.parametrize(
    "more",
    [
        {"disconnectedTimestamp": "2026-03-02T09:59:12Z"},
        {"connectedTimestamp": "2026-03-02T09:59:00Z"},
        {"callDuration": 4},
    ],
)
def test_a_failed_leg_that_lasted_is_the_persons_failure_even_if_the_session_ended_with_an_error(
    more: dict[str, Any],
) -> None:
    assert failing("FAILED", -2010, **more).trouble is None
    assert failing("CANCELED", -2010, **more).trouble is None


@pytest.mark.parametrize("status", ["NO_ANSWER", "BUSY"])
def test_the_persons_own_word_stays_beside_an_error_of_the_session(status: str) -> None:
    assert failing(status, -2010).trouble is None


@pytest.mark.parametrize("written", [None, "null", "", 0, "0", "N/A"])
def test_a_connection_without_a_time_is_none(written: object) -> None:
    trouble = failing("ERROR", -2010, connectedTimestamp=written).trouble
    assert trouble is not None
    assert not trouble.rang


@pytest.mark.parametrize("details", [None, 5, "text", [], {"errorCode": []}, {"errorMsg": 5, "errorCode": "x"}])
def test_error_details_of_any_type_do_no_harm(details: object) -> None:
    assert result(vss("ERROR", {"callA": leg(LEAD, "ERROR")}, errorDetails=details)).reason == "error"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-02T09:59:40Z", datetime(2026, 3, 2, 9, 59, 40, tzinfo=UTC)),
        ("2026-03-02T09:59:40.250Z", datetime(2026, 3, 2, 9, 59, 40, 250000, tzinfo=UTC)),
        ("2026-03-02T11:59:40+02:00", datetime(2026, 3, 2, 9, 59, 40, tzinfo=UTC)),
        ("2026-03-02T09:59:40", datetime(2026, 3, 2, 9, 59, 40, tzinfo=UTC)),
    ],
)
def test_the_call_happened_when_the_persons_leg_ended_in_utc(written: str, expected: datetime) -> None:
    event = result(vss("COMPLETED", {"callA": leg(LEAD, "COMPLETED", disconnectedTimestamp=written)}))
    assert event.happened_at == expected
    assert event.happened_at.tzinfo is UTC


@pytest.mark.parametrize("written", [None, "", "yesterday", 5, "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z"])
def test_without_a_usable_time_of_the_leg_the_sessions_end_counts(written: object) -> None:
    details = {"callA": leg(LEAD, "COMPLETED", disconnectedTimestamp=written)}
    assert result(vss("COMPLETED", details)).happened_at == datetime(2026, 3, 2, 9, 59, 50, tzinfo=UTC)
    assert result(vss("COMPLETED", details, endTime=written)).happened_at is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(23, 23), (0, 0), ("23", 23), (23.0, 23), (23.5, None), (-1, None), (True, None), (None, None), (10**12, None)],
)
def test_the_duration_is_whole_seconds_or_nothing(written: object, seconds: int | None) -> None:
    event = result(vss("COMPLETED", {"callA": leg(LEAD, "COMPLETED", callDuration=written)}))
    assert event.duration_seconds == seconds


@pytest.mark.parametrize("name", ["CALL_RECORDING_STATUS", "VIRTUAL_NUMBER_UPDATE", "X"])
def test_every_other_event_type_is_no_result(name: str) -> None:
    event = read({**vss("COMPLETED", {"callA": leg(LEAD, "COMPLETED")}), "eventType": name})
    assert event == NoResult(name, "only session summaries end a call", SESSION)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "namespace"),
        ({"namespace": "SMS", "eventType": "SESSION_SUMMARY", "payload": {}}, "namespace"),
        ({"namespace": "VOICE", "payload": {}}, "eventType"),
        ({"namespace": "VOICE", "eventType": 5, "payload": {}}, "eventType"),
        ({"namespace": "VOICE", "eventType": "SESSION_SUMMARY"}, "payload"),
        ({"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": []}, "payload"),
        (vss("BUSY", {}, sessionId=None, clientRequestId=None), "payload.sessionId"),
        (vss("BUSY", {}, sessionId=5, clientRequestId=7), "payload.sessionId"),
        (vss(5, {}), "payload.sessionStatus"),
        (vss("BUSY", []), "payload.details"),
        (vss("BUSY", {"callA": "text"}), "payload.details.calla"),
        (vss("BUSY", {"callA": leg(LEAD, 5)}), "payload.details.calla.callStatus"),
        (vss("BUSY", {"callA": leg(LEAD, "BUSY"), "CallA": leg(LEAD, "FAILED")}), "payload.details.calla"),
    ],
)
def test_what_cannot_be_read_is_malformed_and_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedCallback) as caught:
        read(body)
    assert any(problem.startswith(f"{field}:") for problem in caught.value.problems)


def test_every_problem_of_a_malformed_callback_is_named_at_once() -> None:
    with pytest.raises(MalformedCallback) as caught:
        read(vss(5, {"callA": 1, "callB": leg(LEAD, [])}, sessionId=None, clientRequestId=None))
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("name", "number", "disposition", "unreached", "seconds"),
    [
        ("voice_vss_ivr_completed_two_outbound_legs_clientRequestId_v5.json", "+6591178965", ANSWERED, False, 23),
        ("voice_vss_ivr_busy_second_leg_v5.json", "+6568332048", ANSWERED, True, 37),
        ("voice_vss_ivr_busy_second_leg_v5.json", "+6531589338", BUSY, False, 0),
        ("voice_vss_ivr_completed_hangup_v5.json", LEAD, ANSWERED, False, 16),
        ("voice_vss_voicemessaging_completed.json", "+6568332048", ANSWERED, False, 13),
        ("voice_vss_voicemessaging_error_2004.json", "+6591178965", FAILED, False, 0),
        ("voice_vss_numbermasking_completed.json", "+6591178965", ANSWERED, False, 13),
        ("voice_vss_numbermasking_error_2004.json", "+6591178965", FAILED, False, 0),
    ],
)
def test_the_summaries_that_8x8_documents_are_read_as_documented(
    name: str, number: str | None, disposition: Disposition, unreached: bool, seconds: int
) -> None:
    event = result(documented(name), number)
    assert (event.disposition, event.agent_unreached) == (disposition, unreached)
    assert event.duration_seconds == seconds
    assert event.happened_at is not None
    assert ("-2004" in event.reason) is ("2004" in name)


@pytest.mark.parametrize("name", ["voice_vss_ivr_completed_hangup_v5.json", "voice_vss_ivr_busy_second_leg_v5.json"])
def test_the_inbound_summaries_that_8x8_documents_are_no_calls_of_ours(name: str) -> None:
    event = read(documented(name), number=None)
    assert isinstance(event, NoResult)


@pytest.mark.parametrize(
    "name",
    ["voice_vcs_call_received.json", "voice_vca_ivr_action_completed_dtmf.json", "voice_vru_upload_completed.json"],
)
def test_the_other_webhooks_that_8x8_documents_end_no_call(name: str) -> None:
    event = read(documented(name))
    assert isinstance(event, NoResult | Progress)
    assert event.session_id


@pytest.mark.parametrize(
    ("details", "confirmed"),
    [
        ({"callA": leg(LEAD, "COMPLETED"), "callB": leg(AGENT, "BUSY")}, True),
        ({"callA": leg(LEAD, "COMPLETED")}, False),
        ({}, False),
    ],
)
def test_with_press1_an_agents_leg_says_that_the_person_pressed_1(details: dict[str, Any], confirmed: bool) -> None:
    body = vss("COMPLETED", details, callCount=1)
    event = read_callback(body, always(LEAD), voice_config("x", mode="press1"))
    assert isinstance(event, CallResult)
    assert (event.disposition, event.confirmed) == (ANSWERED, confirmed)
    assert result(body).confirmed is None


@pytest.mark.parametrize("agent", ["+40210000010", "+40210000011"])
def test_any_of_several_agents_is_known_as_one(agent: str) -> None:
    config = voice_config("x", agent_number="+40210000010,+40210000011")
    details = {"callA": leg(agent, "COMPLETED"), "callB": leg("+40788888888", "BUSY")}
    assert isinstance(read_callback(vss("BUSY", details), always(None), config), NoResult)


def test_the_adapter_reads_callbacks_with_its_own_agents_number() -> None:
    telephony = VoiceTelephony(voice_config("http://127.0.0.1:9"), FixedClock())
    event = telephony.read_callback(vss("NO_ANSWER", {"callA": leg(AGENT, "NO_ANSWER")}), always(LEAD))
    assert isinstance(event, NoResult)


def test_an_inbound_leg_is_never_the_call_that_we_placed_where_another_is_left() -> None:
    inbound = leg(LEAD, "BUSY", callDirection="INBOUND")
    details = {"callA": leg("+40788888888", "COMPLETED"), "callB": inbound}
    assert result(vss("BUSY", details)).disposition is ANSWERED
