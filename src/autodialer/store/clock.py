"""The database's own clock, which all processes of a deployment share."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Connection, literal_column, select

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLIS: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}
_MICROS = {
    # SQLite's clock counts milliseconds.
    "sqlite": select(literal_column(f"1000 * {_MILLIS['sqlite']}", BigInteger)),
    "postgresql": select(literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)", BigInteger)),
}


def millis_expression(connection: Connection) -> ColumnElement[int]:
    """Milliseconds since 1970, to be used within a statement."""
    return literal_column(_MILLIS[connection.dialect.name], BigInteger)


def database_now(connection: Connection) -> datetime:
    """The present instant, UTC; to the microsecond on PostgreSQL, to the millisecond on SQLite."""
    micros = connection.execute(_MICROS[connection.dialect.name]).scalar_one()
    return _EPOCH + int(micros) * _MICROSECOND
