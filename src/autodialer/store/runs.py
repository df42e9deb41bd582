"""Runs and their slots."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, text, update

from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.store.insert import insert_if_absent
from autodialer.store.prepared import Prepared
from autodialer.store.tables import RUN_OPEN, replicas, runs

_OPEN = text(RUN_OPEN)
_RENEW = update(runs).where(runs.c.run_id == bindparam("run"), _OPEN, runs.c.owner == bindparam("owner_before"))
_OF_ID = select(runs.c.run_id).where(runs.c.run_id == bindparam("run")).with_for_update(read=True, key_share=True)
_IS_OF = Prepared(_OF_ID.where(_OPEN, runs.c.owner == bindparam("of")))
_IS_DIALING = Prepared(_OF_ID.where(runs.c.state == RunState.DIALING.value, runs.c.stop_reason.is_(None)))
# Waits for all who said "while it is dialing"; the plain UPDATE of a lease does not have to.
_LOCK_OPEN = select(runs.c.run_id).where(_OPEN).with_for_update()
_LOCK = _LOCK_OPEN.where(runs.c.owner == bindparam("of"))
_CURRENT = Prepared(select(runs).where(_OPEN))
_NEWEST = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class SqlRuns:
    """Implements ports.ledger.Runs."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def open(self, run: Run, lease_until: datetime) -> Run | None:
        """Two unique indexes decide: one open run, one run per slot."""
        created = insert_if_absent(self._db, runs, _values(run, lease_until))
        return run if created else None

    def skip_slot(self, run: Run) -> bool:
        """A closed run with its reason."""
        return insert_if_absent(self._db, runs, {**_values(run, run.started_at), "ended_at": run.started_at})

    def current(self) -> Run | None:
        row = _CURRENT.first(self._db, {})
        return run_row(row) if row else None

    def get(self, run_id: str) -> Run | None:
        row = self._db.execute(select(runs).where(runs.c.run_id == run_id)).first()
        return run_row(row) if row else None

    def recent(self, limit: int, before: tuple[datetime, str] | None = None) -> Sequence[Run]:
        newest = _NEWEST.limit(limit)
        if before is not None:
            at, run_id = before
            earlier = or_(runs.c.started_at < at, runs.c.run_id < run_id)
            newest = newest.where(runs.c.started_at <= at, earlier)
        return [run_row(row) for row in self._db.execute(newest)]

    def latest_begun(self) -> Run | None:
        return self._newest(runs.c.state != RunState.SKIPPED.value)

    def latest_pulled(self, but: str = "") -> Run | None:
        return self._newest(and_(runs.c.staged_at.is_not(None), runs.c.run_id != but))

    def _newest(self, condition: ColumnElement[bool]) -> Run | None:
        row = self._db.execute(_NEWEST.where(condition).limit(1)).first()
        return run_row(row) if row else None

    def started_since(self, moment: datetime) -> Sequence[Run]:
        found = select(runs).where(runs.c.started_at >= moment).order_by(runs.c.started_at, runs.c.run_id)
        return [run_row(row) for row in self._db.execute(found)]

    def has_slot(self, slot: datetime) -> bool:
        return self._db.execute(select(runs.c.run_id).where(runs.c.slot == slot)).first() is not None

    def take_over(self, run_id: str, owner: str, now: datetime, lease_until: datetime) -> bool:
        """A run whose owner has joined and was not buried is its own, whatever the run's lease says."""
        gone = ~select(replicas.c.owner).where(replicas.c.owner == runs.c.owner).exists()
        free = and_(runs.c.lease_until < now, gone)
        statement = (
            update(runs).where(runs.c.run_id == run_id, _OPEN, free).values(owner=owner, lease_until=lease_until)
        )
        return self._db.execute(statement).rowcount == 1

    def renew(self, run_id: str, owner: str, lease_until: datetime) -> bool:
        values = {"run": run_id, "owner_before": owner, "lease_until": lease_until}
        return self._db.execute(_RENEW, values).rowcount == 1

    def is_of(self, run_id: str, owner: str) -> bool:
        return bool(_IS_OF.rows(self._db, {"run": run_id, "of": owner}))

    def is_dialing(self, run_id: str) -> bool:
        return bool(_IS_DIALING.rows(self._db, {"run": run_id}))

    def wait_for_writers(self) -> None:
        self._db.execute(_LOCK_OPEN)

    def inherit(self, dead: str, heir: str) -> Sequence[str]:
        self._db.execute(_LOCK, {"of": dead})
        statement = update(runs).where(_OPEN, runs.c.owner == dead).values(owner=heir).returning(runs.c.run_id)
        return self._db.execute(statement).scalars().all()

    def hand_over(self, owner: str) -> None:
        self._db.execute(update(runs).where(_OPEN, runs.c.owner == owner).values(lease_until=_LONG_AGO))

    def wind_up(self, run_id: str, owner: str, reason: str) -> bool:
        self._db.execute(_LOCK, {"of": owner})
        mine = update(runs).where(runs.c.run_id == run_id, _OPEN, runs.c.owner == owner)
        return self._db.execute(mine.values(stop_reason=reason)).rowcount == 1

    def advance(
        self, run_id: str, owner: str, state: RunState, at: datetime, *, stop_reason: str | None = None
    ) -> bool:
        self._db.execute(_LOCK, {"of": owner})
        stamp = {"staged_at": at} if state is RunState.DIALING else {"ended_at": at}
        statement = (
            update(runs)
            .where(runs.c.run_id == run_id, _OPEN, runs.c.owner == owner)
            .values(state=state.value, stop_reason=stop_reason, **stamp)
        )
        return self._db.execute(statement).rowcount == 1

    def save_totals(self, run_id: str, totals: Mapping[str, object]) -> None:
        self._db.execute(update(runs).where(runs.c.run_id == run_id).values(totals=json.dumps(totals)))


def _values(run: Run, lease_until: datetime) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind.value,
        "slot": run.slot,
        "state": run.state.value,
        "confirm": int(run.confirm),
        "policy_hash": run.policy_hash,
        "owner": run.owner,
        "lease_until": lease_until,
        "started_at": run.started_at,
        "stop_reason": run.stop_reason,
    }


def run_row(row: Row[Any]) -> Run:
    """A row of the table as the use cases see it."""
    return Run(
        run_id=row.run_id,
        kind=RunKind(row.kind),
        slot=row.slot,
        state=RunState(row.state),
        confirm=bool(row.confirm),
        policy_hash=row.policy_hash,
        owner=row.owner,
        started_at=row.started_at,
        staged_at=row.staged_at,
        ended_at=row.ended_at,
        stop_reason=row.stop_reason,
        totals=json.loads(row.totals),
    )
