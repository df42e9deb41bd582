"""A ledger of any size is moved and backed up: what one side takes long for must not end the other side's snapshot.

The limits are shortened here, as whole minutes of reading would be needed; with 3.5 million callbacks the same happens by itself.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table

from autodialer.store import engine
from autodialer.store.moving import copying
from autodialer.store.moving.backup import back_up
from autodialer.store.moving.copying import Progress
from autodialer.store.moving.move import move
from autodialer.store.moving.rows import fingerprint
from databases import Postgres
from store.made import NOW
from store.moved import elsewhere, fill

_IDLE = "options=-c%20idle_in_transaction_session_timeout%3D300"  # milliseconds; 10,000 in service


def quiet(_step: Progress) -> None: ...


@contextmanager
def slow_to_read(dialect: str, patch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """Reading the callbacks of one side takes so long."""

    def slowly(connection: Connection, table: Table) -> Any:
        if connection.dialect.name == dialect and table.name == "inbox":
            time.sleep(seconds)
        return fingerprint(connection, table)

    patch.setattr(copying, "fingerprint", slowly)
    yield


def test_a_backup_of_postgresql_whose_copy_takes_long_to_read_again_is_made(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.fresh()
    fill(url)
    with slow_to_read("sqlite", monkeypatch, 0.8):
        made = back_up(f"{url}&{_IDLE}", tmp_path / "backup.db", NOW, quiet)
    assert made.path.exists()


def test_a_move_to_postgresql_goes_on_while_the_file_is_read(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with elsewhere("postgresql", lambda: postgres, tmp_path) as source:
        fill(source)
        with slow_to_read("sqlite", monkeypatch, 0.8):
            assert move(source, f"{postgres.fresh()}&{_IDLE}", NOW, quiet).marked


def test_a_move_away_from_postgresql_takes_longer_than_any_statement_may(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "DEADLINE", 0.6)  # seconds; 40 in service
    url = postgres.fresh()
    fill(url)
    with slow_to_read("postgresql", monkeypatch, 1.0):
        assert move(url, f"sqlite:///{tmp_path}/home.db", NOW, quiet).marked
