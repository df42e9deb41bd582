"""People are found and explained in the console, in both languages; only operators see numbers, names and callbacks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from msgspec import structs

from autodialer.domain.access import Role
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.sentence import Sentence
from autodialer.service import allowance
from autodialer.service.doorkeeping import Visitor
from autodialer.service.explain import Explainer
from autodialer.service.finding import FoundPerson, PeopleFinder
from autodialer.simulators.people import mobile
from autodialer.web.console.formatting import said
from console.office import add_users, browser_of, post, said_after, text_of
from web.house import FIRST_NAME, LAST_NAME, TOKENS, House, house, person

WHO = person(0, outcomes=("no_answer",))
STOPPED = replace(person(2), status="Recruiting")
PAGE = f"/console/people/lead/{WHO.zoho_id}"


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One of two was called and did not answer."""
    with house(tmp_path_factory.mktemp("called"), [WHO, STOPPED], **TOKENS) as running:
        add_users(running)
        assert running.ask("POST", "/api/cron").status_code == 200
        running.wait_until("SELECT count(*) = 1 FROM outbox WHERE state = 'sent'", "Zoho has the result")
        yield running


@pytest.fixture(scope="module")
def vera(called: House) -> Iterator[httpx2.Client]:
    with browser_of(called, "vera") as client:
        yield client


@pytest.fixture(scope="module")
def oana(called: House) -> Iterator[httpx2.Client]:
    with browser_of(called, "oana") as client:
        yield client


@pytest.mark.parametrize("question", [WHO.zoho_id, f"0{mobile(0)[3:]}", mobile(0)[-6:], LAST_NAME.upper()])
def test_an_operator_finds_a_person_by_whatever_is_known(oana: httpx2.Client, question: str) -> None:
    page = oana.get("/console/people", params={"q": question}).text
    assert f'href="{PAGE}"' in page
    assert f"{FIRST_NAME} {LAST_NAME}" in text_of(page)
    assert mobile(0) in text_of(page)


def test_who_was_called_last_is_shown_before_anything_is_searched(oana: httpx2.Client) -> None:
    page = oana.get("/console/people").text
    assert "Called last" in text_of(page)
    assert f'href="{PAGE}"' in page
    assert STOPPED.zoho_id not in page


def test_a_viewer_sees_no_number_no_name_and_no_callback(vera: httpx2.Client, oana: httpx2.Client) -> None:
    for path in (f"/console/people?q={WHO.zoho_id}", f"/console/people?q={LAST_NAME}", PAGE):
        page = vera.get(path)
        assert page.status_code == 200
        assert mobile(0)[1:] not in page.text
        assert LAST_NAME not in page.text.replace(f'value="{LAST_NAME}"', "").replace("q%3D", "")
        assert f"{FIRST_NAME[0]}… {LAST_NAME[0]}…" in text_of(page.text)
    assert "As it came" not in vera.get(PAGE).text
    shown = oana.get(PAGE).text
    assert "As it came" in shown
    bodies = re.findall(r"(?s)<pre>(.*?)</pre>", shown)
    assert bodies
    assert all(mobile(0)[1:] not in body for body in bodies)


def test_a_number_in_a_field_of_zohos_that_should_hold_none_is_masked_for_viewers(
    vera: httpx2.Client, oana: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Explainer._look  # Zoho's own fields take no such text, an administrator's may

    async def look_at_texts(
        self: Explainer, keys: Sequence[RecordKey]
    ) -> tuple[Mapping[RecordKey, Record], str | None]:
        found, problem = await look(self, keys)
        odd: dict[str, Any] = {
            "call_attempts": mobile(7),
            "first_no_answer_at": f"call {mobile(7)}",
            "status": f"No {mobile(7)}",
        }
        return {key: structs.replace(record, **odd) for key, record in found.items()}, problem

    monkeypatch.setattr(Explainer, "_look", look_at_texts)
    for client, is_whole in ((vera, False), (oana, True)):
        page = client.get(PAGE).text
        assert (mobile(7) in page) == is_whole
        assert "Call Attempts in Zoho was 1" in text_of(page)


def test_a_number_in_a_status_is_masked_in_what_a_search_shows_to_viewers_and_in_the_api(
    called: House, vera: httpx2.Client, oana: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_of = PeopleFinder._person

    def with_odd_status(self: PeopleFinder, *known: Any) -> FoundPerson:
        return replace(person_of(self, *known), status=f"No {mobile(7)}")

    monkeypatch.setattr(PeopleFinder, "_person", with_odd_status)
    address = f"/console/people?q={WHO.zoho_id}"
    assert (mobile(7) in vera.get(address).text, mobile(7) in oana.get(address).text) == (False, True)
    assert mobile(7) not in called.ask("GET", f"/api/people?q={WHO.zoho_id}").text


@pytest.mark.parametrize(("value", "seen"), [(5_000_000, "5000000"), (40_709_000_007, "…07"), (mobile(7), "+40…07")])
def test_a_count_in_a_sentence_stays_readable_for_viewers_and_a_number_does_not(value: object, seen: str) -> None:
    visitor = Visitor("vera", Role.VIEWER, "")
    context: Any = {"language": "en", "zone": "UTC", "visitor": visitor}
    assert said(context, Sentence("{value} are left.", {"value": value})) == f"{seen} are left."


def test_a_viewer_who_has_zoho_asked_too_often_has_to_wait_and_an_operator_has_not(
    vera: httpx2.Client, oana: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(allowance, "MOST", 0)
        for address in (PAGE, f"/console/people?q={LAST_NAME}"):
            refused = vera.get(address)
            assert refused.status_code == 429
            assert "Try again in some minutes." in text_of(refused.text)
            assert oana.get(address).status_code == 200
        assert vera.get("/console/people").status_code == 200, "who was called last is not asked of Zoho"
    assert vera.get(PAGE).status_code == 200


def test_a_viewer_finds_nobody_by_a_part_of_a_number_or_of_a_name(vera: httpx2.Client) -> None:
    for part in (mobile(0)[-6:], LAST_NAME[:4]):
        assert "Nobody was found." in vera.get("/console/people", params={"q": part}).text
    for whole in (mobile(0), LAST_NAME):
        assert f'href="{PAGE}"' in vera.get("/console/people", params={"q": whole}).text


def test_a_page_says_why_what_would_change_it_when_next_and_all_that_happened(oana: httpx2.Client) -> None:
    text = text_of(oana.get(PAGE).text)
    assert "Would be called nobody has answered yet" in text
    assert "Nobody has answered so far, and a call is left: 1 of 7 are made." in text
    assert "2026-03-03 14:00" in text
    order = [
        "Zoho took the update.",
        "The call ended: no answer.",
        "8x8 took the call.",
        "The run pulled it and called.",
    ]
    places = [text.index(sentence) for sentence in order]
    assert places == sorted(places)
    stopped = text_of(oana.get(f"/console/people/lead/{STOPPED.zoho_id}").text)
    assert "Not called the status is not called" in stopped
    assert "A person sets the status to New or No Answer in Zoho." in stopped


def test_the_same_in_romanian(called: House) -> None:
    with browser_of(called, "oana") as client:
        client.headers["accept-language"] = "ro"
        text = text_of(client.get(PAGE).text)
        assert "Până acum nu a răspuns nimeni și mai rămâne un apel: 1 din 7 sunt făcute." in text
        assert "Apelul s-a încheiat: fără răspuns." in text
        assert "Rularea a preluat-o și a sunat." in text
        assert "o persoană găsită" in text_of(client.get("/console/people", params={"q": WHO.zoho_id}).text)


def test_any_moment_can_be_asked_for_and_what_is_no_moment_is_said(oana: httpx2.Client) -> None:
    later = text_of(oana.get(PAGE, params={"at": "2026-03-07T10:00"}).text)
    assert "Would become Dead" in later
    assert "That moment is still to come" in later
    before = text_of(oana.get(PAGE, params={"at": "2026-03-03T09:00"}).text)
    assert "No run had seen the record by then" in before
    assert "This is no date and time." in text_of(oana.get(PAGE, params={"at": "yesterday"}).text)


def test_an_operator_sees_to_it_that_somebody_is_never_called_again_and_the_timeline_says_who_did(
    called: House, vera: httpx2.Client, oana: httpx2.Client
) -> None:
    who = f"/console/people/lead/{STOPPED.zoho_id}"
    asked = {"number": str(STOPPED.number), "reason": "asked by mail"}
    assert '/do-not-call"' not in vera.get(who).text.replace("/console/do-not-call", "")
    assert post(vera, f"{who}/do-not-call", **asked).status_code == 403
    assert "reason" in said_after(oana, post(oana, f"{who}/do-not-call", number=str(STOPPED.number)))
    assert called.sql("SELECT count(*) FROM do_not_call") == [(0,)]
    assert "is never called from now on" in said_after(oana, post(oana, f"{who}/do-not-call", **asked))
    assert called.sql("SELECT number, reason FROM do_not_call") == [(STOPPED.number, "asked by mail")]
    text = text_of(oana.get(who).text)
    assert "oana put the number on the do-not-call list. asked by mail" in text
    assert "on the list since" in text
    assert "Never call again" not in text


@pytest.mark.parametrize("path", ["lead/999999999999", "person/1", "lead/x", "lead/123456789012345678901"])
def test_nobody_of_that_id_is_a_page_that_says_so(oana: httpx2.Client, path: str) -> None:
    answer = oana.get(f"/console/people/{path}")
    assert (answer.status_code, "There is nothing at this address." in answer.text) == (404, True)


def test_what_is_searched_for_is_shown_as_text(oana: httpx2.Client) -> None:
    page = oana.get("/console/people", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    assert "Nobody was found." in page
