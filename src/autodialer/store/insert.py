"""INSERT … ON CONFLICT for both databases."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table, literal_column

from autodialer.store.prepared import Prepared


def insert_for(connection: Connection, table: Table) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    return insert_of(connection.dialect.name, table)


def insert_of(dialect: str, table: Table) -> Any:
    """The same for `sqlite` or `postgresql`. Both have the same methods, but no common type."""
    # Only the one in use is imported: the other would make each start slower.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert one row unless any unique index stands against it; says whether it did."""
    statement = insert_for(connection, table).values(**values).on_conflict_do_nothing()
    # SQLAlchemy does not tell rowcount of an INSERT on PostgreSQL; a returned row says the same on both.
    return connection.execute(statement.returning(literal_column("1"))).first() is not None


def insert_all_absent(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same for many rows that name the same columns."""
    _absent_in(connection.dialect.name, table).change_all(connection, rows)


@cache
def _absent_in(dialect: str, table: Table) -> Prepared:
    return Prepared(insert_of(dialect, table).on_conflict_do_nothing())
