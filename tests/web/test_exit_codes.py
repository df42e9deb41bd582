"""What the service refuses ends a command as README.md says: 2 for wrong usage or settings, 1 for what failed."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from autodialer.cli import common
from autodialer.cli.main import main
from web.house import House, house, person

Run = Callable[..., int]


@pytest.fixture
def run(guarded: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A command as its own process would run it: its exit code."""
    monkeypatch.setattr(common, "configure_logging", lambda **_: None)
    monkeypatch.setattr(common, "shutdown_logging", lambda: None)

    def ended(*arguments: str, service: House = guarded, **settings: object) -> int:
        monkeypatch.setattr(common, "load_settings", lambda: service.system.settings.model_copy(update=settings))
        monkeypatch.setattr(sys, "argv", ["autodialer", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    before = os.umask(0o022)
    yield ended
    os.umask(before)


@pytest.mark.parametrize(
    ("code", "says", "arguments"),
    [
        (2, "none that could be called", ("suppress", "abc")),
        (2, "must be a Zoho id", ("look", "lead", "abc")),
        (2, "'../../stats' is no id", ("explain", "lead", "../../stats")),
        (2, "must be a Zoho id", ("look", "lead", "12?3#y")),
        (1, "neither Zoho nor the ledger knows", ("explain", "lead", "12345")),
        (1, "knows no attempt", ("unknown", "--settle", "nope", "--as", "busy")),
        (1, "not on the list", ("suppress", "0722000111", "--remove")),
    ],
)
def test_what_can_t_be_meant_is_wrong_usage_and_what_is_not_there_has_failed(
    run: Run, capsys: pytest.CaptureFixture[str], code: int, says: str, arguments: tuple[str, ...]
) -> None:
    assert run(*arguments) == code
    assert says in capsys.readouterr().err


def test_what_failed_is_told_in_json_too(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "lead", "12345", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out) == {"success": False, "message": "neither Zoho nor the ledger knows Lead 12345"}
    assert "neither Zoho nor the ledger knows" in said.err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_run_that_the_service_makes_dry_has_failed(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: tuple[str, ...]
) -> None:
    """DRY_RUN was taken out of .env, and the service not started again."""
    with house(tmp_path, [person(0)], dry_run=True) as service:
        assert run("run", *form, service=service, dry_run=False) == 1
    assert "DRY_RUN is set in the running service: nobody was called" in capsys.readouterr().err


def test_a_file_that_is_no_list_of_numbers_is_wrong_usage(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = tmp_path / "numbers.csv"
    source.write_text("nothing\nhere\n", encoding="utf-8")
    assert run("suppress", "--import", str(source)) == 2
    assert "no number could be read; line 2" in capsys.readouterr().err
    source.write_bytes(bytes(range(128, 256)) * 9)
    assert run("suppress", "--import", str(source)) == 2
    assert "can't be read as a list of numbers" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["stats", "pause", "watch --until-done", "plan --csv -", "suppress --export x.csv"])
def test_a_token_that_the_running_service_does_not_take_ends_each_command_with_what_to_do(
    run: Run, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run(*command.split(), api_token=SecretStr("changed-since-the-start")) == 2
    said = capsys.readouterr().err
    assert "takes another API_TOKEN" in said
    assert said.count("restart") == 1, "it is said once"
