"""`autodialer user`: who may sign in, from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autodialer.cli import users
from autodialer.cli.main import app
from autodialer.settings import load_settings

CREDENTIALS = ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY")
SET = {"PORT": "9", **dict.fromkeys(CREDENTIALS, "of-a-test")}


@pytest.fixture(autouse=True)
def _nothing_else_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, in which the commands find no running service and open the ledger by themselves."""
    monkeypatch.chdir(tmp_path)
    for name, value in SET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(users, "settings_with_logging", lambda **_: load_settings())
    monkeypatch.setattr("autodialer.cli.common.shutdown_logging", lambda: None)


def user(*arguments: str, password: str = "") -> tuple[int, str]:
    """Exit code, and what it said: on standard output, or why not."""
    done = CliRunner().invoke(app, ["user", *arguments], input=password)
    return done.exit_code, done.stdout + done.stderr + str(done.exception or "")


def test_a_user_is_added_by_a_script_through_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "autodialer", "user", "add", "ioana", "--role", "operator", "--password-stdin"]
    environment = {"PATH": os.environ["PATH"], **SET}
    added = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        input="a good long password\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (added.returncode, added.stdout) == (0, "ioana may sign in as operator: /console\n"), added.stderr


def test_on_a_pipe_one_line_is_the_password_whether_it_was_announced_or_not() -> None:
    assert user("add", "ioana", "--json", password="a good long password\n")[0] == 0
    assert [one["name"] for one in json.loads(user("list", "--json")[1])] == ["ioana"]


def test_a_user_is_added_listed_and_removed_and_a_short_password_is_refused() -> None:
    password = "a good long password\n"
    added = user("add", "ioana", "--role", "operator", "--password-stdin", password=password)
    assert added == (0, "ioana may sign in as operator: /console\n")
    code, listed = user("list", "--json")
    assert (code, [(one["name"], one["role"]) for one in json.loads(listed)]) == (0, [("ioana", "operator")])
    code, short = user("add", "dan", "--password-stdin", password="short\n")
    assert (code, "a password has 10 to 200 characters" in short) == (2, True), short
    assert user("remove", "ioana")[0] == 0
    code, again = user("remove", "ioana")
    assert (code, "there is no user of this name" in again) == (1, True), again
