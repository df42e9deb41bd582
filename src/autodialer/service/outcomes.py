"""What 8x8's answer to "place this call" means for the attempt, the record and the run (rules.md rows 26 and 27)."""

from collections.abc import Callable
from typing import TypeVar

from autodialer.domain.attempt import Released, Submitting, Unknown
from autodialer.domain.placing import Ambiguous, NobodyFree, NotSent, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, Staged, StagedState
from autodialer.rules.verdict import SkipReason
from autodialer.service.means import Means
from autodialer.service.pacing import Pacing
from autodialer.service.preparing import Stop
from autodialer.service.retrying import Persistence
from autodialer.service.signals import Signal

T = TypeVar("T")
MAX_TRIES = 5  # of one record in one run, when nothing was placed
SAME_FAILURE = 5  # that many calls in a row that never got through end the run
_UNREACHABLE_WAIT = 2.0  # seconds before the next call when nothing could be sent


class OutcomeRecorder:
    """Commits outcomes, and ends the run when no other call would fare better."""

    def __init__(self, means: Means, persistence: Persistence, pacer: Pacing, early: Signal) -> None:
        self._m = means
        self._persistence = persistence
        self._pacer = pacer
        self._early = early
        self._failures = 0

    async def record(
        self, run: Run, row: Staged, submitted: Submitting, outcome: PlaceOutcome, stop: Stop, turn: float
    ) -> None:
        """Write down what became of the call of that turn; slow down or end the run where the outcome asks for it."""
        log = {"run_id": run.run_id, "attempt_id": submitted.intent.attempt_id, "record": str(row.key)}
        match outcome:
            case Placed():
                self._failures = 0
                if await self._insist(lambda ledger: self._placed(ledger, run, row, submitted, outcome.session_id)):
                    self._early.notify()
                self._m.log.info("call placed", session_id=outcome.session_id, **log)
            case Refused():
                self._failures = 0
                await self._write(lambda ledger: self._refused(ledger, run, row, submitted, outcome))
                self._m.log.error("call refused", code=outcome.code, reason=outcome.message, **log)
                if outcome.scope is Scope.ACCOUNT:
                    stop.because(f"8x8 refuses all calls ({outcome.code} {outcome.message}). {outcome.remedy}".strip())
            case Throttled():
                await self._pause(outcome.retry_after)
                await self._persistence.insist(lambda: self._pacer.slow_down(turn))
                await self._write(lambda ledger: self._again(ledger, run, row, submitted, "8x8 asked to slow down"))
                self._m.log.warning("8x8 asked to slow down", seconds=outcome.retry_after, **log)
            case NobodyFree():
                await self._pause(outcome.retry_after)
                await self._write(lambda ledger: self._wait(ledger, run, row, submitted, outcome.reason))
                self._m.log.info("call waits for an agent", reason=outcome.reason, **log)
            case NotSent():
                await self._pause(_UNREACHABLE_WAIT)
                await self._write(lambda ledger: self._again(ledger, run, row, submitted, outcome.reason))
                self._m.log.error("call not sent", reason=outcome.reason, **log)
                self._count_failure(stop, f"8x8 can't be reached: {outcome.reason}")
            case Ambiguous():
                await self._write(lambda ledger: self._lost(ledger, run, row, submitted, outcome.reason))
                self._m.log.error("call unknown: it may have rung", reason=outcome.reason, **log)
                self._count_failure(stop, f"8x8 gives no usable answer: {outcome.reason}")

    async def record_unsent(self, run: Run, row: Staged, submitted: Submitting, reason: str) -> None:
        """The request never left, for a reason that came up after the intent's commit."""
        await self._write(lambda ledger: self._again(ledger, run, row, submitted, reason))
        self._m.log.error("call not sent", reason=reason, run_id=run.run_id, attempt_id=submitted.intent.attempt_id)

    async def _pause(self, seconds: float) -> None:
        await self._persistence.insist(lambda: self._pacer.pause(seconds))

    async def _write(self, work: Callable[[Ledger], None]) -> None:
        await self._insist(work)
        self._early.notify()

    async def _insist(self, work: Callable[[Ledger], T]) -> T:
        return await self._persistence.insist(lambda: self._m.store.write(work))

    def _count_failure(self, stop: Stop, reason: str) -> None:
        self._failures += 1
        if self._failures >= SAME_FAILURE:
            stop.because(f"{reason} ({self._failures} calls in a row)")

    def _placed(self, ledger: Ledger, run: Run, row: Staged, submitted: Submitting, session_id: str) -> bool:
        """Whether a callback waits that can perhaps be applied now."""
        after = submitted.place(session_id, self._m.clock.now())
        if not ledger.attempts.place(submitted, after):
            # Its result, or the end of its lease, was faster: the session is still worth knowing.
            ledger.attempts.learn_session(submitted.intent.attempt_id, session_id)
            if isinstance(ledger.attempts.load(submitted.intent.attempt_id), Released):
                return True  # 8x8 has said meanwhile that it could not make this call
        early = ledger.inbox.orphans_of(session_id)
        ledger.inbox.reopen([callback.inbox_id for callback in early])
        self._called(ledger, run, row)
        return any(callback.state == "new" for callback in ledger.inbox.of_session(session_id))

    def _lost(self, ledger: Ledger, run: Run, row: Staged, submitted: Submitting, reason: str) -> None:
        ledger.attempts.lose(submitted, submitted.lose(reason, self._m.clock.now()))
        self._called(ledger, run, row)

    def _called(self, ledger: Ledger, run: Run, row: Staged) -> None:
        ledger.staging.mark(run.run_id, row.key, StagedState.CALLED, reason=row.reason, detail=row.detail)

    def _refused(self, ledger: Ledger, run: Run, row: Staged, submitted: Submitting, refused: Refused) -> None:
        reason = f"8x8 refused: {refused.code} {refused.message}. {refused.remedy}".removesuffix(". ")
        if self._release(ledger, run, submitted, reason, number_refused=refused.scope is Scope.NUMBER):
            ledger.staging.mark(run.run_id, row.key, StagedState.ERROR, reason="refused", detail=reason)

    def _wait(self, ledger: Ledger, run: Run, row: Staged, submitted: Submitting, reason: str) -> None:
        if self._release(ledger, run, submitted, reason):
            ledger.staging.mark(run.run_id, row.key, StagedState.DUE, reason=row.reason, detail=reason)

    def _again(self, ledger: Ledger, run: Run, row: Staged, submitted: Submitting, reason: str) -> None:
        if not self._release(ledger, run, submitted, reason):
            return
        if row.tries + 1 < MAX_TRIES:
            ledger.staging.mark(run.run_id, row.key, StagedState.DUE, reason=row.reason, detail=reason, add_try=True)
        else:
            not_sent = SkipReason.NOT_SENT.value
            ledger.staging.mark(run.run_id, row.key, StagedState.ERROR, reason=not_sent, detail=reason, add_try=True)

    def _release(
        self, ledger: Ledger, run: Run, submitted: Submitting, reason: str, *, number_refused: bool = False
    ) -> bool:
        """Nobody was rung. Whether the run still has to do with it: it was perhaps given up while this process stood still."""
        after = submitted.release(reason, self._m.clock.now())
        if ledger.attempts.release(submitted, after, number_refused=number_refused):
            return True
        lost = ledger.attempts.load(submitted.intent.attempt_id)
        if not isinstance(lost, Unknown):
            return False
        released = ledger.attempts.release(lost, after, number_refused=number_refused)
        return released and ledger.runs.is_dialing(run.run_id)
