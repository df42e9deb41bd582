"""`autodialer zoho setup` as it is typed: what it shows, what it asks, its exit codes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from autodialer.cli import zoho_setup
from autodialer.cli.main import app
from autodialer.domain.errors import CrmError
from autodialer.observability import configure_logging, shutdown_logging
from autodialer.settings import Settings, load_settings
from autodialer.simulators.zoho_new_fields import SCOPE
from autodialer.simulators.zoho_schema import default_metadata
from autodialer.simulators.zoho_tokens import SCOPES
from contract.zoho.world import World

Command = Callable[..., Result]
OpenWorld = Callable[..., World]
FIELDS = "/crm/v8/settings/fields"


@pytest.fixture
def world(open_world: OpenWorld) -> World:
    """No module has the two fields yet, and the refresh token may make some."""
    custom = ("Call_Attempts", "First_No_Answer_At")
    bare = {name: [m for m in metas if m["api_name"] not in custom] for name, metas in default_metadata().items()}
    opened = open_world(metadata=bare)
    opened.sim.accounts.scopes = (*SCOPES, SCOPE)
    return opened


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Command]:
    """The command with the settings of this world; `typed` is what a person answers."""
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    settings = _settings(world, tmp_path)
    monkeypatch.setattr(zoho_setup, "settings_with_logging", lambda **_: settings)
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["zoho", "setup", *arguments], input=typed)

    yield run
    shutdown_logging()


def _settings(world: World, folder: Path) -> Settings:
    """Nothing of the environment or of a .env plays a part."""
    config = world.config()
    values: dict[str, Any] = {name: field.get_default() for name, field in Settings.model_fields.items()}
    return load_settings(
        **values
        | {
            "zoho_client_id": config.client_id,
            "zoho_client_secret": config.client_secret,
            "zoho_refresh_token": config.refresh_token,
            "zoho_api_domain": world.url,
            "zoho_accounts_url": world.url,
            "eightx8_api_key": "unused",
            "db_path": folder / "ledger.db",
        }
    )


def test_it_shows_what_is_missing_and_changes_nothing(world: World, command: Command) -> None:
    shown = command()
    assert shown.exit_code == 1
    assert "has no field Call Attempts" in " ".join(shown.output.split())
    assert "Something is missing: nobody is called." in shown.output
    assert "setup --apply creates Leads: Call Attempts, Leads: First No Answer At, Contacts: Call" in shown.output
    assert world.sent("POST", FIELDS) == []


def test_it_asks_before_it_creates_and_a_no_creates_nothing(world: World, command: Command) -> None:
    refused = command("--apply", typed="n\n")
    assert refused.exit_code == 1
    assert "Create in Zoho, for all users: Leads: Call Attempts" in refused.output
    assert world.sent("POST", FIELDS) == []
    assert command("--apply").exit_code == 1, "nobody answers"
    assert world.sent("POST", FIELDS) == []


def test_a_yes_creates_the_fields_and_then_everything_is_there(world: World, command: Command) -> None:
    done = command("--apply", typed="y\n")
    assert (done.exit_code, done.output.count(" created\n")) == (0, 4)
    assert "Everything is there." in done.output
    again = command("--apply", "--yes")
    assert again.exit_code == 0
    assert "There is no field to be created." in again.output
    assert len(world.sent("POST", FIELDS)) == 2
    assert command().exit_code == 0


def test_as_json_it_says_the_same(world: World, command: Command) -> None:
    before = command("--json")
    body = json.loads(before.stdout)
    assert (before.exit_code, body["complete"], body["created"]) == (1, False, [])
    assert [module["creatable"] for module in body["modules"]] == [["Call Attempts", "First No Answer At"]] * 2
    missing = [part for part in body["modules"][0]["parts"] if part["level"] == "problem"]
    assert [part["what"] for part in missing] == ["Call Attempts", "First No Answer At"]
    after = command("--apply", "--yes", "--json")
    made = json.loads(after.stdout)
    assert (after.exit_code, made["complete"]) == (0, True)
    assert [one["created"] for one in made["created"]] == [True] * 4
    assert len(world.sent("POST", FIELDS)) == 2


def test_what_a_token_may_not_do_fails_with_what_to_do(world: World, command: Command) -> None:
    world.sim.accounts.scopes = SCOPES
    failed = command("--apply", "--yes")
    assert failed.exit_code == 1
    assert isinstance(failed.exception, CrmError)
    assert SCOPE in failed.exception.message


@pytest.mark.parametrize("arguments", [("--yes",), ("--apply", "--json"), ("--nothing",), ("extra",)])
def test_wrong_usage_is_exit_code_two(world: World, command: Command, arguments: tuple[str, ...]) -> None:
    assert command(*arguments).exit_code == 2
    assert world.exchanges == []
