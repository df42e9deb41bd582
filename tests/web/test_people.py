"""People are found and explained over the API: masked, in plain words, at any moment."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

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


def test_a_search_shows_up_in_no_log(called: House) -> None:
    found(called, "Cireșoaia")
    found(called, str(WHO[1].number))
    logs = called.system.settings.log_dir
    text = "".join(path.read_text() for path in logs.glob("*.log"))
    assert "Cire" not in text
    assert str(WHO[1].number)[1:] not in text
