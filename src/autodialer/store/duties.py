"""What one replica at a time does: a lease for each duty, by the database's clock."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select

from autodialer.store.insert import insert_for
from autodialer.store.tables import duties

_d = duties.c


class SqlDuties:
    """Implements ports.ledger.Duties."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def take(self, name: str, owner: str, now: datetime, lease: timedelta) -> bool:
        until = now + lease
        # Longer than a lease can be: the database's clock was set back.
        is_free = or_(_d.owner == owner, _d.lease_until <= now, _d.lease_until > until + lease)
        values = {"owner": owner, "lease_until": until}
        statement = insert_for(self._db, duties).values(name=name, **values)
        statement = statement.on_conflict_do_update(index_elements=["name"], set_=values, where=is_free)
        return self._db.execute(statement.returning(_d.owner)).first() is not None

    def release(self, owner: str) -> None:
        self._db.execute(delete(duties).where(*([_d.owner == owner] if owner else [])))

    def holder(self, name: str, now: datetime) -> str | None:
        return self._db.execute(select(_d.owner).where(_d.name == name, _d.lease_until > now)).scalar()
