"""What 8x8 asks in a call and how that is answered; what its error codes mean."""

from typing import Any

import pytest

from autodialer.domain.result import TroubleKind
from autodialer.eightx8.actions import read_progress, read_question
from autodialer.eightx8.errors import trouble_of
from autodialer.eightx8.press1 import Press1
from contract.eightx8.support import AGENT, LEAD, voice_config

PRESS1 = voice_config("x", mode="press1", press1=Press1(opt_out_digit="9"))
MISSING: Any = object()


def answer(data: object, attempt_id: str | None = "att-1", *, connected: bool = False) -> list[str]:
    payload = {"sessionId": "s", "destination": LEAD, **({} if data is MISSING else {"eventData": data})}
    question = read_question(PRESS1, {"eventType": "CALL_ACTION", "payload": payload}, lambda: AGENT)
    assert question is not None
    told = question.answer(attempt_id, connected=connected)
    flow = told.body["callflow"]
    assert isinstance(flow, list)
    assert told.connects is any(entry["action"] == "makeCall" for entry in flow)
    return [entry["action"] for entry in flow]


@pytest.mark.parametrize(
    ("data", "actions"),
    [
        *((data, ["makeCall"]) for data in ({"dtmf": "1"}, "1", {"DTMF": "1#"}, {"dtmf": 1}, 1, {"dtmf": " 1 "})),
        *((data, ["say", "hangup"]) for data in ({"dtmf": "2"}, {"dtmf": None}, {"dtmf": ""}, "", "7", "11", "9")),
        *((data, []) for data in (MISSING, None, {}, {"x": "1"}, True, [], ["1"], {"dtmf": ["1"]}, 1.0)),
    ],
)
def test_the_key_decides_and_what_is_about_no_key_changes_nothing(data: object, actions: list[str]) -> None:
    assert answer(data) == actions
    assert answer(data, connected=True) == []
    assert answer(data, None) == ["hangup"]


def test_an_event_without_an_id_is_known_again_by_its_content() -> None:
    bodies: list[dict[str, Any]] = [
        {"eventType": "CALL_ACTION", "payload": {"sessionId": s, "eventData": "1"}} for s in "aab"
    ]
    found = [read_question(PRESS1, body, lambda: AGENT) for body in bodies]
    identities = [question.identity for question in found if question is not None]
    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize(
    ("payload", "picked_up", "confirmed", "opts_out"),
    [
        ({"eventData": "1"}, True, True, False),
        ({"eventData": "9"}, True, False, True),
        ({"eventData": {"dtmf": None}}, True, False, False),
        ({"eventData": "1", "callDirection": "INBOUND"}, False, False, False),
        ({"eventData": "1", "destination": AGENT}, False, False, False),
        ({"eventData": "9", "destination": AGENT}, False, False, False),
        ({}, False, False, False),
    ],
)
def test_what_is_heard_of_a_live_call(
    payload: dict[str, Any], picked_up: bool, confirmed: bool, opts_out: bool
) -> None:
    event = read_progress(PRESS1, "CALL_ACTION", {"destination": LEAD, "callStatus": "ACTION_COMPLETED", **payload})
    assert (event.picked_up, event.confirmed, event.do_not_call) == (picked_up, confirmed, opts_out)


@pytest.mark.parametrize(
    ("sip", "kept"), [(486, 486), ("486", 486), (99, None), (700, None), ("x", None), (True, None)]
)
def test_only_a_sip_code_is_kept_as_one(sip: object, kept: int | None) -> None:
    assert read_progress(PRESS1, "CALL_STATUS", {"callStatus": "CALL_CONNECTED", "sipCode": sip}).sip_code == kept


@pytest.mark.parametrize(
    ("code", "kind", "rang"),
    [
        (-2001, TroubleKind.CALL, True),
        (-2002, TroubleKind.CALL, True),
        *((code, TroubleKind.ACCOUNT, False) for code in (-2003, -2004, -2005, -2006, -2008, -2009)),
        (-2007, TroubleKind.CALL, False),
        (-2010, TroubleKind.CAPACITY, False),
        *((code, TroubleKind.CALL, True) for code in (-9999, -1, 0, -2011, 500)),
    ],
)
def test_an_error_code_says_whether_a_phone_rang_and_what_of_other_calls(
    code: int, kind: TroubleKind, rang: bool
) -> None:
    trouble = trouble_of(code, "as 8x8 says it", rang=False)
    assert trouble is not None
    assert (trouble.kind, trouble.rang) == (kind, rang)
    assert bool(trouble.remedy) is (kind is not TroubleKind.CALL)
    certain = trouble_of(code, "", rang=True)
    assert certain is not None
    assert certain.rang


def test_without_a_code_there_is_no_trouble() -> None:
    assert trouble_of(None, "something", rang=False) is None
