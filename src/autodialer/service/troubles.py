"""8x8's own failures, told after it took a call: written down by whoever hears of them, heeded by the run that dials."""

import json
from datetime import datetime

from autodialer.domain.result import CallResult, TroubleKind
from autodialer.ports import Clock
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import AttemptRow, Run
from autodialer.service.control import SLOWED_BY, TROUBLES
from autodialer.service.pacing import Pacing
from autodialer.service.preparing import Stop

SAME_TROUBLE = 3  # that many calls in a row that failed for the same reason of the account end the run
_EVERY = 0.5  # seconds between two looks


def write_down(ledger: Ledger, attempt: AttemptRow, result: CallResult, now: datetime) -> None:
    """In the transaction that ends the call. Any other end breaks the row."""
    if attempt.run_id is None:
        return
    trouble = result.trouble
    if trouble is not None and trouble.kind is TroubleKind.CAPACITY:
        ledger.switches.set(SLOWED_BY, attempt.attempt_id, now)
        return
    known = ledger.switches.get(TROUBLES)
    if trouble is None or trouble.kind is not TroubleKind.ACCOUNT:
        if known:
            ledger.switches.set(TROUBLES, "", now)
        return
    row = json.loads(known) if known else {}
    same = row.get("run_id") == attempt.run_id and row.get("code") == trouble.code
    words = f"{trouble.code} {trouble.message}".strip()
    told = {
        "run_id": attempt.run_id,
        "code": trouble.code,
        "calls": row["calls"] + 1 if same else 1,
        "reason": f"8x8 makes no call: {words}",
        "remedy": trouble.remedy,
    }
    ledger.switches.set(TROUBLES, json.dumps(told), now)


class Watch:
    """The eye that a dialing run keeps on them."""

    def __init__(self, store: Store, clock: Clock, pacer: Pacing) -> None:
        self._store = store
        self._clock = clock
        self._pacer = pacer
        self._looked_at: float | None = None
        self._slowed_by: str | None = None

    async def look(self, run: Run, stop: Stop) -> None:
        """End the run when calls fail in a row for a reason of the account; slow down when there were too many at once."""
        now = self._clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < _EVERY:
            return
        row, slowed_by = await self._store.read(
            lambda ledger: (ledger.switches.get(TROUBLES), ledger.switches.get(SLOWED_BY))
        )
        if slowed_by is not None and self._looked_at is not None and slowed_by != self._slowed_by:
            await self._slow_down(slowed_by, now)
        self._looked_at, self._slowed_by = now, slowed_by
        told = json.loads(row) if row else {}
        if told.get("run_id") == run.run_id and told["calls"] >= SAME_TROUBLE:
            stop.because(f"{told['reason']} ({told['calls']} calls in a row). {told['remedy']}".strip())

    async def _slow_down(self, attempt_id: str, now: float) -> None:
        """Calls that left before the pace was last lowered are heard of for seconds; they say no more than the first of them."""
        attempt = await self._store.read(lambda ledger: ledger.attempts.row(attempt_id))
        sent_at = attempt.submitted_at if attempt is not None else None
        ago = (self._clock.now() - sent_at).total_seconds() if sent_at is not None else 0.0
        await self._pacer.slow_down(now - max(0.0, ago), of_all=True)
