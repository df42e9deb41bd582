"""`autodialer migrate`: what it did, what waits, and why not."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autodialer.cli.main import app
from autodialer.domain.errors import StoreError
from autodialer.store import migrate as migrations
from autodialer.store import phases
from autodialer.store.engine import Database
from autodialer.store.migrate import HEAD
from databases import Postgres, make_ledger
from store.test_phases import _MODULE, DROPS

REQUIRED = {
    "ZOHO_CLIENT_ID": "1000.X",
    "ZOHO_CLIENT_SECRET": "client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.refresh",
    "EIGHTX8_API_KEY": "the-api-key",
}


@pytest.fixture
def url(postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A ledger of today, for commands of a release that has something to do after its rollout."""
    name = postgres.create_database()
    found = postgres.url(name)
    make_ledger(found)
    folder = tmp_path / "migrations"
    shutil.copytree(phases.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    module = _MODULE.format(what="Usage is forgotten", revision="9001", previous=HEAD, phase="after", work=DROPS)
    (folder / "versions" / "9001_forget.py").write_text(module)
    monkeypatch.setattr(phases, "FOLDER", folder)
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    for key, value in {**REQUIRED, "DATABASE_URL": found}.items():
        monkeypatch.setenv(key, value)
    phases.steps.cache_clear()
    yield found
    monkeypatch.undo()
    phases.steps.cache_clear()
    postgres.drop_database(name)


def migrated(*options: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["migrate", "--json", *options])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_tells_what_it_did_and_what_waits(url: str) -> None:
    step = {"revision": "9001", "phase": "after", "what": "Usage is forgotten."}
    assert migrated() == {"before": HEAD, "now": HEAD, "applied": [], "waiting": [step]}
    said = CliRunner().invoke(app, ["migrate"]).stdout
    assert "9001  Usage is forgotten.  (waits: run `autodialer migrate --after`" in said
    assert migrated("--after") == {"before": HEAD, "now": "9001", "applied": [step], "waiting": []}
    assert migrated("--after") == {"before": "9001", "now": "9001", "applied": [], "waiting": []}
    with pytest.raises(StoreError, match="autodialer does not know"):
        _as_today(url)


def _as_today(url: str) -> None:
    phases.FOLDER = Path(phases.__file__).with_name("migrations")
    phases.steps.cache_clear()
    make_ledger(url)


def test_it_says_who_is_in_the_way(url: str) -> None:
    older = Database(url)
    older.submit(
        lambda connection: connection.exec_driver_sql(f"SET application_name = 'autodialer {HEAD}'").close()
    ).result()
    refused = CliRunner().invoke(app, ["migrate", "--after"])
    older.close()
    assert isinstance(refused.exception, StoreError)
    assert f"autodialer {HEAD} from this machine" in refused.exception.message
    assert refused.exit_code == 1
