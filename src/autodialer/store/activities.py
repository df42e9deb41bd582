"""Attempts of which Zoho is to be told as a note or a call."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, update

from autodialer.domain.activity import ActivityForm
from autodialer.ports.activities import ActivityRow
from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_if_absent
from autodialer.store.tables import ACTIVITY_DUE, activities

_a = activities.c


class SqlActivities:
    """Implements ports.activities.Activities."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def put(self, attempt_id: str, at: datetime) -> None:
        insert_if_absent(self._db, activities, {"attempt_id": attempt_id, "next_try_at": at, "created_at": at})

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[ActivityRow]:
        due = (
            select(activities)
            .where(text(ACTIVITY_DUE), _a.next_try_at <= now)
            .order_by(_a.next_try_at, _a.attempt_id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has one writer and leaves this out
        )
        rows = [_row(row) for row in self._db.execute(due)]
        theirs = _a.attempt_id.in_([row.attempt_id for row in rows])
        self._db.execute(update(activities).where(theirs).values(claimed_by=owner, next_try_at=until))
        return rows

    def disown(self, owner: str) -> None:
        theirs = _a.claimed_by.is_not(None) if not owner else _a.claimed_by == owner
        self._db.execute(update(activities).where(text(ACTIVITY_DUE), theirs).values(claimed_by=None))

    def begin(self, attempt_id: str, owner: str, form: ActivityForm) -> bool:
        return self._change(attempt_id, owner, claimed_by=owner, form=form.value)

    def sent(self, attempt_id: str, owner: str, activity_id: str, at: datetime) -> bool:
        return self._change(attempt_id, owner, state="sent", activity_id=activity_id, settled_at=at)

    def retry(self, attempt_id: str, owner: str, error: str, next_try_at: datetime, *, is_absent: bool) -> bool:
        values: dict[str, Any] = {"tries": _a.tries + 1, "last_error": error, "next_try_at": next_try_at}
        return self._change(attempt_id, owner, **values, **({"form": None} if is_absent else {}))

    def park(self, attempt_id: str, owner: str, error: str, at: datetime) -> bool:
        return self._change(attempt_id, owner, state="parked", form=None, last_error=error, settled_at=at)

    def row(self, attempt_id: str) -> ActivityRow | None:
        found = self._db.execute(select(activities).where(_a.attempt_id == attempt_id)).first()
        return None if found is None else _row(found)

    def of_attempts(self, attempt_ids: Sequence[str]) -> Sequence[ActivityRow]:
        return [
            _row(row)
            for some in chunks(attempt_ids)
            for row in self._db.execute(select(activities).where(_a.attempt_id.in_(some)))
        ]

    def count(self, state: str) -> int:
        return self._db.execute(select(func.count()).select_from(activities).where(_a.state == state)).scalar_one()

    def _change(self, attempt_id: str, owner: str, **values: Any) -> bool:
        mine = update(activities).where(_a.attempt_id == attempt_id, text(ACTIVITY_DUE), _a.claimed_by == owner)
        return self._db.execute(mine.values(**{"claimed_by": None, **values})).rowcount == 1


def _row(row: Row[Any]) -> ActivityRow:
    return ActivityRow(
        attempt_id=row.attempt_id,
        state=row.state,
        form=ActivityForm(row.form) if row.form else None,
        activity_id=row.activity_id,
        tries=row.tries,
        next_try_at=row.next_try_at,
        last_error=row.last_error,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )
