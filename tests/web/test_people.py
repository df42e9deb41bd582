"""People are found and explained over the API: masked, in plain words, at any moment."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from autodialer.cli.main import app
from autodialer.service.patience import PATIENCE
from autodialer.simulators.people import mobile
from web.house import FIRST_NAME, LAST_NAME, TOKENS, House, house, person

WHO = [person(index, outcomes=("no_answer",)) for index in range(3)]
STOPPED = replace(person(3), status="Recruiting", first_name="Ioana")


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """After one run over three people; a fourth is none that is called."""
    with house(tmp_path_factory.mktemp("called"), [*WHO, STOPPED], **TOKENS) as running:
        assert running.ask("POST", "/api/cron").status_code == 200
        running.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "Zoho has all three results")
        yield running


def found(service: House, text: str) -> list[dict[str, Any]]:
    answer = service.ask("GET", "/api/people", params={"q": text})
    assert answer.status_code == 200, answer.text
    people: list[dict[str, Any]] = answer.json()["people"]
    return people


def test_somebody_is_found_by_name_number_and_id_and_shown_masked(called: House) -> None:
    national = f"0{WHO[0].number[3:] if WHO[0].number else ''}"
    for text in (WHO[0].zoho_id, str(WHO[0].number), national, national[-6:]):
        (one,) = found(called, text)
        assert (one["zoho_id"], one["number"]) == (WHO[0].zoho_id, f"{mobile(0)[:3]}…{mobile(0)[-2:]}")
        assert (one["name"], one["ended_as"], one["status"]) == (
            f"{FIRST_NAME[0]}… {LAST_NAME[0]}…",
            "no_answer",
            "No Answer",
        )
    assert [one["zoho_id"] for one in found(called, "ioana")] == [STOPPED.zoho_id]
    assert len(found(called, LAST_NAME.lower())) == 4
    assert found(called, "nobody of that name") == []


def test_why_what_would_change_it_and_when_next_are_told(called: House) -> None:
    record = called.ask("GET", f"/api/records/lead/{WHO[0].zoho_id}").json()["record"]
    assert record["now"]["would"] == "call"
    assert record["now"]["why"] == "Nobody has answered so far, and a call is left: 1 of 7 are made."
    assert record["next"]["call_at"] == "2026-03-03T14:00:00.000Z"
    kinds = [event["kind"] for event in record["timeline"]]
    assert [kinds[0], kinds[-1]] == ["pulled", "written"]
    assert {"reserved", "submitting", "placed", "callback", "ended", "queued"} <= set(kinds)


def test_at_an_instant_of_before_it_is_told_how_it_stood(called: House) -> None:
    path = f"/api/records/lead/{WHO[0].zoho_id}"
    before = called.ask("GET", path, params={"at": "2026-03-03T11:00:00Z"}).json()["record"]["moment"]
    assert (before["recorded"], before["then"]) == (None, None)
    later = called.ask("GET", path, params={"at": "2026-03-07"}).json()["record"]["moment"]
    assert later["then"]["would"] == "mark_dead"
    for wrong in ("yesterday", "2026-02-30", "2026-03-03T25:00"):
        assert called.ask("GET", path, params={"at": wrong}).status_code == 400


def run_command(called: House, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr("autodialer.cli.look.settings_with_logging", lambda **_: called.system.settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)
    return CliRunner().invoke(app, ["explain", *arguments])


def test_the_command_prints_all_of_it_and_how_it_stood_at_an_instant(
    called: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = run_command(called, monkeypatch, "lead", WHO[0].zoho_id, "--at", "2026-03-07T10:00")
    assert printed.exit_code == 0, printed.output
    for sentence in (
        "Now: would be called (no_answer",
        "Nobody has answered so far, and a call is left: 1 of 7 are made.",
        "Next call: 2026-03-03 14:00 UTC",
        "2026-03-07 10:00 UTC: would become Dead (window_over",
        "The run pulled it and called.",
        "Zoho took the update.",
    ):
        assert sentence in printed.output, printed.output
    as_json = run_command(called, monkeypatch, "lead", WHO[0].zoho_id, "--json")
    assert json.loads(as_json.output)["now"]["would"] == "call"
    stopped = run_command(called, monkeypatch, "contact", STOPPED.zoho_id)
    assert "No call is in sight" in stopped.output
    assert run_command(called, monkeypatch, "lead", "1").exit_code == 1
    assert run_command(called, monkeypatch, "lead", WHO[0].zoho_id, "--at", "yesterday").exit_code == 2


def test_a_search_shows_up_in_no_log(called: House) -> None:
    found(called, "Cireșoaia")
    found(called, str(WHO[1].number))
    logs = called.system.settings.log_dir
    text = "".join(path.read_text() for path in logs.glob("*.log"))
    assert "Cire" not in text
    assert str(WHO[1].number)[1:] not in text


def test_while_zoho_is_out_a_person_s_page_says_so_within_seconds_and_what_the_ledger_knows(called: House) -> None:
    faults = f"{called.simulated.zoho_url}/_sim/faults"
    httpx2.post(faults, json={"kind": "html", "times": 0}).raise_for_status()
    began = time.monotonic()
    try:
        record = called.ask("GET", f"/api/records/lead/{WHO[0].zoho_id}").json()["record"]
    finally:
        httpx2.delete(faults).raise_for_status()
    assert time.monotonic() - began < 2 * PATIENCE
    assert "HTTP 502" in record["crm_error"]
    assert record["now"] is None
    assert record["timeline"]


@pytest.mark.parametrize("question", [LAST_NAME, WHO[0].zoho_id])
def test_while_zoho_is_out_a_search_says_so_within_seconds(called: House, question: str) -> None:
    faults = f"{called.simulated.zoho_url}/_sim/faults"
    httpx2.post(faults, json={"kind": "html", "times": 0}).raise_for_status()
    began = time.monotonic()
    try:
        found = called.ask("GET", "/api/people", params={"q": question}).json()
    finally:
        httpx2.delete(faults).raise_for_status()
    assert time.monotonic() - began < 2 * PATIENCE
    assert "HTTP 502" in found["crm_error"]
    assert len(found["people"]) == (question == WHO[0].zoho_id)
