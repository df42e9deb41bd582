"""From SQLite to PostgreSQL and back with the real commands; a backup that was put back, in the real service."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import Postgres, SqliteLedgers, sqlite_url
from e2e.processes import ask, run_command, wait_until, world
from store.moved import contents, fill

pytestmark = pytest.mark.e2e
SETTINGS = dict.fromkeys(("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY"), "x")
FAST = {"CALLS_PER_SECOND": "100", "MAX_CONCURRENT_CALLS": "40", "RESULT_TIMEOUT": "2"}
MONDAY = "2026-03-02T12:00:00Z"


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.mark.soak
def test_the_ledger_is_the_same_after_the_round_trip(
    tmp_path: Path, database: str, sqlite_ledgers: SqliteLedgers
) -> None:
    fill(sqlite_ledgers.fresh(tmp_path))
    before = contents(sqlite_url(tmp_path / "ledger.db"))
    settings = {**SETTINGS, "DB_PATH": str(tmp_path / "ledger.db")}
    there = run_command("db", "copy", "--to", database, "--json", cwd=tmp_path, env=settings)
    assert there.returncode == 0, there.stderr
    back = run_command("db", "copy", "--to", "home.db", cwd=tmp_path, env={**settings, "DATABASE_URL": database})
    assert back.returncode == 0, back.stderr
    assert {one["table"]: (one["rows"], one["hash"]) for one in json.loads(there.stdout)["tables"]} == before
    assert contents(sqlite_url(tmp_path / "home.db")) == before
    refused = run_command("serve", cwd=tmp_path, env=settings)
    assert refused.returncode == 1
    assert "autodialer: this ledger was moved to postgresql://" in refused.stderr.replace("\n", " ")


@pytest.mark.soak
def test_a_service_that_dials_moves_to_postgresql_and_back_and_nobody_is_called_twice(
    tmp_path: Path, database: str
) -> None:
    with world(tmp_path, "--speed", "2000", "--now", "2026-03-02T09:00:00Z") as running:
        with running.service(CLOCK=MONDAY, **FAST) as service:
            first = service.run_and_settle()
            busy = run_command("db", "copy", "--to", database, cwd=tmp_path, env=service.settings)
            assert busy.returncode == 1
            assert "has this ledger open for writing" in busy.stderr
        here = running.environment
        assert run_command("db", "copy", "--to", database, cwd=tmp_path, env=here).returncode == 0
        with running.service(CLOCK=MONDAY, DATABASE_URL=database, **FAST) as service:
            second = service.run_and_settle()
        there = {**here, "DATABASE_URL": database}
        assert run_command("db", "copy", "--to", "home.db", cwd=tmp_path, env=there).returncode == 0
        with running.service(CLOCK=MONDAY, DB_PATH=str(tmp_path / "home.db"), **FAST) as service:
            third = service.run_and_settle()
        totals = running.rings()["totals"]
        assert totals["repeated_client_request_ids"] == []
        assert totals["accepted"] == first["called"] + second["called"] + third["called"]
        proved = run_command("verify", cwd=tmp_path, env={**here, "DB_PATH": str(tmp_path / "home.db")})
        assert proved.returncode == 0, proved.stdout


@pytest.mark.soak
def test_a_backup_that_was_put_back_calls_nobody_until_a_person_accepts(tmp_path: Path) -> None:
    with world(tmp_path, "--speed", "2000", "--now", "2026-03-02T09:00:00Z") as running:
        with running.service(CLOCK=MONDAY, **FAST) as service:
            made = run_command("backup", "--to", "backup.db", cwd=tmp_path, env=service.settings)
            assert made.returncode == 0, made.stderr
            service.run_and_settle()
        rings = running.rings()["totals"]["accepted"]
        restored = {**running.environment, "DB_PATH": str(tmp_path / "restored.db")}
        put_back = run_command("db", "copy", "--from", "backup.db", "--to", "restored.db", cwd=tmp_path, env=restored)
        assert put_back.returncode == 0, put_back.stderr
        with running.service(CLOCK=MONDAY, DB_PATH=restored["DB_PATH"], **FAST) as service:
            refused = service.cron()
            assert refused.status_code == 503
            assert "this ledger is a backup of 2026-03-02 12:0" in refused.json()["message"]
            assert "is held: this ledger is a backup" in ask("GET", f"{service.url}/api/doctor").text
            assert running.rings()["totals"]["accepted"] == rings
            accepted = run_command("db", "accept", cwd=tmp_path, env=service.settings)
            assert accepted.returncode == 0, accepted.stderr
            wait_until(lambda: service.cron(wait="false").status_code == 202, "it dials again")
