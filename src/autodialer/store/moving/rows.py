"""Rows as they stand in a database, the same from SQLite and PostgreSQL: read in the order of their keys, hashed, compared."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain, islice
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, func, select, tuple_, type_coerce
from sqlalchemy import Row as SqlRow
from sqlalchemy.types import TypeDecorator

from autodialer.domain.phone import mask_number
from autodialer.service.holding import OF_THIS_DATABASE
from autodialer.store.tables import metadata, switches

BATCH = 1000  # rows in one transaction; callbacks of 64 KiB each still fit into memory
_DIGEST_BYTES = 16
_ALL = 1 << (8 * _DIGEST_BYTES)
_encode = msgspec.json.Encoder().encode
Row = tuple[Any, ...]


def moved_tables() -> list[Table]:
    """Every table that belongs to the ledger, those first that others refer to.

    One whose rows tell of running processes says `info={"moves": False}`: it is neither copied nor compared.
    """
    return [table for table in metadata.sorted_tables if table.info.get("moves", True)]


def count(connection: Connection, table: Table) -> int:
    """How many rows of it belong to the ledger."""
    return connection.execute(select(func.count()).select_from(table).where(*_of_ledger(table))).scalar_one()


def after(connection: Connection, table: Table, key: Sequence[Any] | None, limit: int) -> list[Row]:
    """The next rows beyond `key`, in the order that this database gives its keys."""
    keys = [_raw(column) for column in table.primary_key.columns]
    statement = _rows(table).order_by(*keys).limit(limit)
    if key is not None:
        statement = statement.where(tuple_(*keys) > tuple_(*key))
    return [tuple(row) for row in connection.execute(statement)]


def key_of(table: Table, row: Row) -> list[Any]:
    """Its primary key."""
    places = {column.name: place for place, column in enumerate(table.columns)}
    return [row[places[column.name]] for column in table.primary_key.columns]


def fingerprint(connection: Connection, table: Table) -> tuple[int, str]:
    """(rows, hash) of a table. The hash does not depend on the order, which text has its own of in each database."""
    rows, total = 0, 0
    for row in connection.execute(_rows(table).execution_options(yield_per=BATCH)):
        digest = blake2b(_encode(tuple(row)), digest_size=_DIGEST_BYTES).digest()
        total = (total + int.from_bytes(digest, "big")) % _ALL
        rows += 1
    return rows, f"{total:0{2 * _DIGEST_BYTES}x}"


def differences(source: Connection, target: Connection, table: Table, limit: int) -> list[str]:
    """The first `limit` rows that are not the same in both, each in a sentence that shows no value but its masked key."""
    found = chain(_compare(source, target, table), _only_in_target(source, target, table))
    return list(islice(found, limit))


def named(table: Table, key: Sequence[Any]) -> str:
    """A row for people's eyes: its key, with numbers masked."""
    columns = [column.name for column in table.primary_key.columns]
    parts = [mask_number(str(part)) if name == "number" else str(part) for name, part in zip(columns, key, strict=True)]
    return f"{table.name} {' '.join(parts)}"


def place_of_row(table: Table, row: SqlRow[Any]) -> str:
    """`named` for a row as SQLAlchemy gives it."""
    return named(table, [row._mapping[column] for column in table.primary_key.columns])  # noqa: SLF001 - its public name


def _compare(source: Connection, target: Connection, table: Table) -> Iterator[str]:
    names = [column.name for column in table.columns]
    for rows, theirs in _pages(source, target, table):
        for row in rows:
            other = theirs.get(tuple(key_of(table, row)))
            if other is None:
                yield f"{named(table, key_of(table, row))}: missing in the copy"
            elif other != row:
                differing = [name for name, one, two in zip(names, row, other, strict=True) if one != two]
                yield f"{named(table, key_of(table, row))}: differs in {', '.join(differing)}"


def _only_in_target(source: Connection, target: Connection, table: Table) -> Iterator[str]:
    for rows, theirs in _pages(target, source, table):
        for row in rows:
            if tuple(key_of(table, row)) not in theirs:
                yield f"{named(table, key_of(table, row))}: only in the copy"


def _pages(one: Connection, other: Connection, table: Table) -> Iterator[tuple[list[Row], dict[Row, Row]]]:
    """Rows of `one`, and those of `other` with the same keys."""
    keys = [_raw(column) for column in table.primary_key.columns]
    key: Sequence[Any] | None = None
    while rows := after(one, table, key, 200):
        key = key_of(table, rows[-1])
        same = tuple_(*keys).in_([tuple(key_of(table, row)) for row in rows])
        found = [tuple(row) for row in other.execute(_rows(table).where(same))]
        yield rows, {tuple(key_of(table, row)): row for row in found}


def _rows(table: Table) -> Select[Any]:
    return select(*(_raw(column) for column in table.columns)).where(*_of_ledger(table))


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """As the database holds it: instants are whole numbers."""
    kind = column.type
    return type_coerce(column, kind.impl_instance) if isinstance(kind, TypeDecorator) else column


def _of_ledger(table: Table) -> list[ColumnElement[bool]]:
    return [switches.c.name.not_in(OF_THIS_DATABASE)] if table is switches else []
