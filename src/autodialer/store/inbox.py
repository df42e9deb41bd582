"""Callbacks as they came."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select, text, update

from autodialer.ports.rows import InboxRow
from autodialer.store.insert import insert_if_absent
from autodialer.store.tables import INBOX_WAITING, inbox

_i = inbox.c
_WAITING = text(INBOX_WAITING)


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
        values = {
            "dedupe_key": dedupe_key,
            "source": source,
            "event_type": event_type,
            "session_id": session_id,
            "body": body,
            "received_at": at,
        }
        if insert_if_absent(self._db, inbox, values):
            return True
        self._db.execute(update(inbox).where(_i.dedupe_key == dedupe_key).values(deliveries=_i.deliveries + 1))
        return False

    def waiting(self, limit: int) -> Sequence[InboxRow]:
        return self._many(select(inbox).where(_WAITING, _i.state == "new").order_by(_i.inbox_id).limit(limit))

    def orphans_of(self, session_id: str) -> Sequence[InboxRow]:
        mine = select(inbox).where(_i.session_id == session_id, _i.state == "orphan")
        return self._many(mine.order_by(_i.inbox_id))

    def _many(self, statement: Any) -> Sequence[InboxRow]:
        return [_row(row) for row in self._db.execute(statement)]

    def settle(self, inbox_id: int, state: str, *, attempt_id: str | None = None, note: str = "", at: datetime) -> bool:
        values = {"state": state, "attempt_id": attempt_id, "note": note, "applied_at": at}
        mine = and_(_i.inbox_id == inbox_id, _i.state == "new")
        return self._db.execute(update(inbox).where(mine).values(**values)).rowcount == 1

    def reopen(self, inbox_ids: Sequence[int]) -> None:
        if inbox_ids:
            self._db.execute(update(inbox).where(_i.inbox_id.in_(inbox_ids), _i.state == "orphan").values(state="new"))

    def of_attempts(self, attempt_ids: Sequence[str]) -> Sequence[InboxRow]:
        return (
            self._many(select(inbox).where(_i.attempt_id.in_(attempt_ids)).order_by(_i.inbox_id)) if attempt_ids else []
        )

    def count(self, state: str) -> int:
        return self._db.execute(select(func.count()).select_from(inbox).where(_i.state == state)).scalar_one()


def _row(row: Row[Any]) -> InboxRow:
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
    )
