"""The other work lists over the API and by the commands, from orphans to drift; a second look; the trail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from autodialer.cli import drift, waiting, work_lists
from autodialer.cli.main import app
from web.house import CALLBACK_TOKEN, TOKENS, House, house, person, result, summary

ANSWERS = [person(index, outcomes=("answered",)) for index in (0, 2)]
BAD = [replace(person(index), call_attempts=-4) for index in (4, 6)]
CALLED = person(8, outcomes=("no_answer",))


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """After one run: two answered, two have a count that is none, one did not answer. Results of two records that Zoho lacks."""
    with house(tmp_path_factory.mktemp("waits"), [*ANSWERS, *BAD, CALLED], **TOKENS) as running:
        assert running.ask("POST", "/api/cron").json()["results"]["called"] == 3
        running.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "Zoho has all three results")
        token = {"authorization": f"Bearer {CALLBACK_TOKEN}"}
        for index in (90, 92):
            running.client.post("/api/callback", json=result(person(index)), headers=token).raise_for_status()
        running.wait_until("SELECT count(*) = 2 FROM inbox WHERE state = 'orphan'", "Zoho has no such records")
        yield running


@pytest.fixture
def command(waits: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands, talking to the running service."""
    for module in (drift, waiting, work_lists):
        monkeypatch.setattr(module, "settings_with_logging", lambda **_: waits.system.settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


def edit(service: House, who: str, **fields: object) -> None:
    """What a person does in Zoho."""
    body = {"module": "Leads", "id": who, "fields": fields}
    httpx2.post(f"{service.simulated.zoho_url}/_sim/edit", json=body).raise_for_status()


def ids(service: House, path: str, name: str) -> list[str]:
    """Over pages of one."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = service.ask("GET", path, params={"limit": 1, **({"after": after} if after else {})}).json()
        assert len(page[name]) <= 1
        found += [str(row.get("inbox_id", row.get("zoho_id"))) for row in page[name]]
        after = page["next_after"]
    return found


def test_the_counts_are_the_lengths_of_the_lists_and_stand_in_the_figures(waits: House, command: Any) -> None:
    counts = waits.ask("GET", "/api/work-lists").json()["work_lists"]
    assert counts == waits.ask("GET", "/api/stats").json()["stats"]["work_lists"]
    assert counts["orphan_callbacks"] == len(ids(waits, "/api/orphans", "orphans"))
    assert counts["conflicting_results"] == len(ids(waits, "/api/conflicts", "conflicts"))
    assert counts["answered_waiting"] == len(ids(waits, "/api/answered", "answered"))
    assert counts["data_to_repair"] == len(ids(waits, "/api/repair", "records"))
    assert json.loads(command("work-lists", "--json").output) == counts
    assert "records to be repaired in Zoho" in command("work-lists").output


def test_a_place_that_no_page_gave_is_refused_and_is_no_empty_list(waits: House) -> None:
    (run, *_) = waits.ask("GET", "/api/runs").json()["runs"]
    paths = ("/api/repair", "/api/answered", "/api/orphans", "/api/unknown", "/api/drift", f"/api/runs/{run['run_id']}")
    for path in paths:
        for after in ("x", "9-Lead", "10001-Lead "):
            answer = waits.ask("GET", path, params={"after": after})
            assert (answer.status_code, "is no place in a list" in answer.text) == (400, True), path


def test_an_orphan_tells_what_is_known_and_is_taken_once_zoho_has_the_record(waits: House, command: Any) -> None:
    newest, oldest = waits.ask("GET", "/api/orphans").json()["orphans"]
    assert newest["inbox_id"] > oldest["inbox_id"]
    assert (newest["event_type"], newest["deliveries"], newest["note"]) == ("result", 1, "the CRM has no such record")
    assert newest["summary"]["call_status"] == "no_answer"
    listed = json.loads(command("orphans", "--json").output)
    assert [row["inbox_id"] for row in listed] == [newest["inbox_id"], oldest["inbox_id"]]
    assert "2 callbacks of sessions that nobody knows" in command("orphans").output
    still = waits.ask("POST", f"/api/orphans/{oldest['inbox_id']}/match").json()
    assert (still["state"], still["note"]) == ("orphan", "the CRM has no such record")
    assert "orphan (the CRM has no such record)" in command("orphans", "--match", oldest["inbox_id"]).output
    dismissed = command("orphans", "--dismiss", oldest["inbox_id"], "--reason", "a test's")
    assert (dismissed.exit_code, "it stays stored" in dismissed.output) == (0, True)
    assert ids(waits, "/api/orphans", "orphans") == [str(newest["inbox_id"])]
    assert waits.ask("POST", f"/api/orphans/{oldest['inbox_id']}/match").status_code == 409
    why = {"json": {"reason": ""}}
    assert waits.ask("POST", f"/api/orphans/{newest['inbox_id']}/dismiss", **why).status_code == 400
    assert command("orphans", "--dismiss", newest["inbox_id"]).exit_code == 2
    assert command("orphans", "--match", 1, "--dismiss", 1).exit_code == 2


def test_who_answered_waits_until_the_status_is_changed_and_somebody_looks(waits: House, command: Any) -> None:
    waiting_now = ids(waits, "/api/answered", "answered")
    assert sorted(waiting_now) == sorted(who.zoho_id for who in ANSWERS)
    body = waits.ask("GET", "/api/answered").json()
    assert (body["holds"], body["answered"][0]["calls"]) == (True, 1)
    assert "2 wait for a person" in command("answered").output
    path = f"/api/records/lead/{ANSWERS[0].zoho_id}/look"
    found = waits.ask("POST", path).json()["record"]
    assert (found["would"], found["reason"], found["lifted"]) == ("skip", "answered_waiting", 0)
    for who in ANSWERS:
        edit(waits, who.zoho_id, Lead_Status="Onboarding")
    assert waits.ask("POST", path).json()["record"]["lifted"] == 1
    assert "it holds this person no longer" in command("look", "lead", ANSWERS[1].zoho_id).output
    assert json.loads(command("answered", "--json").output) == []
    assert waits.ask("POST", "/api/records/person/1/look").status_code == 400


def test_data_to_repair_leave_the_list_once_mended(waits: House, command: Any) -> None:
    body = waits.ask("GET", "/api/repair").json()
    assert body["run_id"] == waits.ask("GET", "/api/runs").json()["runs"][0]["run_id"]
    assert [row["zoho_id"] for row in body["records"]] == [who.zoho_id for who in reversed(BAD)]
    assert {row["reason"] for row in body["records"]} == {"bad_call_attempts"}
    assert body["records"][0]["remedy"].startswith("Set Call Attempts")
    assert "2 records" in command("repair").output
    edit(waits, BAD[0].zoho_id, Call_Attempts=None)
    told = command("look", "lead", BAD[0].zoho_id).output
    assert told.startswith("now: call (new)")
    assert "it has left the list of data to repair" in told
    assert ids(waits, "/api/repair", "records") == [BAD[1].zoho_id]
    assert json.loads(command("repair", "--flaw", "inferred", "--json").output) == []


def test_what_zoho_lost_is_written_again_by_field(waits: House, command: Any) -> None:
    edit(waits, CALLED.zoho_id, Call_Attempts=None)
    rows = waits.ask("GET", "/api/drift").json()["records"]
    differences = {row["zoho_id"]: row["differences"] for row in rows}
    assert [(one["reason"], one["write_again"]) for one in differences[CALLED.zoho_id]] == [
        ("attempts_below", "call_attempts")
    ]
    again = command("drift", "--write-again", "call_attempts", "--lead", CALLED.zoho_id)
    assert (again.exit_code, "call_attempts waits to be written again" in again.output) == (0, True)
    waits.wait_until("SELECT count(*) = 0 FROM outbox WHERE state = 'pending'", "it is written")
    left = {row["zoho_id"] for row in waits.ask("GET", "/api/drift").json()["records"]}
    assert CALLED.zoho_id not in left
    path = f"/api/drift/lead/{CALLED.zoho_id}"
    assert waits.ask("POST", path, json={"field": "status"}).status_code == 400
    assert waits.ask("POST", "/api/drift/lead/1", json={"field": "call_attempts"}).status_code == 409
    for half in (["--lead", "1"], ["--write-again", "call_attempts"]):
        assert command("drift", *half).exit_code == 2


def test_a_result_that_contradicts_the_one_that_stands_is_listed_and_counted(waits: House, command: Any) -> None:
    """As the call of somebody who did not answer was busy, too, by a callback that came later."""
    assert waits.ask("GET", "/api/conflicts").json()["conflicts"] == []
    (session,) = waits.sql(f"SELECT session_id FROM attempts WHERE zoho_id = '{CALLED.zoho_id}'")[0]  # noqa: S608 - our own
    token = {"authorization": f"Bearer {CALLBACK_TOKEN}"}
    for status in ("BUSY", "FAILED"):
        body = summary(session, sessionStatus=status, callCount=1, toNumber2=CALLED.number)
        waits.client.post("/api/callback", json=body, headers=token).raise_for_status()
    waits.wait_until("SELECT count(*) = 2 FROM inbox WHERE state = 'conflict'", "they contradict")
    (newest, oldest) = waits.ask("GET", "/api/conflicts").json()["conflicts"]
    assert newest["inbox_id"] > oldest["inbox_id"]
    assert (oldest["record_type"], oldest["zoho_id"], oldest["session_id"]) == ("Lead", CALLED.zoho_id, session)
    assert "says busy, but no_answer stands" in oldest["note"]
    assert str(CALLED.number) not in str(oldest)
    assert waits.ask("GET", "/api/work-lists").json()["work_lists"]["conflicting_results"] == 2
    assert ids(waits, "/api/conflicts", "conflicts") == [str(newest["inbox_id"]), str(oldest["inbox_id"])]
    waits.system.services.glancer.forget()
    assert 'autodialer_work_list{list="conflicting_results"} 2' in waits.ask("GET", "/metrics").text
    shown = command("conflicts")
    assert (shown.exit_code, "2 results that contradict what is known" in shown.output) == (0, True)
    assert CALLED.zoho_id in shown.output
    assert json.loads(command("conflicts", "--json").output) == [newest, oldest]


def test_the_trail_tells_all_of_it_newest_first_and_by_who_and_what(waits: House, command: Any) -> None:
    waits.ask("POST", "/api/pause")
    waits.ask("POST", "/api/resume")
    entries = waits.ask("GET", "/api/audit", params={"limit": 2}).json()
    assert [(row["who"], row["action"]) for row in entries["audit"]] == [("API", "resume"), ("API", "pause")]
    older = waits.ask("GET", "/api/audit", params={"after": entries["next_after"]}).json()["audit"]
    assert all(row["audit_id"] < int(entries["next_after"]) for row in older)
    assert waits.ask("GET", "/api/audit", params={"who": "nobody"}).json()["audit"] == []
    assert waits.ask("GET", "/api/audit", params={"action": "nothing"}).status_code == 400
    assert {row["action"] for row in json.loads(command("audit", "--action", "pause", "--json").output)} == {"pause"}
