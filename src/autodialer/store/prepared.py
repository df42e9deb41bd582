"""Statements that are asked often: compiled once for each database, then given to its driver as they are.

SQLAlchemy's own way to execute one takes several times what the database needs for it (docs/adr/0003). Errors are SQLAlchemy's.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, Select, Update, bindparam
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Prepared:
    """A SELECT, INSERT or UPDATE. What it does not bind itself of `values` are columns to set, as with Connection.execute."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """The rows, with the columns as attributes."""
        compiled = self._compiled_for(connection, values)
        if _is_watched(connection):
            return compiled.named([tuple(row) for row in connection.execute(self._statement, values)])
        return compiled.read(_execute(connection, compiled.sql, compiled.bind(values)).fetchall())

    def first(self, connection: Connection, values: Values) -> Any | None:
        """The first row, None without one."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None

    def change(self, connection: Connection, values: Values) -> int:
        """How many rows were changed."""
        if _is_watched(connection):
            return int(connection.execute(self._statement, values).rowcount)
        compiled = self._compiled_for(connection, values)
        return _execute(connection, compiled.sql, compiled.bind(values)).rowcount

    def change_all(self, connection: Connection, values: Sequence[Values]) -> None:
        """`change` for each of `values`, which name the same columns in the same order."""
        if not values:
            return
        if _is_watched(connection):
            connection.execute(self._statement, values)
            return
        compiled = self._compiled_for(connection, values[0])
        _execute(connection, compiled.sql, [compiled.bind(each) for each in values], many=True).close()

    def _compiled_for(self, connection: Connection, values: Values) -> "_Compiled":
        key = (connection.dialect.name, tuple(values))
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = _compile(self._statement, connection.dialect, list(values))
        return found


class PreparedAmong:
    """A SELECT or UPDATE of what is among some values: `statement` makes it from a parameter for each of them."""

    def __init__(self, statement: Callable[[Sequence[BindParameter[Any]]], Select[Any] | Update]) -> None:
        self._statement = statement
        self._sizes: dict[int, Prepared] = {}

    def rows(self, connection: Connection, among: Sequence[Any], values: Values | None = None) -> list[Any]:
        """The rows; none without a value."""
        if not among:
            return []
        prepared, said = self._said(among)
        return prepared.rows(connection, {**(values or {}), **said})

    def change(self, connection: Connection, among: Sequence[Any], values: Values) -> int:
        """How many rows were changed; none without a value."""
        if not among:
            return 0
        prepared, said = self._said(among)
        return prepared.change(connection, {**values, **said})

    def _said(self, among: Sequence[Any]) -> tuple[Prepared, Values]:
        size = 1 << (len(among) - 1).bit_length()  # so that there are few statements: the last value is said again
        names = [f"among_{place}" for place in range(size)]
        prepared = self._sizes.get(size)
        if prepared is None:
            prepared = self._sizes[size] = Prepared(self._statement([bindparam(name) for name in names]))
        said = [*among, *[among[-1]] * (size - len(among))]
        return prepared, dict(zip(names, said, strict=True))


def execute(connection: Connection, sql: str, bound: Sequence[Any]) -> None:
    """The database's own SQL with its driver's placeholders, for which there is nothing to compile or to read."""
    if _is_watched(connection):
        connection.exec_driver_sql(sql, tuple(bound)).close()
    else:
        _execute(connection, sql, bound).close()


def _is_watched(connection: Connection) -> bool:
    """Somebody listens to what is executed: then SQLAlchemy does it."""
    return bool(connection.dispatch.before_cursor_execute)


def _execute(connection: Connection, sql: str, bound: Any, *, many: bool = False) -> DBAPICursor:
    cursor = connection.connection.cursor()
    try:
        if many:
            cursor.executemany(sql, bound)
        else:
            cursor.execute(sql, bound)
    except connection.dialect.loaded_dbapi.Error as error:
        # SQLAlchemy knows which of them mean that the connection is lost, and tells those who listen.
        connection._handle_dbapi_exception(error, sql, bound, cursor, None)  # noqa: SLF001 - it has no other name
    return cursor


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    parameters: Sequence[tuple[str, _Convert | None]]
    constants: Values
    positional: bool
    reading: Sequence[tuple[int, _Convert]]
    row: Callable[[Sequence[Any]], Any]

    def bind(self, values: Values) -> Any:
        """The parameters as the driver wants them."""
        known = {**self.constants, **values} if self.constants else values
        if self.positional:
            return [known[name] if convert is None else convert(known[name]) for name, convert in self.parameters]
        return {name: known[name] if convert is None else convert(known[name]) for name, convert in self.parameters}

    def read(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """The driver's rows with our types."""
        return self.named([self._converted(row) for row in rows] if self.reading else rows)

    def named(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Rows of our types with their columns as attributes."""
        return [self.row(row) for row in rows]

    def _converted(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for place, convert in self.reading:
            if values[place] is not None:
                values[place] = convert(values[place])
        return values


def _compile(statement: Any, dialect: Dialect, names: list[str]) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    if "POSTCOMPILE" in str(compiled):
        raise TypeError("a list of values is for PreparedAmong")
    columns = list(statement.selected_columns) if isinstance(statement, Select) else []
    readers = [_of(column.type, dialect).result_processor(dialect, None) for column in columns]
    order = compiled.positiontup if compiled.positional else list(dict.fromkeys(compiled.bind_names.values()))
    return _Compiled(
        sql=str(compiled),
        parameters=[(name, _of(compiled.binds[name].type, dialect).bind_processor(dialect)) for name in order],
        constants={name: compiled.binds[name].effective_value for name in order if name not in names},
        positional=compiled.positional,
        reading=[(place, convert) for place, convert in enumerate(readers) if convert is not None],
        row=_row_of([str(column.key) for column in columns]),
    )


def _of(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)


def _row_of(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    kind: Any = namedtuple  # noqa: PYI024 - which columns there are is known here only
    return kind("Row", names, rename=True)._make  # type: ignore[no-any-return]
