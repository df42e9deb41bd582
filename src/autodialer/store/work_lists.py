"""What waits for a person. Every page is read from an index of what waits, or from the records of one run."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, desc, func, or_, select, text, tuple_, update

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import AttemptRow, InboxRow, OutboxRow, Staged, StagedState
from autodialer.ports.work_lists import DISMISSED, GIVEN_UP, AnsweredPerson, Flaw
from autodialer.rules.verdict import SkipReason
from autodialer.store.attempts import attempt_row
from autodialer.store.inbox import inbox_row, late_conflicts
from autodialer.store.outbox import outbox_row
from autodialer.store.staging import staged_row
from autodialer.store.tables import (
    HELD,
    INBOX_WAITING,
    PARKED,
    UNSETTLED,
    attempts,
    inbox,
    outbox,
    runs,
    staged_records,
)

_a, _i, _o, _r, _s = attempts.c, inbox.c, outbox.c, runs.c, staged_records.c
_UNSETTLED, _HELD, _PARKED = text(UNSETTLED), text(HELD), text(PARKED)
_ORPHAN = and_(text(INBOX_WAITING), _i.state == "orphan")
_REASONS = sorted(reason.value for reason in SkipReason if reason.needs_repair)
_REPAIRED = "repaired_at"
# Keys stand in double quotes; within a value those are escaped, so no value looks like this key.
_NOT_REPAIRED = _s.facts.not_like(f'%"{_REPAIRED}"%')
_FLAWS = {
    Flaw.REPAIR: and_(_s.state == StagedState.SKIP.value, _s.reason.in_(_REASONS), _NOT_REPAIRED),
    # service.staging.outcome_of says so of them.
    Flaw.INFERRED: and_(
        _s.state.in_([StagedState.DUE.value, StagedState.CLAIMED.value, StagedState.CALLED.value]),
        _s.detail.like("%First No Answer At is empty in the CRM and was inferred%"),
    ),
}
_TOTALS = select(_r.run_id, _r.ended_at, _r.totals).where(_r.staged_at.is_not(None)).order_by(desc(_r.started_at))


class SqlWorkLists:
    """Implements ports.work_lists.WorkLists."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def unknown(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[AttemptRow]:
        found = select(attempts).where(_UNSETTLED).order_by(_a.submitted_at.desc(), _a.attempt_id.desc()).limit(limit)
        if after is not None:
            at, attempt_id = after
            found = found.where(_a.submitted_at <= at, or_(_a.submitted_at < at, _a.attempt_id < attempt_id))
        return [attempt_row(row) for row in self._db.execute(found)]

    def orphans(self, after: int | None, limit: int) -> Sequence[InboxRow]:
        found = select(inbox).where(_ORPHAN).order_by(_i.inbox_id.desc()).limit(limit)
        if after is not None:
            found = found.where(_i.inbox_id < after)
        return [inbox_row(row) for row in self._db.execute(found)]

    def conflicts(self, after: int | None, limit: int) -> Sequence[InboxRow]:
        found = select(inbox).where(late_conflicts(self._db)).order_by(_i.inbox_id.desc()).limit(limit)
        if after is not None:
            found = found.where(_i.inbox_id < after)
        return [inbox_row(row) for row in self._db.execute(found)]

    def callback(self, inbox_id: int) -> InboxRow | None:
        row = self._db.execute(select(inbox).where(_i.inbox_id == inbox_id)).first()
        return inbox_row(row) if row else None

    def dismiss(self, inbox_id: int, reason: str, at: datetime) -> bool:
        mine = and_(_i.inbox_id == inbox_id, _i.state == "orphan")
        values = {"state": "ignored", "note": f"{DISMISSED}{reason}", "applied_at": at}
        return self._db.execute(update(inbox).where(mine).values(**values)).rowcount == 1

    def parked(self, after: int | None, limit: int) -> Sequence[OutboxRow]:
        found = select(outbox).where(_PARKED, _o.outbox_id > (after or 0)).order_by(_o.outbox_id).limit(limit)
        return [outbox_row(row) for row in self._db.execute(found)]

    def retry_parked(self, after: int, limit: int, at: datetime) -> Sequence[int]:
        wanted = select(_o.outbox_id).where(_PARKED, _o.outbox_id > after).order_by(_o.outbox_id).limit(limit)
        ids = list(self._db.execute(wanted).scalars())
        values = {"state": "pending", "next_try_at": at, "settled_at": None, "tries": 0, "blocked_since": None}
        # One that a newer update has just taken the place of is parked no more.
        changed = update(outbox).where(_o.outbox_id.in_(ids), _o.state == "parked").values(**values)
        return sorted(self._db.execute(changed.returning(_o.outbox_id)).scalars()) if ids else []

    def give_up(self, outbox_id: int, by: str, reason: str, at: datetime) -> OutboxRow | None:
        mine = and_(_o.outbox_id == outbox_id, _o.state == "parked")
        row = self._db.execute(select(outbox).where(mine).with_for_update()).first()
        if row is None:
            return None
        why = f"{GIVEN_UP}{by}: {reason}; Zoho said: {row.last_error}"
        self._db.execute(update(outbox).where(mine).values(state="superseded", settled_at=at, last_error=why))
        return outbox_row(row)

    def answered(self, after: tuple[datetime, RecordKey] | None, limit: int) -> Sequence[AnsweredPerson]:
        since = func.max(_a.ended_at)
        people = (
            select(
                _a.zoho_id,
                _a.record_type,
                since.label("answered_at"),
                func.count().label("calls"),
                func.max(_a.agent_unreached).label("unreached"),
            )
            .where(_HELD)
            .group_by(_a.zoho_id, _a.record_type)
            .order_by(since, _a.zoho_id, _a.record_type)
            .limit(limit)
        )
        if after is not None:
            at, key = after
            beyond = tuple_(_a.zoho_id, _a.record_type) > tuple_(key.zoho_id, key.record_type.value)
            people = people.having(or_(since > at, and_(since == at, beyond)))
        return [
            AnsweredPerson(
                RecordKey(RecordType(row.record_type), row.zoho_id), row.answered_at, row.calls, bool(row.unreached)
            )
            for row in self._db.execute(people)
        ]

    def held(self, key: RecordKey) -> Sequence[AttemptRow]:
        theirs = and_(_HELD, _a.zoho_id == key.zoho_id, _a.record_type == key.record_type.value)
        return [attempt_row(row) for row in self._db.execute(select(attempts).where(theirs).order_by(_a.ended_at))]

    def lift(self, attempt_ids: Sequence[str], at: datetime) -> int:
        held = and_(_a.attempt_id.in_(attempt_ids), _HELD)
        return self._db.execute(update(attempts).where(held).values(hold_lifted_at=at)).rowcount

    def flawed_run(self) -> str | None:
        newest = self._db.execute(_TOTALS.limit(1)).first()
        return newest.run_id if newest else None

    def flawed(self, run_id: str, flaw: Flaw, after: str, limit: int) -> Sequence[Staged]:
        wanted = and_(_s.run_id == run_id, _FLAWS[flaw], _s.sort_key > after)
        found = select(staged_records).where(wanted).order_by(_s.sort_key).limit(limit)
        return [staged_row(row) for row in self._db.execute(found)]

    def flawed_record(self, run_id: str, key: RecordKey) -> Staged | None:
        row = self._db.execute(select(staged_records).where(_is(run_id, key), _FLAWS[Flaw.REPAIR])).first()
        return staged_row(row) if row else None

    def repaired(self, run_id: str, key: RecordKey, at: datetime) -> None:
        facts = self._db.execute(select(_s.facts).where(_is(run_id, key)).with_for_update()).scalar()
        if facts is not None:
            noted = json.dumps({**json.loads(facts), _REPAIRED: at.isoformat()})
            self._db.execute(update(staged_records).where(_is(run_id, key)).values(facts=noted))

    def to_repair(self) -> int:
        newest = self._db.execute(_TOTALS.limit(1)).first()
        if newest is None:
            return 0
        # A run that is over has counted them: where there was none, its records need not be gone through.
        reasons = json.loads(newest.totals).get("reasons", {})
        if newest.ended_at is not None and not any(reasons.get(reason) for reason in _REASONS):
            return 0
        mine = and_(_s.run_id == newest.run_id, _FLAWS[Flaw.REPAIR])
        return self._db.execute(select(func.count()).select_from(staged_records).where(mine)).scalar_one()


def _is(run_id: str, key: RecordKey) -> Any:
    return and_(_s.run_id == run_id, _s.record_type == key.record_type.value, _s.zoho_id == key.zoho_id)
