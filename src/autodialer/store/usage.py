"""What all processes of a deployment asked of the CRM."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, case, delete, func, select

from autodialer.ports.boxes import UsageRow
from autodialer.store.insert import insert_for
from autodialer.store.tables import crm_usage

PERIOD = timedelta(minutes=10)
_KEPT = timedelta(days=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_u = crm_usage.c
# Made once: to build a statement takes longer than to execute it.
_SUM = select(
    func.coalesce(func.sum(_u.calls), 0),
    func.coalesce(func.sum(_u.credits), 0),
    func.coalesce(func.sum(_u.throttled), 0),
).where(_u.period >= bindparam("first"))
_TOLD = (
    select(_u.credits_remaining, _u.told_at)
    .where(_u.period >= bindparam("first"), _u.told_at.is_not(None))
    .order_by(_u.period.desc())
    .limit(1)
)
_FORGET = delete(crm_usage).where(_u.period < bindparam("first"))


class SqlUsage:
    """Implements ports.boxes.Usage."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, row: UsageRow, at: datetime) -> None:
        statement = insert_for(self._db, crm_usage).values(
            period=_period_of(at),
            calls=row.calls,
            credits=row.credits,
            throttled=row.throttled,
            credits_remaining=row.credits_remaining,
            told_at=row.told_at,
        )
        new = statement.excluded
        # Of two processes, the one that heard last knows better.
        newer = new.told_at.is_not(None) & (_u.told_at.is_(None) | (new.told_at >= _u.told_at))
        changed = {
            "calls": _u.calls + new.calls,
            "credits": _u.credits + new.credits,
            "throttled": _u.throttled + new.throttled,
            "credits_remaining": case((newer, new.credits_remaining), else_=_u.credits_remaining),
            "told_at": case((newer, new.told_at), else_=_u.told_at),
        }
        self._db.execute(statement.on_conflict_do_update(index_elements=["period"], set_=changed))
        self._db.execute(_FORGET, {"first": at - _KEPT})

    def since(self, moment: datetime) -> UsageRow:
        first = {"first": _period_of(moment)}
        calls, credits_used, throttled = self._db.execute(_SUM, first).one()
        told = self._db.execute(_TOLD, first).first()
        remaining, told_at = (told.credits_remaining, told.told_at) if told else (None, None)
        return UsageRow(int(calls), int(credits_used), int(throttled), remaining, told_at)


def _period_of(moment: datetime) -> datetime:
    return moment - (moment - _EPOCH) % PERIOD
