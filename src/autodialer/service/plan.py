"""What the next run would do to each record, and why: the run's own way, into a scratch ledger."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from autodialer.domain.phone import mask_number
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Staged
from autodialer.service.budget import Load, credits_needed, together_at
from autodialer.service.means import Means
from autodialer.service.staging import Pulled, Stager
from autodialer.service.totals import totals_of

_PAGE = 500
_WOULD = {"due": "call", "dead": "mark_dead", "skip": "skip"}


@dataclass(frozen=True, slots=True)
class Plan:
    """The staged records of a run that never happens.

    `totals` count `would_call` where a run counts `called`; `zoho_credits` is about what such a run would need.
    """

    run_id: str
    pulled: Pulled
    totals: Mapping[str, object]
    scratch: Store

    async def rows(self) -> AsyncIterator[Staged]:
        """Every record in the run's order."""
        after = ""
        while True:
            page = await self.scratch.read(partial(_page, self.run_id, after))
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            after = page[-1].sort_key


class Planner:
    """Makes plans. `scratch` opens a ledger that is thrown away."""

    def __init__(self, means: Means, scratch: Callable[[], AbstractContextManager[Store]]) -> None:
        self._m = means
        self._scratch = scratch

    @asynccontextmanager
    async def plan(self, *, confirm: bool = False) -> AsyncIterator[Plan]:
        """Pull and decide; nothing is called or written. CrmError when Zoho can't be read."""
        await self._m.crm.prepare()
        run_id = self._m.new_id()
        with self._scratch() as scratch:
            stager = Stager(self._m.crm, self._m.store, scratch, self._m.policy, self._m.clock, self._m.log)
            pulled = await stager.stage(run_id, confirm=confirm)
            counts = await scratch.read(lambda ledger: ledger.staging.counts(run_id))
            yield Plan(run_id, pulled, _totals(counts, self._m.calls_per_second), scratch)


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


def _totals(counts: Mapping[tuple[str, str], int], calls_per_second: float) -> dict[str, object]:
    totals = totals_of(counts)
    would_call = sum(count for (state, _), count in counts.items() if state == "due")
    rest = {name: totals[name] for name in ("skipped", "marked_dead", "reasons")}
    dead = sum(count for (state, _), count in counts.items() if state == "dead")
    load = Load(sum(counts.values()), would_call, dead, together=together_at(calls_per_second))
    return {"processed": totals["processed"], "would_call": would_call, **rest, "zoho_credits": credits_needed(load)}
