"""Pull both modules, decide each record, and lay them out in the run's order before the first call is made."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from autodialer.domain.errors import CrmError, StoreError
from autodialer.domain.phone import NoNumber
from autodialer.domain.record import CrmStatus, Record, RecordType
from autodialer.ports import Clock, Crm, Log
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Staged, StagedState
from autodialer.rules.decide import decide
from autodialer.rules.duplicates import contends, rank
from autodialer.rules.eligibility import effective_kind
from autodialer.rules.facts import Facts
from autodialer.rules.order import run_order
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, MarkDead, Skip, Verdict
from autodialer.service.gathering import gather_or_cancel
from autodialer.service.people import JUST_WRITTEN, gather_facts

UNEXPECTED = "unexpected"
PATIENCE = 900.0  # seconds without a page after which a run gives its pull up
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 60.0
_SLICE = 1.0  # seconds in which a stop is noticed

MoreFacts = Callable[[Facts, Policy, datetime], Mapping[str, object]]
"""What is told of a person besides what every run keeps."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought. `dead_held_back`: records beyond the limit of rules.md row 29."""

    records: int
    same_phone: int
    dead_held_back: int


class Stager:
    """Fills the staging area of a run.

    `ledger_store` is where people's history stands; `staging_store` is where the rows go: the same one for a run, a scratch
    one for a plan, which thus takes exactly the run's way and leaves no trace.
    """

    def __init__(
        self,
        crm: Crm,
        ledger_store: Store,
        staging_store: Store,
        policy: Policy,
        clock: Clock,
        log: Log,
        *,
        patience: float = 0.0,
        stopping: asyncio.Event | None = None,
        more_facts: MoreFacts | None = None,
    ) -> None:
        self._crm = crm
        self._ledger_store = ledger_store
        self._staging_store = staging_store
        self._policy = policy
        self._clock = clock
        self._log = log
        self._patience = patience
        self._stopping = stopping or asyncio.Event()
        self._more_facts = more_facts

    async def stage(self, run_id: str, *, confirm: bool) -> Pulled:
        """Pull, decide, order, settle duplicates and the Dead limit. What stands already for this run is not pulled again.

        CrmError when the pull does not get through: at once for what another try can't help, else after `patience` seconds without
        a page.
        """
        await gather_or_cancel([self._pull(run_id, record_type) for record_type in RecordType])

        def settle(ledger: Ledger) -> Pulled:
            records = sum(ledger.staging.counts(run_id).values())
            limit = None if confirm else self._policy.max_dead(records)
            same_phone = ledger.staging.settle_duplicates(run_id)
            return Pulled(records, same_phone, 0 if limit is None else ledger.staging.limit_dead(run_id, limit))

        return await self._staging_store.write(settle)

    async def _pull(self, run_id: str, record_type: RecordType) -> None:
        after = await self._staging_store.read(lambda ledger: ledger.staging.last_id(run_id, record_type))
        last_page_at, wait = self._clock.monotonic(), _FIRST_WAIT
        while True:
            try:
                asked_at = self._clock.now()
                async for page in self._crm.pull(record_type, after):
                    await self._stage(run_id, page, asked_at - JUST_WRITTEN)
                    asked_at = self._clock.now()
                    after = page[-1].key.zoho_id
                    last_page_at, wait = self._clock.monotonic(), _FIRST_WAIT
            except CrmError as error:
                is_hopeless = error.permanent or error.stops_run
                if is_hopeless or self._clock.monotonic() - last_page_at >= self._patience or self._stopping.is_set():
                    raise
                self._log.warning(
                    "pull interrupted, goes on",
                    module=record_type.value,
                    after=after,
                    error=error.message,
                    seconds=wait,
                )
            else:
                return
            await self._sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _sleep(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and not self._stopping.is_set():
            await self._clock.sleep(min(left, _SLICE))

    async def _stage(self, run_id: str, page: Sequence[Record], seen_at: datetime) -> None:
        rows = await self._decide(page, self._clock.now(), seen_at)
        await self._staging_store.write(partial(_add, run_id, rows))

    async def _decide(self, page: Sequence[Record], now: datetime, seen_at: datetime) -> list[Staged]:
        try:
            return await self._ledger_store.read(
                lambda ledger: decide_page(ledger, page, self._policy, now, seen_at, self._more_facts)
            )
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one record must not stop the rest: each is decided alone
            if len(page) == 1:
                self._log.error("record can't be decided", record=str(page[0].key), error=repr(error))
                return [undecided(page[0], error)]
            return [row for record in page for row in await self._decide([record], now, seen_at)]


def _add(run_id: str, rows: Sequence[Staged], ledger: Ledger) -> None:
    ledger.staging.add(run_id, rows)


def decide_page(
    ledger: Ledger,
    page: Sequence[Record],
    policy: Policy,
    now: datetime,
    seen_at: datetime,
    more_facts: MoreFacts | None = None,
) -> list[Staged]:
    """Each record of a page with its verdict, as a row to be staged. `seen_at` as gather_facts has it."""
    found = gather_facts(ledger, page, policy, now, seen_at)
    if more_facts is None:
        return [staged(facts, decide(facts, policy, now), policy) for facts in found]
    return [staged(facts, decide(facts, policy, now), policy, more_facts(facts, policy, now)) for facts in found]


def staged(facts: Facts, verdict: Verdict, policy: Policy, more: Mapping[str, object] | None = None) -> Staged:
    """One row: the verdict, the order, and the facts that it rests on, with `more` of them where somebody wants to see more."""
    record = facts.record
    kind = effective_kind(facts, policy) or CrmStatus.NO_ANSWER
    order = run_order(kind, record.created_time, record.key.zoho_id)
    state, reason, detail, next_at = outcome_of(verdict)
    return Staged(
        key=record.key,
        sort_key=f"{order}-{record.key.record_type}",
        status=record.status,
        number=None if isinstance(facts.number, NoNumber) else facts.number.e164,
        contends=contends(verdict),
        rank=f"{rank(kind, order)}-{record.key.record_type}",
        state=state,
        reason=reason,
        detail=detail,
        next_at=next_at,
        facts={
            "call_attempts": record.call_attempts,
            "first_no_answer_at": record.first_no_answer_at,
            "modified_time": record.modified_time,
            "ledger_attempts": facts.history.attempts,
            "ledger_attempts_today": facts.history.attempts_today,
            "update_waiting": facts.pending is not None,
            **(more or {}),
        },
    )


def undecided(record: Record, error: Exception) -> Staged:
    """A record that counts as an error of the run, as something unexpected came up in it."""
    return Staged(
        key=record.key,
        sort_key=f"9-{record.key.record_type}-{record.key.zoho_id}",
        status=record.status,
        number=None,
        contends=False,
        rank="",
        state=StagedState.ERROR,
        reason=UNEXPECTED,
        detail=f"unexpected {type(error).__name__}, see the log",
    )


def outcome_of(verdict: Verdict) -> tuple[StagedState, str, str, datetime | None]:
    """(state, reason, detail, next chance) of a verdict."""
    match verdict:
        case Call():
            detail = f"call {verdict.attempt_number} of {verdict.total_quota}"
            if not verdict.is_new:
                detail += f"; Day {verdict.day_index}, {verdict.day_attempt_number} of {verdict.day_quota} today"
            if verdict.first_no_answer_inferred and not verdict.is_new:
                detail += "; First No Answer At is empty in the CRM and was inferred"
            return StagedState.DUE, verdict.reason.value, detail, None
        case Skip():
            return StagedState.SKIP, verdict.reason.value, verdict.detail, verdict.until
        case MarkDead():
            return StagedState.DEAD, verdict.reason.value, verdict.detail, None
