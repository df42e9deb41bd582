"""The processes that share the ledger, and their common pace."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select, update

from autodialer.ports.replicas import PaceRow
from autodialer.store.insert import insert_for, insert_if_absent
from autodialer.store.prepared import Prepared
from autodialer.store.tables import pace, replicas

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CALLS = "calls"
_r = replicas.c
_p = pace.c
# Made once: to build a statement takes longer than to execute it.
_RENEW = Prepared(update(replicas).where(_r.owner == bindparam("who")))
_KNOWS = select(_r.owner).where(_r.owner == bindparam("who"))
_SILENT = Prepared(select(_r.owner).where(_r.lease_until < bindparam("now")).order_by(_r.lease_until))
_LOAD = select(_p.due_at, _p.interval, _p.calm_since).where(_p.name == _CALLS).with_for_update()
_SAVE = update(pace).where(_p.name == _CALLS)


class SqlReplicas:
    """Implements ports.replicas.Replicas."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def join(self, owner: str, now: datetime, until: datetime) -> None:
        statement = insert_for(self._db, replicas).values(owner=owner, joined_at=now, lease_until=until)
        again = {"joined_at": statement.excluded.joined_at, "lease_until": statement.excluded.lease_until}
        self._db.execute(statement.on_conflict_do_update(index_elements=["owner"], set_=again))

    def renew(self, owner: str, until: datetime, heard_at: datetime | None) -> bool:
        values = {"who": owner, "lease_until": until, "heard_at": heard_at}
        return _RENEW.change(self._db, values) == 1

    def leave(self, owner: str) -> None:
        self._db.execute(delete(replicas).where(_r.owner == owner))

    def bury(self, owner: str, now: datetime) -> bool:
        return self._db.execute(delete(replicas).where(_r.owner == owner, _r.lease_until < now)).rowcount == 1

    def silent(self, now: datetime) -> Sequence[str]:
        return [row.owner for row in _SILENT.rows(self._db, {"now": now})]

    def knows(self, owner: str) -> bool:
        return self._db.execute(_KNOWS, {"who": owner}).first() is not None

    def all(self) -> Sequence[str]:
        return self._db.execute(select(_r.owner).order_by(_r.joined_at, _r.owner)).scalars().all()

    def heard_at(self) -> datetime | None:
        return self._db.execute(select(func.max(_r.heard_at))).scalar()


class SqlPace:
    """Implements ports.replicas.Pace. Microseconds: at hundreds of calls a second, milliseconds are too coarse."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def lock(self) -> None:
        self.load()

    def load(self) -> PaceRow | None:
        row = self._db.execute(_LOAD).first()
        if row is None:
            # To lock a row it must be there. Of two who make it at once, the second waits for the first.
            insert_if_absent(self._db, pace, {"name": _CALLS, "due_at": 0, "interval": 0, "calm_since": 0})
            row = self._db.execute(_LOAD).one()
        if not row.interval:
            return None
        return PaceRow(_instant(row.due_at), row.interval * _MICROSECOND, _instant(row.calm_since))

    def save(self, row: PaceRow) -> None:
        interval = max(1, row.interval // _MICROSECOND)
        values = {"due_at": _micros(row.due_at), "interval": interval, "calm_since": _micros(row.calm_since)}
        self._db.execute(_SAVE, values)


def _instant(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
