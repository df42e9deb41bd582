"""The last plan of this process, kept so that it can be looked through without pulling everybody from Zoho again."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from autodialer.domain.errors import DialerError
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Staged, StagedState
from autodialer.service.plan import Plan, Planner


class PlanKeeper:
    """Keeps one plan, its scratch ledger open, until another one takes its place."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._kept: _Kept | None = None
        self._failed: DialerError | None = None
        self._confirm: bool | None = None  # of the newest one, or of the one that is being made
        self._making = asyncio.Lock()

    async def make(self, *, confirm: bool, by: str) -> None:
        """Make a new one, which costs Zoho's credits; who asks for the like meanwhile gets that one. CrmError: the old one stays.

        `by`: for the audit trail.
        """
        has_waited = self._making.locked()
        async with self._making, AsyncExitStack() as opened:
            if has_waited and confirm is self._confirm:
                if self._failed is not None:
                    raise self._failed
                return
            self._confirm, self._failed = confirm, None
            try:
                plan = await opened.enter_async_context(self._planner.plan(confirm=confirm, by=by))
            except DialerError as error:
                self._failed = error
                raise
            await self._replace(_Kept(plan, opened.pop_all()))

    @asynccontextmanager
    async def plan(self) -> AsyncIterator[Plan | None]:
        """The kept one, which stays open as long as it is looked at, also beside a newer one; None before the first."""
        if self._kept is None:
            yield None
            return
        async with self._kept.looked_at() as plan:
            yield plan

    async def close(self) -> None:
        """Let go of it."""
        await self._replace(None)

    async def _replace(self, kept: "_Kept | None") -> None:
        old, self._kept = self._kept, kept
        if old is not None:
            await old.retire()


class _Kept:
    """A plan whose scratch ledger is closed when another one took its place and the last one who looks at it has left."""

    def __init__(self, plan: Plan, opened: AsyncExitStack) -> None:
        self._plan = plan
        self._opened = opened
        self._looking = 0
        self._is_old = False

    @asynccontextmanager
    async def looked_at(self) -> AsyncIterator[Plan]:
        """For as long as somebody looks."""
        self._looking += 1
        try:
            yield self._plan
        finally:
            self._looking -= 1
            await self._close_unless_needed()

    async def retire(self) -> None:
        """Nobody else will look at it."""
        self._is_old = True
        await self._close_unless_needed()

    async def _close_unless_needed(self) -> None:
        if self._is_old and not self._looking:
            await self._opened.aclose()


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
