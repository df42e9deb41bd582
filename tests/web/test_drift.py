"""/api/drift and `autodialer drift` on a service that called people whom somebody then edited in Zoho."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from autodialer.cli import drift
from autodialer.cli.main import app
from web.house import TOKENS, House, house, person

WHO = [person(index, outcomes=("busy",)) for index in range(0, 8, 2)]  # four leads


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Four were called and nobody answered; since then one's count was raised, one's status changed, one is gone."""
    with house(tmp_path_factory.mktemp("drifted"), WHO, **TOKENS) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        assert running.ask("POST", "/api/cron").json()["results"]["called"] == 4
        running.wait_until("SELECT count(*) = 4 FROM outbox WHERE state = 'sent'", "all was written back")
        edit(running, 0, fields={"Call_Attempts": 6})
        edit(running, 1, fields={"Lead_Status": "[/red] Onboarding"})
        edit(running, 2, delete=True)
        yield running


def edit(service: House, place: int, **what: Any) -> None:
    """What a person does in Zoho."""
    body = {"module": "Leads", "id": WHO[place].zoho_id, **what}
    assert httpx2.post(f"{service.simulated.zoho_url}/_sim/edit", json=body).status_code == 200


def test_each_difference_is_told_with_both_values_and_why(drifted: House) -> None:
    answer = drifted.ask("GET", "/api/drift")
    body = answer.json()
    assert (answer.status_code, body["success"], body["checked"], body["next_after"]) == (200, True, 4, None)
    found = {one["zoho_id"]: one["differences"] for one in body["records"]}
    (count,), (status,), (gone,) = (found[WHO[place].zoho_id] for place in (0, 1, 2))
    assert (count["weight"], count["reason"], count["in_crm"], count["in_ledger"]) == ("drift", "attempts_above", 6, 1)
    assert (status["weight"], status["in_crm"], status["in_ledger"]) == ("note", "[/red] Onboarding", "No Answer")
    assert "no error" in status["detail"]
    assert (gone["weight"], gone["reason"]) == ("note", "gone")
    assert len(found) == 3


def test_it_is_given_in_pages(drifted: House) -> None:
    found: list[str] = []
    checked, after, pages = 0, "", 0
    while True:
        page = drifted.ask("GET", "/api/drift", params={"limit": 1, **({"after": after} if after else {})}).json()
        found += [one["zoho_id"] for one in page["records"]]
        checked, pages = checked + page["checked"], pages + 1
        if page["next_after"] is None:
            break
        after = page["next_after"]
    assert checked == 4
    assert pages > 4
    assert sorted(found) == sorted(WHO[place].zoho_id for place in (0, 1, 2))


@pytest.mark.parametrize(
    "query", ["days=0", "days=x", "limit=0", "limit=1001", "after=w~x", "after=c~1", "after=DROP", "since=1"]
)
def test_a_question_that_can_not_be_read_is_refused(drifted: House, query: str) -> None:
    assert drifted.ask("GET", f"/api/drift?{query}").status_code == 400


def test_without_the_token_nothing_is_told(drifted: House) -> None:
    assert drifted.client.get("/api/drift").status_code == 401


def test_zoho_out_of_reach_is_503_with_the_reason(drifted: House) -> None:
    fault = {"kind": "status", "status": 403, "body": {"code": "NO_PERMISSION"}, "match": {"path_contains": "coql"}}
    assert httpx2.post(f"{drifted.simulated.zoho_url}/_sim/faults", json=fault).status_code == 200
    answer = drifted.ask("GET", "/api/drift")
    assert (answer.status_code, answer.json()["success"]) == (503, False)
    assert "NO_PERMISSION" in answer.json()["message"]


@pytest.fixture
def command(drifted: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, talking to the running service."""
    monkeypatch.setattr(drift, "settings_with_logging", lambda **_: drifted.system.settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["drift", *arguments])

    return run


def test_the_command_lists_them_and_ends_well(command: Any) -> None:
    shown = command()
    assert shown.exit_code == 0
    assert "4 records compared: 1 to look at, 0 waiting, 2 only to be known." in shown.output
    assert "[/red] Onboarding" in shown.output
    body = json.loads(command("--json").stdout)
    assert (body["checked"], len(body["records"]), body["next_after"]) == (4, 3, None)


def test_the_command_stops_at_its_limit_and_says_how_to_go_on(command: Any) -> None:
    first = json.loads(command("--json", "--limit", "3").stdout)
    assert first["checked"] == 3
    rest = json.loads(command("--json", "--after", first["next_after"]).stdout)
    assert (rest["checked"], rest["next_after"]) == (1, None)
    assert f"There are more: --after {first['next_after']}" in command("--limit", "3").output


@pytest.mark.parametrize("arguments", [("--days", "0"), ("--limit", "0"), ("--days", "x"), ("more",)])
def test_wrong_usage_is_exit_code_two(command: Any, arguments: tuple[str, ...]) -> None:
    assert command(*arguments).exit_code == 2
