"""The schema that migrations make is the one that the code declares, and no other is touched."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    create_engine,
    inspect,
    text,
)
from sqlalchemy.schema import CreateIndex

from autodialer.domain.errors import StoreError
from autodialer.domain.session import session_of
from autodialer.store import migrate as migrations
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger
from autodialer.store.migrate import HEAD, OLDEST, VERSIONS, check_version, current_version, migrate
from autodialer.store.phases import needed
from autodialer.store.tables import metadata
from databases import Postgres, sqlite_url

FOLDER = Path(migrations.__file__).with_name("migrations")
ONLY_ON_SQLITE = {"ix_inbox_new_session", "ix_inbox_session_id"}  # what is partial there alone
Inspect = Callable[[Connection], Any]


@pytest.fixture
def bare(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if backend == "sqlite":
        opened = Database(sqlite_url(tmp_path / "bare.db"))
        yield opened
        opened.close()
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create_database()
    opened = Database(server.url(name))
    yield opened
    opened.close()
    server.drop_database(name)


def old_schema(version: str, connection: Connection) -> None:
    """As a release of before the phases left it."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, version)
    connection.execute(text("DROP TABLE schema_version"))
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})


def make_old_ledger(url: str, version: str) -> None:
    database = Database(url)
    database.run_migrations(partial(old_schema, version))
    database.close()


def ask(database: Database, question: Inspect) -> Any:
    return database.submit(question).result()


def execute(database: Database, statement: str) -> None:
    database.submit(lambda connection: connection.execute(text(statement)).close()).result()


def test_an_empty_database_becomes_what_the_code_declares(bare: Database) -> None:
    assert migrate(bare) == (None, HEAD)

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name not in (VERSIONS, OLDEST)

    def is_compared(_object: object, name: str | None, *_: object) -> bool:
        return name != "ix_inbox_new_session"  # of an expression: the next test but one compares it

    def differences(connection: Connection) -> list[Any]:
        # Alembic takes SQLite's DEFAULT '' for another default than the same one declared.
        defaults = connection.dialect.name == "postgresql"
        options = {"compare_type": True, "compare_server_default": defaults, "include_name": is_ours}
        options["include_object"] = is_compared
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    with warnings.catch_warnings():
        for said in ("Skipped unsupported reflection of expression-based index", "autogenerate skipping"):
            warnings.filterwarnings("ignore", said)
        assert ask(bare, differences) == []


def test_every_check_of_the_declared_tables_stands_in_the_database(bare: Database) -> None:
    migrate(bare)
    declared = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }

    def found(connection: Connection) -> set[str]:
        inspector = inspect(connection)
        return {str(check["name"]) for table in metadata.tables for check in inspector.get_check_constraints(table)}

    assert len(declared) >= 17
    assert ask(bare, found) == declared


def test_the_migrations_make_the_same_indexes_with_the_same_conditions_as_the_declared_tables(
    bare: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def found(connection: Connection) -> set[tuple[str, ...]]:
        if bare.is_sqlite:
            questions = [
                "SELECT tbl_name, name, replace(sql, char(10), ' ') FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            ]
        else:
            questions = [
                "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
                "SELECT relname, reloptions::text FROM pg_class WHERE reloptions IS NOT NULL AND relkind = 'r'",
            ]
        told = [row for question in questions for row in connection.execute(text(question))]
        return {tuple(map(str, row)) for row in told if row[0] not in (VERSIONS, OLDEST)}

    migrate(bare)
    other = request.getfixturevalue("postgres") if not bare.is_sqlite else None
    name = other.create_database() if other is not None else ""
    declared = Database(other.url(name) if other is not None else sqlite_url(tmp_path / "declared.db"))
    declared.run_migrations(metadata.create_all)
    expected = ask(declared, found)
    declared.close()
    if other is not None:
        other.drop_database(name)
    assert ask(bare, found) == expected
    assert sum("WHERE" in row[-1] for row in expected) > 10
    assert bare.is_sqlite or ("figures", "{fillfactor=50}") in expected


def test_an_index_with_a_condition_for_postgresql_alone_keeps_it() -> None:
    table = Table("some", MetaData(), Column("number", Integer))
    index = Index("ix_some", table.c.number, postgresql_where=text("number > 1"))
    assert "WHERE number > 1" in str(CreateIndex(index).compile(create_engine("postgresql+psycopg://")))


def test_the_conditions_of_partial_indexes_stand_in_the_database(bare: Database) -> None:
    migrate(bare)
    partial = {
        index.name
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None and (bare.is_sqlite or index.name not in ONLY_ON_SQLITE)
    }

    def found(connection: Connection) -> set[str]:
        statement = (
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
            if bare.is_sqlite
            else "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '% WHERE %'"
        )
        return set(connection.execute(text(statement)).scalars())

    assert len(partial) >= 8
    assert ask(bare, found) == partial


def test_migrating_twice_changes_nothing(bare: Database) -> None:
    migrate(bare)
    execute(bare, "INSERT INTO do_not_call (number, reason, added_at) VALUES ('+40721000001', 'asked', 1)")
    assert migrate(bare) == (HEAD, HEAD)
    assert ask(bare, lambda connection: connection.execute(text("SELECT count(*) FROM do_not_call")).scalar()) == 1


def test_a_ledger_of_an_older_version_is_brought_up_with_all_that_it_holds(bare: Database) -> None:
    bare.run_migrations(partial(old_schema, "0001"))
    execute(bare, "INSERT INTO do_not_call (number, reason, added_at) VALUES ('+40721000001', 'asked', 1)")
    columns = "record_type, zoho_id, cause, expected_statuses, call_attempts, next_try_at, created_at"
    execute(bare, f"INSERT INTO outbox ({columns}) VALUES ('Lead', '1', 'result', '[]', 3, 5, 5)")  # noqa: S608 - ours
    with pytest.raises(StoreError, match=f"schema is 0001, not {HEAD}"):
        ask(bare, check_version)
    assert migrate(bare) == ("0001", HEAD if bare.is_sqlite else needed())
    assert ask(bare, lambda connection: connection.execute(text("SELECT count(*) FROM do_not_call")).scalar()) == 1
    found = ask(bare, lambda c: c.execute(text("SELECT call_attempts, blocked_since FROM outbox")).one())
    assert tuple(found) == (3, None)
    assert all(ask(bare, lambda connection: [inspect(connection).has_table(n) for n in ("crm_usage", "activities")]))


@pytest.mark.parametrize("session", ["s" * 121, "s" * 200, "s\0-1"], ids=["121", "200", "NUL"])
def test_a_session_that_sqlite_kept_as_it_was_told_is_found_in_the_form_in_which_it_is_told_now(
    tmp_path: Path, session: str
) -> None:
    """A release of before `session_of` placed the call; its result, and 8x8's log, come to this one."""
    bare = Database(sqlite_url(tmp_path / "bare.db"))
    bare.run_migrations(partial(old_schema, "0001"))
    attempt: dict[str, object] = {
        "attempt_id": "a-1", "record_type": "Lead", "zoho_id": "1", "number": "+40721000001", "state": "placed",
        "session_id": session, "is_new": 1, "attempts_before": 0, "policy_day": "2026-01-13", "total_quota": 7,
        "day_quota": 3, "owner": "", "reserved_at": 1, "submitted_at": 2, "placed_at": 3,
    }  # fmt: skip
    orphan: dict[str, object] = {
        "dedupe_key": "k-1", "source": "provider", "session_id": session, "body": "{}", "received_at": 1, "state": "orphan",
    }  # fmt: skip
    for table, row in (("attempts", attempt), ("inbox", orphan)):
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"  # noqa: S608 - ours
        bare.submit(lambda connection, s=statement, r=row: connection.execute(text(s), r).close()).result()  # type: ignore[misc]
    migrate(bare)
    told = session_of(session) or ""

    def found(connection: Connection) -> tuple[object, ...]:
        ledger = SqlLedger(connection)
        attempt = ledger.attempts.find_session(told)
        return attempt and attempt.attempt_id, [row.state for row in ledger.inbox.orphans_of(told)]

    assert ask(bare, found) == ("a-1", ["orphan"])
    bare.close()


def test_a_schema_from_the_future_is_refused_and_left_alone(bare: Database) -> None:
    migrate(bare)
    execute(bare, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999, which this version of autodialer does not know") as refusal:
        migrate(bare)
    assert refusal.value.permanent
    assert ask(bare, current_version) == HEAD


def test_a_database_with_tables_of_something_else_is_refused_and_left_alone(bare: Database) -> None:
    execute(bare, "CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(StoreError, match="tables of something else") as refusal:
        migrate(bare)
    assert refusal.value.permanent
    assert ask(bare, lambda connection: inspect(connection).get_table_names()) == ["invoices"]


def test_a_migration_that_fails_half_way_leaves_nothing_behind(bare: Database) -> None:
    """`call_logs` is the last thing but one that the migration makes."""
    execute(bare, "CREATE VIEW call_logs AS SELECT 1 AS one")
    with pytest.raises(StoreError):
        migrate(bare)
    assert ask(bare, lambda connection: inspect(connection).get_table_names()) == []
    execute(bare, "DROP VIEW call_logs")
    assert migrate(bare) == (None, HEAD)


def test_who_only_reads_says_that_a_migration_is_needed(bare: Database) -> None:
    with pytest.raises(StoreError, match=f"schema is empty, not {HEAD}: run `autodialer migrate`"):
        ask(bare, check_version)
    migrate(bare)
    ask(bare, check_version)
    execute(bare, "UPDATE schema_version SET version_num = '0000'")
    with pytest.raises(StoreError, match="schema is 0000"):
        ask(bare, check_version)


# Processes that are forked before any of them has opened anything: eight starts of Python would only take longer.
_EIGHT = """
import os, sys
from autodialer.store.engine import Database
from autodialer.store.migrate import migrate
children = []
for _ in range(8):
    child = os.fork()
    if child:
        children.append(child)
        continue
    database = Database(sys.argv[1])
    answer = " ".join(map(str, migrate(database)))
    database.close()
    os.write(1, (answer + chr(10)).encode())
    os._exit(0)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


@pytest.mark.parametrize("older", [None, "0001"], ids=["an empty database", "an older schema"])
def test_eight_processes_that_start_at_once_migrate_once_and_all_succeed(postgres: Postgres, older: str | None) -> None:
    name = postgres.create_database()
    url = postgres.url(name)
    if older is not None:
        make_old_ledger(url, older)
    done = subprocess.run([sys.executable, "-c", _EIGHT, url], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    now = HEAD if older is None else needed()
    assert sorted(done.stdout.splitlines()) == sorted([f"{now} {now}"] * 7 + [f"{older} {now}"])
    engine = create_engine(url)
    with engine.connect() as connection:
        assert current_version(connection) == now
    engine.dispose()
    postgres.drop_database(name)
