"""The database is gone, full or read-only: a StoreError, nothing committed, and all is well when it is back."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import OperationalError

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.store.engine import Database, _store_error
from autodialer.store.ledger import SqlStore
from databases import Postgres, SqliteLedgers, make_ledger, sqlite_url
from store.made import NOW, on

_NOBODY = 65534


async def set_switch(store: SqlStore, value: str) -> None:
    await store.write(lambda ledger: ledger.switches.set("value", value, NOW))


async def get_switch(store: SqlStore) -> str | None:
    return await store.read(lambda ledger: ledger.switches.get("value"))


async def test_a_stopped_postgresql_is_an_error_and_the_service_goes_on_when_it_is_back(postgres: Postgres) -> None:
    database = Database(postgres.fresh())
    store = SqlStore(database)
    await set_switch(store, "before")
    assert await get_switch(store) == "before"
    with postgres.stopped():
        for _ in range(2):
            with pytest.raises(StoreError, match="the ledger can't be used") as gone:
                await set_switch(store, "meanwhile")
            assert not gone.value.permanent
            with pytest.raises(StoreError) as gone:
                await get_switch(store)
            assert not isinstance(gone.value, LedgerRefusal)
    assert await get_switch(store) == "before"
    await set_switch(store, "after")
    assert await get_switch(store) == "after"
    database.close()


async def test_connections_that_postgresql_dropped_are_replaced_unnoticed(postgres: Postgres) -> None:
    database = Database(postgres.fresh())
    store = SqlStore(database)
    await set_switch(store, "before")
    with postgres.admin() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [database.url.database]
        )
    await set_switch(store, "after")
    assert await get_switch(store) == "after"
    database.close()


async def test_a_transaction_that_postgresql_cut_off_is_an_error_and_leaves_nothing(postgres: Postgres) -> None:
    database = Database(postgres.fresh())
    store = SqlStore(database)

    def cut_off(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO switches VALUES ('value', 'lost', 1)")
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with postgres.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreError) as gone:
        await database.write(cut_off)
    assert not gone.value.permanent
    assert await get_switch(store) is None
    await set_switch(store, "after")
    database.close()


def test_a_postgresql_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        make_ledger(f"postgresql+psycopg://postgres@/ledger?host={tmp_path}")


async def test_a_sqlite_file_that_somebody_else_writes_to_is_an_error_and_the_next_unit_succeeds(
    sqlite_store: SqlStore,
) -> None:
    await sqlite_store.database.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 50").close())
    await set_switch(sqlite_store, "before")
    other = sqlite3.connect(str(sqlite_store.database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked") as locked:
        await set_switch(sqlite_store, "meanwhile")
    assert not locked.value.permanent
    other.execute("ROLLBACK")
    other.close()
    assert await get_switch(sqlite_store) == "before"
    await set_switch(sqlite_store, "after")
    assert await get_switch(sqlite_store) == "after"


def test_a_sqlite_file_that_was_taken_away_is_an_error_until_it_is_back(sqlite_store: SqlStore) -> None:
    path = Path(str(sqlite_store.database.url.database))
    asyncio.run(set_switch(sqlite_store, "before"))
    away = path.rename(path.with_name("away.db"))
    for _ in range(2):
        with pytest.raises(StoreError, match="the ledger's file can't be found") as gone:
            asyncio.run(set_switch(sqlite_store, "meanwhile"))
        assert not gone.value.permanent
        with pytest.raises(StoreError):
            asyncio.run(get_switch(sqlite_store))
    assert not path.exists()
    away.rename(path)
    assert asyncio.run(get_switch(sqlite_store)) == "before"
    asyncio.run(set_switch(sqlite_store, "after"))
    assert asyncio.run(get_switch(sqlite_store)) == "after"


async def test_nothing_is_written_past_a_sqlite_file_that_was_replaced(sqlite_store: SqlStore, tmp_path: Path) -> None:
    path = Path(str(sqlite_store.database.url.database))
    await set_switch(sqlite_store, "before")
    copy = shutil.copyfile(path, tmp_path / "restored.db")
    copy.rename(path)
    with pytest.raises(StoreError, match="was replaced: put it back, or restart autodialer"):
        await set_switch(sqlite_store, "meanwhile")


async def test_a_full_disk_is_an_error_and_writing_goes_on_when_there_is_room(sqlite_store: SqlStore) -> None:
    def pages(limit: int, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit}")

    await set_switch(sqlite_store, "before")
    await sqlite_store.database.write(lambda connection: pages(1, connection))  # not below what it has
    with pytest.raises(StoreError, match="full") as full:
        await set_switch(sqlite_store, "x" * 1_000_000)
    assert not full.value.permanent
    assert await get_switch(sqlite_store) == "before"
    await sqlite_store.database.write(lambda connection: pages(1_000_000, connection))
    await set_switch(sqlite_store, "x" * 1_000_000)
    assert len(await get_switch(sqlite_store) or "") == 1_000_000


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everywhere: be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only_folder(sqlite_ledgers: SqliteLedgers) -> Iterator[Path]:
    """Holds a ledger that nobody may write."""
    folder = Path(tempfile.mkdtemp(prefix="autodialer-read-only-"))
    path = Path(sqlite_ledgers.fresh(folder).removeprefix("sqlite:///"))
    path.chmod(0o444)
    path.with_name(path.name + ".lock").touch()
    path.with_name(path.name + ".lock").chmod(0o666)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_file_is_an_error_that_says_so_and_can_be_mended(read_only_folder: Path) -> None:
    path = read_only_folder / "ledger.db"
    with unprivileged():
        database = Database(sqlite_url(path))
        with pytest.raises(StoreError, match="readonly") as refusal:
            asyncio.run(set_switch(SqlStore(database), "value"))
        assert not refusal.value.permanent
    read_only_folder.chmod(0o777)
    path.chmod(0o666)
    with unprivileged():
        asyncio.run(set_switch(SqlStore(database), "mended"))
        assert asyncio.run(get_switch(SqlStore(database))) == "mended"
        database.close()


def test_a_folder_that_may_not_be_written_is_an_error_that_names_the_setting(read_only_folder: Path) -> None:
    (read_only_folder / "ledger.db.lock").chmod(0o444)
    with unprivileged():
        with pytest.raises(
            StoreError, match=r"DB_PATH: .*ledger\.db\.lock can't be opened: Permission denied"
        ) as refusal:
            Database(sqlite_url(read_only_folder / "ledger.db"))
        assert refusal.value.permanent
        with pytest.raises(StoreError, match=r"DB_PATH: the folder .* can't be made: Permission denied"):
            Database(sqlite_url(read_only_folder / "below" / "ledger.db"))


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "data" / "here" / "ledger.db"
    make_ledger(sqlite_url(path))
    assert path.exists()


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("This is a letter. " * 500)
    with pytest.raises(StoreError, match="not a database"):
        make_ledger(sqlite_url(path))
    assert path.read_text().startswith("This is a letter.")


def test_an_error_without_words_does_not_end_the_writer(sqlite_store: SqlStore) -> None:
    def unit(_connection: Connection) -> None:
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError())

    with pytest.raises(StoreError, match="OperationalError"):
        sqlite_store.database.submit(unit).result(5)
    on(sqlite_store.database, lambda ledger: ledger.switches.set("value", "after", NOW))
    assert asyncio.run(get_switch(sqlite_store)) == "after"


def test_only_the_first_line_of_an_error_is_told() -> None:
    broken = OperationalError("SELECT 1", {}, Exception("it broke\nDETAIL: number +40721000001"))
    for url, where in {"postgresql://u:secret@h/x": "DATABASE_URL", "sqlite:///x.db": "DB_PATH: x.db"}.items():
        assert _store_error(broken, make_url(url)).message == f"the ledger can't be used: it broke ({where})"
