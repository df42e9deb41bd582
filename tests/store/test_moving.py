"""A ledger moves between SQLite and PostgreSQL whole or not at all, and never two of them may be dialed."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table

from autodialer.domain.errors import StoreError
from autodialer.ports.rows import Arrival
from autodialer.rules.policy import Policy
from autodialer.service.holding import BACKUP_MADE_AT, MOVED_TO, hold_problem, unusable
from autodialer.store.engine import Database
from autodialer.store.identity import name_of
from autodialer.store.lock import LedgerInUse
from autodialer.store.migrate import HEAD
from autodialer.store.moving import copying
from autodialer.store.moving.copying import Begun, Progress
from autodialer.store.moving.move import Moved, move, reopen
from autodialer.store.moving.rows import Row, moved_tables
from autodialer.store.moving.sides import place_of
from databases import Postgres, SqliteLedgers
from store.made import MINUTE, NOW, phone, projection
from store.moved import contents, elsewhere, execute, fill, on_url

LATER = NOW + 10 * MINUTE
_MOVER = (
    "import sys\n"
    "from datetime import datetime, UTC\n"
    "from autodialer.store.moving import copying, move\n"
    "copying.BATCH = 3\n"
    "def say(step):\n"
    "    if step.table == 'attempts' and step.done >= 6:\n"
    "        print('in the middle', flush=True)\n"
    "        sys.stdin.readline()\n"
    "move.move(sys.argv[1], sys.argv[2], datetime(2026, 1, 13, tzinfo=UTC), say)\n"
)

# The other way round says little more; `make soak` tries it.
MOSTLY_THERE = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)


@pytest.fixture
def source(ledger_url: str) -> str:
    fill(ledger_url)
    return ledger_url


@pytest.fixture
def target(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with elsewhere(backend, lambda: request.getfixturevalue("postgres"), tmp_path) as url:
        yield url


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodialer.store.moving.copying.BATCH", 3)
    monkeypatch.setattr("autodialer.store.moving.sides._DEAD_SOON", 2.0)


def quiet(_step: Progress) -> None: ...


def moving(source: str, target: str) -> Moved:
    return move(source, target, LATER, quiet)


def problem(url: str) -> str | None:
    told = on_url(url, unusable)
    assert told is None or isinstance(told, str)
    return told


def test_every_table_arrives_as_it_was(source: str, target: str) -> None:
    before = contents(source)
    assert all(rows for rows, _ in before.values()), "each table has something to lose"
    moved = moving(source, target)
    assert contents(target) == before == contents(source)
    assert {one.table: (one.rows, one.hash) for one in moved.tables} == before
    assert (moved.copied, moved.went_on, moved.breaches) == (sum(rows for rows, _ in before.values()), False, [])


@MOSTLY_THERE
def test_a_database_without_any_table_gets_them(
    source: str, backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with elsewhere(backend, lambda: request.getfixturevalue("postgres"), tmp_path, bare=True) as target:
        moving(source, target)
        assert contents(target) == contents(source)


@MOSTLY_THERE
def test_there_and_back_again_it_is_the_same(source: str, target: str, tmp_path: Path) -> None:
    before = contents(source)
    moving(source, target)
    home = f"sqlite:///{tmp_path}/home.db"
    moving(target, home)
    assert contents(home) == before
    assert [problem(url) is None for url in (source, target, home)] == [False, False, True]


@MOSTLY_THERE
def test_the_copy_goes_on_numbering_where_the_source_was(source: str, target: str) -> None:
    moving(source, target)
    arrivals = [Arrival(f"new-{one}", "provider", "X", None, "{}", LATER) for one in range(2)]
    on_url(target, lambda ledger: ledger.inbox.add_all(arrivals))
    on_url(target, lambda ledger: ledger.outbox.put(projection(attempt_id=None, cause="dead"), LATER))
    numbers = on_url(target, lambda ledger: [row.inbox_id for row in ledger.inbox.waiting(99)])
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_was_moved_away_is_not_worked_with_until_it_is_reopened_and_then_held(source: str, target: str) -> None:
    moving(source, target)
    told = problem(source) or ""
    assert told.startswith(f"this ledger was moved to {place_of(target)} on 2026-01-13")
    database = Database(source)
    with pytest.raises(StoreError, match="was moved to"):
        name_of(database, LATER)
    database.close()
    assert reopen(source, LATER) == told
    assert problem(source) is None
    held = on_url(source, lambda ledger: hold_problem(ledger, Policy(), LATER))
    assert "and reopened: calls that were made there are unknown here" in held
    assert on_url(target, lambda ledger: hold_problem(ledger, Policy(), LATER)) is None


@pytest.mark.soak
def test_a_process_that_still_has_the_ledger_open_is_told_that_it_was_moved(source: str, target: str) -> None:
    """A replica that was cut off while the ledger was moved comes back and asks, before each call, what holds it."""
    moving(source, target)
    assert "was moved to" in on_url(source, lambda ledger: hold_problem(ledger, Policy(), LATER))


@MOSTLY_THERE
def test_killed_in_the_middle_neither_ledger_is_usable_and_the_same_command_goes_on(source: str, target: str) -> None:
    before = contents(source)
    with subprocess.Popen(
        [sys.executable, "-c", _MOVER, source, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as mover:
        assert mover.stdout is not None
        assert mover.stdout.readline() == "in the middle\n"
        mover.send_signal(signal.SIGKILL)
    assert "is not complete: go on with the same" in (problem(source) or "")
    assert "into this ledger is not complete" in (problem(target) or "")
    moved = moving(source, target)
    assert moved.went_on
    names = [str(table.name) for table in moved_tables()]
    assert moved.copied == sum(before[name][0] for name in names[names.index("attempts") :]) - 6
    assert contents(target) == before
    assert problem(target) is None


@MOSTLY_THERE
def test_a_connection_that_breaks_within_a_batch_ends_the_copy_which_then_goes_on(
    source: str, target: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Postgres = request.getfixturevalue("postgres")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'autodialer ____ %'"

    put = copying._put

    def put_and_break(table: Table, rows: Sequence[Row], reached: Begun, now: datetime, connection: Connection) -> None:
        put(table, rows, reached, now, connection)
        if reached.table == "attempts":
            with server.admin() as admin:
                admin.execute(cut.encode())

    with monkeypatch.context() as patched:
        patched.setattr(copying, "_put", put_and_break)
        with pytest.raises(StoreError) as broken:
            moving(source, target)
    assert not broken.value.permanent
    assert moving(source, target).went_on
    assert contents(target) == contents(source)


@MOSTLY_THERE
def test_a_crash_between_the_two_last_commits_leaves_none_usable_and_the_same_command_ends_it(
    source: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("autodialer.store.moving.move.make_ready", lambda _connection: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            moving(source, target)
    assert None not in (problem(source), problem(target))
    assert moving(source, target).copied == 0
    assert (problem(target), (problem(source) or "")[:21]) == (None, "this ledger was moved")


@MOSTLY_THERE
def test_a_copy_that_was_given_up_leaves_the_source_as_it_was(source: str, target: str) -> None:
    def fail(step: Progress) -> None:
        assert step.table != "attempts"

    with pytest.raises(AssertionError):
        move(source, target, LATER, fail)
    assert reopen(source, LATER)
    assert on_url(source, lambda ledger: hold_problem(ledger, Policy(), LATER)) is None
    assert reopen(source, LATER) is None
    with pytest.raises(StoreError, match="into this ledger is not complete"):
        reopen(target, LATER)


@MOSTLY_THERE
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            "UPDATE attempts SET reason = 'x', call_status = 'y' WHERE attempt_id = 'a-3'",
            "attempts a-3: differs in call_status, reason",
        ),
        ("DELETE FROM outbox WHERE outbox_id = 4", "outbox 4: missing in the copy"),
        pytest.param(
            "INSERT INTO do_not_call (number, added_at) VALUES ('+40721009999', 1)",
            r"do_not_call \+40…99: only in the copy",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            "UPDATE runs SET started_at = started_at + 1 WHERE run_id = 'run-0'",
            "runs run-0: differs in started_at",
            marks=pytest.mark.soak,
        ),
    ],
    ids=["changed", "lost", "added", "a millisecond"],
)
def test_a_row_that_is_not_the_same_is_named_and_the_copy_stays_unusable(
    source: str, target: str, damage: str, named: str
) -> None:
    done: list[int] = []

    def say(step: Progress) -> None:
        if step.step == "comparing" and not done:
            done.append(1)
            execute(target, damage)

    with pytest.raises(StoreError, match=f"the copy is not the same: {named}") as refusal:
        move(source, target, LATER, say)
    assert phone(9999) not in str(refusal.value)
    assert None not in (problem(source), problem(target))


@MOSTLY_THERE
def test_what_verify_finds_in_both_is_told_and_moves_along(source: str, target: str) -> None:
    execute(source, "UPDATE outbox SET attempt_id = NULL WHERE attempt_id = 'a-2'")
    assert [(one.number, one.subject) for one in moving(source, target).breaches] == [(6, "a-2")]


@MOSTLY_THERE
def test_a_target_that_holds_anything_is_refused_and_nothing_is_marked(source: str, target: str) -> None:
    on_url(target, lambda ledger: ledger.do_not_call.add(phone(5), "", NOW))
    with pytest.raises(StoreError, match=r"is not empty \(do_not_call \+40…05\)"):
        moving(source, target)
    assert (problem(source), problem(target)) == (None, None)


@MOSTLY_THERE
def test_a_target_with_another_ones_half_copy_is_refused(source: str, target: str) -> None:
    with pytest.raises(AssertionError):
        move(source, target, LATER, lambda step: (_ for _ in ()).throw(AssertionError) if step.done else None)
    on_url(source, lambda ledger: ledger.switches.set("ledger_id", "another", NOW))
    with pytest.raises(StoreError, match="into this ledger is not complete"):
        moving(source, target)


@MOSTLY_THERE
def test_another_version_s_schema_is_refused(source: str, target: str) -> None:
    execute(source, "UPDATE schema_version SET version_num = '0001'")
    try:
        with pytest.raises(
            StoreError, match=r"the schema of .* is 0001, not .*: run `autodialer migrate` .* DB_PATH or DATABASE_URL"
        ):
            moving(source, target)
    finally:
        execute(source, f"UPDATE schema_version SET version_num = '{HEAD}'")  # noqa: S608 - a constant


def test_a_ledger_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no ledger at"):
        move(f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/to.db", LATER, quiet)
    assert list(tmp_path.glob("*.db")) == []


def test_a_ledger_in_use_is_not_moved(source: str, target: str, backend: str) -> None:
    running = Database(source)
    running.submit(lambda connection: connection.exec_driver_sql("SELECT 1").close()).result()
    if backend == "sqlite":
        with pytest.raises(LedgerInUse):
            moving(source, target)
    else:
        with _another_process(), pytest.raises(StoreError, match="1 connections of other autodialer processes"):
            moving(source, target)
    running.close()
    assert problem(source) is None


@contextmanager
def _another_process() -> Iterator[None]:
    """What this process had open before counts as another one's."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("autodialer.store.postgres._PROCESS", "another")
        yield


def test_a_run_that_goes_on_at_postgresql_is_not_moved(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.fresh()
    fill(url)

    soon = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + 60000"
    execute(url, f"UPDATE runs SET lease_until = {soon} WHERE run_id = 'run-1'")  # noqa: S608 - a constant
    with pytest.raises(StoreError, match=r"run run-1 of .* goes on: stop every autodialer"):
        moving(url, f"sqlite:///{tmp_path}/to.db")
    assert problem(url) is None


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("reason = 'a' || char(0)", "PostgreSQL refused attempts a-5"),
        pytest.param(
            "owner = printf('%.65c', 'x')",
            "PostgreSQL refused attempts a-5, column owner: value too long",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_what_postgresql_can_not_hold_is_named_by_its_row(
    sqlite_ledgers: SqliteLedgers, postgres: Postgres, tmp_path: Path, change: str, refused: str
) -> None:
    source = sqlite_ledgers.fresh(tmp_path)
    fill(source)
    execute(source, f"UPDATE attempts SET {change} WHERE attempt_id = 'a-5'")  # noqa: S608 - a constant
    with elsewhere("sqlite", lambda: postgres, tmp_path) as target:
        with pytest.raises(StoreError, match=refused) as refusal:
            moving(source, target)
        assert refusal.value.permanent
        execute(source, "UPDATE attempts SET reason = '', owner = '' WHERE attempt_id = 'a-5'")
        assert moving(source, target).went_on
        assert contents(source) == contents(target)


@MOSTLY_THERE
def test_a_backup_is_put_back_with_its_mark_and_itself_left_alone(source: str, target: str) -> None:
    on_url(source, lambda ledger: ledger.switches.set(BACKUP_MADE_AT, NOW.isoformat(), NOW))
    moved = moving(source, target)
    assert not moved.marked
    assert on_url(source, lambda ledger: ledger.switches.get(MOVED_TO)) is None
    assert "is a backup of 2026-01-13 10:00 UTC (10 min ago)" in on_url(
        target, lambda ledger: hold_problem(ledger, Policy(), LATER)
    )


def test_a_place_is_named_without_user_and_password() -> None:
    assert place_of("postgresql+psycopg://ann:secret@db.internal:5433/dialer") == "postgresql://db.internal:5433/dialer"


def test_every_table_is_moved_unless_it_says_otherwise() -> None:
    names = {table.name for table in moved_tables()}
    assert {"runs", "attempts", "inbox", "outbox", "activities", "staged_records", "do_not_call", "switches"} <= names
