"""One writer that commits what waits together, readers beside it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.ports.ledger import Ledger
from autodialer.store.engine import MAX_GROUP, Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.migrate import check_version
from autodialer.store.tables import do_not_call, metadata
from databases import Postgres, sqlite_url
from store.made import NOW, on, phone, raw_attempt


class Gate:
    """Holds the writer inside of one unit, so that what is submitted meanwhile is committed as one group."""

    def __init__(self, database: Database) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        self._held = database.submit(self._hold)
        assert self._entered.wait(5)

    def _hold(self, _connection: Connection) -> None:
        self._entered.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()
        self._held.result(5)


def suppress(connection: Connection, number: str) -> None:
    connection.execute(insert(do_not_call).values(number=number, reason="", added_at=NOW))


def suppressing(number: int) -> Callable[[Connection], None]:
    return lambda connection: suppress(connection, phone(number))


def numbers(database: Database) -> list[str]:
    return [number for number, _, _ in on(database, lambda ledger: ledger.do_not_call.all())]


def test_units_that_wait_together_are_committed_in_one_transaction_in_their_order(database: Database) -> None:
    seen: list[tuple[int, object]] = []

    def unit(number: int, connection: Connection) -> int:
        seen.append((number, connection.get_transaction()))
        suppress(connection, phone(number))
        return number

    gate = Gate(database)
    waiting = [database.submit(partial(unit, n)) for n in range(50)]
    gate.open()
    assert [done.result(5) for done in waiting] == list(range(50))
    assert [number for number, _ in seen] == list(range(50))
    assert len({id(transaction) for _, transaction in seen}) == 1
    assert len(numbers(database)) == 50


def test_a_group_does_not_grow_without_bounds(database: Database) -> None:
    transactions: list[object] = []
    gate = Gate(database)
    waiting = [
        database.submit(lambda connection: transactions.append(connection.get_transaction()))
        for _ in range(MAX_GROUP + 10)
    ]
    gate.open()
    for done in waiting:
        done.result(5)
    sizes = [sum(other is one for other in transactions) for one in dict.fromkeys(transactions)]
    assert sizes == [MAX_GROUP, 10]


def test_a_unit_that_fails_gets_its_own_error_and_harms_no_other_of_its_group(database: Database) -> None:
    gate = Gate(database)
    good = [database.submit(suppressing(n)) for n in range(3)]
    twice = database.submit(suppressing(1))
    wrong = database.submit(lambda _connection: 1 // 0)
    nonsense = database.submit(lambda connection: connection.execute(text("SELECT nothing FROM nowhere")))
    late = database.submit(suppressing(7))
    gate.open()
    assert [done.result(5) for done in [*good, late]] == [None] * 4
    assert isinstance(twice.exception(5), LedgerRefusal)
    assert isinstance(wrong.exception(5), ZeroDivisionError)
    error = nonsense.exception(5)
    assert isinstance(error, StoreError)
    assert not isinstance(error, LedgerRefusal)
    assert numbers(database) == [phone(0), phone(1), phone(2), phone(7)]


def test_what_a_failing_unit_had_written_before_is_gone(database: Database) -> None:
    def unit(connection: Connection) -> None:
        suppress(connection, phone(1))
        raise KeyError("after the first write")

    with pytest.raises(KeyError):
        database.submit(unit).result(5)
    assert numbers(database) == []


def test_a_unit_runs_again_when_another_of_its_group_fails_and_is_committed_once(database: Database) -> None:
    runs: list[int] = []

    def unit(connection: Connection) -> int:
        runs.append(1)
        suppress(connection, phone(1))
        return len(runs)

    gate = Gate(database)
    done = database.submit(unit)
    wrong = database.submit(lambda _connection: 1 // 0)
    gate.open()
    assert done.result(5) == 2
    assert isinstance(wrong.exception(5), ZeroDivisionError)
    assert numbers(database) == [phone(1)]


def test_a_unit_whose_caller_has_gone_before_its_turn_is_left_out(database: Database) -> None:
    gate = Gate(database)
    gone = database.submit(suppressing(1))
    stays = database.submit(suppressing(2))
    assert gone.cancel()
    gate.open()
    stays.result(5)
    assert numbers(database) == [phone(2)]


async def test_many_tasks_write_at_once_and_each_gets_its_own_answer(store: SqlStore) -> None:
    async def add(number: int) -> bool:
        return await store.write(lambda ledger: ledger.do_not_call.add(phone(number % 40), "asked", NOW))

    answers = await asyncio.gather(*(add(number) for number in range(80)))
    assert sum(answers) == 40
    assert len(await store.read(lambda ledger: ledger.do_not_call.all())) == 40


async def test_a_read_sees_what_was_committed_before_it(store: SqlStore) -> None:
    def count(number: int, ledger: Ledger) -> None:
        ledger.switches.set("count", str(number), NOW)

    for number in range(20):
        await store.write(partial(count, number))
        assert await store.read(lambda ledger: ledger.switches.get("count")) == str(number)


async def test_a_read_keeps_one_snapshot_while_others_commit(store: SqlStore) -> None:
    def twice(ledger: SqlLedger) -> tuple[str | None, str | None]:
        before = ledger.switches.get("count")
        on(store.database, lambda other: other.switches.set("count", "2", NOW))
        return before, ledger.switches.get("count")

    await store.write(lambda ledger: ledger.switches.set("count", "1", NOW))
    assert await store.database.read(lambda connection: twice(SqlLedger(connection))) == ("1", "1")
    assert await store.read(lambda ledger: ledger.switches.get("count")) == "2"


async def test_a_read_can_change_nothing(store: SqlStore) -> None:
    with pytest.raises(StoreError):
        await store.read(lambda ledger: ledger.switches.set("paused", "1", NOW))
    assert await store.read(lambda ledger: ledger.switches.get("paused")) is None


async def test_a_ledger_opened_for_reading_refuses_writes_and_reads_beside_the_writer(
    store: SqlStore, ledger_url: str
) -> None:
    await store.write(lambda ledger: ledger.switches.set("paused", "1", NOW))
    second = Database(ledger_url, writable=False)
    try:
        reader = SqlStore(second)
        assert await reader.read(lambda ledger: ledger.switches.get("paused")) == "1"
        with pytest.raises(StoreError, match="open for reading only") as refusal:
            await reader.write(lambda ledger: ledger.switches.set("paused", "0", NOW))
        assert refusal.value.permanent
        with pytest.raises(StoreError):
            await reader.read(lambda ledger: ledger.switches.set("paused", "0", NOW))
        await store.write(lambda ledger: ledger.switches.set("paused", "2", NOW))
        assert await reader.read(lambda ledger: ledger.switches.get("paused")) == "2"
    finally:
        second.close()


def test_a_ledger_opened_for_reading_makes_no_file(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "not there.db"), writable=False)
    with pytest.raises(StoreError, match="file can't be found"):
        asyncio.run(database.read(check_version))
    database.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_file_name_may_hold_what_means_something_in_an_url(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "50% of #1 & more.db"))
    database.run_migrations(metadata.create_all)
    store = SqlStore(database)
    await store.write(lambda ledger: ledger.switches.set("paused", "1", NOW))
    assert await store.read(lambda ledger: ledger.switches.get("paused")) == "1"
    database.close()


def test_closing_finishes_what_waits_and_takes_nothing_more(ledger_url: str) -> None:
    database = Database(ledger_url)
    gate = Gate(database)
    waiting = [database.submit(suppressing(n)) for n in range(MAX_GROUP + 40)]
    closing = threading.Thread(target=database.close)
    closing.start()
    gate.open()
    closing.join(10)
    assert not closing.is_alive()
    assert all(done.done() and done.exception() is None for done in waiting)
    with pytest.raises(StoreError, match="closed"):
        database.submit(suppressing(9999))
    database.close()
    again = Database(ledger_url)
    assert len(numbers(again)) == MAX_GROUP + 40
    again.close()


async def test_a_closed_ledger_can_not_be_read(ledger_url: str) -> None:
    database = Database(ledger_url)
    database.close()
    with pytest.raises(StoreError, match="closed"):
        await database.read(check_version)


def test_nothing_that_is_submitted_while_the_ledger_closes_waits_for_ever(ledger_url: str) -> None:
    for _ in range(3):
        database = Database(ledger_url)
        accepted: list[Future[None]] = []

        def keep_writing(target: Database = database, done: list[Future[None]] = accepted) -> None:
            try:
                while len(done) < 2000:
                    done.append(target.submit(lambda _connection: None))
            except StoreError:
                return

        writers = [threading.Thread(target=keep_writing) for _ in range(3)]
        for writer in writers:
            writer.start()
        database.close()
        for writer in writers:
            writer.join(5)
        assert all(done.done() for done in accepted)


def test_a_constraint_that_refuses_says_which_and_shows_no_number(database: Database) -> None:
    raw_attempt(database, "raw-1", number=phone(77), state="unknown", disposition=None)
    with pytest.raises(LedgerRefusal) as refusal:
        raw_attempt(database, "raw-2", number=phone(77), state="unknown", disposition=None)
    assert refusal.value.permanent
    assert "number" in refusal.value.message
    assert phone(77)[-6:] not in refusal.value.message


def test_a_value_that_does_not_fit_is_an_error_for_good_and_is_not_shown(postgres: Postgres) -> None:
    """SQLite has no limits on the length of text."""
    database = Database(postgres.fresh())
    with pytest.raises(StoreError, match="too long") as refusal:
        raw_attempt(database, "raw-1", number="+4072" + "1" * 60)
    database.close()
    assert refusal.value.permanent
    assert "1111" not in refusal.value.message


def test_sqlite_keeps_a_log_ahead_and_syncs_it_fully(sqlite_store: SqlStore) -> None:
    def pragmas(connection: Connection) -> list[Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "query_only")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert sqlite_store.database.submit(pragmas).result(5) == ["wal", 2, 1, 0]
    reading = asyncio.run(sqlite_store.database.read(pragmas))
    assert reading[0] == "wal"
    assert reading[2:] == [1, 1]


def test_sqlite_undoes_a_statement_from_memory_and_sorts_on_disk_while_it_migrates(sqlite_store: SqlStore) -> None:
    def where(connection: Connection) -> Any:
        return connection.exec_driver_sql("PRAGMA temp_store").scalar()

    in_file, in_memory = 1, 2
    told: list[Any] = []
    assert sqlite_store.database.submit(where).result(5) == in_memory
    sqlite_store.database.run_migrations(lambda connection: told.append(where(connection)))
    assert told == [in_file]
    assert sqlite_store.database.submit(where).result(5) == in_memory


def test_the_name_of_a_ledger_shows_no_password() -> None:
    database = Database("postgresql+psycopg://dialer:secret@nowhere.invalid/ledger")
    assert database.name == "postgresql+psycopg://dialer:***@nowhere.invalid/ledger"
    database.close()
