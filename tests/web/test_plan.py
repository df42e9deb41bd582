"""The plan over HTTP and on the command line: figures, facts, CSV."""

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from autodialer.cli import plan
from autodialer.cli.main import app
from autodialer.rules.policy import Policy
from autodialer.service.simulation.desk import Question, SimulationDesk
from autodialer.web.simulate import SimulationRoom, SimulationStopped
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


def test_a_simulation_over_http_says_what_was_assumed_and_leaves_the_ledger_alone(planned: House) -> None:
    before, rings = planned.ledger(), planned.rings()
    asked = {"people": 100, "days": 5, "seed": 3, "start": "2026-03-02"}
    bodies = [planned.ask("POST", "/api/simulate", json=asked).json() for _ in range(2)]
    assert bodies[0]["result"] == bodies[1]["result"]
    assert bodies[0]["result"]["totals"]["people"] == 100
    assert bodies[0]["assumptions"]["people_from"] == "seed"
    text = planned.ask("POST", "/api/simulate", params={"format": "csv"}, json=asked).text
    assert sum(row["did"] == "call" for row in lines(text)) == bodies[0]["result"]["totals"]["calls"]
    assert planned.ledger() == before
    assert planned.rings() == rings


def test_two_policies_over_http_are_compared_over_the_same_people(planned: House) -> None:
    asked = {"people": 100, "days": 5, "policy": "", "other": "day_quotas = [1, 1, 1]\ntotal_quota = 3"}
    body = planned.ask("POST", "/api/diff", json=asked, params={"limit": 4}).json()
    assert body["first"]["totals"]["calls"] > body["second"]["totals"]["calls"]
    assert (len(body["people"]), body["changes"]["people_changed"] > 4) == (4, True)
    rows = lines(planned.ask("POST", "/api/diff", json=asked, params={"format": "csv"}).text)
    assert len(rows) == body["changes"]["people_changed"]
    same = planned.ask("POST", "/api/diff", json=asked | {"other": ""}).json()
    assert (same["changes"]["people_changed"], same["people"]) == (0, [])


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"people": 20_000, "days": 90}, "people x days must not exceed"),
        ({"people": 20_001}, "people"),
        ({"policy": "day_quotas = 'x'"}, "day_quotas must be a list of whole numbers"),
        ({"policy": "= no TOML"}, "the policy is not TOML"),
        ({"policy": "a=" + "[" * 9000}, "the policy is not TOML: it is nested too deeply"),
        ({"policy": "total_quota = " + "9" * 5000}, "the policy is not TOML: a number"),
        ({"policy": "#" * 10_001}, "policy"),
        ({"start": "2026-02-31"}, "there is no such date"),
        ({"seeds": 1}, "seeds"),
    ],
)
def test_too_much_and_what_is_no_policy_is_refused_with_the_reason(
    planned: House, asked: dict[str, object], problem: str
) -> None:
    answer = planned.ask("POST", "/api/simulate", json=asked)
    assert answer.status_code == 400
    assert problem in str(answer.json()["problems"])


def test_while_one_simulation_goes_others_are_answered_and_a_second_one_is_not_begun(
    planned: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, gate = Event(), Event()

    def hold(_: SimulationRoom) -> None:
        reached.set()
        gate.wait(20)

    monkeypatch.setattr(SimulationRoom, "_breathe", hold)
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(planned.ask, "POST", "/api/simulate", json={"people": 100})
        try:
            assert reached.wait(20)
            refused = planned.ask("POST", "/api/simulate", json={"people": 1, "policy": "= read by nobody"})
            assert planned.client.get("/health").status_code == 200
        finally:
            gate.set()
        assert going.result().status_code == 200
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


def test_the_text_of_a_policy_is_read_in_a_thread_of_its_own(planned: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take a second of the processor: meanwhile callbacks are taken."""
    threads: list[Thread] = []
    read = SimulationDesk.policy_of

    def remember(desk: SimulationDesk, text: str | None) -> Policy:
        threads.append(current_thread())
        return read(desk, text)

    monkeypatch.setattr(SimulationDesk, "policy_of", remember)
    asked = {"people": 1, "days": 1, "policy": "", "other": "max_dead_floor = 1" + "0" * 400}
    assert planned.ask("POST", "/api/diff", json=asked).status_code == 200
    assert [thread.name == "house" for thread in threads] == [False, False]


def test_a_simulation_does_not_keep_the_service_from_stopping(planned: House) -> None:
    room, stopping = SimulationRoom(planned.system.services), planned.system.services.stopping
    stopping.set()
    try:
        with pytest.raises(SimulationStopped):
            planned.run(room.live(Question(people=100), [None]))
    finally:
        stopping.clear()
    assert planned.system.services.simulation.taken is False
