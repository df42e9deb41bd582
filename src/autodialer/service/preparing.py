"""Keeps a few reserved attempts ready for the dialer: free line → claim → last look → reserve."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec import structs

from autodialer.domain.attempt import Reserved
from autodialer.domain.errors import CrmError, LedgerRefusal, StoreError
from autodialer.domain.phone import PhoneNumber
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.outside import LOOKED_AT_TOGETHER
from autodialer.ports.rows import Reservation, Run, Staged, StagedState
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy
from autodialer.rules.reading import read_instant
from autodialer.rules.verdict import Call, SkipReason
from autodialer.service.control import is_paused
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.people import JUST_WRITTEN, e164_of, gather_facts
from autodialer.service.retrying import Persistence
from autodialer.service.staging import UNEXPECTED, outcome_of

_LOOKED_AT = len(RecordType) * LOOKED_AT_TOGETHER  # as Leads and Contacts take turns
LOOK_AHEAD = 5.0  # seconds of calls that one last look may serve
_RESERVED_AT_ONCE = 10  # in one transaction, for which results and other calls have to wait
RESERVED_FOR = timedelta(seconds=180)  # a lease that runs out on a reserved attempt releases it
PAUSE_PATIENCE = 3600.0  # seconds that a paused run waits before it ends
_POLL = 0.25
_AGENT_POLL = 1.0
DAY_OVER = "its day is over"
_QUOTAS = {"total_quota_of": SkipReason.ATTEMPTS_USED, "day_quota_of": SkipReason.DAY_QUOTA}
_CALLED_ALREADY = "its number was called in this run already, for another record"


@dataclass(frozen=True, slots=True)
class Ready:
    """A reserved attempt on its way to 8x8. `staged`: as the last look decided.

    `looked_at`: monotonic seconds of the last look, `shown_at` its time of day.
    """

    attempt: Reserved
    staged: Staged
    looked_at: float
    shown_at: datetime


@dataclass(frozen=True, slots=True)
class _Look:
    """What the CRM showed. `looked_at`, `shown_at`: as in Ready."""

    found: Mapping[RecordKey, Record]
    looked_at: float
    shown_at: datetime


HandOver = Callable[[Sequence[Ready]], None]


class Stop:
    """Why a run ends early; the first reason stands."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def because(self, reason: str) -> None:
        """End it."""
        self.reason = self.reason or reason


def day_over(run: Run, policy: Policy, now: datetime) -> str | None:
    """Why a run ends when another day of the rules begins (rules.md row 2): what it staged was decided for its own. Else None."""
    return None if policy.local_date(now) <= policy.local_date(run.started_at) else DAY_OVER


def _refused_for(refusal: LedgerRefusal) -> SkipReason:
    """By the constraint's name, which both databases tell: a quota, or else a call that is going on.

    The quotas count also a call of which nobody heard where the CRM counts calls of before this ledger, and so shows too few.
    """
    found = (reason for name, reason in _QUOTAS.items() if name in refusal.message)
    return next(found, SkipReason.OPEN_ATTEMPT)


class Preparer:
    """The producer of one run."""

    def __init__(self, means: Means, lines: Lines, persistence: Persistence, stopping: asyncio.Event) -> None:
        self._m = means
        self._lines = lines
        self._persistence = persistence
        self._stopping = stopping
        self._most = max(1, min(_LOOKED_AT, round(means.calls_per_second * LOOK_AHEAD)))

    async def next_batch(self, run: Run, waiting: int, stop: Stop, hand_over: HandOver) -> bool | None:
        """Reserve the next few; False when there is nothing to do this moment, None when no record is due any more.

        `waiting`: how many reserved attempts are still in the queue. `hand_over` gets them as soon as they are reserved.
        """
        if waiting > self._most // 2:
            return False
        go_on = await self._may_go_on(run, stop)
        if not go_on:
            return go_on
        if over := day_over(run, self._m.policy, self._m.clock.now()):
            stop.because(over)
            return False
        free = await self._persistence.insist(self._lines.free)
        if free < 1:
            return await self._wait_for_line(run, stop)
        agents = await self._m.telephony.free_agents()
        if agents is not None:
            # One for each call that has no agent yet, by whichever process: to claim more would ask the CRM in vain, over and over.
            free = min(free, agents - await self._persistence.insist(self._unplaced))
            if free < 1:
                return await self._wait_for_agent(run)
        self._lines.lacks_agent = False
        claimed = await self._claim(run, min(free, self._most))
        return await self._look_and_reserve(run, claimed, agents, stop, hand_over) if claimed else None

    async def _unplaced(self) -> int:
        return await self._m.store.read(lambda ledger: ledger.attempts.unplaced())

    async def _claim(self, run: Run, limit: int) -> Sequence[Staged]:
        """Those that were claimed by a try whose answer got lost, and of which nobody would know, are due again first."""
        tries = 0

        def claim(ledger: Ledger) -> Sequence[Staged]:
            if tries > 1:
                ledger.staging.unclaim(run.run_id, self._m.owner, without_attempt=True)
            return ledger.staging.claim(run.run_id, self._m.owner, limit)

        async def try_once() -> Sequence[Staged]:
            nonlocal tries
            tries += 1
            return await self._m.store.write(claim)

        return await self._persistence.insist(try_once)

    async def _wait_for_line(self, run: Run, stop: Stop) -> bool | None:
        """Lines are waited for only while somebody is due; a run ends for want of results only then."""
        if not await self._anybody_due(run):
            return None
        if await self._lines.deaf():
            stop.because(
                f"no result came from 8x8 for {self._m.result_timeout:g} seconds and all {self._m.max_concurrent_calls} lines wait "
                "for theirs: check EIGHTX8_CALLBACK_URL, CALLBACK_TOKEN and the webhook, or the event stream (autodialer doctor)"
            )
            return False
        await self._lines.wait(_POLL)
        return False

    async def _wait_for_agent(self, run: Run) -> bool | None:
        """Without reserving anything and without asking the CRM: agents may be busy for hours."""
        if not await self._anybody_due(run):
            return None
        if not self._lines.lacks_agent:
            self._m.log.info("no agent is free, the run waits", run_id=run.run_id)
            self._lines.lacks_agent = True
        await self._persistence.insist(self._lines.rest)
        await self._m.clock.sleep(_AGENT_POLL)
        return False

    async def _anybody_due(self, run: Run) -> bool:
        rows = await self._persistence.insist(
            lambda: self._m.store.read(lambda ledger: ledger.staging.rows(run.run_id, StagedState.DUE, limit=1))
        )
        return bool(rows)

    def _today(self) -> str:
        return self._m.policy.local_date(self._m.clock.now()).isoformat()

    async def _may_go_on(self, run: Run, stop: Stop) -> bool | None:
        """Wait while paused; None when there is nobody to wait for."""
        since, waited = self._m.clock.monotonic(), False
        while await self._persistence.insist(lambda: self._m.store.read(is_paused)):
            waited = True
            if self._stopping.is_set():
                return False
            if not await self._anybody_due(run):
                return None
            if self._m.clock.monotonic() - since > PAUSE_PATIENCE:
                stop.because("paused for more than an hour")
                return False
            await self._m.clock.sleep(_POLL)
        if waited:
            await self._persistence.insist(self._lines.rest)
        return not self._stopping.is_set()

    async def _look_and_reserve(
        self, run: Run, claimed: Sequence[Staged], agents: int | None, stop: Stop, hand_over: HandOver
    ) -> bool:
        looked_at, shown_at = self._m.clock.monotonic(), self._m.clock.now()
        try:
            found = await self._m.crm.look([row.key for row in claimed])
        except CrmError as error:
            self._m.log.error("last look failed", run_id=run.run_id, error=error.message, code=error.code)
            stop.because(f"Zoho can't be asked for the last look: {error.message}")
            await self._give_back(run, claimed)
            return False
        any_ready = False
        for start in range(0, len(claimed), _RESERVED_AT_ONCE):
            rows = claimed[start : start + _RESERVED_AT_ONCE]
            look = _Look(found, looked_at, shown_at)
            reserved = await self._persistence.insist(partial(self._reserve_all, run, rows, look, agents))
            ready = [one for one in reserved if one is not None]
            hand_over(ready)
            any_ready = any_ready or bool(ready)
        return any_ready

    async def _reserve_all(
        self, run: Run, claimed: Sequence[Staged], look: "_Look", agents: int | None
    ) -> Sequence[Ready | None]:
        """All in one transaction; where one of them is refused or fails, each in its own, so that it harms no other."""
        try:
            return await self._m.store.write(lambda ledger: self._decide_all(ledger, run, claimed, look, agents))
        except LedgerRefusal:
            pass
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - it is met again, alone, below
            self._m.log.warning("records are decided one by one", run_id=run.run_id, error=repr(error))
        return [await self._persistence.insist(partial(self._reserve, run, row, look, agents)) for row in claimed]

    async def _reserve(self, run: Run, row: Staged, look: "_Look", agents: int | None) -> Ready | None:
        """Decide once more, on what the CRM shows this second, and take the slots. The database has the last word."""
        try:
            return (await self._m.store.write(lambda ledger: self._decide_all(ledger, run, [row], look, agents)))[0]
        except LedgerRefusal as refusal:
            await self._settle(run, row, StagedState.SKIP, _refused_for(refusal).value, refusal.message)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one record must not stop the rest
            self._m.log.error("record can't be decided", run_id=run.run_id, record=str(row.key), error=repr(error))
            detail = f"unexpected {type(error).__name__}, see the log"
            await self._settle(run, row, StagedState.ERROR, UNEXPECTED, detail)
        return None

    async def _settle(self, run: Run, row: Staged, state: StagedState, reason: str, detail: str) -> None:
        await self._m.store.write(
            lambda ledger: ledger.staging.mark(run.run_id, row.key, state, reason=reason, detail=detail)
        )

    def _decide_all(
        self,
        ledger: Ledger,
        run: Run,
        claimed: Sequence[Staged],
        look: "_Look",
        agents: int | None,
    ) -> Sequence[Ready | None]:
        """For each of `claimed` the attempt, or none: those that another process has taken over meanwhile are left to it."""
        free = self._lines.take(ledger, agents)
        mine = ledger.staging.still_claimed(run.run_id, self._m.owner, [row.key for row in claimed])
        rows = [row for row in claimed if row.key in mine]
        now = self._m.clock.now()
        found = look.found
        records = [found[row.key] for row in rows if row.key in found]
        facts = gather_facts(ledger, records, self._m.policy, now, look.shown_at - JUST_WRITTEN)
        known = {one.record.key: one for one in facts}
        called = ledger.attempts.called_in(run.run_id, [e164 for one in facts if (e164 := e164_of(one.number))])
        reserved: dict[RecordKey, Ready] = {}
        for row in rows:
            if len(reserved) >= free:  # another process was faster to take the lines that this one had seen
                ledger.staging.mark(run.run_id, row.key, StagedState.DUE, reason=row.reason, detail=row.detail)
            elif ready := self._decide_again(ledger, run, row, known.get(row.key), called, look):
                reserved[row.key] = ready
        return [reserved.get(row.key) for row in claimed]

    def _decide_again(
        self, ledger: Ledger, run: Run, row: Staged, facts: Facts | None, called: Collection[str], look: "_Look"
    ) -> Ready | None:
        """`called`: the numbers of them that this run has called already, for whichever record."""
        if facts is None:
            gone = SkipReason.RECORD_GONE.value
            ledger.staging.mark(run.run_id, row.key, StagedState.SKIP, reason=gone, detail="not in the CRM any more")
            return None
        verdict = decide(facts, self._m.policy, self._m.clock.now())
        _, reason, detail, next_at = outcome_of(verdict)
        if not isinstance(verdict, Call) or not isinstance(facts.number, PhoneNumber):
            # A record is made Dead only by the pass that counts them (rules.md row 29); the next run sees it.
            skip = StagedState.SKIP
            ledger.staging.mark(run.run_id, row.key, skip, reason=reason, detail=detail, next_at=next_at)
            return None
        if facts.number.e164 in called:  # it was given to this record since they were pulled (rules.md row 14)
            same = SkipReason.SAME_PHONE_AS.value
            ledger.staging.mark(run.run_id, row.key, StagedState.SKIP, reason=same, detail=_CALLED_ALREADY)
            return None
        attempt = ledger.attempts.reserve(self._reservation(run, facts, facts.number.e164, verdict))
        ledger.staging.mark(
            run.run_id, row.key, StagedState.CLAIMED, reason=reason, detail=detail, attempt_id=attempt.intent.attempt_id
        )
        return Ready(attempt, structs.replace(row, reason=reason, detail=detail), look.looked_at, look.shown_at)

    def _reservation(self, run: Run, facts: Facts, number: str, call: Call) -> Reservation:
        now = self._m.clock.now()
        first = read_instant(facts.record.first_no_answer_at, self._m.policy.zone)
        known = first if isinstance(first, datetime) else None
        if known is None and facts.pending is not None:
            known = facts.pending.first_no_answer_at
        return Reservation(
            attempt_id=self._m.new_id(),
            run_id=run.run_id,
            key=facts.record.key,
            number=number,
            owner=self._m.owner,
            reserved_at=now,
            lease_until=now + RESERVED_FOR,
            is_new=call.is_new,
            record_status=facts.record.status,
            attempts_before=call.attempt_number - 1,
            day_attempts_before=call.day_attempt_number - 1,
            first_no_answer_at=known,
            policy_day=self._today(),
            day_index=call.day_index,
            total_quota=call.total_quota,
            day_quota=call.day_quota,
        )

    async def _give_back(self, run: Run, claimed: Sequence[Staged]) -> None:
        def give_back(ledger: Ledger) -> None:
            mine = ledger.staging.still_claimed(run.run_id, self._m.owner, [row.key for row in claimed])
            for row in (row for row in claimed if row.key in mine):
                ledger.staging.mark(run.run_id, row.key, StagedState.DUE, reason=row.reason, detail=row.detail)

        await self._persistence.insist(lambda: self._m.store.write(give_back))
