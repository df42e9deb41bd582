"""A call's way through the ledger, step by step, as a run takes it."""

import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from autodialer.domain.attempt import PlacedCall, Submitting
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.result import CallResult
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Arrival, Reservation, Run, RunKind, RunState, Staged, StagedState
from autodialer.rules.policy import Policy
from autodialer.service.ending import end_attempt
from autodialer.store.ledger import SqlStore

T = TypeVar("T")
RUN_ID = "00000000-0000-4000-8000-00000000f119"
CLAIMED_AT_ONCE = 20
_POLICY = Policy()
_LEASE = timedelta(minutes=3)


def stage(ledger: Ledger, people: Sequence[tuple[RecordKey, str, int]], now: datetime) -> None:
    """A run that is dialing, with these people due: (record, number, calls before)."""
    if ledger.runs.current() is None:
        assert ledger.runs.open(Run(RUN_ID, RunKind.MANUAL, None, RunState.STAGING, False, "p", "bench", now), now)
        assert ledger.runs.advance(RUN_ID, "bench", RunState.DIALING, now)
    ledger.staging.add(RUN_ID, [_due(*person) for person in people])


def _due(key: RecordKey, number: str, before: int) -> Staged:
    rank = f"{key.zoho_id}-{key.record_type.value}"
    status = "No Answer" if before else "New"
    facts = {"before": before}
    return Staged(key, rank, status, number, True, rank, StagedState.DUE, reason=status, facts=facts)


@dataclass
class Caller:
    """One process's calls. `took`: seconds of each step, by its name; `sent`: who was called, in order."""

    store: SqlStore
    owner: str
    now: datetime
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sent: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    refused: int = 0

    async def claim(self, limit: int = CLAIMED_AT_ONCE) -> Sequence[Staged]:
        """The next few."""
        rows = await self._timed(
            "claim", self.store.write(lambda ledger: ledger.staging.claim(RUN_ID, self.owner, limit))
        )
        self.claimed += [str(row.key) for row in rows]
        return rows

    async def call(self, row: Staged) -> None:
        """Reserve, submit, place, hear, apply: what the ledger is asked for one call."""
        if attempt_id := await self.place(row):
            await self._hear(attempt_id, f"session-{attempt_id}")

    async def place(self, row: Staged) -> str | None:
        """As far as 8x8 took the call, three durable commits; None when the ledger refuses it."""
        async with self._timing("intent"):
            try:
                reserved = await self.store.write(lambda ledger: ledger.attempts.reserve(self._reservation(row)))
            except LedgerRefusal:
                self.refused += 1
                return None
            submitting = reserved.submit(self.now)
            lease = self.now + _LEASE
            assert await self.store.write(lambda ledger: ledger.attempts.submit(reserved, submitting, lease))
        self.sent.append(str(row.key))
        placed = submitting.place(f"session-{reserved.intent.attempt_id}", self.now)
        async with self._timing("place"):
            await self.store.write(partial(self._place, row, submitting, placed))
        return reserved.intent.attempt_id

    def _place(self, row: Staged, before: Submitting, after: PlacedCall, ledger: Ledger) -> None:
        assert ledger.attempts.place(before, after)
        attempt_id = after.intent.attempt_id
        ledger.staging.mark(RUN_ID, row.key, StagedState.CALLED, reason="placed", attempt_id=attempt_id)

    async def _hear(self, attempt_id: str, session: str) -> None:
        body = json.dumps({"sessionId": session, "legs": [{"sipCode": 480}] * 4})
        arrival = Arrival(f"{self.owner}{attempt_id}"[-64:], "provider", "CALL_SUMMARY", session, body, self.now)
        await self._timed("callback", self.store.write(lambda ledger: ledger.inbox.add_all([arrival])))
        await self._timed("result", self.store.write(partial(self._apply, arrival.dedupe_key, session)))

    def _apply(self, dedupe_key: str, session: str, ledger: Ledger) -> None:
        row = ledger.inbox.find(dedupe_key)
        attempt = ledger.attempts.find_session(session)
        assert row is not None
        assert attempt is not None
        assert len(ledger.inbox.of_session(session)) == 1
        result = CallResult(Disposition.NO_ANSWER, "NO_ANSWER", session_id=session)
        ending = end_attempt(ledger, _POLICY, attempt, result, self.now)
        assert ledger.inbox.settle(row.inbox_id, ending.state, attempt_id=attempt.attempt_id, note="", at=self.now)

    def _reservation(self, row: Staged) -> Reservation:
        before = int(str(row.facts["before"]))
        return Reservation(
            attempt_id=f"f{row.key.zoho_id}-{row.key.record_type.value}",
            run_id=RUN_ID,
            key=row.key,
            number=row.number or "",
            owner=self.owner,
            reserved_at=self.now,
            lease_until=self.now + _LEASE,
            is_new=not before,
            record_status=row.status,
            attempts_before=before,
            day_attempts_before=0,
            first_no_answer_at=self.now if before else None,
            policy_day=self.now.date().isoformat(),
            day_index=0,
            total_quota=7 if before else 1,
            day_quota=3 if before else 1,
        )

    async def _timed(self, step: str, work: Awaitable[T]) -> T:
        async with self._timing(step):
            return await work

    @asynccontextmanager
    async def _timing(self, step: str) -> AsyncIterator[None]:
        began = time.perf_counter()
        yield
        self.took[step].append(time.perf_counter() - began)


def new_people(first: int, count: int) -> list[tuple[RecordKey, str, int]]:
    """People of whom the ledger knows nothing."""
    return [
        (RecordKey(RecordType.LEAD, str(5_000_000_000_000_000_000 + n)), f"+4073{n:07}", 0)
        for n in range(first, first + count)
    ]
