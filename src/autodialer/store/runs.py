"""Runs and their slots."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, true, update

from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.store.insert import insert_if_absent
from autodialer.store.tables import RUN_OPEN, runs

_OPEN = text(RUN_OPEN)
_RENEW = update(runs).where(runs.c.run_id == bindparam("run"), _OPEN, runs.c.owner == bindparam("owner_before"))


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
        row = self._db.execute(select(runs).where(_OPEN)).first()
        return _run(row) if row else None

    def get(self, run_id: str) -> Run | None:
        row = self._db.execute(select(runs).where(runs.c.run_id == run_id)).first()
        return _run(row) if row else None

    def recent(self, limit: int) -> Sequence[Run]:
        rows = self._db.execute(select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit))
        return [_run(row) for row in rows]

    def has_slot(self, slot: datetime) -> bool:
        return self._db.execute(select(runs.c.run_id).where(runs.c.slot == slot)).first() is not None

    def take_over(self, run_id: str, owner: str, now: datetime, lease_until: datetime, *, force: bool = False) -> bool:
        free = true() if force else runs.c.lease_until < now
        statement = (
            update(runs).where(runs.c.run_id == run_id, _OPEN, free).values(owner=owner, lease_until=lease_until)
        )
        return self._db.execute(statement).rowcount == 1

    def renew(self, run_id: str, owner: str, lease_until: datetime) -> bool:
        values = {"run": run_id, "owner_before": owner, "lease_until": lease_until}
        return self._db.execute(_RENEW, values).rowcount == 1

    def advance(
        self, run_id: str, owner: str, state: RunState, at: datetime, *, stop_reason: str | None = None
    ) -> bool:
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


def _run(row: Row[Any]) -> Run:
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
