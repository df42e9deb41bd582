"""A run from its opening to its totals: pull, decide, make Dead, dial, close."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from autodialer.domain.access import Action
from autodialer.domain.errors import CrmError, LedgerRefusal, RunRefused, RunTakenOver, StoreError
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.rules.verdict import SkipReason
from autodialer.service.clock_guard import clock_problem
from autodialer.service.control import is_paused
from autodialer.service.dead import queue_dead
from autodialer.service.dialing import Dialer
from autodialer.service.holding import hold, hold_problem
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.noticing import forgotten_calls
from autodialer.service.ownership import RUN_LEASE, Ownership, Participation, release_unsent
from autodialer.service.preparing import Stop, day_over
from autodialer.service.readiness import Readiness
from autodialer.service.retrying import PatientStore, Persistence
from autodialer.service.signals import Signal
from autodialer.service.staging import PATIENCE, Stager
from autodialer.service.totals import totals_of
from autodialer.service.unseen import changed_by_people

# Seconds for calls of others that are in flight when a run is stopped: longer than any of 8x8's answers takes.
_PATIENCE = 90.0
_POLL = 0.25
_REFUSALS = 5
_JOIN_AGAIN = 60.0
_GOING = "a run is going"
_WAITING = "a run is going, and calls are paused: it goes on after somebody resumes (autodialer resume)"


@dataclass(frozen=True, slots=True)
class RunSignals:
    """Who is told what: updates queued, sessions known."""

    write_back: Signal
    results: Signal


class RunService:
    """Opens and conducts runs; one at a time in a deployment."""

    def __init__(
        self, means: Means, readiness: Readiness, lines: Lines, signals: RunSignals, stopping: asyncio.Event
    ) -> None:
        self._m = means
        self._readiness = readiness
        self._lines = lines
        self._signals = signals
        self._stopping = stopping
        self._persistence = Persistence(means.clock, means.log, stopping)
        self._patient = PatientStore(means.store, self._persistence)
        self._in_hand: set[str] = set()
        self._joins_after = 0.0

    def has_in_hand(self, run: Run) -> bool:
        """Whether this process opens or conducts it this moment."""
        return run.run_id in self._in_hand

    async def open(self, kind: RunKind, slot: datetime | None, *, confirm: bool = False, by: str | None = None) -> Run:
        """Start a run; RunRefused when one is going, the slot is taken, or calls can't be placed (then `permanent`).

        `by`: who wants it, for the audit trail; None: the clock.
        """
        if self._m.dry_run:
            raise RunRefused("DRY_RUN is set: nobody is called", permanent=True)
        if problems := await self._readiness.problems():
            raise RunRefused("no calls can be placed: " + "; ".join(problems), permanent=True)
        now = self._m.clock.now()
        run = Run(
            run_id=self._m.new_id(),
            kind=kind,
            slot=slot,
            state=RunState.STAGING,
            confirm=confirm,
            policy_hash=self._m.policy.hash,
            owner=self._m.owner,
            started_at=now,
        )

        def start(ledger: Ledger) -> tuple[Run | None, Run | None, str | None, bool]:
            if behind := clock_problem(ledger, now) or hold_problem(ledger, self._m.policy, now):
                return None, None, behind, False
            opened = ledger.runs.open(run, now + RUN_LEASE)
            if opened is not None and by is not None:
                ledger.audit.add(now, by, Action.START_RUN, run.run_id)
            return opened, ledger.runs.current(), None, is_paused(ledger)

        self._in_hand.add(run.run_id)
        opened = None
        try:
            opened, running, behind, paused = await self._m.store.write(start)
        finally:
            if opened is None:
                self._in_hand.discard(run.run_id)
        if behind is not None:
            raise RunRefused(f"no calls can be placed: {behind}", permanent=True)
        if opened is None:
            if running is None:
                raise RunRefused(f"the slot {slot:%Y-%m-%d %H:%M} has had its run" if slot else "the run can't start")
            raise RunRefused(_WAITING if paused else _GOING, running=running.run_id)
        self._m.log.info("run opened", run_id=run.run_id, kind=kind.value, slot=slot and slot.isoformat())
        return opened

    def skipped(self, slot: datetime, reason: str) -> Run:
        """The record of a slot that was due and got no run."""
        now = self._m.clock.now()
        return Run(
            run_id=self._m.new_id(),
            kind=RunKind.SCHEDULED,
            slot=slot,
            state=RunState.SKIPPED,
            confirm=False,
            policy_hash=self._m.policy.hash,
            owner=self._m.owner,
            started_at=now,
            stop_reason=reason,
        )

    async def conduct(self, run: Run) -> Run:
        """Take an open run to its end; returns it closed, with totals.

        Left open only when the process is to end, or when another process owns it now.
        """
        self._in_hand.add(run.run_id)
        try:
            return await self._conduct(run)
        finally:
            self._in_hand.discard(run.run_id)

    async def _conduct(self, run: Run) -> Run:
        own, stop = Ownership(self._m, run.run_id), Stop()
        lease = asyncio.create_task(own.keep(stop))
        try:
            reason = await self._work(run, own, stop)
        except RunTakenOver as lost:
            reason = lost.message
        except CrmError as error:
            reason = f"Zoho: {error.message}"
        except StoreError as error:
            if self._stopping.is_set():
                raise
            reason = f"the ledger: {error.message}"
        except Exception as error:
            if self._stopping.is_set():
                raise
            # Closed all the same: an open run that nobody conducts would stand in the way of every other.
            self._m.log.error("run failed unexpectedly", run_id=run.run_id, error=repr(error))
            reason = f"unexpected {type(error).__name__}, see the log"
        finally:
            lease.cancel()
            await asyncio.gather(lease, return_exceptions=True)
        if self._stopping.is_set():
            return run
        return await self.close(run, reason)

    async def resume(self, run: Run) -> Run | None:
        """Go on with a run that a dead process of ours left open; None when it was closed, as its day is over or calls are held."""
        if self._m.dry_run:
            await self.close(run, "interrupted, and DRY_RUN is set")
            return None
        now = self._m.clock.now()
        held = await self._m.store.read(lambda ledger: hold_problem(ledger, self._m.policy, now))
        if problem := day_over(run, self._m.policy, now) or held:
            await self.close(run, f"interrupted, and {problem}")
            return None
        self._m.log.warning("run taken over", run_id=run.run_id, state=run.state.value)
        return await self.conduct(run)

    async def join(self, run: Run, stop: Stop) -> None:
        """Dial along in a run that another process conducts, until nobody is due any more or `stop` is set.

        Where the rules of this process are others, it does not. Nor for a minute after it could not place calls, or ended for a
        reason of its own, such as 8x8 being out of its reach: others may fare better with the people that it would try.
        """
        if self._m.dry_run or run.policy_hash != self._m.policy.hash or self._m.clock.monotonic() < self._joins_after:
            return
        if await self._readiness.problems():
            self._joins_after = self._m.clock.monotonic() + _JOIN_AGAIN
            return
        dialer = Dialer(
            self._m,
            Participation(self._m, run.run_id),
            self._lines,
            self._signals.results,
            self._stopping,
            conducts=False,
        )
        try:
            reason = await dialer.dial(run, stop)
        except (RunTakenOver, StoreError) as error:  # the run is over, or the ledger gone
            reason = error.message
        except Exception as error:  # noqa: BLE001 - nobody waits for this task: it would be tried again each second, unheard
            self._m.log.error("dialing along failed unexpectedly", run_id=run.run_id, error=repr(error))
            reason = f"unexpected {type(error).__name__}, see the log"
        if reason:
            self._m.log.info("dials along no longer", run_id=run.run_id, reason=reason)
            left = await self._m.store.read(lambda ledger: ledger.runs.get(run.run_id))
            if left is not None and left.state is RunState.DIALING and left.owner != self._m.owner:
                self._joins_after = self._m.clock.monotonic() + _JOIN_AGAIN

    async def _work(self, run: Run, own: Ownership, stop: Stop) -> str | None:
        m = self._m
        ours = PatientStore(own, self._persistence)
        if run.state is RunState.STAGING:
            if run.policy_hash != m.policy.hash:  # a run taken over, and what stands was decided by other rules
                await ours.write(lambda ledger: ledger.staging.clear(run.run_id))
            stager = Stager(
                m.crm, self._patient, ours, m.policy, m.clock, m.log, patience=PATIENCE, stopping=self._stopping
            )
            pulled = await stager.stage(run.run_id, confirm=run.confirm)
            self._m.log.info(
                "records staged",
                run_id=run.run_id,
                records=pulled.records,
                same_phone=pulled.same_phone,
                dead_held_back=pulled.dead_held_back,
            )
            patient = replace(m, store=self._patient)
            if forgotten := await forgotten_calls(patient, run):
                now = m.clock.now()
                day = m.policy.local_date(now).isoformat()
                await ours.write(lambda ledger: hold(ledger, forgotten, day, now))
                return forgotten
            changed = await changed_by_people(patient, run)
            await ours.write(lambda ledger: self._staged(ledger, run, changed))
        else:
            await ours.write(lambda ledger: ledger.staging.unclaim(run.run_id, m.owner))
        if held := await self._make_dead(run, ours):
            return held
        dialer = Dialer(m, own, self._lines, self._signals.results, self._stopping)
        return await dialer.dial(run, stop)

    def _staged(self, ledger: Ledger, run: Run, changed: Sequence[RecordKey]) -> None:
        now = self._m.clock.now()
        ledger.attempts.lift_holds(changed, now)
        ledger.runs.advance(run.run_id, self._m.owner, RunState.DIALING, now)
        ledger.runs.save_totals(run.run_id, totals_of(ledger.staging.counts(run.run_id)))

    async def _make_dead(self, run: Run, ours: Store) -> str | None:
        """Queue the Dead updates, a page per transaction; why not, where dialing is held by now."""
        after, refused = "", 0
        while True:
            try:
                held, after = await ours.write(partial(self._queue_dead, run, after))
            except LedgerRefusal:  # another replica changed something of one of them in the same moment; it is seen now
                refused += 1
                if refused > _REFUSALS:
                    raise
                continue
            self._signals.write_back.notify()
            if held or not after:
                return held

    def _queue_dead(self, run: Run, after: str, ledger: Ledger) -> tuple[str | None, str]:
        now = self._m.clock.now()
        held = hold_problem(ledger, self._m.policy, now)
        return held, "" if held else queue_dead(ledger, run, self._m.policy, after, now)

    async def close(self, run: Run, reason: str | None) -> Run:
        """Settle what was not reached, count, and close; a run that another process owns now is left as it is."""
        own = Ownership(self._m, run.run_id)
        if reason:
            await self._wind_up(run, reason)

        def finish(ledger: Ledger) -> tuple[Run, bool]:
            now = self._m.clock.now()
            if not own.may_write(ledger):
                return ledger.runs.get(run.run_id) or run, False
            detail = reason or "not reached"
            # What was just being reserved would else block its people until its lease runs out.
            release_unsent(ledger, run.run_id, self._m.owner, now)
            ledger.staging.skip_rest(run.run_id, SkipReason.RUN_STOPPED.value, detail)
            totals = totals_of(ledger.staging.counts(run.run_id))
            ledger.runs.save_totals(run.run_id, totals)
            state = RunState.STOPPED if reason else RunState.FINISHED
            ledger.runs.advance(run.run_id, self._m.owner, state, now, stop_reason=reason)
            return ledger.runs.get(run.run_id) or run, True

        closed, ours = await self._persistence.insist(lambda: self._m.store.write(finish))
        if not ours:
            self._m.log.error("run left to another process", run_id=run.run_id, owner=closed.owner, reason=reason)
            return closed
        log = self._m.log.error if reason else self._m.log.info
        log("run closed", run_id=run.run_id, state=closed.state.value, reason=reason, **closed.totals)
        return closed

    async def _wind_up(self, run: Run, reason: str) -> None:
        """Others who dial along stop, and record what they have in flight, so that the totals are right."""
        owner, since = self._m.owner, self._m.clock.monotonic()

        def wind_up(ledger: Ledger) -> bool:
            return ledger.runs.wind_up(run.run_id, owner, reason) and ledger.staging.claimed_by_others(
                run.run_id, owner
            )

        while await self._persistence.insist(lambda: self._m.store.write(wind_up)):
            if self._m.clock.monotonic() - since > _PATIENCE:
                return
            await self._m.clock.sleep(_POLL)
