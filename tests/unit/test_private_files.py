"""What the commands leave on the disk, other users of the machine can't read (docs/security.md)."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from e2e.processes import ask, process, run_command, wait_until
from sockets import free_port

NEEDED = dict.fromkeys(("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY"), "x")
NOBODY = dict.fromkeys(("ZOHO_API_DOMAIN", "ZOHO_ACCOUNTS_URL", "EIGHTX8_BASE_URL"), "http://127.0.0.1:9")
PLACES = {"DB_PATH": "data/call_logs.db", "LOG_DIR": "logs", "HOST": "127.0.0.1", "DRY_RUN": "true"}


@pytest.fixture(autouse=True)
def _everybody_may_read() -> Iterator[None]:
    """As most machines have it for what is made without a word about it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_ledger_its_folder_the_logs_and_backups_are_for_their_own_user_alone(tmp_path: Path) -> None:
    port = free_port()
    settings = {**NEEDED, **NOBODY, **PLACES, "PORT": str(port)}

    def lives() -> bool:
        try:
            return ask("GET", f"http://127.0.0.1:{port}/health/live").status_code == 200
        except httpx2.TransportError:
            return False

    with process("serve", cwd=tmp_path, env=settings, log="serve.out"):
        wait_until(lives, "the service lives")
    backup = run_command("backup", cwd=tmp_path, env=settings)
    assert backup.returncode == 0, backup.stderr
    made = {str(path.relative_to(tmp_path)): path.stat().st_mode for path in tmp_path.rglob("*")}
    del made["serve.out"]  # ours
    assert {"data", "data/call_logs.db", "data/backups", "logs", "logs/combined.log"} <= set(made)
    assert {name: oct(mode) for name, mode in made.items() if stat.S_IMODE(mode) & 0o077} == {}
