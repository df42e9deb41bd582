"""What the next run would do to each record, and why: the run's own way, into a scratch ledger."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial

from autodialer.domain.access import THE_API, Action
from autodialer.domain.phone import mask_number
from autodialer.domain.sentence import Sentence
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Staged, StagedState
from autodialer.rules.facts import Facts
from autodialer.rules.grounds import grounds_of
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import SkipReason
from autodialer.service.budget import Load, credits_needed, together_at
from autodialer.service.costing import Cost, Pace, call_length
from autodialer.service.credits import Credits
from autodialer.service.means import Means
from autodialer.service.plan_warnings import Outlook, warnings_about
from autodialer.service.schedule import next_slot
from autodialer.service.staging import Pulled, Stager
from autodialer.service.totals import totals_of

_PAGE = 100  # at a time, so that writing a plan out holds nothing else up
_WOULD = {"due": "call", "dead": "mark_dead", "skip": "skip"}
_MOMENT = timedelta(milliseconds=1)
_NEXT_TIME = frozenset({SkipReason.DEAD_LIMIT.value, SkipReason.SAME_PHONE_AS.value})


@dataclass(frozen=True, slots=True)
class Plan:
    """The staged records of a run that never happens, decided at `made_at`.

    `totals` count `would_call` where a run counts `called`; their `zoho_credits` is about what such a run would need.
    """

    run_id: str
    made_at: datetime
    pulled: Pulled
    totals: Mapping[str, object]
    cost: Cost
    warnings: Sequence[Sentence]
    policy_warnings: Sequence[Sentence]
    run_hours: tuple[int, ...]
    scratch: Store

    async def rows(self) -> AsyncIterator[Staged]:
        """Every record in the run's order, a page of them in memory at a time."""
        after = ""
        while True:
            page = await self.scratch.read(partial(_page, self.run_id, after))
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            after = page[-1].sort_key

    def fields(self, row: Staged) -> dict[str, object]:
        """One record as people see it; the number masked.

        `next_run_at`: the scheduled run at which something may happen to it next; None when a person has to act first or never.
        """
        return {**staged_fields(row), "next_run_at": self._next_run_at(row)}

    def _next_run_at(self, row: Staged) -> datetime | None:
        if row.next_at is not None:
            return next_slot(self.run_hours, row.next_at - _MOMENT)
        if row.state is StagedState.DUE or row.reason in _NEXT_TIME:
            return next_slot(self.run_hours, self.made_at)
        return None


class Planner:
    """Makes plans. `scratch` opens a ledger that is thrown away, `credits` says what is left of Zoho's."""

    def __init__(self, means: Means, scratch: Callable[[], AbstractContextManager[Store]], credits_: Credits) -> None:
        self._m = means
        self._scratch = scratch
        self._credits = credits_

    @asynccontextmanager
    async def plan(self, *, confirm: bool = False, by: str = THE_API) -> AsyncIterator[Plan]:
        """Pull and decide; nobody is called, nothing is changed. CrmError when Zoho can't be read.

        `by`: for the audit trail, which tells of it whether or not Zoho answers: to ask is what costs credits.
        """
        m = self._m
        detail = "without the limit on records made Dead" if confirm else ""
        await m.store.write(lambda ledger: ledger.audit.add(m.clock.now(), by, Action.MAKE_PLAN, detail=detail))
        await m.crm.prepare()
        run_id, now = m.new_id(), m.clock.now()
        with self._scratch() as scratch:
            stager = Stager(m.crm, m.store, scratch, m.policy, m.clock, m.log, more_facts=_more_facts)
            pulled = await stager.stage(run_id, confirm=confirm)
            counts = await scratch.read(lambda ledger: ledger.staging.counts(run_id))
            cost = await self._cost(counts, now)
            totals = {**_totals(counts), "zoho_credits": cost.zoho_credits}
            outlook = Outlook(
                now, pulled, totals, cost, (await self._credits.state()).left, m.budget.kept, confirm=confirm
            )
            warnings = warnings_about(outlook, m.policy)
            yield Plan(
                run_id, now, pulled, totals, cost, warnings, m.policy.warning_sentences(), m.policy.run_hours, scratch
            )

    async def _cost(self, counts: Mapping[tuple[str, str], int], now: datetime) -> Cost:
        m = self._m
        length = await m.store.read(lambda ledger: call_length(ledger, now, m.result_timeout))
        of = {state: sum(count for (one, _), count in counts.items() if one == state) for state, _ in counts}
        eligible, calls = sum(counts.values()), of.get("due", 0)
        load = Load(eligible, calls, of.get("dead", 0), together=together_at(m.calls_per_second))
        pace = Pace(m.calls_per_second, m.max_concurrent_calls, length)
        return Cost(calls, pace, credits_needed(load), credits_needed(Load(eligible, 0)))


def _more_facts(facts: Facts, policy: Policy, now: datetime) -> Mapping[str, object]:
    """What the verdict counted, and the update that Zoho has not taken yet."""
    waiting = facts.pending
    pending = {
        "status": None if waiting is None or waiting.status is None else policy.label_of(waiting.status),
        "call_attempts": waiting and waiting.call_attempts,
        "first_no_answer_at": waiting and waiting.first_no_answer_at and waiting.first_no_answer_at.isoformat(),
    }
    return {**asdict(grounds_of(facts, policy, now)), "pending": pending if waiting else None}


def staged_fields(row: Staged) -> dict[str, object]:
    """One record of a run or a plan as people see it; the number masked."""
    return {
        "record_type": row.key.record_type.value,
        "zoho_id": row.key.zoho_id,
        "status": row.status,
        "number": mask_number(row.number) if row.number else None,
        "did": row.state.value,
        "would": _WOULD.get(row.state.value, row.state.value),
        "reason": row.reason,
        "detail": row.detail,
        "next_at": row.next_at,
        "attempt_id": row.attempt_id,
        "facts": row.facts,
        "sort_key": row.sort_key,
    }


def _page(run_id: str, after: str, ledger: Ledger) -> Sequence[Staged]:
    return ledger.staging.rows(run_id, after=after, limit=_PAGE)


def _totals(counts: Mapping[tuple[str, str], int]) -> dict[str, object]:
    totals = totals_of(counts)
    would_call = sum(count for (state, _), count in counts.items() if state == "due")
    rest = {name: totals[name] for name in ("errors", "skipped", "marked_dead", "reasons")}
    return {"processed": totals["processed"], "would_call": would_call, **rest}
