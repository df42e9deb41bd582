"""Ledgers with so many attempts of history, on either engine, and what they weigh."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from benchmarks.installing import say
from benchmarks.year import Year, make_year
from databases import Postgres, make_ledger, sqlite_url

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Shelf:
    """Ledgers of one engine, by their number of attempts; made when first asked for."""

    def __init__(self, backend: str, folder: Path, server: Postgres | None) -> None:
        self.backend, self._folder, self._server = backend, folder, server
        self._urls: dict[int, str] = {}
        self._years: dict[int, Year] = {}
        self._open: list[Database] = []

    def url(self, attempts: int) -> str:
        """For SQLAlchemy."""
        if attempts not in self._urls:
            server = self._server
            url = server.url(server.create_database()) if server else sqlite_url(self._folder / f"{attempts}.db")
            make_ledger(url)
            if attempts:
                self._years[attempts] = year = make_year(url, attempts)
                say(f"{NAMES[self.backend]}: {year.attempts:,} attempts made in {year.seconds:.0f} s")
                make_ledger(url)  # SQLite: nobody of ours closed it, so it is read whole once
            self._urls[attempts] = url
        return self._urls[attempts]

    def year(self, attempts: int) -> Year:
        """What stands in it."""
        self.url(attempts)
        return self._years[attempts]

    def store(self, attempts: int) -> SqlStore:
        """Opened, until the shelf is."""
        self._open.append(Database(self.url(attempts)))
        return SqlStore(self._open[-1])

    def put_away(self) -> None:
        """Nobody has any of them open any more."""
        while self._open:
            self._open.pop().close()

    def forget(self, attempts: int) -> None:
        """The next one who asks for it gets another one."""
        self.put_away()
        del self._urls[attempts]

    def bytes_per_attempt(self, attempts: int) -> tuple[float, float]:
        """(The table of attempts with its indexes, the whole ledger with callbacks and updates), for each attempt."""
        engine = create_engine(self.url(attempts))
        with engine.connect() as connection:
            own, whole = _SIZES[self.backend]
            count = self.year(attempts).attempts
            sizes = [float(connection.execute(text(sql)).scalar_one()) / count for sql in (own, whole)]
        engine.dispose()
        return sizes[0], sizes[1]


_SIZES = {
    "sqlite": (
        """
        SELECT sum(pageno) * (SELECT page_size FROM pragma_page_size) FROM dbstat
        WHERE aggregate = 1 AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = 'attempts')
        """,
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    ),
    "postgresql": ("SELECT pg_total_relation_size('attempts')", "SELECT pg_database_size(current_database())"),
}


@contextmanager
def shelf(backend: str, folder: Path) -> Iterator[Shelf]:
    """PostgreSQL syncs each commit."""
    server = Postgres(durable=True) if backend == "postgresql" else None
    made = Shelf(backend, folder, server)
    try:
        yield made
    finally:
        made.put_away()
        if server is not None:
            server.close()


def backends(*, is_quick: bool) -> Sequence[str]:
    """Both, or the one that BACKEND names; when it must be quick the one that needs no server."""
    both = ("sqlite",) if is_quick else ("sqlite", "postgresql")
    return [one for one in both if os.environ.get("BACKEND", one) == one]
