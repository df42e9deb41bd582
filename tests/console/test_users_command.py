"""`autodialer user`: who may sign in, from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

CREDENTIALS = ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY")


def user(folder: Path, *arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autodialer", "user", *arguments]
    environment = {"PATH": os.environ["PATH"], "PORT": "9", **dict.fromkeys(CREDENTIALS, "of-a-test")}
    return subprocess.run(
        command, cwd=folder, env=environment, input=password, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_user_is_added_listed_and_removed_and_a_short_password_is_refused(tmp_path: Path) -> None:
    added = user(tmp_path, "add", "ioana", "--role", "operator", "--password-stdin", password="a good long password\n")
    assert (added.returncode, added.stdout) == (0, "ioana may sign in as operator: /console\n"), added.stderr
    listed = json.loads(user(tmp_path, "list", "--json").stdout)
    assert [(one["name"], one["role"]) for one in listed] == [("ioana", "operator")]
    short = user(tmp_path, "add", "dan", "--password-stdin", password="short\n")
    assert (short.returncode, "a password has 10 to 200 characters" in short.stderr) == (2, True)
    assert user(tmp_path, "remove", "ioana").returncode == 0
    again = user(tmp_path, "remove", "ioana")
    assert (again.returncode, "there is no user of this name" in again.stderr) == (1, True)
