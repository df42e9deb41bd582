"""The whole service with EIGHTX8_MODE=press1 against the simulated 8x8, over HTTP."""

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.people import Behaviour, Person
from contract.eightx8.support import documented
from contract.eightx8.varying import damage, respelled
from web.house import CALLBACK_TOKEN, TOKENS, House, house, person, summary

NAMES = [
    "voice_vss_ivr_completed_two_outbound_legs_clientRequestId_v5.json",
    "voice_vss_ivr_busy_second_leg_v5.json",
    "voice_vss_numbermasking_error_2004.json",
    "voice_vcs_call_received.json",
    "voice_vca_ivr_action_completed_dtmf.json",
    "voice_vru_upload_completed.json",
]
AGENTS = ["+40210000002", "+40210000003"]


def _who(index: int, behaviour: Behaviour) -> Person:
    return replace(person(index), behaviour=behaviour)


PEOPLE = [
    _who(0, Behaviour(("answered",))),
    _who(2, Behaviour(("voicemail",))),
    _who(4, Behaviour(("answered",), key="9")),
    _who(6, Behaviour(("answered",), key="5")),
    _who(8, Behaviour(("busy",))),
    _who(10, Behaviour(("answered",))),
]


@pytest.fixture(
    scope="module",
    params=[pytest.param(False, marks=pytest.mark.soak), True],
    ids=["once", "twice, after every action"],
)
def dialled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    voice = VoiceSettings(speed=900, vca_copies=1 + request.param, vca_every_action=request.param)
    more: dict[str, Any] = {
        "eightx8_mode": "press1",
        "eightx8_opt_out_digit": "9",
        "eightx8_agent_number": ",".join(AGENTS),
        "eightx8_callback_auth": "both" if request.param else "header",
    }
    with house(tmp_path_factory.mktemp("press1"), PEOPLE, voice=voice, **TOKENS, **more) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhooks are registered")
        answer = running.ask("POST", "/api/cron")
        assert answer.status_code == 200, answer.text
        running.wait_until("SELECT count(*) = 6 FROM attempts WHERE state = 'ended'", "all calls are over")
        yield running


def _sessions(dialled: House) -> dict[str, dict[str, Any]]:
    found = httpx2.get(f"{dialled.simulated.voice_url}/_sim/sessions").json()["sessions"]
    return {session["destination"]: session for session in found}


def test_every_call_ends_as_its_person_did(dialled: House) -> None:
    ends = dict(dialled.sql("SELECT number, disposition FROM attempts"))
    expected = ["answered", "no_answer", "answered", "no_answer", "busy", "answered"]
    assert [ends[str(who.number)] for who in PEOPLE] == expected


def test_an_agent_was_called_for_those_who_pressed_1_and_once_for_each(dialled: House) -> None:
    sessions = _sessions(dialled)
    legs = {number: [leg["destination"] for leg in session["legs"][1:]] for number, session in sessions.items()}
    rung = [legs[str(who.number)] for who in PEOPLE]
    assert [len(agents) for agents in rung] == [1, 0, 0, 0, 0, 1]
    assert {rung[0][0], rung[5][0]} == set(AGENTS)
    assert {session["sessionStatus"] for session in sessions.values()} == {"COMPLETED", "BUSY"}


def test_who_pressed_the_key_for_never_again_is_on_the_list(dialled: House) -> None:
    assert dialled.sql("SELECT number FROM do_not_call") == [(PEOPLE[2].number,)]


def test_the_ledger_is_sound_and_the_figures_tell_of_the_unconfirmed(dialled: House) -> None:
    today = dialled.ask("GET", "/api/stats").json()["stats"]["today"]
    assert (today["unconfirmed"], today["agent_unreached"]) == (2, 0)
    metrics = dialled.ask("GET", "/metrics").text
    assert "autodialer_unconfirmed_today 2.0" in metrics
    assert "autodialer_agent_unreached_alarm 0.0" in metrics


def test_a_question_needs_the_token_and_is_answered_by_the_usual_way(dialled: House) -> None:
    body = summary("unknown", event="CALL_ACTION", eventId="e-1", eventData={"dtmf": "1"})
    assert dialled.client.post("/api/callback", json=body).status_code == 401
    headers = {"authorization": CALLBACK_TOKEN}
    for _ in range(2):
        answer = dialled.client.post("/api/callback", json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"callflow": [{"action": "hangup"}]})
    assert dialled.sql("SELECT deliveries FROM inbox WHERE session_id = 'unknown'") == [(2,)]


def test_both_webhooks_are_registered_and_doctor_is_content(dialled: House) -> None:
    findings = dialled.ask("GET", "/api/doctor").json()["findings"]
    webhooks = [finding for finding in findings if finding["subject"] == "8x8 webhook"]
    assert [finding["level"] for finding in webhooks] == ["ok", "ok"]
    assert CALLBACK_TOKEN not in str(findings)


def test_no_variation_of_what_8x8_documents_is_ever_answered_with_500(dialled: House) -> None:
    draw = random.Random(77)
    bodies = [documented(name) for name in NAMES]
    open_before = dialled.sql("SELECT attempt_id, state, disposition FROM attempts ORDER BY 1")
    statuses: Counter[int] = Counter()
    for _ in range(80):
        body = respelled(draw, copy.deepcopy(draw.choice(bodies)))
        if draw.random() < 0.6:
            damage(draw, body)
        raw = json.dumps(body).encode()
        answer = dialled.client.post("/api/callback", content=raw, headers={"authorization": CALLBACK_TOKEN})
        statuses[answer.status_code] += 1
    assert set(statuses) == {200, 400}, statuses
    dialled.wait_until("SELECT count(*) = 0 FROM inbox WHERE state = 'new'", "all are read")
    assert dialled.sql("SELECT attempt_id, state, disposition FROM attempts ORDER BY 1") == open_before
    assert dialled.sql("SELECT note FROM inbox WHERE note LIKE 'unexpected%'") == []
