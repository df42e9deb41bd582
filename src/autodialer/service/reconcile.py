"""Attempts that nobody heard of again. Nothing is redialled, nothing is guessed (rules.md row 25)."""

from collections.abc import Sequence
from datetime import timedelta

from autodialer.domain.attempt import PlacedCall, Reserved, Submitting, Unknown
from autodialer.domain.disposition import Disposition
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, StagedState
from autodialer.service.means import Means

Moved = tuple[AttemptRow, str]  # where to; "" if it was not


class Reconciler:
    """Moves attempts on whose time is up."""

    def __init__(self, means: Means) -> None:
        self._m = means

    async def sweep(self) -> int:
        """One pass; how many attempts were moved on. Replicas do so at the same time, each with attempts of its own."""

        def sweep(ledger: Ledger) -> list[Moved]:
            now = self._m.clock.now()
            # Another replica may have learnt a session while this one, not seeing it yet, put its result aside.
            ledger.inbox.reopen(ledger.inbox.orphans_of_open_calls())
            rows = ledger.attempts.overdue(
                placed_before=now - timedelta(seconds=self._m.result_timeout),
                now=now,
                today=self._m.policy.local_date(now).isoformat(),
            )
            return [self._move_on(ledger, row) for row in rows]

        return self.tell(await self._m.store.write(sweep))

    def abandon(self, ledger: Ledger, owner: str) -> Sequence[Moved]:
        """What a dead process held (any other's, with owner ""): unsent attempts are released, half-sent ones are unknown.

        What it had claimed of the run that is going, what it was about to write to the CRM, and its duties, are anybody's again.
        Tell of it once that is committed.
        """
        ledger.outbox.disown(owner)
        ledger.activities.disown(owner)
        ledger.duties.release(owner)
        moved = [self._move_on(ledger, row) for row in ledger.attempts.open_of_owner(owner)]
        run = ledger.runs.current()
        if run is not None:
            ledger.staging.unclaim(run.run_id, owner)
        return moved

    def tell(self, rows: Sequence[Moved]) -> int:
        """Once it is committed, for a transaction may be run twice."""
        for row, moved in rows:
            if moved:
                self._m.log.warning("attempt moved on", attempt_id=row.attempt_id, record=str(row.key), to=moved)
        return len(rows)

    def _move_on(self, ledger: Ledger, row: AttemptRow) -> Moved:
        now = self._m.clock.now()
        attempts = ledger.attempts
        match attempts.load(row.attempt_id):
            case Reserved() as before:
                done = attempts.release(before, before.release("its process ended before the call was sent", now))
                if done and row.run_id is not None:
                    ledger.staging.mark(row.run_id, row.key, StagedState.DUE)
                moved = "released"
            case Submitting() as before:
                done = attempts.lose(before, before.lose("its process ended while the call was being sent", now))
                if done and row.run_id is not None:
                    ledger.staging.mark(row.run_id, row.key, StagedState.CALLED, reason="unknown")
                moved = "unknown"
            case PlacedCall() as before:
                done = attempts.lose(before, before.lose(f"no result within {self._m.result_timeout:g} seconds", now))
                moved = "unknown"
            case Unknown() as before:
                done = attempts.end(before, before.end(Disposition.UNKNOWN, now), None)
                moved = "closed as unknown"
            case _:
                done, moved = False, ""
        return row, moved if done else ""  # else its own process, or its result, was faster
