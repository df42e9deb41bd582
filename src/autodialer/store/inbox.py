"""Callbacks as they came."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select, text, update

from autodialer.ports.rows import Arrival, InboxRow
from autodialer.ports.work_lists import DISMISSED
from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_of
from autodialer.store.tables import INBOX_WAITING, inbox

_i = inbox.c
_WAITING = text(INBOX_WAITING)
# Made once: to build a statement takes far longer than to execute it.
_NEXT = select(inbox).where(_WAITING, _i.state == "new").order_by(_i.inbox_id).limit(bindparam("at_most"))
_UNMATCHED = or_(_i.state == "orphan", and_(_i.state == "ignored", _i.note.startswith(DISMISSED)))
_ORPHANS = select(inbox).where(_i.session_id == bindparam("session"), _UNMATCHED).order_by(_i.inbox_id)
_OF_SESSION = select(inbox).where(_i.session_id == bindparam("session")).order_by(_i.inbox_id)
_OF_KEY = select(inbox).where(_i.dedupe_key == bindparam("key"))
_LOCK = select(_i.inbox_id).where(_i.inbox_id == bindparam("id"), _i.state == "new").with_for_update(skip_locked=True)
_EARLIER = select(_i.inbox_id).where(
    _i.session_id == bindparam("session"), _i.state == "new", _i.inbox_id < bindparam("id")
)
_SETTLE = update(inbox).where(_i.inbox_id == bindparam("id"), _i.state == "new")


@cache
def _add_to(dialect: str) -> Any:
    counted = {"deliveries": _i.deliveries + 1}
    return insert_of(dialect, inbox).on_conflict_do_update(index_elements=["dedupe_key"], set_=counted)


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
        add = _add_to(self._db.dialect.name).returning(_i.deliveries)
        return bool(self._db.execute(add, _values(arrival)).scalar_one() == 1)

    def add_all(self, arrivals: Sequence[Arrival]) -> None:
        if arrivals:
            self._db.execute(_add_to(self._db.dialect.name), [_values(arrival) for arrival in arrivals])

    def waiting(self, limit: int) -> Sequence[InboxRow]:
        return self._many(_NEXT, {"at_most": limit})

    def take(self, inbox_id: int, session_id: str | None, left: Collection[int]) -> bool:
        if self._db.dialect.name == "sqlite":
            return True  # one process, which takes them in their order
        if self._db.execute(_LOCK, {"id": inbox_id}).first() is None:
            return False
        earlier = self._db.execute(_EARLIER, {"session": session_id, "id": inbox_id}).scalars() if session_id else ()
        return all(number in left for number in earlier)

    def of_session(self, session_id: str) -> Sequence[InboxRow]:
        return self._many(_OF_SESSION, {"session": session_id})

    def find(self, dedupe_key: str) -> InboxRow | None:
        return next(iter(self._many(_OF_KEY, {"key": dedupe_key})), None)

    def orphans_of(self, session_id: str) -> Sequence[InboxRow]:
        return self._many(_ORPHANS, {"session": session_id})

    def _many(self, statement: Any, values: dict[str, Any]) -> Sequence[InboxRow]:
        return [inbox_row(row) for row in self._db.execute(statement, values)]

    def settle(self, inbox_id: int, state: str, *, attempt_id: str | None = None, note: str = "", at: datetime) -> bool:
        values = {"id": inbox_id, "state": state, "attempt_id": attempt_id, "note": note, "applied_at": at}
        return self._db.execute(_SETTLE, values).rowcount == 1

    def reopen(self, inbox_ids: Sequence[int]) -> None:
        if inbox_ids:
            self._db.execute(update(inbox).where(_i.inbox_id.in_(inbox_ids), _UNMATCHED).values(state="new"))

    def of_attempts(self, attempt_ids: Sequence[str]) -> Sequence[InboxRow]:
        theirs = select(inbox).where(_i.attempt_id.in_(attempt_ids)).order_by(_i.inbox_id)
        return self._many(theirs, {}) if attempt_ids else []

    def of_calls(self, attempt_ids: Sequence[str], session_ids: Sequence[str]) -> Sequence[InboxRow]:
        found = {row.inbox_id: row for row in self.of_attempts(attempt_ids)}
        for some in chunks(session_ids):
            theirs = select(inbox).where(_i.session_id.in_(some))
            found |= {row.inbox_id: row for row in self._many(theirs, {})}
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


def inbox_row(row: Row[Any]) -> InboxRow:
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
