"""The small tables: do-not-call and switches."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, or_, select

from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_all_absent, insert_for, insert_if_absent
from autodialer.store.prepared import Prepared, PreparedAmong
from autodialer.store.tables import do_not_call, switches

_HAS = PreparedAmong(lambda numbers: select(do_not_call.c.number).where(do_not_call.c.number.in_(numbers)))
_SOME = PreparedAmong(lambda names: select(switches.c.name, switches.c.value).where(switches.c.name.in_(names)))
_CHANGED_AT = select(switches.c.changed_at).where(switches.c.name == bindparam("name"))
_GET = Prepared(select(switches.c.value).where(switches.c.name == bindparam("name")))


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
            found.update(row.number for row in _HAS.rows(self._db, some))
        return frozenset(found)

    def all(self) -> Sequence[tuple[str, str, datetime]]:
        rows = self._db.execute(select(do_not_call).order_by(do_not_call.c.number))
        return [(row.number, row.reason, row.added_at) for row in rows]

    def find(self, number: str) -> tuple[str, datetime] | None:
        row = self._db.execute(select(do_not_call).where(do_not_call.c.number == number)).first()
        return (row.reason, row.added_at) if row else None

    def page(self, after: str, limit: int, wanted: str = "") -> Sequence[tuple[str, str, datetime]]:
        d = do_not_call.c
        rows = select(do_not_call).where(d.number > after).order_by(d.number).limit(limit)
        if wanted:
            holds = [func.lower(d.reason).contains(wanted.lower(), autoescape=True)]
            if digits := _digits(wanted):
                holds.append(d.number.contains(digits))
            rows = rows.where(or_(*holds))
        return [(row.number, row.reason, row.added_at) for row in self._db.execute(rows)]

    def add_all(self, numbers: Mapping[str, str], at: datetime) -> int:
        before = self.has(numbers)
        new = [
            {"number": number, "reason": reason, "added_at": at}
            for number, reason in numbers.items()
            if number not in before
        ]
        insert_all_absent(self._db, do_not_call, new)
        return len(new)

    def count(self) -> int:
        return self._db.execute(select(func.count()).select_from(do_not_call)).scalar_one()


def _digits(wanted: str) -> str:
    """Those of a number, or of a part of one, that is searched for: 0721 … stands in the list as +40721…; "" for other text."""
    return re.sub(r"[ ().+/-]", "", wanted).lstrip("0") if re.fullmatch(r"[0-9 ().+/-]+", wanted) else ""


class SqlSwitches:
    """Implements ports.ledger.Switches."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, name: str) -> str | None:
        row = _GET.first(self._db, {"name": name})
        return None if row is None else str(row.value)

    def changed_at(self, name: str) -> datetime | None:
        return self._db.execute(_CHANGED_AT, {"name": name}).scalar()

    def some(self, names: Sequence[str]) -> Mapping[str, str]:
        return {row.name: row.value for row in _SOME.rows(self._db, names) if row.value}

    def set(self, name: str, value: str, at: datetime) -> None:
        statement = insert_for(self._db, switches).values(name=name, value=value, changed_at=at)
        changed = {"value": statement.excluded.value, "changed_at": statement.excluded.changed_at}
        self._db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))
