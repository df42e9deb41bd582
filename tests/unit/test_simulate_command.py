"""`simulate` and `diff` work without any account, service or ledger."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from autodialer.cli.main import app
from autodialer.domain.errors import DialerError, SettingsError


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and no variables of the service."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "ZOHO_CLIENT_ID",
        "EIGHTX8_API_KEY",
        "DATABASE_URL",
        "DB_PATH",
        "POLICY_FILE",
        "CRON_HOURS",
        "TIMEZONE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--people", "60", "--start", "2026-03-02"], catch_exceptions=True)


def answer(*arguments: str) -> Any:
    shown = run(*arguments, "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_a_simulation_needs_nothing_and_is_the_same_each_time(tmp_path: Path) -> None:
    first = answer("simulate", "--seed", "5")
    assert first == answer("simulate", "--seed", "5")
    assert first["result"]["totals"]["people"] == 60
    assert first["assumptions"]["answers"]["by_attempt"][0] == {"attempt": 1, "rate": 0.25, "calls": 0}
    assert list(tmp_path.iterdir()) == [], "nothing is written"
    text = run("simulate", "--answer-rate", "0.5").output
    assert "Answered: 50% for call 1" in text
    assert "14 simulated days from 2026-03-02" in text


def test_the_policy_of_a_file_is_tried_and_what_settings_say_fills_its_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "once.toml").write_text("day_quotas = [1]\ntotal_quota = 1\n", "utf-8")
    monkeypatch.setenv("CRON_HOURS", "11")
    hours = answer("simulate", "--policy", "once.toml")["result"]["by_hour"]
    assert [one["hour"] for one in hours] == [11]
    in_force = answer("simulate")["result"]["policy"]
    assert answer("simulate", "--policy", "default")["result"]["policy"] == in_force


def test_the_log_as_csv_agrees_with_the_sums(tmp_path: Path) -> None:
    assert run("simulate", "--csv", "log.csv").exit_code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "log.csv").read_text("utf-8"), newline="")))
    totals = answer("simulate")["result"]["totals"]
    assert sum(row["did"] == "call" for row in rows) == totals["calls"]
    assert sum(row["did"] == "mark_dead" for row in rows) == totals["lost_to_dead"]


def test_a_policy_does_not_differ_from_itself_and_another_one_does(tmp_path: Path) -> None:
    assert answer("diff", "default")["changes"]["people_changed"] == 0
    (tmp_path / "fewer.toml").write_text("day_quotas = [2, 2, 2]\ntotal_quota = 6\n", "utf-8")
    body = answer("diff", "fewer.toml")
    assert body["second"]["totals"]["calls"] < body["first"]["totals"]["calls"]
    assert 0 < body["changes"]["people_changed"] <= 60
    changed = body["people"][0]
    assert (changed["first"]["did"], changed["first"]["reason"]) != (
        changed["second"]["did"],
        changed["second"]["reason"],
    )
    other_way = answer("diff", "fewer.toml", "default")
    assert other_way["second"]["totals"] == body["first"]["totals"]
    shown = run("diff", "fewer.toml", "--limit", "3")
    assert "Who changes, and why" in shown.output
    lines = list(csv.DictReader(io.StringIO(run("diff", "fewer.toml", "--csv", "-").stdout, newline="")))
    assert len(lines) == body["changes"]["people_changed"]


def test_what_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.toml").write_text("day_quotas = 3\nnew_quota = 4\n", "utf-8")
    wrong = run("diff", "wrong.toml").exception
    assert isinstance(wrong, SettingsError)
    assert any("new_quota" in problem for problem in wrong.problems)
    assert run("simulate", "--policy", "none.toml").exit_code == 2
    assert CliRunner().invoke(app, ["simulate", "--start", "yesterday"]).exit_code == 2
    assert run("simulate", "--json", "--csv", "-").exit_code == 2
    no_ledger = run("simulate", "--from-ledger").exception
    assert isinstance(no_ledger, DialerError)
    assert "there is no ledger" in no_ledger.message
    monkeypatch.setenv("TIMEZONE", "Mars/Olympus")
    assert isinstance(run("simulate").exception, SettingsError)
