"""Callbacks as they came."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, text, update

from autodialer.ports.rows import ASKING, Arrival, InboxRow
from autodialer.ports.work_lists import DISMISSED, PERHAPS_OTHERS
from autodialer.store.by_session import new_of_sessions, of_sessions
from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_of
from autodialer.store.prepared import Prepared, PreparedAmong, execute
from autodialer.store.tables import (
    CONFLICT,
    INBOX_ASKING,
    INBOX_SETTLED,
    INBOX_WAITING,
    OPEN,
    attempts,
    inbox,
)
from autodialer.store.types import to_millis

_i = inbox.c
_WAITING = text(INBOX_WAITING)
_NEXT = Prepared(
    select(inbox)
    .where(_WAITING, _i.state == "new", _i.note != ASKING, _i.inbox_id > bindparam("after"))
    .order_by(_i.inbox_id)
    .limit(bindparam("at_most"))
)
_ASKING = Prepared(
    select(inbox)
    .where(text(INBOX_ASKING), _i.inbox_id > bindparam("after"))
    .order_by(_i.inbox_id)
    .limit(bindparam("at_most"))
)
_ASK = Prepared(update(inbox).where(_i.inbox_id == bindparam("id"), _i.state == "new"))
# In two steps, by the few calls in progress: in one, a database without fresh statistics may read all callbacks instead.
_OPEN_SESSIONS = Prepared(select(attempts.c.session_id).where(text(OPEN), attempts.c.session_id.is_not(None)))
_LEFT = or_(_i.note.startswith(DISMISSED), _i.note == PERHAPS_OTHERS)
_UNMATCHED = or_(_i.state == "orphan", and_(_i.state == "ignored", _LEFT))
_ORPHANS = Prepared(
    select(inbox).where(text(INBOX_SETTLED), _i.session_id == bindparam("session"), _UNMATCHED).order_by(_i.inbox_id)
)
_ORPHANS_AMONG = PreparedAmong(
    lambda sessions: select(_i.inbox_id).where(text(INBOX_SETTLED), _i.session_id.in_(sessions), _UNMATCHED)
)
_OF_KEY = Prepared(select(inbox).where(_i.dedupe_key == bindparam("key")))
_LOCK = Prepared(
    select(_i.inbox_id).where(_i.inbox_id == bindparam("id"), _i.state == "new").with_for_update(skip_locked=True)
)
_EARLIER = Prepared(  # asked on PostgreSQL alone
    select(_i.inbox_id).where(
        _i.session_id == bindparam("session"), _i.state == "new", _i.note != ASKING, _i.inbox_id < bindparam("id")
    )
)
# For SQLite: each statement lets go of Python's lock and asks for it again, which costs more than a row does.
_ADD_ROWS = """
INSERT INTO inbox (dedupe_key, source, event_type, session_id, body, received_at)
VALUES {rows}
ON CONFLICT (dedupe_key) DO UPDATE SET deliveries = inbox.deliveries + 1
"""
_ROWS = 64  # in one of these statements at most
# For PostgreSQL, which would be asked for each row anew; in the order in which they came, for so they are applied. As JSON, which
# is made and read several times as fast as the driver makes arrays.
_ADD_IN_ONE = """
INSERT INTO inbox (dedupe_key, source, event_type, session_id, body, received_at, deliveries)
SELECT dedupe_key, source, event_type, session_id, body, received_at, deliveries
FROM json_to_recordset(%s::json) AS arrived (
    place int, dedupe_key text, source text, event_type text, session_id text, body text, received_at bigint, deliveries int
)
ORDER BY place
ON CONFLICT (dedupe_key) DO UPDATE SET deliveries = inbox.deliveries + excluded.deliveries
"""
_SETTLE = Prepared(update(inbox).where(_i.inbox_id == bindparam("id"), _i.state == "new"))


_LATE = 20_000  # callbacks


def late_conflicts(connection: Connection) -> ColumnElement[bool]:
    """Which callbacks are on the list of conflicts (ports.work_lists.WorkLists.conflicts)."""
    newest = connection.execute(select(func.max(_i.inbox_id))).scalar() or 0
    return and_(text(CONFLICT), _i.inbox_id > newest - _LATE)


@cache
def _add_to(dialect: str) -> Any:
    counted = {"deliveries": _i.deliveries + 1}
    statement = insert_of(dialect, inbox).on_conflict_do_update(index_elements=["dedupe_key"], set_=counted)
    return statement.returning(_i.deliveries)


@cache
def _add_rows(count: int) -> str:
    return _ADD_ROWS.format(rows=", ".join(["(?, ?, ?, ?, ?, ?)"] * count))


class SqlInbox:
    """Implements ports.ledger.Inbox."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(
        self,
        *,
        dedupe_key: str,
        source: str,
        event_type: str,
        session_id: str | None,
        body: str,
        at: datetime,
    ) -> bool:
        arrival = Arrival(dedupe_key, source, event_type, session_id, body, at)
        add = _add_to(self._db.dialect.name)
        return bool(self._db.execute(add, _values(arrival)).scalar_one() == 1)

    def add_all(self, arrivals: Sequence[Arrival]) -> None:
        if self._db.dialect.name == "postgresql":
            self._add_in_one(arrivals)
        else:
            self._add_in_few(arrivals)

    def _add_in_few(self, arrivals: Sequence[Arrival]) -> None:
        """In powers of two, so that there are few different statements."""
        place = 0
        while place < len(arrivals):
            size = 1 << (min(len(arrivals) - place, _ROWS).bit_length() - 1)
            bound: list[Any] = []
            for row in arrivals[place : place + size]:
                at = to_millis(row.received_at)
                bound += (row.dedupe_key, row.source, row.event_type, row.session_id, row.body, at)
            execute(self._db, _add_rows(size), bound)
            place += size

    def _add_in_one(self, arrivals: Sequence[Arrival]) -> None:
        """One statement may touch a row once only: those that came twice in the group are counted before."""
        deliveries = Counter(arrival.dedupe_key for arrival in arrivals)
        first = {arrival.dedupe_key: arrival for arrival in reversed(arrivals)}
        rows = [first.pop(arrival.dedupe_key) for arrival in arrivals if arrival.dedupe_key in first]
        values = [
            {
                **_values(row),
                "received_at": to_millis(row.received_at),
                "deliveries": deliveries[row.dedupe_key],
                "place": place,
            }
            for place, row in enumerate(rows)
        ]
        if rows:
            execute(self._db, _ADD_IN_ONE, [msgspec.json.encode(values).decode()])

    def waiting(self, limit: int, after: int = 0) -> Sequence[InboxRow]:
        return self._many(_NEXT, {"at_most": limit, "after": after})

    def of_open_calls(self, limit: int) -> Sequence[InboxRow]:
        sessions = [row.session_id for row in _OPEN_SESSIONS.rows(self._db, {})]
        rows = [row for some in chunks(sessions) for row in new_of_sessions(self._db, some)]
        return [inbox_row(row) for row in sorted(rows, key=lambda row: row.inbox_id)[:limit]]

    def ask(self, inbox_id: int) -> None:
        _ASK.change(self._db, {"id": inbox_id, "note": ASKING})

    def asking(self, limit: int, after: int = 0) -> Sequence[InboxRow]:
        return self._many(_ASKING, {"at_most": limit, "after": after})

    def take(self, inbox_id: int, session_id: str | None, left: Collection[int]) -> bool:
        if self._db.dialect.name == "sqlite":
            return True  # one process, which takes them in their order
        if _LOCK.first(self._db, {"id": inbox_id}) is None:
            return False
        rows = _EARLIER.rows(self._db, {"session": session_id, "id": inbox_id}) if session_id else ()
        return all(row.inbox_id in left for row in rows)

    def of_session(self, session_id: str) -> Sequence[InboxRow]:
        return [inbox_row(row) for row in of_sessions(self._db, [session_id])]

    def find(self, dedupe_key: str) -> InboxRow | None:
        return next(iter(self._many(_OF_KEY, {"key": dedupe_key})), None)

    def orphans_of(self, session_id: str) -> Sequence[InboxRow]:
        return self._many(_ORPHANS, {"session": session_id})

    def orphans_of_open_calls(self) -> Sequence[int]:
        sessions = [row.session_id for row in _OPEN_SESSIONS.rows(self._db, {})]
        return [row.inbox_id for some in chunks(sessions) for row in _ORPHANS_AMONG.rows(self._db, some)]

    def _many(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[InboxRow]:
        return [inbox_row(row) for row in statement.rows(self._db, values)]

    def settle(self, inbox_id: int, state: str, *, attempt_id: str | None = None, note: str = "", at: datetime) -> bool:
        values = {"id": inbox_id, "state": state, "attempt_id": attempt_id, "note": note, "applied_at": at}
        return _SETTLE.change(self._db, values) == 1

    def reopen(self, inbox_ids: Sequence[int]) -> None:
        if inbox_ids:
            self._db.execute(update(inbox).where(_i.inbox_id.in_(inbox_ids), _UNMATCHED).values(state="new"))

    def of_attempts(self, attempt_ids: Sequence[str]) -> Sequence[InboxRow]:
        theirs = select(inbox).where(_i.attempt_id.in_(attempt_ids)).order_by(_i.inbox_id)
        return [inbox_row(row) for row in self._db.execute(theirs)] if attempt_ids else []

    def of_calls(self, attempt_ids: Sequence[str], session_ids: Sequence[str]) -> Sequence[InboxRow]:
        found = {row.inbox_id: row for row in self.of_attempts(attempt_ids)}
        for some in chunks(session_ids):
            found |= {row.inbox_id: inbox_row(row) for row in of_sessions(self._db, some)}
        return [found[inbox_id] for inbox_id in sorted(found)]

    def count(self, state: str) -> int:
        counted = select(func.count()).select_from(inbox).where(_i.state == state)
        waits = state in (
            "new",
            "orphan",
        )  # said in the words of its index, for neither database sees through a parameter
        return self._db.execute(counted.where(_WAITING) if waits else counted).scalar_one()


def _values(arrival: Arrival) -> dict[str, Any]:
    return {
        "dedupe_key": arrival.dedupe_key,
        "source": arrival.source,
        "event_type": arrival.event_type,
        "session_id": arrival.session_id,
        "body": arrival.body,
        "received_at": arrival.received_at,
    }


def inbox_row(row: Any) -> InboxRow:
    """A row of the table as the use cases see it."""
    return InboxRow(
        inbox_id=row.inbox_id,
        source=row.source,
        event_type=row.event_type,
        session_id=row.session_id,
        body=row.body,
        received_at=row.received_at,
        deliveries=row.deliveries,
        state=row.state,
        attempt_id=row.attempt_id,
        note=row.note,
        applied_at=row.applied_at,
    )
