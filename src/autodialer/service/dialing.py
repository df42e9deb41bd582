"""The dialing of one run: at its pace, each call submitted (committed) before it is placed."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from autodialer.domain.attempt import Submitting
from autodialer.domain.errors import RunTakenOver, StoreError
from autodialer.domain.phone import PhoneNumber, read_number
from autodialer.domain.placing import Ambiguous, CallRequest, PlaceOutcome
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Run, StagedState
from autodialer.rules.calling_hours import closed_at
from autodialer.rules.verdict import SkipReason
from autodialer.service.clock_guard import clock_problem
from autodialer.service.control import is_paused
from autodialer.service.gathering import InFlight
from autodialer.service.holding import hold_problem
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.outcomes import OutcomeRecorder
from autodialer.service.ownership import release_unsent
from autodialer.service.pacing import Pacer, Pacing, longest_held
from autodialer.service.preparing import Preparer, Ready, Stop, day_over
from autodialer.service.retrying import Persistence
from autodialer.service.shared_pacing import SharedPacer
from autodialer.service.signals import Signal
from autodialer.service.troubles import Watch

LOOK_MAX_AGE = 30.0  # seconds after which a look is no last look any more
SUBMITTING_FOR = timedelta(seconds=180)  # longer than any answer of 8x8 is waited for; then the attempt is unknown
VALID_FOR = timedelta(seconds=120)  # 8x8 must not ring later than that
_STOOD_STILL = "this process stood still before the request left"
_IDLE = 0.05
_OTHERS_POLL = 0.25


class _KeptBack(NamedTuple):
    """Why a reserved attempt is released, and what becomes of its record."""

    why: str
    state: StagedState
    reason: str


class Dialer:
    """Dials what a run has staged, alone or with other processes. Once `stopping` is set nothing more is sent.

    `own` is the store as long as the run is ours: no call is prepared or submitted past it. What became of a call that was sent is
    recorded in any case.
    `conducts`: it stays until nobody has anything in hand any more, and ends the run where something is wrong with all calls.
    `early` is notified when a session became known, so that a result that was faster than 8x8's own answer is applied.
    """

    def __init__(
        self,
        means: Means,
        own: Store,
        lines: Lines,
        early: Signal,
        stopping: asyncio.Event,
        *,
        conducts: bool = True,
    ) -> None:
        self._m = means
        self._own = own
        self._lines = lines
        self._stopping = stopping
        self._persistence = Persistence(means.clock, means.log, stopping)
        self._preparer = Preparer(replace(means, store=own), lines, self._persistence, stopping)
        self._conducts = conducts
        self._pacer: Pacing = (
            Pacer(means.calls_per_second, means.clock)
            if means.alone
            else SharedPacer(means.calls_per_second, means.store, means.clock)
        )
        self._recorder = OutcomeRecorder(means, self._persistence, self._pacer, early)
        self._watch = Watch(means.store, means.clock, self._pacer)
        self._unsettled = 0  # reserved attempts that are not yet placed, given back or otherwise done with

    async def dial(self, run: Run, stop: Stop) -> str | None:
        """Place the calls of `run`; returns when all are placed, else the reason for which `stop` ended it early.

        Results come in elsewhere. Whatever was reserved and not sent is released.
        """
        ready: asyncio.Queue[Ready] = asyncio.Queue()
        self._lines.start()
        producer = asyncio.create_task(self._produce(run, ready, stop))
        try:
            async with InFlight() as calls:
                while calls.failure is None and (item := await self._next(ready, producer, stop)) is not None:
                    await self._send(run, item, stop, calls)
        finally:
            self._lines.lacks_agent = False
            producer.cancel()
            outcome = (await asyncio.gather(producer, return_exceptions=True))[0]
            while not ready.empty():
                await self._give_back(run, ready.get_nowait(), "the run ended before this call was sent")
            # A claim may have been on its way; others would wait for it as long as this process lives.
            if not self._conducts:
                await self._persistence.insist(lambda: self._m.store.write(partial(self._unclaim, run)))
        if isinstance(outcome, Exception):
            raise outcome
        return stop.reason

    def _unclaim(self, run: Run, ledger: Ledger) -> None:
        """Also what was reserved by a commit whose answer nobody waited for any more."""
        for key in release_unsent(ledger, run.run_id, self._m.owner, self._m.clock.now()):
            ledger.staging.mark(run.run_id, key, StagedState.DUE)
        ledger.staging.unclaim(run.run_id, self._m.owner, without_attempt=True)

    async def _produce(self, run: Run, ready: asyncio.Queue[Ready], stop: Stop) -> None:
        seems_over = False
        while not stop.reason and not self._stopping.is_set():
            if self._conducts:
                await self._persistence.insist(lambda: self._watch.look(run, stop))
            any_ready = await self._preparer.next_batch(run, ready.qsize(), stop, partial(self._take, ready))
            if any_ready is None and self._unsettled == 0 and not await self._others_have_some(run):
                if seems_over:
                    return  # one that waits for its turn, or is in flight, may yet come back as not placed and be due again
                seems_over = True  # or came back between the two looks: nobody has any now, so another look tells
                continue
            seems_over = False
            if not any_ready:
                await self._m.clock.sleep(_IDLE)

    def _take(self, ready: asyncio.Queue[Ready], batch: Sequence[Ready]) -> None:
        self._unsettled += len(batch)
        for item in batch:
            ready.put_nowait(item)

    async def _others_have_some(self, run: Run) -> bool:
        if not self._conducts:
            return False
        theirs = await self._persistence.insist(
            lambda: self._m.store.read(lambda ledger: ledger.staging.claimed_by_others(run.run_id, self._m.owner))
        )
        if theirs:
            await self._m.clock.sleep(_OTHERS_POLL)
        return theirs

    async def _next(self, ready: asyncio.Queue[Ready], producer: asyncio.Task[None], stop: Stop) -> Ready | None:
        """The next reserved attempt; None when there will be none."""
        while not stop.reason and not self._stopping.is_set():
            if not ready.empty():
                return ready.get_nowait()
            if producer.done():
                return None
            getting = asyncio.ensure_future(ready.get())
            await asyncio.wait({getting, producer}, return_when=asyncio.FIRST_COMPLETED, timeout=0.25)
            if getting.done():
                return getting.result()
            getting.cancel()
        return None

    async def _send(self, run: Run, item: Ready, stop: Stop, calls: InFlight) -> None:
        leaves_at = await self._persistence.insist(self._pacer.turn)
        submitted = None
        if stop.reason or self._stopping.is_set():
            await self._give_back(run, item, "the run stopped before this call was sent")
        elif self._age_of_look(item) > LOOK_MAX_AGE:
            # Where calls are far apart, every look is too old by then: a fresh one must not wait as long again.
            self._pacer.unused()
            await self._give_back(run, item, "the last look at the CRM had grown too old")
        else:
            submitted = await self._submit(run, item, stop)
        if submitted is None:
            self._unsettled -= 1
        else:
            calls.create_task(self._place(run, item, submitted, leaves_at, stop))

    def _age_of_look(self, item: Ready) -> float:
        """Seconds; while a machine is suspended only the time of day goes on."""
        clock = self._m.clock
        return max(clock.monotonic() - item.looked_at, (clock.now() - item.shown_at).total_seconds())

    async def _submit(self, run: Run, item: Ready, stop: Stop) -> Submitting | None:
        """The intent, durable before the request; None when the call must not be made after all."""
        attempt, key = item.attempt, item.attempt.intent.key

        def submit(ledger: Ledger) -> Submitting | str | None:
            now = self._m.clock.now()
            policy = self._m.policy
            if behind := clock_problem(ledger, now) or hold_problem(ledger, policy, now) or day_over(run, policy, now):
                return behind
            if (kept := self._kept_back(ledger, item, now)) is not None:
                # Where it can't be released another process has taken over, and says itself what becomes of the record.
                if ledger.attempts.release(attempt, attempt.release(kept.why, now)):
                    ledger.staging.mark(run.run_id, key, kept.state, reason=kept.reason, detail=kept.why)
                return None
            after = attempt.submit(now)
            if ledger.attempts.submit(attempt, after, now + SUBMITTING_FOR):
                return after
            found = ledger.attempts.load(attempt.intent.attempt_id)
            # Ours alone, so a try before this one was committed and its answer got lost.
            return found if isinstance(found, Submitting) and found.intent == attempt.intent else None

        try:
            submitted = await self._persistence.insist(lambda: self._own.write(submit))
        except RunTakenOver as lost:
            submitted = lost.message
        if isinstance(submitted, str):
            stop.because(submitted)
            await self._give_back(run, item, "the run stopped before this call was sent")
            return None
        return submitted

    def _kept_back(self, ledger: Ledger, item: Ready, now: datetime) -> "_KeptBack | None":
        """What keeps this call from being made by now; None: nothing does."""
        number = item.attempt.intent.number
        if ledger.do_not_call.has([number]):
            return _KeptBack("put on the do-not-call list", StagedState.SKIP, SkipReason.DO_NOT_CALL.value)
        if is_paused(ledger):
            return _KeptBack("paused", StagedState.DUE, item.staged.reason)
        if self._is_closed(number, now):  # since it was decided: the next look says until when
            return _KeptBack("its calling hours ended", StagedState.DUE, item.staged.reason)
        return None

    def _is_closed(self, number: str, now: datetime) -> bool:
        policy = self._m.policy
        dialled = read_number(number, policy.default_country) if policy.has_calling_hours else None
        return isinstance(dialled, PhoneNumber) and closed_at(policy, dialled, now) is not None

    async def _place(self, run: Run, item: Ready, submitted: Submitting, leaves_at: float, stop: Stop) -> None:
        intent = submitted.intent
        try:
            if (why := await self._kept_from_leaving(item, submitted, leaves_at)) is not None:
                await self._recorder.record_unsent(run, item.staged, submitted, why)
                return
            request = CallRequest(intent.attempt_id, intent.key, intent.number, self._m.wall_clock.now() + VALID_FOR)
            outcome = await self._ask(request)
            await self._recorder.record(run, item.staged, submitted, outcome, stop, leaves_at)
        except StoreError as error:
            # Its lease runs out and makes it unknown; the call itself is never repeated.
            self._m.log.error("outcome not recorded", attempt_id=intent.attempt_id, error=error.message)
        finally:
            self._unsettled -= 1

    async def _kept_from_leaving(self, item: Ready, submitted: Submitting, leaves_at: float) -> str | None:
        """Why the request must not leave any more; None: it may.

        So much time went by that the intent may have been taken for another's, or rings at a wrong time; or something was said
        while it waited for another turn.
        """
        clock, wall_clock = self._m.clock, self._m.wall_clock
        since, shown, why = clock.monotonic(), wall_clock.now(), _STOOD_STILL

        def may_leave(ledger: Ledger) -> bool:
            nonlocal why
            kept = self._kept_back(ledger, item, clock.now())
            why = _STOOD_STILL if kept is None else kept.why
            found = ledger.attempts.load(submitted.intent.attempt_id)
            return kept is None and isinstance(found, Submitting) and found.intent == submitted.intent

        try:
            if not await self._persistence.insist(lambda: self._pacer.departure(leaves_at, may_leave)):
                return why
        except StoreError:
            return _STOOD_STILL
        held = max(clock.monotonic() - since, (wall_clock.now() - shown).total_seconds())
        return None if held <= longest_held(self._m.calls_per_second) else _STOOD_STILL

    async def _ask(self, request: CallRequest) -> PlaceOutcome:
        try:
            return await self._m.telephony.place(request)
        except Exception as error:  # noqa: BLE001 - one call must not end the others, and this one may have been sent
            self._m.log.error("placing failed unexpectedly", attempt_id=request.attempt_id, error=repr(error))
            return Ambiguous(f"unexpected {type(error).__name__}")

    async def _give_back(self, run: Run, item: Ready, reason: str) -> None:
        def release(ledger: Ledger) -> None:
            row = item.staged
            if ledger.attempts.release(item.attempt, item.attempt.release(reason, self._m.clock.now())):
                ledger.staging.mark(run.run_id, row.key, StagedState.DUE, reason=row.reason, detail=row.detail)

        await self._persistence.insist(lambda: self._m.store.write(release))
