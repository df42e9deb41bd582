"""Drains the outbox: absolute values, in batches, each record's own answer; what a person set meanwhile is left standing.

How Zoho's own rules shape this stands in docs/zoho/writing.md.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from autodialer.domain.errors import CrmError, StoreError
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult, Written
from autodialer.ports.boxes import Choose
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import DAYS_OVER, ON_DEMAND, OutboxRow
from autodialer.rules.cadence import day_index
from autodialer.rules.policy import Policy
from autodialer.rules.reading import read_attempts, read_instant
from autodialer.rules.text import normalise
from autodialer.service.means import Means
from autodialer.service.projecting import statuses_expected
from autodialer.service.together import worth_their_requests

BATCH = 300  # so many at once count as a backlog to the adapter, which then sends hundreds
_SETTLED_AT_ONCE = 20  # in one transaction, for which calls and callbacks have to wait
_LOOKS = 3  # at once, when somebody was faster than we between our look and our write
_JUST_CHANGED_WAIT = timedelta(seconds=2)
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=15)
_LONGEST_BLOCKED_WAIT = timedelta(hours=1)
_STOPPED_WAIT = timedelta(minutes=5)
BLOCKED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look at the CRM made of a row. `update` None: the record is gone. `kept`: the person's status that stays.

    `first_kept`: so does the First No Answer At that they set.
    """

    row: OutboxRow
    update: CrmUpdate | None
    kept: str | None = None
    first_kept: bool = False
    waits: bool = False  # for a version of the record that the CRM can tell from the next one


Outcome = tuple[Plan, WriteResult | None]
"""A row with the CRM's answer, None where nothing was sent."""
_Settled = tuple[bool, Callable[[], object] | None]


class WriteBack:
    """Sends what the outbox holds; nothing in it is ever dropped."""

    def __init__(self, means: Means) -> None:
        self._m = means
        self._turn = asyncio.Lock()  # a claim of ours that is found again was given up

    async def drain(self) -> int:
        """Send what is due, a batch at a time, until nothing is or Zoho fails; how many rows were settled.

        Other replicas do so at the same time with other rows.
        """
        return await self._drain(self._claim)

    async def drain_together(self) -> bool:
        """`drain`, but while calls are in progress leave for a moment what others may join; whether anything was left."""
        left = False

        def claim(ledger: Ledger) -> Sequence[OutboxRow]:
            now = self._m.clock.now()

            def choose(rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
                nonlocal left
                chosen = worth_their_requests(rows, now) if rows and ledger.attempts.lines_in_use(now) else rows
                left = len(chosen) < len(rows)
                return chosen

            return self._claim(ledger, choose)

        await self._drain(claim)
        return left

    async def _drain(self, claim: Callable[[Ledger], Sequence[OutboxRow]]) -> int:
        async with self._turn:
            settled = 0
            try:
                while rows := await self._m.store.write(claim):
                    done = await self._send(rows)
                    settled += done
                    if done == 0:
                        break
            except (Exception, asyncio.CancelledError):
                await self._let_go()
                raise
            return settled

    def _claim(self, ledger: Ledger, choose: Choose | None = None) -> Sequence[OutboxRow]:
        return ledger.outbox.claim(self._m.owner, self._m.clock.now(), BATCH, ledger.shared_now(), choose)

    async def _let_go(self) -> None:
        """What is not settled is anybody's again; if this fails, our own next claim takes it up."""
        with suppress(StoreError):
            await self._m.store.write(lambda ledger: ledger.outbox.disown(self._m.owner))

    async def _send(self, rows: Sequence[OutboxRow]) -> int:
        settled = 0
        for looks_left in reversed(range(_LOOKS)):
            outcomes: list[Outcome] = []
            try:
                plans = await self._look(rows)
                outcomes = [(plan, None) for plan in plans if not _is_sent(plan)]
                outcomes += await self._write([plan for plan in plans if _is_sent(plan)])
            except CrmError as error:
                settled += await self._settle_all(outcomes)  # those need nothing more of the CRM
                done = {plan.row.outbox_id for plan, _ in outcomes}
                left = [row for row in rows if row.outbox_id not in done]
                parts = _by_type(left)
                if not error.permanent or len(parts) < len(RecordType):
                    await self._keep(left, error)
                    return settled
                # Fields and rights are each module's own: what speaks against one is perhaps nothing to the other.
                return settled + sum([await self._send(part) for part in parts])
            again = [plan.row for plan, result in outcomes if looks_left and _was_outrun(result)]
            settled += await self._settle_all([each for each in outcomes if not (looks_left and _was_outrun(each[1]))])
            if not again:
                break
            rows = again
            self._m.log.info("changed in Zoho meanwhile, looked at again", rows=len(rows))
        return settled

    async def _look(self, rows: Sequence[OutboxRow]) -> list[Plan]:
        # Seconds before the write, so that a status set by a person meanwhile is seen (rules.md row 13).
        found = await self._m.crm.look([row.key for row in rows])
        shown = [row for row in rows if _shows_a_time(row, found.get(row.key))]
        known = await self._m.store.read(partial(_times_known, shown)) if shown else {}
        policy, now = self._m.policy, self._m.clock.now()
        return [plan_for(row, found.get(row.key), policy, now, known.get(row.key, ())) for row in rows]

    async def _write(self, plans: Sequence[Plan]) -> list[Outcome]:
        updates = [plan.update for plan in plans if plan.update is not None]
        return list(zip(plans, await self._m.crm.write(updates), strict=True))

    async def _keep(self, rows: Sequence[OutboxRow], error: CrmError) -> None:
        wait = _STOPPED_WAIT if error.permanent or error.stops_run else None
        told = {"rows": len(rows), "error": error.message, "code": error.code}
        self._m.log.error("write-back failed, kept for later", **told)
        await self._m.store.write(partial(self._postpone, rows, error.message, wait))

    def _postpone(self, rows: Sequence[OutboxRow], error: str, wait: timedelta | None, ledger: Ledger) -> None:
        now = self._m.clock.now()
        for row in rows:
            later = now + (wait or _wait_after(row.tries, _LONGEST_WAIT))
            ledger.outbox.retry(row.outbox_id, self._m.owner, error, later)

    async def _settle_all(self, outcomes: Sequence[Outcome]) -> int:
        settled = 0
        for start in range(0, len(outcomes), _SETTLED_AT_ONCE):
            for is_done, tell in await self._m.store.write(
                partial(self._settle, outcomes[start : start + _SETTLED_AT_ONCE])
            ):
                settled += is_done
                if tell is not None:
                    tell()
        return settled

    def _settle(self, outcomes: Sequence[Outcome], ledger: Ledger) -> list[_Settled]:
        return [self._settle_one(ledger, plan, result) for plan, result in outcomes]

    def _settle_one(self, ledger: Ledger, plan: Plan, result: WriteResult | None) -> _Settled:
        """Whether the row is done with, and what the log is to say once that is committed."""
        row, now, owner = plan.row, self._m.clock.now(), self._m.owner
        if plan.update is None:
            ledger.outbox.park(row.outbox_id, owner, "the record is not in the CRM any more", now)
            return True, None
        if plan.waits:
            ledger.outbox.postpone(row.outbox_id, owner, now + _JUST_CHANGED_WAIT)
            return False, None
        match result:
            case Written() | None:
                if ledger.outbox.sent(row.outbox_id, owner, now, status_kept=plan.kept, first_kept=plan.first_kept):
                    return True, partial(self._log_written, plan, plan.update)
                if result is not None:
                    # We were taken for dead and came back: another replica has written what is newer, perhaps before us.
                    ledger.outbox.rewrite(row.key, now)
                return False, partial(self._m.log.warning, "written back late", record=str(row.key))
            case NotWritten():
                return self._settle_refused(ledger, row, result, now)

    def _settle_refused(self, ledger: Ledger, row: OutboxRow, refused: NotWritten, now: datetime) -> _Settled:
        reason = f"{refused.code}: {refused.message}"
        blocked_since = (row.blocked_since or now) if refused.refusal is Refusal.BLOCKED else None
        is_final = refused.refusal is Refusal.NEVER
        if blocked_since is not None and now - blocked_since >= BLOCKED_FOR:
            is_final, reason = True, f"{reason} (so for a day)"
        told = {"record": str(row.key), "code": refused.code}
        if is_final:
            ledger.outbox.park(row.outbox_id, self._m.owner, reason, now)
            return True, partial(self._m.log.error, "write-back parked", **told, reason=refused.message)
        wait = _wait_after(row.tries, _LONGEST_WAIT if blocked_since is None else _LONGEST_BLOCKED_WAIT)
        if refused.refusal is Refusal.STOP:
            wait = _STOPPED_WAIT
        ledger.outbox.retry(row.outbox_id, self._m.owner, reason, now + wait, blocked_since=blocked_since)
        return False, partial(self._m.log.warning, "write-back refused for now", **told)

    def _log_written(self, plan: Plan, update: CrmUpdate) -> None:
        row, status = plan.row, update.status and update.status.value
        log = {"record": str(row.key), "attempt_id": row.attempt_id, "status": status}
        self._m.log.info("written back", call_attempts=update.call_attempts, **log)
        if plan.kept is not None:
            self._m.log.warning("a person's status was kept", crm_status=plan.kept, **log)
        if plan.first_kept:
            self._m.log.warning("a person's First No Answer At was kept", **log)


def plan_for(row: OutboxRow, record: Record | None, policy: Policy, now: datetime, known: Collection[datetime]) -> Plan:
    """What to write now that the CRM was looked at. A status goes only over the version that was seen.

    `known`: each First No Answer At that it held when we decided, or may hold by ourselves.
    """
    if record is None:
        return Plan(row, None)
    wanted, kept = update_for(row, record, policy, now)
    first_kept = _is_theirs(row, record, policy, known)
    update = _unshown(replace(wanted, first_no_answer_at=None) if first_kept else wanted, record, policy)
    if update.status is None:
        return Plan(row, update, kept, first_kept)
    guarded = replace(update, unless_modified_since=record.modified_time)
    return Plan(row, guarded, kept, first_kept, waits=record.changed_just_now)


def update_for(row: OutboxRow, record: Record, policy: Policy, now: datetime) -> tuple[CrmUpdate, str | None]:
    """What of `row` is to be written, and the person's status that stays (else None).

    Call Attempts never goes down: a greater value in the CRM stays, also one that nobody can have counted, as whoever wants no more
    calls to be made may write it there (rules.md row 8).
    """
    allowed = {normalise(status) for status in statuses_expected(row, policy)}
    shown = normalise(record.status or "")
    stays = row.status is not None and (shown not in allowed or _has_days_anew(row, record, policy, now))
    kept = record.status or "" if stays else None
    attempts, in_crm = row.call_attempts, record.call_attempts
    if attempts is not None and isinstance(in_crm, int | float) and in_crm > attempts:
        attempts = None
    status = None if kept is not None else row.status
    return CrmUpdate(row.key, status, attempts, row.first_no_answer_at), kept


def _has_days_anew(row: OutboxRow, record: Record, policy: Policy, now: datetime) -> bool:
    """Whether a person has set First No Answer At since a run found that the days of this record were over."""
    if row.cause != DAYS_OVER or policy.dead_when_exhausted:
        return False
    first = read_instant(record.first_no_answer_at, policy.zone)
    if not isinstance(first, datetime):
        return first is not None  # nobody can tell: it is to be repaired
    return day_index(policy, policy.local_date(first), policy.local_date(now)) < len(policy.day_quotas)


def _times_known(rows: Sequence[OutboxRow], ledger: Ledger) -> Mapping[RecordKey, Collection[datetime]]:
    known: dict[RecordKey, set[datetime]] = {row.key: set() for row in rows}
    calls = [ledger.attempts.row(row.attempt_id) for row in rows if row.attempt_id is not None]
    times = [(call.key, call.first_no_answer_at) for call in calls if call is not None]
    times += [(update.key, update.first_no_answer_at) for update in ledger.outbox.of_records(known)]
    for key, first in times:
        known[key] |= {first.replace(microsecond=0)} if first is not None else set()
    return known


def _shows_a_time(row: OutboxRow, record: Record | None) -> bool:
    return row.first_no_answer_at is not None and record is not None and bool(record.first_no_answer_at)


def _is_theirs(row: OutboxRow, record: Record, policy: Policy, known: Collection[datetime]) -> bool:
    """Whether a person has set the First No Answer At of the CRM since we decided."""
    if not _shows_a_time(row, record) or row.cause == ON_DEMAND:
        return False
    shown = read_instant(record.first_no_answer_at, policy.zone)
    return not (isinstance(shown, datetime) and shown.replace(microsecond=0) in known)


def _unshown(update: CrmUpdate, record: Record, policy: Policy) -> CrmUpdate:
    """What of it the CRM does not show yet, as after an update whose answer was lost."""
    status, attempts, first = update.status, update.call_attempts, update.first_no_answer_at
    if status is not None and normalise(record.status or "") == normalise(policy.label_of(status)):
        status = None
    if record.call_attempts is not None and attempts == read_attempts(record.call_attempts, policy.max_sane_attempts):
        attempts = None
    shown = read_instant(record.first_no_answer_at, policy.zone)
    if first is not None and isinstance(shown, datetime) and shown == first.replace(microsecond=0):
        first = None
    return CrmUpdate(update.key, status, attempts, first)


def _is_sent(plan: Plan) -> bool:
    return plan.update is not None and not plan.waits and not plan.update.changes_nothing


def _by_type(rows: Sequence[OutboxRow]) -> list[list[OutboxRow]]:
    parts = [[row for row in rows if row.key.record_type is record_type] for record_type in RecordType]
    return [part for part in parts if part]


def _was_outrun(result: WriteResult | None) -> bool:
    return isinstance(result, NotWritten) and result.refusal is Refusal.REREAD


def _wait_after(tries: int, longest: timedelta) -> timedelta:
    wait: timedelta = _FIRST_WAIT * (1 << min(tries, 12))
    return min(wait, longest)
