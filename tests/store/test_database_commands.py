"""`autodialer db …` and `autodialer backup`, as typed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from autodialer.cli.main import app
from autodialer.domain.errors import DialerError, SettingsError
from autodialer.service.holding import hold, unusable
from autodialer.settings import Settings
from databases import Postgres, SqliteLedgers, sqlite_url
from store.made import NOW
from store.moved import contents, elsewhere, fill, on_url

Command = Callable[..., Result]
PASSWORD = "a-secret-of-postgres"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_ledgers: SqliteLedgers) -> Path:
    """A working folder whose settings name a filled ledger in SQLite."""
    for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    fill(sqlite_ledgers.fresh(tmp_path))
    for name in ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("DB_PATH", str(tmp_path / "ledger.db"))
    monkeypatch.setenv("PORT", "1")
    return tmp_path


def command(*words: str, code: int = 0) -> str:
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == code, answer.output
    return answer.stdout


def refused(*words: str) -> str:
    """What main() prints before it ends with exit code 1."""
    with pytest.raises(DialerError) as refusal:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert not isinstance(refusal.value, SettingsError)
    return refusal.value.message


def wrong(*words: str) -> list[str]:
    """What main() prints before it ends with exit code 2."""
    with pytest.raises(SettingsError) as refusal:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return refusal.value.problems


def test_copying_says_what_was_copied_and_what_to_set_next(folder: Path, postgres: Postgres) -> None:
    before = contents(sqlite_url(folder / "ledger.db"))
    with elsewhere("sqlite", lambda: postgres, folder) as url:
        plain_url = url.replace("postgresql+psycopg://", "postgresql://").replace("postgres@", f"postgres:{PASSWORD}@")
        told = command("db", "copy", "--to", plain_url)
        assert f"{sum(rows for rows, _ in before.values())} rows in {len(before)} tables: count and hash" in told
        assert "Set DATABASE_URL (or DB_PATH) to it" in told
        assert PASSWORD not in told
        assert "postgres:" not in told
        found: dict[str, Any] = json.loads(command("db", "copy", "--from", plain_url, "--to", "back.db", "--json"))
        assert (found["same"], found["rows"]) == (True, sum(rows for rows, _ in before.values()))
        assert PASSWORD not in json.dumps(found)
    assert contents(sqlite_url(folder / "back.db")) == before


def test_on_a_pipe_each_table_is_a_line_on_standard_error_and_json_stands_alone(folder: Path) -> None:
    answer = CliRunner().invoke(app, ["db", "copy", "--to", str(folder / "new.db")])
    lines = answer.stderr.splitlines()
    assert "copying attempts: 12 of 12" in lines
    assert any(line.startswith("comparing") for line in lines)
    assert "\r" not in answer.stderr
    assert answer.stderr not in answer.stdout
    json.loads(command("backup", "--json"))


@pytest.mark.parametrize("to", ["mysql://host/ledger", "sqlite://", "sqlite:///", "postgresql://host:0/x", ":memory:"])
def test_an_address_that_is_none_is_named_with_its_option(folder: Path, to: str) -> None:
    assert wrong("db", "copy", "--to", to)[0].startswith("--to must be postgresql://USER@HOST:PORT/NAME")
    assert wrong("db", "copy", "--to", "new.db", "--from", to)[0].startswith("--from must be")
    assert list(folder.glob("*.db")) == [folder / "ledger.db"]


def test_a_ledger_is_not_copied_onto_itself(folder: Path) -> None:
    assert wrong("db", "copy", "--to", f"{folder}/../{folder.name}/ledger.db")[0].startswith(
        "--to is where the ledger is"
    )


def test_reopening_says_what_it_was_and_is_harmless_for_a_ledger_that_needs_it_not(folder: Path) -> None:
    assert command("db", "reopen") == "It was usable: nothing to do.\n"
    command("db", "copy", "--to", "new.db")
    assert "was moved to" in refused("stats")
    assert "was moved to" in refused("suppress", "+40721000001")
    assert "was moved to" in json.loads(command("db", "reopen", "--json"))["was"]
    assert on_url(sqlite_url(folder / "ledger.db"), unusable) is None


def test_accepting_says_what_was_held_and_that_nothing_was(folder: Path) -> None:
    on_url(sqlite_url(folder / "ledger.db"), lambda ledger: hold(ledger, "calls are missing", None, NOW))
    assert command("db", "accept") == "Accepted, calls may be sent. It was held: calls are missing\n"
    assert command("db", "accept") == "Nothing was held.\n"
    assert json.loads(command("db", "accept", "--json"))["accepted"] is None


def test_a_backup_goes_to_the_folder_beside_the_ledger_to_a_folder_or_to_a_file(folder: Path) -> None:
    first = json.loads(command("backup", "--json"))
    assert Path(first["path"]).parent == folder / "backups"
    assert first["bytes"] == Path(first["path"]).stat().st_size
    (folder / "there").mkdir()
    assert command("backup", "--to", "there").startswith("there/autodialer-20")
    assert command("backup", "--to", "mine.db").startswith("mine.db: ")
    assert "mine.db exists already" in refused("backup", "--to", "mine.db")
    command("db", "copy", "--from", "mine.db", "--to", "restored.db")
    assert on_url(sqlite_url(folder / "restored.db"), unusable) is None


@pytest.mark.parametrize("words", [("db", "copy"), ("db", "reopen"), ("db", "accept"), ("backup",)])
def test_each_has_an_example(words: tuple[str, ...]) -> None:
    assert f"Example: autodialer {' '.join(words)}" in command(*words, "--help")


def test_without_a_target_it_is_wrong_usage(folder: Path) -> None:
    del folder
    command("db", "copy", code=2)
