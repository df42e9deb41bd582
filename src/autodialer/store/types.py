"""Column types: one meaning on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_millis(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down; exact, no floats. `moment` must be aware."""
    return (moment - _EPOCH) // _MILLISECOND


def from_millis(value: int) -> datetime:
    """The instant, UTC."""
    return _EPOCH + value * _MILLISECOND


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as milliseconds since 1970 in a BIGINT: sorts, compares and indexes alike on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """To the database."""
        return None if value is None else to_millis(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """From the database."""
        return None if value is None else from_millis(int(value))
