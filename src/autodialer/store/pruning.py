"""Removes what nothing reads any more, a few rows in each transaction; where it stopped stands in the ledger.

No lock is waited for: a row that somebody else holds this moment stays. What decides who is called is not touched
(docs/runbook.md, "Keeping less"): `verify` and the verdicts are the same before and after.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, text, tuple_, update

from autodialer.domain.disposition import Disposition
from autodialer.ports.pruning import Detail, Pruned
from autodialer.store.attempts import LATEST_SUBMITTED
from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_for, insert_if_absent
from autodialer.store.tables import OPEN, RELEASED, activities, attempts, inbox, outbox, runs, staged_records, switches
from autodialer.store.types import from_millis, to_millis

PRUNED_TO = "pruned_to"  # up to which instant updates may be missing; read by verify
PRUNED_AT = "pruned_at"  # when the last daily turn was taken, by the database's clock
_DAY = timedelta(days=1)
_EMPTY = "{}"
_a, _i, _o, _r, _s = attempts.c, inbox.c, outbox.c, runs.c, staged_records.c
_later = outbox.alias("later")
# The CRM took another update afterwards that says all that this one did.
_SAID_AGAIN = exists(
    select(1).where(
        _later.c.zoho_id == _o.zoho_id,
        _later.c.record_type == _o.record_type,
        _later.c.outbox_id > _o.outbox_id,
        _later.c.state == "sent",
        or_(_o.call_attempts.is_(None), _later.c.call_attempts >= _o.call_attempts),
        or_(_o.status.is_(None), _later.c.status == _o.status),
        or_(_o.first_no_answer_at.is_(None), _later.c.first_no_answer_at.is_not(None)),
    )
)
_NEWEST_THAT_PULLED = select(_r.started_at).where(_r.staged_at.is_not(None)).order_by(_r.started_at.desc()).limit(1)
_LATEST = LATEST_SUBMITTED.correlate(None).scalar_subquery()
# Released, nothing told of the number, and not the call by which a clock that was set back is noticed.
_SAYS_NOTHING = and_(
    text(RELEASED),
    _a.number_refused == 0,
    or_(_a.submitted_at.is_(None), _a.submitted_at < _LATEST),
)


class SqlPruning:
    """Implements ports.pruning.Pruning."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def step(self, detail: Detail, position: str | None, before: datetime, limit: int, *, remove: bool) -> Pruned:
        start = self._position(detail) if position is None else position
        work = {
            Detail.STAGED: self._staged,
            Detail.CALLBACKS: self._callbacks,
            Detail.UPDATES: self._updates,
            Detail.RELEASED: self._released,
        }
        removed, reached, more = work[detail](start, before, limit, remove)
        if remove and reached != start:
            self._set(f"pruned_{detail.value}", reached, before)
        return Pruned(removed, reached if more else None)

    def begin_daily(self, now: datetime) -> bool:
        value = {"name": PRUNED_AT, "value": str(to_millis(now)), "changed_at": now}
        if insert_if_absent(self._db, switches, value):
            return True
        # By its time of change, so that of two processes only one finds it old.
        old = and_(switches.c.name == PRUNED_AT, switches.c.changed_at <= now - _DAY)
        changed = update(switches).where(old).values(value=value["value"], changed_at=now)
        return self._db.execute(changed).rowcount == 1

    def _staged(self, start: str, before: datetime, limit: int, remove: bool) -> tuple[int, str, bool]:
        """One run after the other, the oldest first, up to the one whose records people still look through and search."""
        millis, _, run_id = (start or "0~").partition("~")
        newest = self._db.execute(_NEWEST_THAT_PULLED).scalar() or before
        ended = and_(_r.started_at < min(before, newest), _r.state.in_(["finished", "stopped", "skipped"]))
        at = from_millis(int(millis))
        after = and_(_r.started_at >= at, or_(_r.started_at > at, _r.run_id > run_id))
        found = select(_r.run_id, _r.started_at).where(after, ended)
        run = self._db.execute(found.order_by(_r.started_at, _r.run_id).limit(1)).first()
        if run is None:
            return 0, start, False
        passed = f"{to_millis(run.started_at)}~{run.run_id}"
        if not remove:
            count = select(func.count()).select_from(staged_records).where(_s.run_id == run.run_id)
            return self._db.execute(count).scalar_one(), passed, True
        some = select(_s.record_type, _s.zoho_id).where(_s.run_id == run.run_id).limit(limit)
        mine = and_(_s.run_id == run.run_id, tuple_(_s.record_type, _s.zoho_id).in_(some))
        removed = self._db.execute(delete(staged_records).where(mine)).rowcount
        return removed, start if removed == limit else passed, True

    def _callbacks(self, start: str, before: datetime, limit: int, remove: bool) -> tuple[int, str, bool]:
        columns = (_i.inbox_id, _i.source, _i.state, _i.session_id, _i.attempt_id, _i.received_at, _i.applied_at)
        said = (_i.body != _EMPTY).label("says_something")
        rows = self._next(select(*columns, said), _i.inbox_id, start, limit, remove)
        old = list(takewhile(lambda row: row.received_at < before, rows))
        done = [row for row in old if row.state in ("applied", "ignored", "conflict") and _is_before(row, before)]
        unsettled = self._unsettled(done)
        done = [row for row in done if not {row.attempt_id, row.session_id} & unsettled]
        events = [row.inbox_id for row in done if row.source == "provider"]
        # Results in our own format may be sent again: that they were taken must stay known, what they said need not.
        results = [row.inbox_id for row in done if row.source == "mission" and row.says_something]
        if remove and events:
            self._db.execute(delete(inbox).where(_i.inbox_id.in_(events)))
        if remove and results:
            self._db.execute(update(inbox).where(_i.inbox_id.in_(results)).values(body=_EMPTY))
        return len(events) + len(results), *_reached(old, rows, start, limit)

    def _unsettled(self, rows: Sequence[Row[Any]]) -> set[str | None]:
        """The attempts, by id and by session, to which a late result would still apply: what was heard of them is read then."""
        ids = [row.attempt_id for row in rows if row.attempt_id is not None]
        sessions = [row.session_id for row in rows if row.session_id is not None]
        theirs = or_(_a.attempt_id.in_(ids), _a.session_id.in_(sessions))
        waits = or_(text(OPEN), _a.disposition == Disposition.UNKNOWN.value)
        found = self._db.execute(select(_a.attempt_id, _a.session_id).where(theirs, waits))
        return {value for row in found for value in row if value is not None}

    def _updates(self, start: str, before: datetime, limit: int, remove: bool) -> tuple[int, str, bool]:
        columns = (_o.outbox_id, _o.zoho_id, _o.created_at)
        rows = self._next(select(*columns), _o.outbox_id, start, limit, remove)
        old = list(takewhile(lambda row: row.created_at < before, rows))
        settled = and_(_o.state.in_(["sent", "superseded"]), _o.created_at < before, _o.settled_at < before)
        # Of a record all that is old at once: what says it again may have come since this pass went by.
        where = and_(settled, _SAID_AGAIN, _o.zoho_id.in_({row.zoho_id for row in old}))
        if not remove:
            mine = and_(where, _o.outbox_id.in_([row.outbox_id for row in old]))
            removed = self._db.execute(select(func.count()).select_from(outbox).where(mine)).scalar_one()
            return removed, *_reached(old, rows, start, limit)
        ids = list(self._db.execute(select(_o.outbox_id).where(where)).scalars())
        if ids:
            self._raise_pruned_to(before)
            self._db.execute(delete(outbox).where(_o.outbox_id.in_(ids)))
        return len(ids), *_reached(old, rows, start, limit)

    def _released(self, start: str, before: datetime, limit: int, remove: bool) -> tuple[int, str, bool]:
        """A day after the other."""
        following = select(func.min(_a.policy_day)).where(text(RELEASED), _a.policy_day > start)
        day = self._db.execute(following).scalar()
        # Two days more: the date may be one of any zone.
        if day is None or day >= (before - 2 * _DAY).date().isoformat():
            return 0, start, False
        found = select(_a.attempt_id).where(_a.policy_day == day, _SAYS_NOTHING, _a.reserved_at < before)
        ids = self._nobody_tells_of(self._db.execute(found).scalars())
        some = ids[:limit] if remove else ids
        if remove and some:
            self._db.execute(delete(attempts).where(_a.attempt_id.in_(some), _SAYS_NOTHING))
        return len(some), day if len(some) == len(ids) else start, True

    def _nobody_tells_of(self, attempt_ids: Iterable[str]) -> list[str]:
        free: list[str] = []
        for ids in chunks(attempt_ids):
            told = self._db.execute(select(_i.attempt_id).where(_i.attempt_id.in_(ids))).scalars().all()
            listed = self._db.execute(select(activities.c.attempt_id).where(activities.c.attempt_id.in_(ids)))
            free += sorted({*ids} - {*told, *listed.scalars()})
        return free

    def _next(
        self, statement: Any, key: ColumnElement[int], start: str, limit: int, remove: bool
    ) -> Sequence[Row[Any]]:
        wanted = statement.where(key > int(start or 0)).order_by(key).limit(limit)
        return self._db.execute(wanted.with_for_update(skip_locked=True) if remove else wanted).all()

    def _position(self, detail: Detail) -> str:
        name = f"pruned_{detail.value}"
        return self._db.execute(select(switches.c.value).where(switches.c.name == name)).scalar() or ""

    def _raise_pruned_to(self, before: datetime) -> None:
        known = self._db.execute(select(switches.c.value).where(switches.c.name == PRUNED_TO)).scalar()
        if to_millis(before) > int(known or 0):
            self._set(PRUNED_TO, str(to_millis(before)), before)

    def _set(self, name: str, value: str, at: datetime) -> None:
        statement = insert_for(self._db, switches).values(name=name, value=value, changed_at=at)
        changed = {"value": statement.excluded.value, "changed_at": statement.excluded.changed_at}
        self._db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))


def _is_before(row: Row[Any], before: datetime) -> bool:
    return row.applied_at is not None and row.applied_at < before


def _reached(old: Sequence[Row[Any]], rows: Sequence[Row[Any]], start: str, limit: int) -> tuple[str, bool]:
    """How far a pass by number has come, and whether there may be more."""
    reached = str(old[-1][0]) if old else start
    return reached, len(old) == len(rows) == limit
