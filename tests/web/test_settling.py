"""What waits for a person is seen and settled over the API, and by the commands: unknown calls, updates that Zoho refused."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from autodialer.cli import work_lists
from autodialer.cli.main import app
from autodialer.settings import Settings
from web.house import TOKENS, House, house, person

WHO = [person(index) for index in range(0, 8, 2)]  # four leads


@pytest.fixture
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Four calls of which 8x8 said only that it had an internal error."""
    with house(tmp_path_factory.mktemp("unknown"), WHO, **TOKENS) as running:
        fault = {"kind": "status", "status": 500, "times": 0, "match": {"path_contains": "callflows"}}
        assert httpx2.post(f"{running.simulated.voice_url}/_sim/faults", json=fault).status_code == 200
        assert running.ask("POST", "/api/cron").json()["results"]["called"] == 4
        yield running


def listed(service: House, what: str = "unknown") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.ask("GET", f"/api/{what}").json()[what]
    return found


def settle(service: House, attempt_id: str, body: Any) -> tuple[int, dict[str, Any]]:
    answer = service.ask("POST", f"/api/unknown/{attempt_id}", json=body)
    return answer.status_code, answer.json()


def in_zoho(service: House) -> dict[str, dict[str, Any]]:
    rows = httpx2.get(f"{service.simulated.zoho_url}/_sim/records", params={"module": "Leads"}).json()["records"]
    return {row["id"]: row for row in rows}


def edit(service: House, zoho_id: str, state: str) -> None:
    """What a person does in Zoho."""
    answer = httpx2.post(
        f"{service.simulated.zoho_url}/_sim/edit", json={"module": "Leads", "id": zoho_id, "state": state}
    )
    assert answer.status_code == 200, answer.text


def park_all(service: House) -> list[dict[str, Any]]:
    """Every call settled as unanswered, every record converted before Zoho was told."""
    for call in listed(service):
        edit(service, call["zoho_id"], "converted")
        assert settle(service, call["attempt_id"], {"result": "no_answer"})[0] == 200
    service.wait_until("SELECT count(*) = 4 FROM outbox WHERE state = 'parked'", "Zoho refused all four")
    return listed(service, "parked")


def test_an_unknown_call_is_settled_once_and_zoho_is_told(unknown: House) -> None:
    first, second, *_ = listed(unknown)
    status, body = settle(unknown, first["attempt_id"], {"result": "no_answer"})
    assert (status, body["success"]) == (200, True)
    assert body["call"]["state"] == "ended"
    assert body["call"]["disposition"] == "no_answer"
    assert body["call"]["reason"].startswith("a person settled it as no_answer")
    unknown.wait_until("SELECT count(*) = 1 FROM outbox WHERE state = 'sent'", "Zoho knows")
    statuses = ["No Answer" in row.values() for zoho_id, row in in_zoho(unknown).items() if zoho_id == first["zoho_id"]]
    assert statuses == [True]
    assert [call["attempt_id"] for call in listed(unknown)].count(first["attempt_id"]) == 0
    status, body = settle(unknown, first["attempt_id"], {"result": "answered"})
    assert (status, body["success"]) == (409, False)
    assert "already settled: the call ended as no_answer" in body["message"]
    status, body = settle(unknown, second["attempt_id"], {"result": "not_placed"})
    assert (status, body["call"]["state"], body["call"]["disposition"]) == (200, "released", None)
    assert len(listed(unknown)) == 2
    assert unknown.ask("GET", "/api/stats").json()["stats"]["work_lists"]["unknown_calls"] == 2


def test_what_can_not_be_settled_is_refused_and_nothing_changes(unknown: House) -> None:
    attempt_id = listed(unknown)[0]["attempt_id"]
    before = unknown.ledger()
    assert settle(unknown, "nothing", {"result": "busy"})[0] == 404
    assert settle(unknown, "not~an~id", {"result": "busy"})[0] == 400
    wrong: list[Any] = [
        {},
        {"result": "unknown"},
        {"result": "ANSWERED"},
        {"result": None},
        {"result": "busy", "as": 1},
        [],
    ]
    for body in wrong:
        status, answer = settle(unknown, attempt_id, body)
        assert (status, answer["success"]) == (400, False), body
        assert answer["problems"]
    assert unknown.ask("POST", f"/api/unknown/{attempt_id}?result=busy").status_code == 400
    assert unknown.ledger() == before


def test_a_parked_update_shows_zoho_s_reason_and_is_sent_again_once_that_is_gone(unknown: House) -> None:
    parked = park_all(unknown)
    assert {row["last_error"].partition(":")[0] for row in parked} == {"CONVERTED_RECORD"}
    assert {(row["record_type"], row["status"], row["call_attempts"]) for row in parked} == {("Lead", "No Answer", 1)}
    one = parked[0]
    edit(unknown, one["zoho_id"], "none")
    answer = unknown.ask("POST", f"/api/parked/{one['outbox_id']}")
    assert (answer.status_code, answer.json()["outbox_id"]) == (200, one["outbox_id"])
    unknown.wait_until("SELECT count(*) = 1 FROM outbox WHERE state = 'sent'", "Zoho took it")
    assert [row["outbox_id"] for row in listed(unknown, "parked")] == [row["outbox_id"] for row in parked[1:]]
    again = unknown.ask("POST", f"/api/parked/{one['outbox_id']}")
    assert (again.status_code, again.json()["success"]) == (404, False)
    for wrong in ("0", "x", "-1", "1.5"):
        assert unknown.ask("POST", f"/api/parked/{wrong}").status_code == 400
    assert unknown.ask("POST", f"/api/parked/{parked[1]['outbox_id']}", json={"all": True}).status_code == 400
    refused_again = parked[1]["outbox_id"]
    assert unknown.ask("POST", f"/api/parked/{refused_again}").status_code == 200
    parked_again = f"SELECT state = 'parked' FROM outbox WHERE outbox_id = {int(refused_again)}"  # noqa: S608 - a number
    unknown.wait_until(parked_again, "Zoho refused it again")


@pytest.fixture
def command(unknown: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands, talking to the running service."""
    settings: Settings = unknown.system.settings
    monkeypatch.setattr(work_lists, "settings_with_logging", lambda **_: settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    return run


def test_the_commands_list_and_settle_unknown_calls(unknown: House, command: Any) -> None:
    shown = json.loads(command("unknown", "--json").output)
    assert [call["attempt_id"] for call in shown] == [call["attempt_id"] for call in listed(unknown)]
    assert "4 calls with no known result" in command("unknown").output
    attempt_id = shown[0]["attempt_id"]
    done = command("unknown", "--settle", attempt_id, "--as", "not_placed")
    assert (done.exit_code, done.output) == (0, f"Lead {shown[0]['zoho_id']}: not placed (released)\n")
    refused = command("unknown", "--settle", attempt_id, "--as", "busy")
    assert refused.exit_code == 1
    assert "already settled" in str(refused.exception)
    for half in (["--settle", attempt_id], ["--as", "busy"], ["--settle", attempt_id, "--as", "maybe"]):
        assert command("unknown", *half).exit_code == 2


def test_the_commands_list_and_retry_parked_updates(unknown: House, command: Any) -> None:
    parked = park_all(unknown)
    assert "4 updates that Zoho refused" in command("parked").output
    assert [row["outbox_id"] for row in json.loads(command("parked", "--json").output)] == [
        row["outbox_id"] for row in parked
    ]
    for row in parked:
        edit(unknown, row["zoho_id"], "none")
    one = str(parked[0]["outbox_id"])
    assert command("parked", "--retry", one, "--retry-all").exit_code == 2
    assert command("parked", "--retry", one).exit_code == 0
    assert json.loads(command("parked", "--retry-all", "--json").output)["retried"] == [
        row["outbox_id"] for row in parked[1:]
    ]
    unknown.wait_until("SELECT count(*) = 4 FROM outbox WHERE state = 'sent'", "Zoho took all four")
    assert command("parked", "--retry", one).exit_code == 1
    assert listed(unknown, "parked") == []


def test_a_parked_update_is_given_up_with_a_reason_and_never_sent(unknown: House, command: Any) -> None:
    first, second, *others = park_all(unknown)
    assert first["what"] == "The lead was converted; its contact is the person now."
    answer = unknown.ask("POST", f"/api/parked/{first['outbox_id']}/give-up", json={"reason": "converted"})
    assert (answer.status_code, answer.json()["outbox_id"]) == (200, first["outbox_id"])
    assert unknown.ask("POST", f"/api/parked/{first['outbox_id']}/give-up", json={"reason": "again"}).status_code == 404
    assert command("parked", "--give-up", str(second["outbox_id"])).exit_code == 2
    assert command("parked", "--give-up", str(second["outbox_id"]), "--reason", "converted").exit_code == 0
    assert [row["outbox_id"] for row in listed(unknown, "parked")] == [row["outbox_id"] for row in others]
    for row in (first, second):
        edit(unknown, row["zoho_id"], "none")
    assert unknown.ask("POST", "/api/parked").json()["retried"] == [row["outbox_id"] for row in others]
    done = "SELECT count(*) = 2 FROM outbox WHERE last_error LIKE 'given up by API: converted; Zoho said: CONVERTED%'"
    assert unknown.sql(done) == [(1,)]


def test_doctor_names_the_commands_that_settle_what_waits(unknown: House) -> None:
    park = listed(unknown)[0]
    edit(unknown, park["zoho_id"], "converted")
    settle(unknown, park["attempt_id"], {"result": "busy"})
    unknown.wait_until("SELECT count(*) = 1 FROM outbox WHERE state = 'parked'", "Zoho refused it")
    findings = unknown.ask("GET", "/api/doctor").json()["findings"]
    remedies = " ".join(finding["remedy"] for finding in findings)
    assert "autodialer unknown --settle ATTEMPT_ID --as RESULT" in remedies
    assert "autodialer parked --retry-all" in remedies
