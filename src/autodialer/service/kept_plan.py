"""The last plan of this process, kept so that it can be looked through without pulling everybody from Zoho again."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from autodialer.domain.errors import CrmError
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Staged, StagedState
from autodialer.service.plan import Plan, Planner


class PlanKeeper:
    """Keeps one plan, its scratch ledger open, until another one takes its place."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._opened = AsyncExitStack()
        self._plan: Plan | None = None
        self._failed: CrmError | None = None
        self._making = asyncio.Lock()
        self._looking = _Readers()

    async def make(self, *, confirm: bool, by: str) -> None:
        """Make a new one, which costs Zoho's credits; who asks meanwhile waits for that one. CrmError: the old one stays.

        `by`: for the audit trail.
        """
        if self._making.locked():
            async with self._making:
                if self._failed is not None:
                    raise self._failed
                return
        async with self._making, AsyncExitStack() as opened:
            self._failed = None
            try:
                plan = await opened.enter_async_context(self._planner.plan(confirm=confirm, by=by))
            except CrmError as error:
                self._failed = error
                raise
            async with self._looking.alone():
                await self._opened.aclose()
                self._opened, self._plan = opened.pop_all(), plan

    @asynccontextmanager
    async def plan(self) -> AsyncIterator[Plan | None]:
        """The kept one, which stays as long as it is looked at; None before the first."""
        async with self._looking.one():
            yield self._plan

    async def close(self) -> None:
        """Let go of it."""
        async with self._looking.alone():
            self._plan = None
            await self._opened.aclose()


class _Readers:
    """Many may look, or one may change."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        async with self._changed:
            self._count += 1
        try:
            yield
        finally:
            async with self._changed:
                self._count -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._count == 0)
            yield


async def page_of(
    plan: Plan, *, state: StagedState | None, reason: str, digits: str, after: str, limit: int
) -> Sequence[Staged]:
    """Records of a plan in its order, beyond the sort key `after`: in this state, for this reason, with this id or number's end."""
    return await plan.scratch.read(
        lambda ledger: ledger.staging.rows(plan.run_id, state, reason=reason, digits=digits, after=after, limit=limit)
    )


async def counts_of(plan: Plan) -> Mapping[tuple[str, str], int]:
    """(state, reason) → number of records."""
    return await plan.scratch.read(partial(_counts, plan.run_id))


def _counts(run_id: str, ledger: Ledger) -> Mapping[tuple[str, str], int]:
    return ledger.staging.counts(run_id)
