"""Ledgers that nobody keeps: for plans and forecasts."""

import os
import random
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.sqlite import _nameless
from autodialer.store.tables import metadata
from store.made import NOW, phone
from store.test_engine import suppressing


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///"])
async def test_it_is_gone_when_closed_and_leaves_nothing_on_the_disk(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(2):
        database = Database(url)
        database.run_migrations(metadata.create_all)
        store = SqlStore(database)
        await store.write(lambda ledger: ledger.do_not_call.add(phone(1), "asked", NOW))
        assert len(await store.read(lambda ledger: ledger.do_not_call.all())) == 1
        with pytest.raises(LedgerRefusal):
            await database.write(suppressing(1))
        assert not os.listdir(tmp_path)  # noqa: PTH208 - one that may block is no matter here
        database.close()


def test_where_no_file_can_be_made_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    database = Database("sqlite:///")
    with pytest.raises(StoreError, match=r"no temporary file can be made: No such file or directory; see TMPDIR$"):
        database.run_migrations(metadata.create_all)
    database.close()


def test_what_is_rolled_back_after_it_has_outgrown_its_cache_damages_nothing() -> None:
    """SQLite's own nameless database, "", fails this with 3.40.1."""
    connection, dice, rows = _nameless(), random.Random(6), 0
    connection.isolation_level = None
    connection.execute("PRAGMA cache_size = 300")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, s TEXT)")
    connection.execute("CREATE INDEX i ON t (s, a)")
    connection.execute("CREATE UNIQUE INDEX u ON t (b)")
    for _ in range(1100):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for _ in range(dice.randrange(1, 40)):
                rows = _change(connection, dice, rows)
            connection.execute("ROLLBACK" if dice.random() < 0.2 else "COMMIT")
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def _change(connection: sqlite3.Connection, dice: random.Random, rows: int) -> int:
    """A row more, or some changed; one in twenty is refused, which may end the transaction. How many rows there are."""
    kind = dice.random()
    if kind < 0.4:
        row = rows + 1, str(dice.random()) * 3, f"b{rows + 1}", dice.choice("abcd")
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?)", row)
        return rows + 1
    if kind < 0.9 and rows:
        changed = dice.choice("abcd"), str(dice.random()) * dice.randrange(1, 9), dice.randrange(1, rows + 1)
        connection.execute("UPDATE t SET s = ?, a = ? WHERE id = ?", changed)
    elif kind < 0.95 and rows:
        newest = dice.choice("abcd"), rows - dice.randrange(1, 200)
        connection.execute("UPDATE t SET s = ? WHERE id > ?", newest)
    elif rows > 10:
        clash = "UPDATE t SET s = 'z', b = 'b' || (id - 1) WHERE id > ?", (rows - dice.randrange(1, 200),)
        if dice.random() < 0.5:
            connection.execute(*clash)
        else:
            with suppress(sqlite3.IntegrityError):
                connection.execute(*clash)
    return rows
