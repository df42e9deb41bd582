"""Migrations before and after a rollout: what may run when, and who may work with what came of it."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from autodialer.domain.errors import StoreError
from autodialer.store import migrate as migrations
from autodialer.store import phases
from autodialer.store.engine import Database
from autodialer.store.migrate import HEAD, OLDEST, VERSIONS, _upgrade, check_version, current_version, migrate, waiting
from databases import Postgres, sqlite_url
from store.test_migrations import make_old_ledger

_MODULE = '''"""{what}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None
PHASE = "{phase}"


def upgrade() -> None:
    {work}
'''
ADDS = 'op.add_column("do_not_call", sa.Column("asked_by", sa.Text(), nullable=True))'
DROPS = 'op.drop_table("crm_usage")'
ADDS_MORE = 'op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True))'
DEMANDS = 'op.add_column("do_not_call", sa.Column("who", sa.Text(), nullable=False))'
NARROWS = 'op.create_index("uq_do_not_call_reason", "do_not_call", ["reason"], unique=True)'
Chain = Callable[..., None]
T = TypeVar("T")


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    """The code of another release: with these (phase, work) after our own migrations; without any it is today's."""
    own = phases.FOLDER

    def release(*extra: tuple[str, str]) -> None:
        folder = tmp_path / f"migrations-{len(extra)}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(own, folder, ignore=shutil.ignore_patterns("__pycache__"))
        previous = HEAD
        for number, (phase, work) in enumerate(extra, 9001):
            module = _MODULE.format(what="A change", revision=number, previous=previous, phase=phase, work=work)
            (folder / "versions" / f"{number}_change.py").write_text(module)
            previous = str(number)
        monkeypatch.setattr(phases, "FOLDER", folder)
        monkeypatch.setattr(migrations, "FOLDER", folder)
        phases.steps.cache_clear()

    yield release
    monkeypatch.undo()
    phases.steps.cache_clear()


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database of its own, without any table."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


def opened(url: str) -> Database:
    """As a process of the release that `chain` made last opens it."""
    return Database(url)


def start(url: str, *, after: bool = False) -> tuple[str | None, str]:
    database = opened(url)
    try:
        return migrate(database, after=after)
    finally:
        database.close()


def on(url: str, question: Callable[[Connection], Any]) -> Any:
    database = opened(url)
    try:
        return database.submit(question).result()
    finally:
        database.close()


def tables(url: str) -> set[str]:
    return set(on(url, lambda connection: inspect(connection).get_table_names()))


def oldest(url: str) -> str:
    return str(on(url, lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")).scalar()))


def test_each_migration_says_its_phase_and_alembic_sees_the_same_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(phases.FOLDER))
    scripts = list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))
    assert [step.revision for step in phases.steps()] == [script.revision for script in scripts]
    assert [step.phase for step in phases.steps()] == [getattr(script.module, "PHASE", None) for script in scripts]
    assert all(len(step.revision) == 4 and step.what for step in phases.steps())
    assert phases.newest() == HEAD


def test_a_rollout_adds_first_and_old_code_starts_again_beside_it(chain: Chain, url: str) -> None:
    assert start(url) == (None, HEAD)
    chain(("before", ADDS), ("after", DROPS))
    assert start(url) == (HEAD, "9001")
    assert [step.revision for step in waiting("9001")] == ["9002"]
    assert "crm_usage" in tables(url)
    chain()
    assert start(url) == ("9001", "9001")
    on(url, check_version)
    assert on(url, current_version) == "9001"


def test_releases_of_before_the_phases_go_on_as_long_as_nothing_was_taken_away(url: str) -> None:
    """They compare alembic_version with their own number, and refuse any other."""
    make_old_ledger(url, "0003")
    assert start(url) == ("0003", phases.needed())
    assert oldest(url) == "0003"


def once_they_are_gone(work: Callable[[], T]) -> T:
    """PostgreSQL takes a moment to end a connection that was closed."""
    for _ in range(100):
        try:
            return work()
        except StoreError:
            time.sleep(0.05)
    return work()


def test_a_release_takes_nothing_away_before_it_has_added_everything() -> None:
    """What is to come before a rollout could else not be had while older replicas are there."""
    release = (Path(__file__).parents[1] / "previous" / "release.txt").read_text(encoding="utf-8").splitlines()[1]
    order = [step.phase for step in phases.steps_between(release.split()[1], HEAD)]
    assert order == sorted(order, key=[phases.BEFORE, phases.AFTER].index)


def test_what_comes_after_a_rollout_waits_until_the_last_old_process_is_gone(chain: Chain, url: str) -> None:
    start(url)
    old = opened(url)
    chain(("before", ADDS), ("after", DROPS))
    new = opened(url)
    try:
        assert migrate(new) == (HEAD, "9001")
        old.submit(lambda connection: connection.execute(text("SELECT 1")).close()).result()
        with pytest.raises(
            StoreError, match=rf"9002 must wait: .*\(autodialer {HEAD} [0-9a-f]+ from this machine since"
        ) as early:
            migrate(new, after=True)
        assert early.value.permanent
        assert "crm_usage" in tables(url)
        old.close()
        assert once_they_are_gone(lambda: migrate(new, after=True)) == ("9001", "9002")
    finally:
        old.close()
        new.close()
    assert "crm_usage" not in tables(url)


def test_a_process_of_before_the_phases_counts_as_old(chain: Chain, url: str, postgres: Postgres) -> None:
    start(url)
    chain(("after", DROPS))
    with (
        postgres.admin(url.partition("@/")[2].partition("?")[0]),
        pytest.raises(StoreError, match="one without a name"),
    ):
        start(url, after=True)
    assert once_they_are_gone(lambda: start(url, after=True)) == (HEAD, "9001")


def test_old_code_is_refused_once_something_was_taken_away(chain: Chain, url: str) -> None:
    start(url)
    chain(("before", ADDS), ("after", DROPS))
    assert once_they_are_gone(lambda: start(url, after=True)) == (HEAD, "9002")
    assert oldest(url) == "9002"
    chain()
    for question in (start, lambda ledger: on(ledger, check_version)):
        with pytest.raises(StoreError, match="9002, which this version of autodialer does not know") as refusal:
            question(url)
        assert refusal.value.permanent
    chain(("before", ADDS), ("after", DROPS))
    assert start(url) == ("9002", "9002")


def test_a_release_that_needs_an_earlier_ones_end_makes_it_only_when_nobody_older_is_there(
    chain: Chain, url: str
) -> None:
    start(url)
    chain(("after", DROPS), ("before", ADDS), ("after", ADDS_MORE))
    old = opened(url)
    old_name = old.submit(
        lambda connection: connection.execute(text("SET application_name = 'autodialer 0003'")).close()
    )
    old_name.result()
    try:
        with pytest.raises(StoreError, match="migration 9001 must wait"):
            start(url)
        assert on(url, current_version) == HEAD
    finally:
        old.close()
    assert once_they_are_gone(lambda: start(url)) == (HEAD, "9002")
    assert "more" not in tables(url)


def test_an_empty_database_gets_everything_at_once(chain: Chain, url: str) -> None:
    chain(("before", ADDS), ("after", DROPS))
    assert start(url) == (None, "9002")
    assert (oldest(url), "crm_usage" in tables(url)) == ("9002", False)


def test_sqlite_with_its_one_process_gets_everything_at_once(chain: Chain, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "ledger.db")
    assert start(url) == (None, HEAD)
    chain(("before", ADDS), ("after", DROPS))
    assert start(url) == (HEAD, "9002")
    assert oldest(url) == "9002"
    chain()
    with pytest.raises(StoreError, match="9002, which this version"):
        start(url)


def test_a_ledger_that_lacks_what_must_come_before_is_not_worked_with(chain: Chain, url: str) -> None:
    start(url)
    chain(("before", ADDS), ("after", DROPS))
    with pytest.raises(StoreError, match=f"schema is {HEAD}, not"):
        on(url, check_version)
    start(url)
    on(url, check_version)


def shape(connection: Connection) -> dict[str, dict[str, tuple[str, bool, bool]]]:
    """For each table each column: its type, whether it may be null, whether it has a default."""
    inspector = inspect(connection)
    return {
        table: {
            str(column["name"]): (str(column["type"]), bool(column["nullable"]), column["default"] is not None)
            for column in inspector.get_columns(table)
        }
        for table in inspector.get_table_names()
        if table not in (VERSIONS, OLDEST)
    }


def rules(connection: Connection) -> dict[str, set[str]]:
    """For each table the names of its unique indexes, keys and checks."""
    inspector = inspect(connection)
    found: dict[str, set[str]] = {}
    for table in inspector.get_table_names():
        unique = {str(one["name"]) for one in inspector.get_indexes(table) if one["unique"]}
        checks = {str(one["name"]) for one in inspector.get_check_constraints(table)}
        keys = {str(one["name"]) for one in inspector.get_foreign_keys(table)}
        found[table] = unique | checks | keys | {str(one["name"]) for one in inspector.get_unique_constraints(table)}
    return found


def harm(connection: Connection) -> list[str]:
    """Runs every migration that is to come before a rollout, on the way to the newest; what old code could stumble over."""
    complaints, version = [], None
    if connection.dialect.name == "postgresql":  # as migrations do: a busy machine takes longer than a writer may idle
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    for step in phases.steps():
        columns, held = shape(connection), rules(connection)
        _upgrade(connection, version, step.revision)
        version = step.revision
        if step.phase != phases.BEFORE:
            continue
        now, holds = shape(connection), rules(connection)
        for table, before in columns.items():
            after = now.get(table, {})
            complaints += [f"{version} {table}.{c}" for c, kind in before.items() if after.get(c) != kind]
            new = {name: kind for name, kind in after.items() if name not in before}
            complaints += [f"{version} {table}.{c}" for c, (_, null, default) in new.items() if not (null or default)]
            complaints += [f"{version} {rule}" for rule in holds.get(table, set()) - held[table]]
    return complaints


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_what_comes_before_a_rollout_only_adds(url: str, tmp_path: Path) -> None:
    assert on(url, harm) == []
    assert on(sqlite_url(tmp_path / "ledger.db"), harm) == []


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.parametrize(
    ("work", "complaint"),
    [
        (DEMANDS, "9001 do_not_call.who"),
        (NARROWS, "9001 uq_do_not_call_reason"),
        ('op.drop_column("do_not_call", "reason")', "9001 do_not_call.reason"),
        ('op.alter_column("do_not_call", "reason", new_column_name="why", nullable=True)', "9001 do_not_call.reason"),
    ],
)
def test_a_migration_before_a_rollout_that_could_harm_old_code_is_found(
    chain: Chain, url: str, work: str, complaint: str
) -> None:
    chain(("before", work))
    assert on(url, harm) == [complaint]
