"""Updates on their way to the CRM: one waiting row per record, holding the newest projection whole."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, text, update

from autodialer.domain.record import CrmStatus, RecordKey, RecordType
from autodialer.ports.boxes import Choose
from autodialer.ports.rows import OutboxRow, Projection
from autodialer.ports.work_lists import GIVEN_UP
from autodialer.store.chunks import chunks
from autodialer.store.prepared import Prepared, PreparedAmong
from autodialer.store.tables import CLAIMED, OUTBOX_WAITING, PARKED, PENDING, outbox

_o = outbox.c
_WAITING = ("pending", "parked")
_OF_RECORD = Prepared(
    select(outbox)
    .where(_o.zoho_id == bindparam("zoho_id"), _o.record_type == bindparam("record_type"))
    .order_by(_o.outbox_id)
)
_INSERT = Prepared(insert(outbox))
_SUPERSEDE = Prepared(update(outbox).where(_o.outbox_id == bindparam("id"), text(OUTBOX_WAITING)))
# Longer than any batch is on its way. A dead replica's claims are freed long before (`disown`); this frees what nobody would.
CLAIM_LEASE = timedelta(minutes=15)
_GIVEN_UP = and_(_o.state == "superseded", _o.last_error.startswith(GIVEN_UP))
_NOBODY: dict[str, Any] = {"claimed_by": None, "claimed_until": None}
_MINE = and_(_o.outbox_id == bindparam("id"), _o.claimed_by == bindparam("owner"))
_LET_GO = Prepared(update(outbox).where(_MINE))
_SETTLE = update(outbox).where(_MINE, _o.state == "pending")
_SETTLED, _RETRIED = Prepared(_SETTLE), Prepared(_SETTLE.values(tries=_o.tries + 1))
_SENT_SINCE = and_(_o.state == "sent", _o.settled_at > bindparam("since"))
_earlier = outbox.alias("earlier")
_e = _earlier.c
# What was superseded while it was on its way: until its answer came, the newer one would overtake it.
_ON_ITS_WAY = exists().where(
    _e.zoho_id == _o.zoho_id,
    _e.record_type == _o.record_type,
    _e.state == "superseded",
    _e.claimed_by != bindparam("owner"),
    _e.claimed_until >= bindparam("moment"),
)
_FREE = or_(_o.claimed_by.is_(None), _o.claimed_by == bindparam("owner"), _o.claimed_until < bindparam("moment"))
_DUE = Prepared(
    select(outbox)
    .where(text("outbox.state = 'pending'"), _o.next_try_at <= bindparam("now"), _FREE, ~_ON_ITS_WAY)
    .order_by(_o.next_try_at, _o.outbox_id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True, of=outbox)  # SQLite has one writer and leaves this out
)
_OLDEST = select(func.min(_o.created_at)).where(text(PENDING))
_UNSEEN = PreparedAmong(
    lambda ids: (
        select(outbox)
        .where(_o.zoho_id.in_(ids), or_(text(f"({OUTBOX_WAITING})"), _SENT_SINCE, _GIVEN_UP))
        .order_by(_o.outbox_id)
    )
)
_WRITTEN = PreparedAmong(
    lambda ids: (
        select(_o.record_type, _o.zoho_id, _o.status).where(_o.zoho_id.in_(ids), _o.status.is_not(None)).distinct()
    )
)
_CLAIM = update(outbox).where(_o.outbox_id.in_(bindparam("ids", expanding=True)))


class SqlOutbox:
    """Implements ports.ledger.Outbox."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def put(self, projection: Projection, at: datetime) -> None:
        rows = self.of_record(projection.key)
        waiting = next((row for row in rows if row.state in _WAITING), None)
        if waiting is not None:
            _SUPERSEDE.change(self._db, {"id": waiting.outbox_id, "state": "superseded", "settled_at": at})
        written = max((row.call_attempts for row in rows if row.call_attempts is not None), default=None)
        values = _merged(projection, waiting, written)
        _INSERT.change(self._db, {**values, "state": "pending", "next_try_at": at, "created_at": at})

    def claim(
        self, owner: str, now: datetime, limit: int, shared_now: datetime, choose: Choose | None = None
    ) -> Sequence[OutboxRow]:
        asked = {"owner": owner, "now": now, "moment": shared_now, "at_most": limit}
        due = [replace(outbox_row(row), claimed_by=owner) for row in _DUE.rows(self._db, asked)]
        rows = due if choose is None else choose(due)
        if rows:
            until = shared_now + CLAIM_LEASE
            self._db.execute(
                _CLAIM, {"ids": [row.outbox_id for row in rows], "claimed_by": owner, "claimed_until": until}
            )
        return rows

    def disown(self, owner: str) -> None:
        theirs = text(CLAIMED) if not owner else _o.claimed_by == owner
        self._db.execute(update(outbox).where(theirs).values(**_NOBODY))

    def next_due_at(self) -> datetime | None:
        return self._db.execute(select(func.min(_o.next_try_at)).where(_o.state == "pending")).scalar()

    def oldest_pending(self) -> datetime | None:
        return self._db.execute(_OLDEST).scalar()

    def refused_for_long(self, queued_before: datetime) -> tuple[int, OutboxRow | None]:
        for_long = and_(text(PENDING), _o.tries > 0, _o.created_at <= queued_before)
        oldest = self._many(select(outbox).where(for_long).order_by(_o.created_at, _o.outbox_id).limit(1))
        count = self._db.execute(select(func.count()).select_from(outbox).where(for_long)).scalar_one()
        return count, next(iter(oldest), None)

    def sent(
        self, outbox_id: int, owner: str, at: datetime, *, status_kept: str | None = None, first_kept: bool = False
    ) -> bool:
        kept = {"first_no_answer_at": None} if first_kept else {}
        return self._settle(outbox_id, owner, {"state": "sent", "settled_at": at, "status_kept": status_kept, **kept})

    def retry(
        self,
        outbox_id: int,
        owner: str,
        error: str,
        next_try_at: datetime,
        *,
        blocked_since: datetime | None = None,
    ) -> bool:
        values: dict[str, Any] = {"last_error": error, "next_try_at": next_try_at}
        if blocked_since is not None:
            values["blocked_since"] = blocked_since
        return self._settle(outbox_id, owner, values, _RETRIED)

    def postpone(self, outbox_id: int, owner: str, next_try_at: datetime) -> bool:
        return self._settle(outbox_id, owner, {"next_try_at": next_try_at})

    def park(self, outbox_id: int, owner: str, error: str, at: datetime) -> bool:
        return self._settle(outbox_id, owner, {"state": "parked", "last_error": error, "settled_at": at})

    def _settle(self, outbox_id: int, owner: str, values: dict[str, Any], settle: Prepared = _SETTLED) -> bool:
        """A row that was superseded while it was on its way stays so: the newer one is still to be sent, and may go now."""
        mine = {"id": outbox_id, "owner": owner}
        if settle.change(self._db, {**mine, **_NOBODY, **values}) == 1:
            return True
        return _LET_GO.change(self._db, {**mine, **_NOBODY}) == 1

    def rewrite(self, key: RecordKey, at: datetime) -> None:
        rows = self.of_record(key)
        if rows and rows[-1].state == "sent":
            newest = rows[-1]
            attempts = max((row.call_attempts for row in rows if row.call_attempts is not None), default=None)
            first = newest.first_no_answer_at
            self.put(Projection(key, newest.attempt_id, newest.cause, None, None, attempts, first), at)

    def unparked(self, outbox_id: int, at: datetime) -> bool:
        mine = and_(_o.outbox_id == outbox_id, _o.state == "parked")
        values = {"state": "pending", "next_try_at": at, "settled_at": None, "tries": 0, "blocked_since": None}
        return self._db.execute(update(outbox).where(mine).values(**values)).rowcount == 1

    def newest(self, keys: Iterable[RecordKey], sent_since: datetime) -> Mapping[RecordKey, OutboxRow]:
        given_up: dict[RecordKey, OutboxRow] = {}
        found: dict[RecordKey, OutboxRow] = {}
        for ids in chunks(key.zoho_id for key in keys):
            for row in map(outbox_row, _UNSEEN.rows(self._db, ids, {"since": sent_since})):
                (given_up if row.state == "superseded" else found)[row.key] = row
        # Of what was given up only the count stays: a later update holds it as well.
        counts = {key: replace(row, status=None, first_no_answer_at=None) for key, row in given_up.items()}
        return counts | found

    def written_statuses(self, keys: Iterable[RecordKey]) -> Mapping[RecordKey, frozenset[CrmStatus]]:
        found: dict[RecordKey, frozenset[CrmStatus]] = {}
        for ids in chunks(key.zoho_id for key in keys):
            for record_type, zoho_id, status in _WRITTEN.rows(self._db, ids):
                key = RecordKey(RecordType(record_type), zoho_id)
                found[key] = found.get(key, frozenset()) | {CrmStatus(status)}
        return found

    def of_record(self, key: RecordKey) -> Sequence[OutboxRow]:
        named = {"zoho_id": key.zoho_id, "record_type": key.record_type.value}
        return [outbox_row(row) for row in _OF_RECORD.rows(self._db, named)]

    def of_records(self, keys: Iterable[RecordKey]) -> Sequence[OutboxRow]:
        wanted = frozenset(keys)
        found: list[OutboxRow] = []
        for ids in chunks(key.zoho_id for key in wanted):
            statement = select(outbox).where(_o.zoho_id.in_(ids)).order_by(_o.outbox_id)
            found += [row for row in self._many(statement) if row.key in wanted]
        return found

    def newest_first(self, before: int | None, limit: int) -> Sequence[OutboxRow]:
        earlier = [] if before is None else [_o.outbox_id < before]
        return self._many(select(outbox).where(*earlier).order_by(_o.outbox_id.desc()).limit(limit))

    def parked(self, limit: int = 500) -> Sequence[OutboxRow]:
        return self._many(select(outbox).where(text(PARKED)).order_by(_o.outbox_id).limit(limit))

    def count(self, state: str) -> int:
        return self._db.execute(select(func.count()).select_from(outbox).where(_o.state == state)).scalar_one()

    def _many(self, statement: Any) -> Sequence[OutboxRow]:
        return [outbox_row(row) for row in self._db.execute(statement)]


def _merged(new: Projection, waiting: OutboxRow | None, written_attempts: int | None) -> dict[str, Any]:
    """The newest projection whole: what it does not say stays as the waiting one said it.

    Call Attempts never go below `written_attempts`, also when the result of an earlier call comes after that of a later one.
    """
    expected = [new.expected_status] if new.expected_status is not None else []
    ours: list[CrmStatus] = []
    blocked_since = None
    status, attempts, first = new.status, new.call_attempts, new.first_no_answer_at
    if attempts is not None:
        attempts = max(attempts, written_attempts or 0)
    if waiting is not None:
        blocked_since = waiting.blocked_since if waiting.state == "pending" else None
        # Only who set a status says over which it goes: one that just counts may have met a person's that is to stay.
        if new.status is None:
            expected = []
        if waiting.status is not None:
            # The CRM may still show what the waiting one expected, or what it set if it is on its way this moment.
            expected = [*waiting.expected_statuses, *expected]
        ours = [*waiting.our_statuses, *([waiting.status] if waiting.status else [])]
        # Only what the overruled end itself had queued is dropped: an earlier call's status is still to be written.
        dropped = new.drops_status and waiting.attempt_id == new.attempt_id
        spared = new.drops_dead and waiting.status is CrmStatus.DEAD
        status = status or (None if dropped or spared else waiting.status)
        attempts = waiting.call_attempts if attempts is None else attempts
        first = first or (None if dropped else waiting.first_no_answer_at)
    return {
        "record_type": new.key.record_type.value,
        "zoho_id": new.key.zoho_id,
        "attempt_id": new.attempt_id,
        "cause": new.cause,
        "expected_statuses": _write_statuses(expected, ours),
        "status": status.value if status else None,
        "call_attempts": attempts,
        "first_no_answer_at": first,
        "blocked_since": blocked_since,
    }


def _write_statuses(expected: Sequence[str], ours: Sequence[CrmStatus]) -> str:
    """The CRM's own words as they were read; what we ourselves wrote by its meaning, for only the policy knows its spelling."""
    return json.dumps([*dict.fromkeys(expected), *({"ours": status.value} for status in dict.fromkeys(ours))])


def outbox_row(row: Any) -> OutboxRow:
    """A row of the table as the use cases see it."""
    statuses = json.loads(row.expected_statuses)
    return OutboxRow(
        outbox_id=row.outbox_id,
        key=RecordKey(RecordType(row.record_type), row.zoho_id),
        attempt_id=row.attempt_id,
        cause=row.cause,
        expected_statuses=tuple(status for status in statuses if isinstance(status, str)),
        our_statuses=tuple(CrmStatus(status["ours"]) for status in statuses if isinstance(status, dict)),
        status=CrmStatus(row.status) if row.status else None,
        call_attempts=row.call_attempts,
        first_no_answer_at=row.first_no_answer_at,
        state=row.state,
        status_kept=row.status_kept,
        tries=row.tries,
        next_try_at=row.next_try_at,
        last_error=row.last_error,
        created_at=row.created_at,
        settled_at=row.settled_at,
        blocked_since=row.blocked_since,
        claimed_by=row.claimed_by,
    )
