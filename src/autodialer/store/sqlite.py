"""How SQLite is opened: a log written ahead, synced at each commit, and transactions that begin when we say so."""

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import StaticPool

from autodialer.store.prepared import execute

_SCRATCH = "scratch"


def sqlite_engine(url: str, *, read_only: bool, memory: bool, readers: int) -> Engine:
    """An engine for one process. `readers`: how many may read at once with `read_only`.

    `memory`: nothing of it is kept; sqlite:/// is in a file without a name meanwhile.
    """
    if memory:
        engine = create_engine(
            url, poolclass=StaticPool, creator=_unkept if make_url(url).database is None else _nameless
        )
    elif read_only:
        # mode=rw: a reader must not make a file that isn't there.
        path = quote(str(Path(str(make_url(url).database)).absolute()))
        engine = create_engine(
            url,
            pool_size=readers,
            creator=lambda: sqlite3.connect(
                f"file:{path}?mode=rw", uri=True, timeout=10.0, check_same_thread=False, isolation_level=None
            ),
        )
    else:
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 10.0})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        elif not memory:
            # FULL: a committed callback survives a power cut; NORMAL does not (docs/adr/0003).
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        execute(connection, "BEGIN" if read_only else "BEGIN IMMEDIATE", ())

    return engine


def _unkept() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


def _nameless() -> sqlite3.Connection:
    """A database of this connection alone, which may outgrow the memory.

    SQLite's own way to have one, the name "", is not used: what is rolled back after it has outgrown its cache damages its indexes
    (seen with 3.40.1, which Debian 12 has; tests/store/test_scratch.py).
    """
    try:
        handle, path = tempfile.mkstemp(prefix="autodialer-", suffix=".db")
    except OSError as error:
        reason = f"no temporary file can be made: {error.strerror or error}; see TMPDIR"
        raise sqlite3.OperationalError(reason) from error
    os.close(handle)
    try:
        connection = sqlite3.connect(path, check_same_thread=False)
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = MEMORY", "synchronous = OFF"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("BEGIN IMMEDIATE")  # so that it is open before its name is gone
        connection.execute("COMMIT")
    finally:
        Path(path).unlink()
    return connection


def keep_scratch(connection: Connection, where: Literal["MEMORY", "FILE"]) -> None:
    """Where SQLite keeps what it needs to undo one statement, and what it sorts; said between two transactions.

    What a statement changes beyond sixteen pages goes to a file of its own otherwise, made and deleted for each: with a group of
    callbacks that takes longer than the rows do. What an index sorts when it is made is larger than memory may be.
    """
    if connection.info.get(_SCRATCH) != where:
        cursor = connection.connection.cursor()
        cursor.execute(f"PRAGMA temp_store = {where}")
        cursor.close()
        connection.info[_SCRATCH] = where
