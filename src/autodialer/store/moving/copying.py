"""Copies the rows of a ledger into an empty one, batch by batch; each batch says in the same transaction how far the copy is."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from autodialer.domain.errors import StoreError
from autodialer.service.holding import COPYING_FROM
from autodialer.store.counting import count_anew, uncounted
from autodialer.store.engine import Database
from autodialer.store.moving.rows import BATCH, Row, after, count, differences, fingerprint, key_of, moved_tables, named
from autodialer.store.small import SqlSwitches
from autodialer.store.tables import attempts, switches

_TOLD = 5  # differences that are named


@dataclass(frozen=True, slots=True)
class Begun:
    """How far a copy is, as the target holds it. `origin`: where the rows come from, `ledger`: their ledger's name."""

    origin: str
    ledger: str
    table: str | None = None
    key: Sequence[Any] | None = None

    def as_text(self) -> str:
        """As the switch holds it."""
        values = asdict(self)
        return json.dumps({"from": values.pop("origin"), **values})

    @classmethod
    def read(cls, told: str) -> "Begun":
        """From the switch."""
        values = json.loads(told)
        return cls(values["from"], values["ledger"], values["table"], values["key"])


@dataclass(frozen=True, slots=True)
class Compared:
    """A table that is the same in both: so many rows, with this hash."""

    table: str
    rows: int
    hash: str


@dataclass(frozen=True, slots=True)
class Progress:
    """For who watches. `step`: copying, comparing."""

    step: str
    table: str
    done: int
    total: int


Say = Callable[[Progress], None]


def copy_rows(source: Connection, target: Database, begun: Begun, now: datetime, say: Say) -> int:
    """Everything beyond where `begun` stands; how many rows were copied now. StoreError names the row that was refused."""
    tables = moved_tables()
    names = [table.name for table in tables]
    first = names.index(begun.table) if begun.table is not None else 0
    copied = 0
    for table in tables[first:]:
        key = begun.key if table.name == begun.table else None
        total = count(source, table)
        done = 0 if key is None else target.submit(partial(count, table=table)).result()
        say(Progress("copying", table.name, done, total))
        while rows := after(source, table, key, BATCH):
            key = key_of(table, rows[-1])
            reached = replace(begun, table=table.name, key=key)
            target.submit(partial(_put, table, rows, reached, now)).result()
            done, copied = done + len(rows), copied + len(rows)
            say(Progress("copying", table.name, done, total))
    target.run_migrations(count_anew)
    return copied


def _put(table: Table, rows: Sequence[Row], reached: Begun, now: datetime, connection: Connection) -> None:
    with uncounted(connection) if table is attempts else nullcontext():
        if connection.dialect.name == "postgresql":
            _copy_in(connection, table, rows)
        else:
            connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))
    SqlSwitches(connection).set(COPYING_FROM, reached.as_text(), now)


def _copy_in(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    import psycopg  # noqa: PLC0415 - SQLite alone needs none of it
    from psycopg import sql  # noqa: PLC0415 - as above

    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    driver: Any = connection.connection.driver_connection
    done = 0
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as stream:
            for row in rows:
                stream.write_row(row)
                done += 1
    except psycopg.OperationalError as error:
        connection.invalidate(error)
        raise StoreError(f"the connection broke while {table.name} was copied", permanent=False) from error
    except psycopg.Error as error:
        raise StoreError(_refusal(table, rows, done, error), permanent=True) from error


def _refusal(table: Table, rows: Sequence[Row], done: int, error: Any) -> str:
    """PostgreSQL names the line of the batch, and the value after it, which must not be shown."""
    place = re.search(r"line (\d+)(?:, column (\w+))?", error.diag.context or "")
    row = rows[min(int(place[1]) - 1 if place else done, len(rows) - 1)]
    column = f", column {place[2]}" if place and place[2] else ""
    cause = error.diag.message_primary or str(error).partition("\n")[0]
    return f"PostgreSQL refused {named(table, key_of(table, row))}{column}: {cause}"


def compare(source: Connection, target: Connection, say: Say) -> list[Compared]:
    """Count and hash of each table on both sides. StoreError names the rows that are not the same."""
    found = []
    tables = moved_tables()
    for place, table in enumerate(tables):
        say(Progress("comparing", table.name, place, len(tables)))
        rows, digest = fingerprint(source, table)
        if (rows, digest) != fingerprint(target, table):
            told = "; ".join(differences(source, target, table, _TOLD))
            raise StoreError(
                f"the copy is not the same: {told}. Delete it and begin anew; the source is as it was", permanent=True
            )
        found.append(Compared(table.name, rows, digest))
    say(Progress("comparing", "", len(tables), len(tables)))
    return found


def make_ready(connection: Connection) -> None:
    """The last step: PostgreSQL goes on numbering after what was copied, and the copy is a ledger like any other."""
    if connection.dialect.name == "postgresql":
        for table in moved_tables():
            column = table.autoincrement_column
            if column is not None and column.identity is None and column.server_default is None:
                _number_after(connection, table, column.name)
        connection.execute(text("ANALYZE"))
    connection.execute(delete(switches).where(switches.c.name == COPYING_FROM))


def _number_after(connection: Connection, table: Table, column: str) -> None:
    values = {"table": table.name, "column": column}
    sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), values).scalar()
    if sequence is None:
        return
    last = connection.execute(select(func.max(table.c[column]))).scalar()
    set_to = text("SELECT setval(CAST(:sequence AS regclass), :next, false)")
    connection.execute(set_to, {"sequence": sequence, "next": (last or 0) + 1})
