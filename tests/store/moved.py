"""A ledger with something of everything, and the other database that it is moved to."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, insert

from autodialer.domain.access import Action, Role
from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus
from autodialer.ports.access import User
from autodialer.ports.boxes import UsageRow
from autodialer.ports.rows import RunState, StagedState
from autodialer.service.holding import LEDGER_ID
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.moving.rows import fingerprint, moved_tables
from autodialer.store.tables import activities, tokens
from databases import Postgres, make_ledger, sqlite_url
from store.made import MINUTE, NOW, OWNER, ended, open_runs, person, phone, placed, projection, staged, work

PEOPLE = 12


def fill(url: str) -> None:
    """Runs, calls in several states, callbacks, updates, texts that need care, and every small table."""
    database = Database(url)
    store = SqlStore(database)
    open_runs(store, "run-0", "run-1")

    def calls(ledger: SqlLedger) -> None:
        ledger.staging.add("run-1", [staged(one, StagedState.DUE) for one in range(1, PEOPLE + 1)])
        for one in range(1, PEOPLE):
            ended(ledger, person(one), Disposition.BUSY, NOW + one * MINUTE)
            put = projection(person(one).key, attempt_id=f"a-{one}", status=CrmStatus.NO_ANSWER, call_attempts=1)
            ledger.outbox.put(put, NOW)
            body = f'{{"n": "Ș€\\u0000-{one}", "tab": "\\t\\\\N"}}'
            ledger.inbox.add(
                dedupe_key=f"k-{one}", source="provider", event_type="X", session_id=f"s\t{one}\\", body=body, at=NOW
            )
        placed(ledger, person(PEOPLE))
        ledger.do_not_call.add(phone(77), "asked\nnever to be called \\N 'again'", NOW)
        ledger.do_not_call.add(phone(78), "", NOW)
        ledger.switches.set(LEDGER_ID, "the-ledger", NOW)
        ledger.switches.set("ledger_since", NOW.isoformat(), NOW)
        ledger.usage.add(UsageRow(calls=3, credits=5, throttled=1, credits_remaining=77, told_at=NOW), NOW)
        ledger.runs.advance("run-1", OWNER, RunState.DIALING, NOW)
        ledger.users.put(User("Ioana Ș.", Role.OPERATOR, "scrypt$…", NOW))
        ledger.audit.add(NOW, "Ioana Ș.", Action.PAUSE, detail="because\n\\N")

    work(store, calls)

    def rest(connection: Connection) -> None:
        connection.execute(insert(tokens).values(name="zoho", value="secret", expires_at=NOW))
        connection.execute(insert(activities).values(attempt_id="a-1", next_try_at=NOW, created_at=NOW))

    database.submit(rest).result()
    database.close()


def contents(url: str) -> dict[str, tuple[int, str]]:
    """(rows, hash) of each table."""
    database = Database(url, writable=False)
    try:
        return database.read_now(lambda connection: {str(t.name): fingerprint(connection, t) for t in moved_tables()})
    finally:
        database.close()


def on_url(url: str, unit: Callable[[SqlLedger], Any]) -> Any:
    """One committed transaction on the ledger at `url`."""
    database = Database(url)
    try:
        return database.submit(lambda connection: unit(SqlLedger(connection))).result()
    finally:
        database.close()


def execute(url: str, statement: str) -> None:
    """Past all our code and locks."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=5)
        with connection:
            connection.execute(statement)
        connection.close()
        return
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as admin:
        admin.execute(statement.encode())


_TEMPLATES: dict[int, str] = {}
"""An empty, migrated database of each server: to copy it is ten times as fast as to migrate another one."""


@contextmanager
def elsewhere(backend: str, server: Callable[[], Postgres], folder: Path, *, bare: bool = False) -> Iterator[str]:
    """The URL of an empty ledger of the other kind than `backend`; `bare`: of a database without any table."""
    if backend == "postgresql":
        path = folder / "moved.db"
        if not bare:
            _template_file(folder, path)
        yield sqlite_url(path)
        return
    postgres = server()
    name = postgres.create_database() if bare else _from_template(postgres)
    try:
        yield postgres.url(name)
    finally:
        postgres.drop_database(name)


def _from_template(postgres: Postgres) -> str:
    if id(postgres) not in _TEMPLATES:
        _TEMPLATES[id(postgres)] = postgres.create_database()
        make_ledger(postgres.url(_TEMPLATES[id(postgres)]))
    name = postgres.create_database()
    postgres.drop_database(name)
    with postgres.admin() as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATES[id(postgres)]}".encode())
    return name


def _template_file(folder: Path, path: Path) -> None:
    template = folder.parent / "template-of-moved.db"
    if not template.exists():
        make_ledger(sqlite_url(template))
    shutil.copyfile(template, path)
