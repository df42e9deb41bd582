"""The plan over HTTP and on the command line: figures, facts, CSV."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from autodialer.cli import plan
from autodialer.cli.main import app
from web.house import TOKENS, House, house, person

WHO = [person(index) for index in range(5)]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("planned"), WHO, **TOKENS) as running:
        yield running


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_figures_say_what_the_run_would_cost_and_by_what_assumption(planned: House) -> None:
    body = planned.ask("GET", "/api/plan", params={"limit": 2}).json()
    assert (body["totals"]["would_call"], len(body["records"])) == (5, 2)
    cost = body["cost"]
    assert (cost["calls"], cost["call_seconds_from"], cost["call_seconds_sample"]) == (5, "default", 0)
    assert (cost["zoho_credits"], cost["plan_credits"]) == (body["totals"]["zoho_credits"], 6)
    assert body["records"][0]["next_run_at"] == "2026-03-03T14:00:00.000Z"
    assert body["records"][0]["facts"]["total_quota"] == 1


@pytest.mark.parametrize("asked", [{"params": {"format": "csv"}}, {"headers": {"accept": "text/csv"}}])
def test_as_csv_it_lists_every_record_with_masked_numbers_and_no_formula(planned: House, asked: dict[str, Any]) -> None:
    answer = planned.ask("GET", "/api/plan", **asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="plan-2026-03-03-1120.csv"'
    assert answer.headers["cache-control"] == "no-store"
    rows = lines(answer.text)
    assert {row["zoho_id"] for row in rows} == {who.zoho_id for who in WHO}
    assert {(row["would"], row["reason"], row["ledger_attempts"]) for row in rows} == {("call", "new", "0")}
    assert all(row["number"].startswith("'+40…") for row in rows)


def test_a_plan_without_zoho_is_no_half_csv(planned: House) -> None:
    fault = {"kind": "status", "status": 401, "match": {"path_contains": "/coql"}, "times": 0}
    httpx2.post(f"{planned.simulated.zoho_url}/_sim/faults", json=fault).raise_for_status()
    answer = planned.ask("GET", "/api/plan", params={"format": "csv"})
    httpx2.delete(f"{planned.simulated.zoho_url}/_sim/faults").raise_for_status()
    assert answer.status_code == 503
    assert answer.json()["success"] is False


@pytest.fixture
def command(planned: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, talking to the running service."""
    monkeypatch.setattr(plan, "settings_with_logging", lambda **_: planned.system.settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["plan", *arguments])

    return run


def test_the_command_shows_reasons_cost_and_assumptions(command: Any) -> None:
    shown = command("--limit", "2")
    assert shown.exit_code == 0
    assert "5 records, the first 2 listed: 5 would be called" in shown.output
    assert "a call of 45 seconds is an assumption" in shown.output.replace("\n", " ")
    assert len(json.loads(command("--json").stdout)["records"]) == 5


def test_the_command_writes_csv_to_a_file_or_to_standard_output(command: Any, tmp_path: Path) -> None:
    shown = command("--csv", "-")
    assert shown.exit_code == 0
    assert len(lines(shown.stdout)) == 5
    target = tmp_path / "plan.csv"
    assert command("--csv", str(target)).exit_code == 0
    assert [row["zoho_id"] for row in lines(target.read_text("utf-8"))] == [
        row["zoho_id"] for row in lines(shown.stdout)
    ]
    assert target.read_bytes().count(b"\r\n") == 6
    assert command("--csv", "-", "--json").exit_code == 2
