"""Runs and what they stage, in memory."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import force_setattr

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import Run, RunState, Staged, StagedState
from autodialer.rules.verdict import SkipReason
from proof.lean.attempts import MemoryAttempts, Undo, is_held, put
from proof.lean.replicas import MemoryReplicas

_DUE, _CLAIMED, _SKIP, _DEAD = StagedState.DUE, StagedState.CLAIMED, StagedState.SKIP, StagedState.DEAD
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryRuns:
    """Implements the part of ports.ledger.Runs that runs need."""

    def __init__(self, undo: Undo, replicas: MemoryReplicas) -> None:
        self._undo = undo
        self._replicas = replicas
        self.all: dict[str, Run] = {}
        self._lease: dict[str, datetime] = {}

    def open(self, run: Run, lease_until: datetime) -> Run | None:
        if self.current() is not None or (run.slot is not None and self.has_slot(run.slot)):
            return None
        self._add(run)
        self._lease[run.run_id] = lease_until
        return run

    def skip_slot(self, run: Run) -> bool:
        if run.slot is None or self.has_slot(run.slot):
            return False
        self._add(run)
        return True

    def _add(self, run: Run) -> None:
        # As out of a table, the row is another object than the one that the run's process holds.
        self.all[run.run_id] = Run(
            run.run_id, run.kind, run.slot, run.state, run.confirm, run.policy_hash, run.owner, run.started_at
        )
        self._undo.append((self.all.pop, (run.run_id,)))

    def _set(self, run: Run, **values: object) -> None:
        for name, value in values.items():
            self._undo.append((put, (run, name, getattr(run, name))))
            put(run, name, value)

    def current(self) -> Run | None:
        return next((_copy(run) for run in self.all.values() if run.is_open), None)

    def get(self, run_id: str) -> Run | None:
        run = self.all.get(run_id)
        return None if run is None else _copy(run)

    def recent(self, limit: int) -> Sequence[Run]:
        return [_copy(run) for run in sorted(self.all.values(), key=lambda run: run.started_at)[: -limit - 1 : -1]]

    def latest_pulled(self, but: str = "") -> Run | None:
        pulled = [run for run in self.all.values() if run.staged_at is not None and run.run_id != but]
        return max(map(_copy, pulled), key=lambda run: run.started_at, default=None)

    def has_slot(self, slot: datetime) -> bool:
        return any(run.slot == slot for run in self.all.values())

    def _owned(self, run_id: str, owner: str) -> Run | None:
        run = self.all.get(run_id)
        return run if run is not None and run.owner == owner and run.is_open else None

    def take_over(self, run_id: str, owner: str, now: datetime, lease_until: datetime) -> bool:
        run = self.all.get(run_id)
        if run is None or not run.is_open:
            return False
        if self._lease[run_id] >= now or self._replicas.knows(run.owner):
            return False
        self._set(run, owner=owner)
        self._lease[run_id] = lease_until
        return True

    def renew(self, run_id: str, owner: str, lease_until: datetime) -> bool:
        if self._owned(run_id, owner) is None:
            return False
        self._undo.append((self._lease.__setitem__, (run_id, self._lease[run_id])))
        self._lease[run_id] = lease_until
        return True

    def is_of(self, run_id: str, owner: str) -> bool:
        return self._owned(run_id, owner) is not None

    def is_dialing(self, run_id: str) -> bool:
        run = self.all.get(run_id)
        return run is not None and run.state is RunState.DIALING and run.stop_reason is None

    def inherit(self, dead: str, heir: str) -> Sequence[str]:
        left = [run for run in self.all.values() if run.is_open and run.owner == dead]
        for run in left:
            self._set(run, owner=heir)
        return [run.run_id for run in left]

    def hand_over(self, owner: str) -> None:
        for run in self.all.values():
            if run.is_open and run.owner == owner:
                self.renew(run.run_id, owner, _LONG_AGO)

    def wind_up(self, run_id: str, owner: str, reason: str) -> bool:
        run = self._owned(run_id, owner)
        if run is not None:
            self._set(run, stop_reason=reason)
        return run is not None

    def advance(
        self, run_id: str, owner: str, state: RunState, at: datetime, *, stop_reason: str | None = None
    ) -> bool:
        run = self._owned(run_id, owner)
        if run is None:
            return False
        self._set(run, state=state, stop_reason=stop_reason)
        self._set(run, **({"staged_at": at} if state is RunState.DIALING else {"ended_at": at}))
        return True

    def save_totals(self, run_id: str, totals: Mapping[str, object]) -> None:
        self._set(self.all[run_id], totals=totals)


def _copy(run: Run) -> Run:
    return Run(
        run.run_id,
        run.kind,
        run.slot,
        run.state,
        run.confirm,
        run.policy_hash,
        run.owner,
        run.started_at,
        run.staged_at,
        run.ended_at,
        run.stop_reason,
        run.totals,
    )


class MemoryStaging:
    """Implements the part of ports.ledger.Staging that runs need."""

    def __init__(self, undo: Undo, attempts: MemoryAttempts, runs: MemoryRuns) -> None:
        self._undo = undo
        self._attempts = attempts
        self._started = runs
        self._runs: dict[str, dict[str, Staged]] = defaultdict(dict)
        self._claims: dict[str, dict[str, str]] = defaultdict(dict)
        self._due: dict[str, list[tuple[str, str]]] = defaultdict(list)  # heaps; may hold what is not due any more

    def add(self, run_id: str, rows: Sequence[Staged]) -> None:
        staged, due = self._runs[run_id], self._due[run_id]
        for row in rows:
            zoho_id = row.key.zoho_id
            if zoho_id in staged:
                continue
            staged[zoho_id] = row
            self._undo.append((staged.pop, (zoho_id,)))
            if row.state is _DUE:
                heapq.heappush(due, (row.sort_key, zoho_id))

    def last_id(self, run_id: str, record_type: RecordType) -> str:
        ids = (int(row.key.zoho_id) for row in self._runs[run_id].values() if row.key.record_type is record_type)
        return str(max(ids, default=""))

    def clear(self, run_id: str) -> None:
        if (rows := self._runs.pop(run_id, None)) is not None:
            self._undo.append((self._runs.__setitem__, (run_id, rows)))

    def _set(self, row: Staged, **values: object) -> None:
        for name, value in values.items():
            self._undo.append((force_setattr, (row, name, getattr(row, name))))
            force_setattr(row, name, value)

    def settle_duplicates(self, run_id: str) -> int:
        rivals: dict[str, list[Staged]] = defaultdict(list)
        for row in self._runs[run_id].values():
            if row.contends and row.number is not None:
                rivals[row.number].append(row)
        losers = 0
        for rows in rivals.values():
            if len(rows) > 1:
                best = min(rows, key=lambda row: row.rank)
                for row in rows:
                    if row is not best:
                        losers += 1
                        reason = SkipReason.SAME_PHONE_AS.value
                        self._set(
                            row, state=_SKIP, reason=reason, detail=f"the same number as {best.key}", next_at=None
                        )
        return losers

    def limit_dead(self, run_id: str, limit: int) -> int:
        dead = sorted((row for row in self._runs[run_id].values() if row.state is _DEAD), key=lambda row: row.sort_key)
        for row in dead[limit:]:
            self._set(row, state=_SKIP, reason=SkipReason.DEAD_LIMIT.value)
        return len(dead[limit:])

    def rows(
        self, run_id: str, state: StagedState | None = None, *, after: str = "", limit: int = 500
    ) -> Sequence[Staged]:
        if state is _DUE and limit == 1 and (due := self._first_due(run_id)) is not None:
            return [due]
        found = [
            row
            for row in self._runs[run_id].values()
            if (state is None or row.state is state) and row.sort_key > after and state is not _DUE
        ]
        return sorted(found, key=lambda row: row.sort_key)[:limit]

    def _first_due(self, run_id: str) -> Staged | None:
        due, staged = self._due[run_id], self._runs[run_id]
        while due:
            row = staged.get(due[0][1])
            if row is not None and row.state is _DUE:
                return row
            heapq.heappop(due)
        return None

    def counts(self, run_id: str) -> Mapping[tuple[str, str], int]:
        return Counter((row.state.value, row.reason) for row in self._runs[run_id].values())

    def claim(self, run_id: str, owner: str, limit: int) -> Sequence[Staged]:
        claimed: list[Staged] = []
        due = self._due[run_id]
        while len(claimed) < limit and (row := self._first_due(run_id)) is not None:
            self._undo.append((heapq.heappush, (due, heapq.heappop(due))))
            self._set(row, state=_CLAIMED, attempt_id=None)
            self._claim(run_id, row.key.zoho_id, owner)
            claimed.append(row)
        return claimed

    def _claim(self, run_id: str, zoho_id: str, owner: str) -> None:
        claims = self._claims[run_id]
        self._undo.append((claims.__setitem__, (zoho_id, claims.get(zoho_id, ""))))
        claims[zoho_id] = owner

    def _claimed(self, run_id: str) -> Iterator[tuple[Staged, str]]:
        staged = self._runs[run_id]
        for zoho_id, owner in self._claims[run_id].items():
            if (row := staged.get(zoho_id)) is not None and row.state is _CLAIMED:
                yield row, owner

    def still_claimed(self, run_id: str, owner: str, keys: Sequence[RecordKey]) -> frozenset[RecordKey]:
        staged, claims = self._runs[run_id], self._claims[run_id]
        return frozenset(
            key for key in keys if claims.get(key.zoho_id) == owner and staged[key.zoho_id].state is _CLAIMED
        )

    def claimed_by_others(self, run_id: str, owner: str) -> bool:
        return any(other != owner for _, other in self._claimed(run_id))

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
        row = self._runs[run_id].get(key.zoho_id)
        if row is None:
            return
        old = (row.state, row.reason, row.detail, row.next_at, row.attempt_id, row.tries)
        self._undo.append((_restore, (row, old)))
        _restore(row, (state, reason, detail, next_at, attempt_id or row.attempt_id, row.tries + add_try))
        if state is _DUE:
            heapq.heappush(self._due[run_id], (row.sort_key, key.zoho_id))

    def skip_rest(self, run_id: str, reason: str, detail: str) -> int:
        rest = [
            row
            for row in self._runs[run_id].values()
            if row.state in (_DUE, _CLAIMED) or (row.state is StagedState.DEAD and row.tries == 0)
        ]
        for row in rest:
            self._set(row, state=_SKIP, reason=reason, detail=detail)
        return len(rest)

    def unclaim(self, run_id: str, owner: str, *, without_attempt: bool = False) -> int:
        claimed = [
            row
            for row, other in self._claimed(run_id)
            if owner in ("", other) and not (without_attempt and row.attempt_id is not None)
        ]
        for row in claimed:
            self._set(row, state=_DUE)
            heapq.heappush(self._due[run_id], (row.sort_key, row.key.zoho_id))
        return len(claimed)

    def unseen_holds(self, run_id: str, limit: int) -> Sequence[RecordKey]:
        staged = self._runs[run_id]
        started_at = self._started.all[run_id].started_at
        held = [
            row.key
            for row in self._attempts.rows.values()
            if is_held(row)
            and row.key.zoho_id not in staged
            and row.ended_at is not None
            and row.ended_at <= started_at
        ]
        return list(dict.fromkeys(held))[:limit]


def _restore(row: Staged, values: tuple[object, ...]) -> None:
    for name, value in zip(("state", "reason", "detail", "next_at", "attempt_id", "tries"), values, strict=True):
        force_setattr(row, name, value)
