"""`autodialer 8x8 webhooks`: list, register, remove against the simulated 8x8."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autodialer.cli.main import app
from autodialer.domain.errors import DialerError, TelephonyError
from autodialer.settings import Settings
from contract.eightx8.support import KEY, SUBACCOUNT, Simulated, simulated

TOKEN = "callback-token-of-the-tests-98765"
URL = "http://127.0.0.1:9/api/callback"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    with simulated() as simulator:
        values = {
            "ZOHO_CLIENT_ID": "x",
            "ZOHO_CLIENT_SECRET": "x",
            "ZOHO_REFRESH_TOKEN": "x",
            "EIGHTX8_API_KEY": KEY,
            "EIGHTX8_SUBACCOUNT_ID": SUBACCOUNT,
            "EIGHTX8_BASE_URL": simulator.url,
            "EIGHTX8_CALLBACK_URL": URL,
            "EIGHTX8_CALLBACK_AUTH": "both",
            "CALLBACK_TOKEN": TOKEN,
            "LOG_DIR": str(tmp_path),
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        yield simulator


def command(*words: str) -> str:
    answer = CliRunner().invoke(app, ["8x8", "webhooks", *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert TOKEN not in answer.output
    return answer.output


def changes(simulator: Simulated) -> int:
    counts: dict[str, int] = simulator.get("counts")["counts"]
    return sum(count for route, count in counts.items() if not route.startswith("GET"))


def test_registering_is_told_as_it_stands_at_8x8_and_done_once(account: Simulated) -> None:
    assert json.loads(command("list", "--json")) == {"webhooks": []}
    told = json.loads(command("register", "--json"))
    row = {"type": "VSS", "url": f"{URL}?…", "enabled": True, "has_header": True, "ours": True}
    assert told == {"webhooks": [row]}
    assert account.app.switch.webhooks.enabled("VSS") is not None
    before = changes(account)
    assert "VSS" in command("list")
    assert changes(account) == before


def test_with_a_ledger_registering_again_changes_nothing_at_8x8(account: Simulated) -> None:
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    command("register")
    before = changes(account)
    command("register")
    assert changes(account) == before


@pytest.mark.usefixtures("account")
def test_it_registers_though_the_service_is_told_to_leave_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIGHTX8_REGISTER_WEBHOOK", "false")
    monkeypatch.setenv("EIGHTX8_MODE", "press1")
    rows = json.loads(command("register", "--json"))["webhooks"]
    assert [(row["type"], row["ours"]) for row in rows] == [("VSS", True), ("VCA", True)]


def test_removing_tells_what_it_removed(account: Simulated) -> None:
    command("register")
    assert json.loads(command("remove", "--json")) == {"removed": ["VSS"], "webhooks": []}
    assert "nothing" in command("remove")
    assert account.app.switch.webhooks.enabled("VSS") is None


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("word", ["list", "register", "remove"])
def test_what_is_missing_or_refused_is_named(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("EIGHTX8_API_KEY", "wrong")
    with pytest.raises(TelephonyError, match="EIGHTX8_API_KEY"):
        command(word)
    monkeypatch.delenv("EIGHTX8_SUBACCOUNT_ID")
    with pytest.raises(DialerError, match="EIGHTX8_SUBACCOUNT_ID"):
        command(word)
