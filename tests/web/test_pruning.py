"""/api/prune and `autodialer prune` on a service that called people long ago."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from autodialer.cli import prune
from autodialer.cli.main import app
from web.house import TOKENS, House, house, person

WHO = [person(index, outcomes=("busy",)) for index in range(0, 6, 2)]
LONG_AGO = "100 * 86400000"


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Three people were called; the callbacks are set back a hundred days."""
    with house(tmp_path_factory.mktemp("aged"), WHO, **TOKENS) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        assert running.ask("POST", "/api/cron").json()["results"]["called"] == 3
        running.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "all was written back")
        set_back(running)
        yield running


def set_back(service: House) -> None:
    statement = f"UPDATE inbox SET received_at = received_at - {LONG_AGO}, applied_at = applied_at - {LONG_AGO}"  # noqa: S608 - ours
    service.system.database.submit(lambda connection: connection.exec_driver_sql(statement).close()).result()


def callbacks(service: House) -> int:
    def count(connection: object) -> int:
        return int(connection.exec_driver_sql("SELECT count(*) FROM inbox").scalar())  # type: ignore[attr-defined]  # a Connection

    return service.system.database.submit(count).result()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"keep_days": 29},
        {"keep_days": "90"},
        {"keep_days": 90, "dry_run": "no"},
        {"keep_days": 90, "after": "9~"},
        {"keep_days": 90, "after": "1~2026-01-01"},
        {"keep_days": 90, "dryrun": True},
    ],
)
def test_a_wish_that_can_not_be_read_is_refused_and_nothing_goes(aged: House, body: dict[str, object]) -> None:
    before = callbacks(aged)
    assert aged.ask("POST", "/api/prune", json=body).status_code == 400
    assert callbacks(aged) == before


def test_without_the_token_nothing_goes(aged: House) -> None:
    assert aged.client.post("/api/prune", json={"keep_days": 90}).status_code == 401


def test_a_dry_run_then_the_command_then_nothing_is_left(aged: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = callbacks(aged)
    answer = aged.ask("POST", "/api/prune", json={"keep_days": 90, "dry_run": True}).json()
    assert (answer["removed"]["callbacks"], answer["next_after"], answer["dry_run"]) == (before, None, True)

    def run(*arguments: str) -> Result:
        settings = aged.system.settings
        with monkeypatch.context() as patch:
            patch.setattr(prune, "settings_with_logging", lambda **_: settings)
            return CliRunner().invoke(app, ["prune", *arguments])

    would = run("--keep-days", "90", "--dry-run")
    assert f"{before} callbacks would be removed" in would.output, would.output
    assert callbacks(aged) == before
    told = json.loads(run("--keep-days", "90", "--json").output)
    assert told == {
        "keep_days": 90,
        "dry_run": False,
        "removed": {"staged": 0, "callbacks": before, "updates": 0, "released": 0},
    }
    assert callbacks(aged) == 0
    assert run("--keep-days", "10").exit_code == 2
    assert "RETENTION_DAYS" in str(run().exception.__dict__)
