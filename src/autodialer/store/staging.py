"""The records of a run, in its order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Subquery,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    true,
    union_all,
    update,
)

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import Run, Staged, StagedState
from autodialer.rules.verdict import SkipReason
from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_all_absent
from autodialer.store.prepared import Prepared, PreparedAmong
from autodialer.store.runs import run_row
from autodialer.store.tables import HELD, attempts, runs, staged_records

_s = staged_records.c
_PART = 2_000  # records changed by one statement at most
_facts_text = json.JSONEncoder(default=str).encode  # json.dumps makes an encoder for each text


def _newest_of(ids: Sequence[BindParameter[Any]]) -> Subquery:
    """Each sighting of these, the newest of a record in the first place; `compared`: only by runs that went on to dial."""
    newest_first = func.row_number().over(
        partition_by=(_s.record_type, _s.zoho_id), order_by=(runs.c.started_at.desc(), runs.c.run_id.desc())
    )
    seen = select(_s.run_id, _s.record_type, _s.zoho_id, newest_first.label("place")).join(
        runs, runs.c.run_id == _s.run_id
    )
    return seen.where(_s.zoho_id.in_(ids), or_(bindparam("compared") == 0, runs.c.staged_at.is_not(None))).subquery()


_ONE = update(staged_records).where(
    _s.run_id == bindparam("run"), _s.record_type == bindparam("type"), _s.zoho_id == bindparam("id")
)
_STATES = select(_s.state, func.count()).where(_s.run_id == bindparam("run")).group_by(_s.state)
_MARK, _MARK_AND_TRY = Prepared(_ONE), Prepared(_ONE.values(tries=_s.tries + 1))
_CLAIMED = _s.state == StagedState.CLAIMED.value
_TYPES = ", ".join(f"'{kind.value}'" for kind in RecordType)  # as the primary key begins
_STILL_CLAIMED = PreparedAmong(
    lambda ids: (
        select(_s.record_type, _s.zoho_id)
        .where(_CLAIMED, _s.run_id == bindparam("run"), _s.owner == bindparam("of"))
        .where(text(f"record_type IN ({_TYPES})"), _s.zoho_id.in_(ids))
        .order_by(_s.record_type, _s.zoho_id)
        .with_for_update()
    )
)
# The rows are chosen once, in a part of its own: in a condition PostgreSQL may choose anew for each row, and take too many.
_LATEST = PreparedAmong(
    lambda ids: (
        select(staged_records)
        .join(
            newest := _newest_of(ids),
            and_(*(_s[name] == newest.c[name] for name in ("run_id", "record_type", "zoho_id"))),
        )
        .where(newest.c.place == 1)
    )
)
_DUE = (
    select(_s.record_type, _s.zoho_id)
    .where(_s.run_id == bindparam("run"), _s.state == StagedState.DUE.value)
    .order_by(_s.sort_key)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves this out
    .cte("due")
)
_CLAIM = (
    update(staged_records)
    .where(_s.run_id == bindparam("run"), _s.record_type == _DUE.c.record_type, _s.zoho_id == _DUE.c.zoho_id)
    .values(state=StagedState.CLAIMED.value, owner=bindparam("by"), attempt_id=None)
    .returning(staged_records)
)


class SqlStaging:
    """Implements ports.ledger.Staging."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, run_id: str, rows: Sequence[Staged]) -> None:
        insert_all_absent(self._db, staged_records, [_values(run_id, row) for row in rows])

    def last_id(self, run_id: str, record_type: RecordType) -> str:
        # Of two ids the longer one is greater, and of equally long ones the later as text: they are digits without leading zeros.
        found = (
            select(_s.zoho_id)
            .where(_s.run_id == run_id, _s.record_type == record_type.value)
            .order_by(func.length(_s.zoho_id).desc(), _s.zoho_id.desc())
            .limit(1)
        )
        return self._db.execute(found).scalar() or ""

    def clear(self, run_id: str) -> None:
        self._db.execute(delete(staged_records).where(_s.run_id == run_id))

    def settle_duplicates(self, run_id: str) -> int:
        shared = (
            select(_s.number, func.min(_s.rank).label("best"))
            .where(_s.run_id == run_id, _s.contends == 1, _s.number.is_not(None))
            .group_by(_s.number)
            .having(func.count() > 1)
        )
        held_back = 0
        for number, best in self._db.execute(shared).all():
            mine = and_(_s.run_id == run_id, _s.number == number, _s.contends == 1)
            winner = self._db.execute(select(_s.record_type, _s.zoho_id).where(mine, _s.rank == best)).one()
            statement = (
                update(staged_records)
                .where(mine, _s.rank != best)
                .values(
                    state=StagedState.SKIP.value,
                    reason=SkipReason.SAME_PHONE_AS.value,
                    detail=f"the same number as {winner.record_type} {winner.zoho_id}, who is called instead",
                    next_at=None,
                )
            )
            held_back += self._db.execute(statement).rowcount
        return held_back

    def limit_dead(self, run_id: str, limit: int) -> int:
        dead = and_(_s.run_id == run_id, _s.state == StagedState.DEAD.value)
        last = select(_s.sort_key).where(dead).order_by(_s.sort_key).offset(limit - 1).limit(1)
        kept = self._db.execute(last).scalar() if limit else ""
        if kept is None:
            return 0
        detail = f"would become Dead, but a run makes at most {limit} so without --confirm; the next run goes on"
        return self._skip(run_id, StagedState.DEAD, SkipReason.DEAD_LIMIT.value, detail, kept)

    def _skip(
        self,
        run_id: str,
        state: StagedState,
        reason: str,
        detail: str,
        after: str = "",
        which: ColumnElement[bool] | None = None,
    ) -> int:
        """All in this state after that sort key, or `which` of them, in parts: SQLite keeps in memory what one changes."""
        skipped = 0
        while True:
            theirs = and_(
                _s.run_id == run_id, _s.state == state.value, _s.sort_key > after, true() if which is None else which
            )
            end = self._db.execute(
                select(_s.sort_key).where(theirs).order_by(_s.sort_key).offset(_PART).limit(1)
            ).scalar()
            part = theirs if end is None else and_(theirs, _s.sort_key <= end)
            values = {"state": StagedState.SKIP.value, "reason": reason, "detail": detail}
            skipped += self._db.execute(update(staged_records).where(part).values(values)).rowcount
            if end is None:
                return skipped
            after = end

    def rows(
        self,
        run_id: str,
        state: StagedState | None = None,
        *,
        reason: str = "",
        digits: str = "",
        after: str = "",
        limit: int = 500,
    ) -> Sequence[Staged]:
        beyond = and_(_s.run_id == run_id, _s.sort_key > after)
        if reason:
            beyond = and_(beyond, _s.reason == reason)
        if digits:
            if not digits.isdecimal():
                raise ValueError("only digits make an id or end a number")
            beyond = and_(beyond, or_(_s.zoho_id == digits, _s.number.like(f"%{digits}")))
        if state is not None:
            of_state = select(staged_records).where(beyond, _s.state == state.value)
            return [staged_row(row) for row in self._db.execute(of_state.order_by(_s.sort_key).limit(limit))]
        # ix_staged_records_order has the order within a state only: so many ordered parts, which the database merges.
        parts = union_all(*(select(staged_records).where(beyond, _s.state == one.value) for one in StagedState))
        merged = parts.order_by(parts.selected_columns.sort_key).limit(limit)
        return [staged_row(row) for row in self._db.execute(merged)]

    def counts(self, run_id: str) -> Mapping[tuple[str, str], int]:
        statement = select(_s.state, _s.reason, func.count()).where(_s.run_id == run_id).group_by(_s.state, _s.reason)
        return {(state, reason): count for state, reason, count in self._db.execute(statement)}

    def states(self, run_id: str) -> Mapping[StagedState, int]:
        return {StagedState(state): count for state, count in self._db.execute(_STATES, {"run": run_id})}

    def claim(self, run_id: str, owner: str, limit: int) -> Sequence[Staged]:
        found = self._db.execute(_CLAIM, {"run": run_id, "by": owner, "at_most": limit})
        return sorted(map(staged_row, found), key=lambda row: row.sort_key)

    def mark(
        self,
        run_id: str,
        key: RecordKey,
        state: StagedState,
        *,
        reason: str = "",
        detail: str = "",
        next_at: datetime | None = None,
        attempt_id: str | None = None,
        add_try: bool = False,
    ) -> None:
        values: dict[str, Any] = {
            "run": run_id,
            "type": key.record_type.value,
            "id": key.zoho_id,
            "state": state.value,
            "reason": reason,
            "detail": detail,
            "next_at": next_at,
        }
        if attempt_id is not None:
            values["attempt_id"] = attempt_id
        (_MARK_AND_TRY if add_try else _MARK).change(self._db, values)

    def skip_rest(self, run_id: str, reason: str, detail: str) -> int:
        unsent = sum(self._skip(run_id, state, reason, detail) for state in (StagedState.DUE, StagedState.CLAIMED))
        return unsent + self._skip(run_id, StagedState.DEAD, reason, detail, which=_s.tries == 0)

    def unclaim(self, run_id: str, owner: str, *, without_attempt: bool = False) -> int:
        whose = _s.owner == owner if owner else true()
        if without_attempt:
            whose = and_(whose, _s.attempt_id.is_(None))
        else:  # whose call has ended, or may have rung, was called: its result came before 8x8's own answer
            rang = attempts.c.state.in_(["placed", "unknown", "ended"])
            rung = select(attempts.c.attempt_id).where(attempts.c.attempt_id == _s.attempt_id, rang).exists()
            called = update(staged_records).where(_CLAIMED, _s.run_id == run_id, whose, rung)
            self._db.execute(called.values(state=StagedState.CALLED.value))
        statement = update(staged_records).where(_CLAIMED, _s.run_id == run_id, whose)
        return self._db.execute(statement.values(state=StagedState.DUE.value, owner=None)).rowcount

    def still_claimed(self, run_id: str, owner: str, keys: Sequence[RecordKey]) -> frozenset[RecordKey]:
        mine = {"run": run_id, "of": owner}
        rows = _STILL_CLAIMED.rows(self._db, [key.zoho_id for key in keys], mine)
        return frozenset(RecordKey(RecordType(row.record_type), row.zoho_id) for row in rows).intersection(keys)

    def claimed_by_others(self, run_id: str, owner: str) -> bool:
        theirs = select(_s.zoho_id).where(_CLAIMED, _s.run_id == run_id, _s.owner != owner).limit(1)
        return self._db.execute(theirs).first() is not None

    def latest(self, key: RecordKey) -> tuple[str, Staged] | None:
        statement = (
            select(staged_records)
            .join(runs, runs.c.run_id == _s.run_id)
            .where(_s.record_type == key.record_type.value, _s.zoho_id == key.zoho_id)
            .order_by(runs.c.started_at.desc())
            .limit(1)
        )
        row = self._db.execute(statement).first()
        return (row.run_id, staged_row(row)) if row else None

    def latest_of(self, keys: Iterable[RecordKey], *, compared: bool = False) -> Mapping[RecordKey, Staged]:
        wanted = frozenset(keys)
        found: dict[RecordKey, Staged] = {}
        for ids in chunks(key.zoho_id for key in wanted):
            rows = map(staged_row, _LATEST.rows(self._db, ids, {"compared": int(compared)}))
            found.update((row.key, row) for row in rows if row.key in wanted)
        return found

    def sightings(self, key: RecordKey, limit: int = 300) -> Sequence[tuple[Run, Staged]]:
        mine = and_(_s.record_type == key.record_type.value, _s.zoho_id == key.zoho_id)
        rows = {row.run_id: staged_row(row) for row in self._db.execute(select(staged_records).where(mine))}
        # Each table alone: to join them PostgreSQL may read all runs.
        found = [
            run_row(row)
            for some in chunks(rows)
            for row in self._db.execute(select(runs).where(runs.c.run_id.in_(some)))
        ]
        newest = sorted(found, key=lambda run: (run.started_at, run.run_id), reverse=True)
        return [(run, rows[run.run_id]) for run in newest[:limit]]

    def of_number(self, run_id: str, number: str, limit: int = 50) -> Sequence[RecordKey]:
        theirs = select(_s.record_type, _s.zoho_id).where(_s.run_id == run_id, _s.number == number).limit(limit)
        return [RecordKey(RecordType(record_type), zoho_id) for record_type, zoho_id in self._db.execute(theirs)]

    def ending_with(self, run_id: str, digits: str, limit: int = 50) -> Sequence[tuple[RecordKey, str]]:
        if not digits.isdecimal():
            raise ValueError("only digits end a number")
        fits = and_(_s.run_id == run_id, _s.number.like(f"%{digits}"))
        theirs = select(_s.record_type, _s.zoho_id, _s.number).where(fits).order_by(_s.number).limit(limit)
        found = self._db.execute(theirs)
        return [(RecordKey(RecordType(record_type), zoho_id), number) for record_type, zoho_id, number in found]

    def is_kept(self, run_id: str) -> bool:
        return self._db.execute(select(_s.zoho_id).where(_s.run_id == run_id).limit(1)).first() is not None

    def unseen_holds(self, run_id: str, limit: int) -> Sequence[RecordKey]:
        a = attempts.c
        seen = select(_s.zoho_id).where(_s.run_id == run_id, _s.record_type == a.record_type, _s.zoho_id == a.zoho_id)
        # Who was pulled before the call ended says nothing of what a person did after it.
        started_at = select(runs.c.started_at).where(runs.c.run_id == run_id).scalar_subquery()
        held = select(a.record_type, a.zoho_id).where(text(HELD), a.ended_at <= started_at, ~seen.exists())
        newest = held.group_by(a.record_type, a.zoho_id).order_by(func.max(a.ended_at).desc()).limit(limit)
        return [RecordKey(RecordType(record_type), zoho_id) for record_type, zoho_id in self._db.execute(newest)]


def _values(run_id: str, row: Staged) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "record_type": row.key.record_type.value,
        "zoho_id": row.key.zoho_id,
        "sort_key": row.sort_key,
        "status": row.status,
        "number": row.number,
        "contends": int(row.contends),
        "rank": row.rank,
        "state": row.state.value,
        "reason": row.reason,
        "detail": row.detail,
        "next_at": row.next_at,
        "facts": _facts_text(row.facts),
    }


def staged_row(row: Row[Any]) -> Staged:
    """A row of the table as the use cases see it."""
    return Staged(
        key=RecordKey(RecordType(row.record_type), row.zoho_id),
        sort_key=row.sort_key,
        status=row.status,
        number=row.number,
        contends=bool(row.contends),
        rank=row.rank,
        state=StagedState(row.state),
        reason=row.reason,
        detail=row.detail,
        next_at=row.next_at,
        facts=json.loads(row.facts),
        tries=row.tries,
        attempt_id=row.attempt_id,
    )
