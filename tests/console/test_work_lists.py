"""What waits for a person, on pages: seen by everybody, masked for viewers, settled by operators, written into the trail."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from autodialer.simulators.people import mobile, zoho_id
from autodialer.web.console.pages import today
from console.office import add_users, browser_of, csrf_of, post, said_after, text_of
from web.house import TOKENS, House, house, person, summary

ANSWERS = person(0, outcomes=("answered",))
BAD_COUNT = replace(person(2), call_attempts=-4)
NO_PHONE = replace(person(4), phone="12", mobile=None, number=None)
CALLED = [person(index, outcomes=("no_answer",)) for index in (6, 8)]
ALL = [ANSWERS, BAD_COUNT, NO_PHONE, *CALLED]
ENDED: dict[str, Any] = {"sessionStatus": "NO_ANSWER", "callCount": 1, "toNumber2": "+40709000077", "name": "Ileana"}
LISTS = ("unknown", "orphans", "conflicts", "parked", "answered", "repair", "drift")
PAGES = ("work-lists", *LISTS, "repair?flaw=inferred", "do-not-call", "audit")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """After one run: somebody answered, two did not, two can't be called. Two calls of which nobody knows, an orphan, a refusal."""
    with house(tmp_path_factory.mktemp("desk"), ALL, **TOKENS) as running:
        add_users(running)
        assert running.ask("POST", "/api/cron").json()["results"]["called"] == 3
        running.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "Zoho has all three results")
        for number in (91, 92):
            _lose(running, number)
        _hear(running, summary("nobody-knows", **ENDED))
        yield running


def _lose(desk: House, number: int) -> None:
    """An attempt of which nobody knows whether it rang, as a crash leaves it."""
    (run_id,) = desk.sql("SELECT run_id FROM runs")[0]
    at = 1_772_536_800_000 + number
    values: dict[str, object] = {
        "attempt_id": f"lost-{number}",
        "run_id": run_id,
        "record_type": "Lead",
        "zoho_id": zoho_id("Leads", number),
        "number": mobile(number),
        "state": "unknown",
        "is_new": 1,
        "record_status": "New",
        "attempts_before": 0,
        "policy_day": "2026-03-03",
        **dict.fromkeys(
            ("record_slot", "number_slot", "record_day_slot", "number_day_slot", "total_quota", "day_quota"), 1
        ),
        **dict.fromkeys(("reserved_at", "submitted_at", "unknown_at"), at),
        "owner": "gone",
        "reason": "timeout",
    }
    names, told = ", ".join(values), ", ".join(map(repr, values.values()))
    desk.sql(f"INSERT INTO attempts ({names}) VALUES ({told})")  # noqa: S608 - our own


def _hear(desk: House, body: dict[str, object]) -> None:
    before = len(orphans(desk))
    token = {"authorization": f"Bearer {TOKENS['callback_token']}"}
    assert desk.client.post("/api/callback", json=body, headers=token).status_code == 200
    desk.wait_until(f"SELECT count(*) > {before} FROM inbox WHERE state = 'orphan'", "it is nobody's")  # noqa: S608 - a number


def orphans(desk: House) -> list[int]:
    return [row[0] for row in desk.sql("SELECT inbox_id FROM inbox WHERE state = 'orphan' ORDER BY inbox_id DESC")]


@pytest.fixture
def viewer(desk: House) -> Iterator[httpx2.Client]:
    with browser_of(desk, "vera") as client:
        yield client


@pytest.fixture
def operator(desk: House) -> Iterator[httpx2.Client]:
    with browser_of(desk, "oana") as client:
        yield client


def last_deed(desk: House) -> tuple[str, str, str]:
    (row,) = desk.sql("SELECT who, action, detail FROM audit WHERE action <> 'sign_in' ORDER BY audit_id DESC LIMIT 1")
    return str(row[0]), str(row[1]), str(row[2])


@pytest.mark.parametrize("language", ["en", "ro"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_shown_to_viewers_without_numbers_names_or_buttons(
    viewer: httpx2.Client, page: str, language: str
) -> None:
    answer = viewer.get(f"/console/{page}", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{language}">' in answer.text
    assert not re.search(r"\+?407\d{8}", answer.text)
    assert "Ileana" not in answer.text
    main = answer.text.partition("<main")[2]
    assert '<form method="post"' not in main
    assert "undefined" not in main.lower()


def test_the_overview_counts_each_list_and_leads_to_it(desk: House, operator: httpx2.Client) -> None:
    page = operator.get("/console/work-lists").text
    counts = desk.ask("GET", "/api/work-lists").json()["work_lists"]
    assert (counts["answered_waiting"], counts["data_to_repair"]) == (1, 2)
    for name in LISTS:
        assert f'href="/console/{name}"' in page
        assert operator.get(f"/console/{name}").status_code == 200
    assert f"Answered, waiting {counts['answered_waiting']}" in text_of(page)


def test_the_first_page_counts_every_list_that_waits(desk: House, operator: httpx2.Client) -> None:
    counts = desk.ask("GET", "/api/work-lists").json()["work_lists"]
    assert set(counts) == set(today.LISTS)
    text = text_of(operator.get("/console").text).partition("What waits")[2]
    for name, (words, _) in today.LISTS.items():
        assert f"{words} {counts[name]}" in text, name


def test_an_unknown_call_is_settled_once_with_the_operators_name(desk: House, operator: httpx2.Client) -> None:
    page = operator.get("/console/unknown").text
    assert mobile(91) in page
    address = "/console/unknown/lost-91"
    said = said_after(operator, post(operator, address, result="no_answer", next="/console/unknown"))
    assert said == f"Lead {zoho_id('Leads', 91)}: settled as no answer."
    assert last_deed(desk) == ("oana", "settle_call", f"Lead {zoho_id('Leads', 91)}: no_answer")
    assert "lost-91" not in operator.get("/console/unknown").text
    again = said_after(operator, post(operator, address, result="busy", next="/console/unknown"))
    assert again.startswith("Nothing was changed: already settled: the call ended as no_answer")
    operator.headers["accept-language"] = "ro"
    again = said_after(operator, post(operator, address, result="busy", next="/console/unknown"))
    assert again.startswith("Nu s-a schimbat nimic: deja lămurit: apelul s-a încheiat: fără răspuns")
    del operator.headers["accept-language"]
    assert post(operator, address, result="maybe").status_code == 404
    assert "Nothing was changed" in said_after(operator, post(operator, "/console/unknown/none", result="busy"))


def test_what_was_chosen_for_one_call_is_not_given_to_another_when_the_page_is_loaded_again(
    desk: House, operator: httpx2.Client
) -> None:
    _lose(desk, 880)
    forms = re.findall(r'<form method="post" action="/console/unknown/[^>]*>', operator.get("/console/unknown").text)
    assert forms
    assert all('autocomplete="off"' in form for form in forms)


def test_an_orphan_names_the_unknown_call_to_its_number_and_nothing_personal(
    desk: House, operator: httpx2.Client
) -> None:
    _lose(desk, 93)
    _hear(desk, summary("s-93", **ENDED, toNumber=mobile(93)))
    page = operator.get("/console/orphans").text
    assert "It names the number of an unknown call:" in page
    assert zoho_id("Leads", 93) in page
    assert "Ileana" not in page
    assert mobile(93) not in page


def test_an_orphan_is_matched_again_and_dismissed_with_a_reason(desk: House, operator: httpx2.Client) -> None:
    inbox_id = orphans(desk)[-1]
    address = f"/console/orphans/{inbox_id}"
    said = said_after(operator, post(operator, f"{address}/match", next="/console/orphans"))
    assert said == "It still belongs to no call that is known."
    assert last_deed(desk)[:2] == ("oana", "match_callback")
    refused = said_after(operator, post(operator, f"{address}/dismiss", reason="  ", next="/console/orphans"))
    assert refused == "Nothing was changed: give a reason of at most 500 characters."
    assert inbox_id in orphans(desk)
    done = said_after(operator, post(operator, f"{address}/dismiss", reason="a test's", next="/console/orphans"))
    assert done.startswith("Dismissed.")
    assert inbox_id not in orphans(desk)
    assert last_deed(desk) == ("oana", "dismiss_callback", "a test's")
    assert "no orphan any more" in said_after(operator, post(operator, f"{address}/match"))
    assert post(operator, "/console/orphans/x/match").status_code == 404


def test_a_result_that_contradicts_the_one_that_stands_is_shown_with_its_record(
    desk: House, operator: httpx2.Client
) -> None:
    """It changes nothing, and somebody should see it all the same."""
    who = CALLED[1].zoho_id
    (session,) = desk.sql(f"SELECT session_id FROM attempts WHERE zoho_id = '{who}'")[0]  # noqa: S608 - our own
    token = {"authorization": f"Bearer {TOKENS['callback_token']}"}
    body = summary(session, **{**ENDED, "sessionStatus": "BUSY"})
    desk.client.post("/api/callback", json=body, headers=token).raise_for_status()
    desk.wait_until("SELECT count(*) = 1 FROM inbox WHERE state = 'conflict'", "it contradicts")
    page = operator.get("/console/conflicts").text
    assert f"/console/people/lead/{who}" in page
    assert "says busy, but no_answer stands" in text_of(page)
    assert "Ileana" not in page
    assert "Contradictions 1" in text_of(operator.get("/console/work-lists").text)


def _park(desk: House, number: int) -> int:
    """An update of a record that Zoho does not have."""
    _lose(desk, number)
    answer = desk.ask("POST", f"/api/unknown/lost-{number}", json={"result": "busy"})
    assert answer.status_code == 200, answer.text
    record = zoho_id("Leads", number)
    parked = f"SELECT count(*) FROM outbox WHERE zoho_id = '{record}' AND state = 'parked'"  # noqa: S608 - our own
    desk.wait_until(parked, "Zoho has no such record")
    return int(desk.sql(f"SELECT max(outbox_id) FROM outbox WHERE zoho_id = '{record}'")[0][0])  # noqa: S608 - our own


def test_a_refused_update_is_explained_sent_again_and_given_up(desk: House, operator: httpx2.Client) -> None:
    outbox_id = _park(desk, 94)
    page = text_of(operator.get("/console/parked").text)
    assert "The record is not in Zoho any more" in page
    assert "Give the update up" in page
    address = f"/console/parked/{outbox_id}"
    assert said_after(operator, post(operator, f"{address}/retry", next="/console/parked")).startswith(
        "It is sent again."
    )
    assert last_deed(desk)[:2] == ("oana", "retry_update")
    desk.wait_until(f"SELECT state = 'parked' FROM outbox WHERE outbox_id = {outbox_id}", "refused again")  # noqa: S608 - a number
    assert "sent again. What Zoho refuses again" in said_after(operator, post(operator, "/console/parked"))
    desk.wait_until(f"SELECT state = 'parked' FROM outbox WHERE outbox_id = {outbox_id}", "refused again")  # noqa: S608 - a number
    done = said_after(operator, post(operator, f"{address}/give-up", reason="deleted", next="/console/parked"))
    assert done == f"Lead {zoho_id('Leads', 94)}: given up. The calls stay in the ledger and go on counting."
    assert desk.sql(f"SELECT state FROM outbox WHERE outbox_id = {outbox_id}") == [("superseded",)]  # noqa: S608 - a number
    assert f"parked/{outbox_id}/" not in operator.get("/console/parked").text
    assert "no update with this number is parked" in said_after(operator, post(operator, f"{address}/retry"))


def _edit(desk: House, who: str, **fields: object) -> None:
    """What a person does in Zoho."""
    body = {"module": "Leads", "id": who, "fields": fields}
    httpx2.post(f"{desk.simulated.zoho_url}/_sim/edit", json=body).raise_for_status()


def test_who_answered_is_held_until_a_person_changes_the_status_and_somebody_looks(
    desk: House, operator: httpx2.Client
) -> None:
    look = f"/console/look/Lead/{ANSWERS.zoho_id}"
    assert ANSWERS.zoho_id in operator.get("/console/answered").text
    said = said_after(operator, post(operator, look, next="/console/answered"))
    assert "not called" in said
    assert ANSWERS.zoho_id in operator.get("/console/answered").text
    _edit(desk, ANSWERS.zoho_id, Lead_Status="Onboarding")
    assert "the hold is lifted" in said_after(operator, post(operator, look, next="/console/answered"))
    assert ANSWERS.zoho_id not in operator.get("/console/answered").text
    assert last_deed(desk)[:2] == ("oana", "look_again")


def test_of_somebody_who_is_gone_the_page_does_not_say_that_a_status_was_changed(
    desk: House, operator: httpx2.Client
) -> None:
    gone = zoho_id("Leads", 890)
    _lose(desk, 890)
    desk.sql(
        "UPDATE attempts SET state = 'ended', disposition = 'answered', ended_at = unknown_at WHERE attempt_id = 'lost-890'"
    )
    look = f"/console/look/Lead/{gone}"
    said = said_after(operator, post(operator, look, next="/console/answered"))
    assert "the record is not in Zoho any more" in said
    assert "another record with this number may be called" in said
    assert "status" not in said


def test_data_to_repair_say_what_to_do_and_leave_the_list_once_mended(desk: House, operator: httpx2.Client) -> None:
    page = text_of(operator.get("/console/repair").text)
    assert "Call Attempts holds something that is no count." in page
    assert "Neither Phone nor Mobile holds a number that may be dialled." in page
    look = f"/console/look/Lead/{BAD_COUNT.zoho_id}"
    assert "the next run would call" not in said_after(operator, post(operator, look, next="/console/repair"))
    _edit(desk, BAD_COUNT.zoho_id, Call_Attempts=None)
    said = said_after(operator, post(operator, look, next="/console/repair"))
    assert said.endswith("the next run would call. The data are in order: it has left the list.")
    page = operator.get("/console/repair").text
    assert BAD_COUNT.zoho_id not in page
    assert NO_PHONE.zoho_id in page
    assert post(operator, "/console/look/Person/1").status_code == 404


def zoho_credits(desk: House) -> int:
    used: int = desk.ask("GET", "/api/stats").json()["stats"]["zoho"]["credits"]
    return used


def test_drift_is_found_by_an_operators_button_and_written_again(
    desk: House, operator: httpx2.Client, viewer: httpx2.Client
) -> None:
    who = CALLED[0]
    _edit(desk, who.zoho_id, Call_Attempts=None)
    assert "Nothing has been compared since this process started." in operator.get("/console/drift").text
    assert said_after(operator, post(operator, "/console/drift", days="7")).startswith("Compared with Zoho")
    assert last_deed(desk)[:2] == ("oana", "find_drift")
    page = operator.get("/console/drift").text
    assert "Zoho counts fewer calls than the ledger." in page
    address = f"/console/drift/Lead/{who.zoho_id}"
    sent = desk.sql("SELECT count(*) FROM outbox WHERE state = 'sent'")[0][0]
    said = said_after(operator, post(operator, address, field="call_attempts", next="/console/drift"))
    assert said == f"Lead {who.zoho_id}: written again; Zoho shows it in a moment."
    assert f'action="{address}"' not in operator.get("/console/drift").text, "it is on its way"
    desk.wait_until(f"SELECT count(*) > {sent} FROM outbox WHERE state = 'sent'", "Zoho has it")  # noqa: S608 - a number
    assert last_deed(desk)[:2] == ("oana", "write_again")
    said_after(operator, post(operator, "/console/drift", days="7"))
    assert f'action="{address}"' not in operator.get("/console/drift").text
    assert post(operator, address, field="status").status_code == 404
    assert "records were compared." in viewer.get("/console/drift").text, "who sees may look at what was found"


def test_to_look_at_drift_costs_nothing_and_viewers_can_not_compare(
    desk: House, operator: httpx2.Client, viewer: httpx2.Client
) -> None:
    before = zoho_credits(desk)
    for client in (viewer, operator):
        assert client.get("/console/drift?days=90").status_code == 200
    assert post(viewer, "/console/drift", days="7").status_code == 403
    assert zoho_credits(desk) == before
    said_after(operator, post(operator, "/console/drift", days="7"))
    assert zoho_credits(desk) > before


def test_drift_goes_on_with_older_records_and_keeps_what_was_found_when_zoho_is_away(
    desk: House, operator: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodialer.web.console.pages.drift._AT_ONCE", 2)
    said_after(operator, post(operator, "/console/drift", days="90"))
    first = operator.get("/console/drift").text
    found = re.search(r'name="after" value="([^"]+)"', first)
    assert found
    said_after(operator, post(operator, "/console/drift", days="90", after=found[1]))
    page = operator.get("/console/drift").text
    assert found[0] not in page
    assert ["These are older ones" in text_of(each) for each in (first, page)] == [False, True]
    fault = {"kind": "status", "status": 403, "body": {"code": "NO_PERMISSION"}, "match": {"path_contains": "coql"}}
    httpx2.post(f"{desk.simulated.zoho_url}/_sim/faults", json=fault).raise_for_status()
    said = said_after(operator, post(operator, "/console/drift", days="90"))
    assert said.startswith("Zoho can't be asked: ")
    assert "NO_PERMISSION" in said
    assert text_of(operator.get("/console/drift").text) == text_of(page)


@pytest.mark.parametrize("form", [{"days": "8"}, {}, {"days": "7", "after": "~%00'"}])
def test_a_comparison_that_the_page_does_not_offer_is_no_page(operator: httpx2.Client, form: dict[str, str]) -> None:
    assert post(operator, "/console/drift", **form).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "unknown/lost-92",
        "orphans/1/match",
        "orphans/1/dismiss",
        "parked",
        "parked/1/retry",
        "parked/1/give-up",
        f"look/Lead/{ANSWERS.zoho_id}",
        "drift",
        f"drift/Lead/{ANSWERS.zoho_id}",
        "do-not-call",
        "do-not-call/remove",
        "do-not-call/import",
    ],
)
def test_a_viewer_changes_nothing_and_no_form_goes_without_its_token(
    desk: House, viewer: httpx2.Client, operator: httpx2.Client, address: str
) -> None:
    before = desk.sql("SELECT count(*) FROM audit WHERE action <> 'sign_in'")
    form = {"reason": "x", "result": "busy", "field": "call_attempts", "number": mobile(1)}
    answer = viewer.post(f"/console/{address}", data={"csrf": csrf_of(viewer.get("/console").text), **form})
    assert (answer.status_code, "Only operators may do this." in answer.text) == (403, True)
    assert operator.post(f"/console/{address}", data=form).status_code == 403
    assert desk.sql("SELECT count(*) FROM audit WHERE action <> 'sign_in'") == before


@pytest.mark.parametrize("page", ["unknown", "orphans", "parked", "answered", "do-not-call", "audit", "repair"])
def test_a_place_that_no_list_gave_is_no_page(operator: httpx2.Client, page: str) -> None:
    mark = "&" if "?" in page else "?"
    status = operator.get(f"/console/{page}{mark}after=~%00'").status_code
    assert status == 404


def test_lists_come_in_pages(desk: House, operator: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (96, 97, 98):
        _lose(desk, number)
    for module in ("unknown", "orphans"):
        monkeypatch.setattr(f"autodialer.web.console.pages.{module}.PAGE", 2)
    seen: list[str] = []
    address: str | None = "/console/unknown"
    while address:
        page = operator.get(address).text
        seen += re.findall(r'action="/console/unknown/(lost-\d+)"', page)
        found = re.search(r'<p class="older"><a href="([^"]+)"', page)
        address = found[1].replace("&amp;", "&") if found else None
    everything = desk.ask("GET", "/api/unknown").json()["unknown"]
    assert seen == [call["attempt_id"] for call in everything]
    assert len(seen) > 2


@pytest.mark.parametrize(
    "address",
    [
        "unknown?after=0~a",
        "orphans?after=1",
        "conflicts?after=1",
        "parked?after=999999",
        "answered?after=9999999999999~Lead~1",
        "repair?flaw=inferred&after=9-Lead-9",
    ],
)
def test_the_end_of_a_list_does_not_say_that_nothing_waits_in_it(operator: httpx2.Client, address: str) -> None:
    page = operator.get(f"/console/{address}").text
    assert "Nothing waits here." not in page
    assert "Nothing more waits from here on." in page
    start = address.partition("after=")[0].rstrip("?&")
    assert f'<a href="/console/{start}">To the beginning of the list</a>' in page


def test_the_trail_is_filtered_by_who_and_what(operator: httpx2.Client, viewer: httpx2.Client) -> None:
    said_after(operator, post(operator, "/console/do-not-call", number=mobile(50), reason="asked"))
    page = text_of(operator.get("/console/audit?who=oana&action=suppress").text)
    assert f"oana put a number on the do-not-call list {mobile(50)} asked" in page
    assert "There is no such entry." in operator.get("/console/audit?who=nobody").text
    assert mobile(50) not in viewer.get("/console/audit").text
