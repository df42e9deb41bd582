"""The two databases of a copy: opened, named without credentials, and nobody else at work in them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, make_url, select, text

from autodialer.domain.errors import StoreError
from autodialer.store.clock import database_now
from autodialer.store.engine import Database
from autodialer.store.migrate import HEAD, current_version, migrate, refuse_uncounted
from autodialer.store.moving.rows import moved_tables, place_of_row
from autodialer.store.postgres import process_name
from autodialer.store.tables import RUN_OPEN, runs, switches

_DEAD_SOON = 5.0  # seconds in which PostgreSQL notices that a killed process is gone
_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name LIKE 'autodialer ____ %' AND application_name <> :us"
)


def place_of(url: str | URL) -> str:
    """Where a ledger is, in words that may be kept and shown: no user, no password."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        return f"sqlite:///{Path(str(parts.database)).resolve()}"
    host = parts.host or str(parts.query.get("host", ""))
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{host}{port}/{parts.database}"


@contextmanager
def opened(url: str, *, writable: bool) -> Iterator[Database]:
    """A database, closed afterwards. StoreError; LedgerInUse when a process of ours has the SQLite file open for writing."""
    database = Database(url, writable=writable)
    try:
        yield database
    finally:
        database.close()


def refuse_missing(url: str) -> None:
    """StoreError for an SQLite file that does not exist: opening it would make an empty one."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and not Path(str(parts.database)).is_file():
        raise StoreError(f"there is no ledger at {place_of(url)}", permanent=True)


def refuse_version(connection: Connection, place: str) -> None:
    """StoreError unless the schema is this version's."""
    version = current_version(connection)
    if version != HEAD:
        raise StoreError(
            f"the schema of {place} is {version or 'empty'}, not {HEAD}: run `autodialer migrate` first, with DB_PATH or "
            "DATABASE_URL set to it",
            permanent=True,
        )
    refuse_uncounted(connection)


def make_schema(target: Database) -> None:
    """Tables for a database that has none; what holds some is left as it is."""
    if target.submit(current_version).result() is None:
        migrate(target)


def refuse_filled(connection: Connection, place: str) -> None:
    """StoreError when anything of a ledger stands there."""
    for table in moved_tables():
        if (row := connection.execute(select(table).limit(1)).first()) is not None:
            raise StoreError(
                f"{place} is not empty ({place_of_row(table, row)}): give the copy a database of its own that nothing has used",
                permanent=True,
            )


def refuse_users(database: Database) -> None:
    """StoreError while another process of ours has this PostgreSQL database open, or a run of it goes on. SQLite has a lock."""
    if database.is_sqlite:
        return
    deadline = time.monotonic() + _DEAD_SOON
    while others := database.submit(_others).result():
        if time.monotonic() > deadline:
            raise StoreError(
                f"{others} connections of other autodialer processes are open at {place_of(database.url)}: stop them all first",
                permanent=False,
            )
        time.sleep(0.1)
    if (run := database.submit(_live_run).result()) is not None:
        raise StoreError(
            f"run {run} of {place_of(database.url)} goes on: stop every autodialer that uses it, and wait ten seconds",
            permanent=False,
        )


def _others(connection: Connection) -> int:
    return int(connection.execute(_OTHERS, {"us": process_name()}).scalar_one())


def _live_run(connection: Connection) -> str | None:
    live = select(runs.c.run_id).where(text(RUN_OPEN), runs.c.lease_until > database_now(connection))
    return connection.execute(live).scalar()


def unset(connection: Connection, *names: str) -> None:
    """Take switches away."""
    connection.execute(switches.delete().where(switches.c.name.in_(names)))
