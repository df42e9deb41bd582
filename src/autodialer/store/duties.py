"""What one replica at a time does: a lease for each duty, by the database's clock."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select

from autodialer.store.insert import insert_of
from autodialer.store.tables import duties

_d = duties.c


class SqlDuties:
    """Implements ports.ledger.Duties."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def take(self, name: str, owner: str, now: datetime, lease: timedelta) -> bool:
        until = now + lease
        values = {"name": name, "owner": owner, "lease_until": until, "now": now, "longest": until + lease}
        return self._db.execute(_taking(self._db.dialect.name), values).first() is not None

    def release(self, owner: str) -> None:
        self._db.execute(delete(duties).where(*([_d.owner == owner] if owner else [])))

    def holder(self, name: str, now: datetime) -> str | None:
        return self._db.execute(select(_d.owner).where(_d.name == name, _d.lease_until > now)).scalar()


@cache
def _taking(dialect: str) -> Any:
    """Made once: to build a statement takes longer than to execute it."""
    statement = insert_of(dialect, duties)
    new = statement.excluded
    # Longer than a lease can be: the database's clock was set back.
    is_free = or_(_d.owner == new.owner, _d.lease_until <= bindparam("now"), _d.lease_until > bindparam("longest"))
    ours = {"owner": new.owner, "lease_until": new.lease_until}
    return statement.on_conflict_do_update(index_elements=["name"], set_=ours, where=is_free).returning(_d.owner)
