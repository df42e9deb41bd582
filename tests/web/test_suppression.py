"""The do-not-call list over the API and by the command: in pages, by the file, and what is written down of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autodialer.cli import suppression, waiting
from autodialer.cli.main import app
from autodialer.web.guards import MAX_BODY, MAX_FILE
from web.house import House

FILE = "number,reason\n0709 000 201,asked\n+40709000202,\nnonsense,\n0709000201,again\n"


@pytest.fixture(autouse=True)
def _empty(guarded: House) -> None:
    guarded.sql("DELETE FROM do_not_call")


@pytest.fixture
def command(guarded: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands, talking to the running service."""
    for module in (suppression, waiting):
        monkeypatch.setattr(module, "settings_with_logging", lambda **_: guarded.system.settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


def numbers(service: House, **asked: object) -> list[str]:
    found = service.ask("GET", "/api/do-not-call", params=asked).json()
    return [row["number"] for row in found["do_not_call"]]


def fill(service: House, count: int) -> list[str]:
    data = "".join(f"+4070900{number:04}\n" for number in range(count))
    assert service.ask("POST", "/api/do-not-call/import", content=data.encode()).json()["added"] == count
    return [f"+4070900{number:04}" for number in range(count)]


def test_a_file_is_imported_once_and_a_dry_run_changes_nothing(guarded: House) -> None:
    trial = guarded.ask("POST", "/api/do-not-call/import", params={"dry_run": "true"}, content=FILE.encode()).json()
    assert numbers(guarded) == []
    done = guarded.ask("POST", "/api/do-not-call/import", params={"reason": "old list"}, content=FILE.encode()).json()
    counts = {"lines": 4, "added": 2, "known": 0, "repeated": 1, "unreadable": 1}
    for body, dry in ((trial, True), (done, False)):
        assert {name: body[name] for name in counts} == counts
        assert body["dry_run"] is dry
        assert body["unreadable_lines"][0]["line"] == 4
    rows = guarded.ask("GET", "/api/do-not-call").json()["do_not_call"]
    assert [row["reason"] for row in rows] == ["asked", "old list"]
    again = guarded.ask("POST", "/api/do-not-call/import", content=FILE.encode()).json()
    assert (again["added"], again["known"]) == (0, 2)
    entry = guarded.ask("GET", "/api/audit", params={"action": "import_numbers", "limit": 1}).json()["audit"][0]
    assert (entry["who"], entry["detail"]) == ("API", "2 numbers added")


def test_the_list_comes_in_pages_and_is_searched(guarded: House) -> None:
    everything = fill(guarded, 5)
    assert numbers(guarded) == everything
    page = guarded.ask("GET", "/api/do-not-call", params={"limit": 2}).json()
    assert page["next_after"] == everything[1].lstrip("+")
    assert numbers(guarded, limit=2, after=page["next_after"]) == everything[2:4]
    assert numbers(guarded, search="0709 000 003") == everything[3:4]
    assert guarded.ask("GET", "/api/do-not-call?after=+407").status_code == 400


def test_a_file_may_be_larger_than_other_bodies_and_not_larger_than_5_mb(guarded: House) -> None:
    data = b"+40709000001\n" * (MAX_BODY // 13 + 100)
    assert len(data) > MAX_BODY
    answer = guarded.ask("POST", "/api/do-not-call/import", content=data)
    assert (answer.status_code, answer.json()["repeated"]) == (200, len(data) // 13 - 1)
    assert guarded.client.post("/api/do-not-call/import", content=data).status_code == 401
    too_large = guarded.ask("POST", "/api/do-not-call/import", content=b"x" * (MAX_FILE + 1))
    assert (too_large.status_code, too_large.json()["message"]) == (413, "the file is larger than 5 MB")
    assert guarded.ask("POST", "/api/do-not-call", content=data).status_code == 413


def test_a_removal_s_reason_stands_in_the_trail_with_the_number_masked(guarded: House) -> None:
    (number,) = fill(guarded, 1)
    path = f"/api/do-not-call/{number.replace('+', '%2B')}"
    assert guarded.ask("DELETE", path, params={"reason": "wants calls"}).status_code == 200
    entry = guarded.ask("GET", "/api/audit", params={"limit": 1}).json()["audit"][0]
    assert (entry["action"], entry["subject"], entry["detail"]) == ("allow", "+40…00", "wants calls")


def test_the_command_imports_lists_searches_exports_and_removes(guarded: House, command: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "old.csv", tmp_path / "new.csv"
    source.write_text(FILE, encoding="utf-8")
    trial = command("suppress", "--import", source, "--dry-run")
    assert "2 numbers would be added" in trial.output
    assert numbers(guarded) == []
    done = command("suppress", "--import", source, "--reason", "old list")
    assert (done.exit_code, "2 numbers added" in done.output, "line 4: " in done.output) == (0, True, True)
    assert json.loads(command("suppress", "--import", source, "--json").output)["known"] == 2
    listed = command("suppress", "--list").output
    assert "+40709000201" in listed
    assert "2 numbers are never called." in listed
    assert [row["number"] for row in json.loads(command("suppress", "--list", "--search", "old", "--json").output)] == [
        "+40709000202"
    ]
    assert "numbers: 2" in command("suppress", "--export", target).output
    assert target.read_text("utf-8-sig").startswith("number,reason,added_at\n+40709000201,asked,")
    assert command("suppress", "--export", target).exit_code == 1, "no file is overwritten"
    assert command("suppress", "--export", "-").stdout_bytes == target.read_bytes(), "a dash is standard output"
    assert command("suppress", "0709000201", "--remove", "--reason", "wants calls").exit_code == 0
    assert numbers(guarded) == ["+40709000202"]
    source.write_text("nothing\nhere\n", encoding="utf-8")
    assert command("suppress", "--import", source).exit_code == 1
    assert command("suppress", "--list", "--import", source).exit_code == 2
    trail = json.loads(command("audit", "--action", "allow", "--limit", "1", "--json").output)
    assert trail[0]["detail"] == "wants calls"
    assert "allow" in command("audit").output
