"""The small tables: do-not-call and switches."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_for, insert_if_absent
from autodialer.store.tables import do_not_call, switches

# Made once: to build a statement takes longer than to execute it.
_HAS = select(do_not_call.c.number).where(do_not_call.c.number.in_(bindparam("numbers", expanding=True)))
_SOME = select(switches.c.name, switches.c.value).where(switches.c.name.in_(bindparam("names", expanding=True)))
_CHANGED_AT = select(switches.c.changed_at).where(switches.c.name == bindparam("name"))
_GET = select(switches.c.value).where(switches.c.name == bindparam("name"))


class SqlDoNotCall:
    """Implements ports.ledger.DoNotCall."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, number: str, reason: str, at: datetime) -> bool:
        return insert_if_absent(self._db, do_not_call, {"number": number, "reason": reason, "added_at": at})

    def remove(self, number: str) -> bool:
        return self._db.execute(delete(do_not_call).where(do_not_call.c.number == number)).rowcount == 1

    def has(self, numbers: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        for some in chunks(numbers):
            found.update(self._db.execute(_HAS, {"numbers": some}).scalars())
        return frozenset(found)

    def all(self) -> Sequence[tuple[str, str, datetime]]:
        rows = self._db.execute(select(do_not_call).order_by(do_not_call.c.number))
        return [(row.number, row.reason, row.added_at) for row in rows]

    def find(self, number: str) -> tuple[str, datetime] | None:
        row = self._db.execute(select(do_not_call).where(do_not_call.c.number == number)).first()
        return (row.reason, row.added_at) if row else None


class SqlSwitches:
    """Implements ports.ledger.Switches."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, name: str) -> str | None:
        return self._db.execute(_GET, {"name": name}).scalar()

    def changed_at(self, name: str) -> datetime | None:
        return self._db.execute(_CHANGED_AT, {"name": name}).scalar()

    def some(self, names: Sequence[str]) -> Mapping[str, str]:
        return {row.name: row.value for row in self._db.execute(_SOME, {"names": list(names)}) if row.value}

    def set(self, name: str, value: str, at: datetime) -> None:
        statement = insert_for(self._db, switches).values(name=name, value=value, changed_at=at)
        changed = {"value": statement.excluded.value, "changed_at": statement.excluded.changed_at}
        self._db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))
