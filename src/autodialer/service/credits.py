"""Counts what is asked of Zoho, for all processes of a deployment, and lets runs read only while enough is left."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from autodialer.domain.errors import CrmError, StoreError
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, WriteResult
from autodialer.ports import Crm, CrmUsage, Finding
from autodialer.ports.boxes import UsageRow
from autodialer.service.budget import DAY, Budget
from autodialer.service.means import Means

LOW = "CREDITS_LOW"


@dataclass(frozen=True, slots=True)
class CreditState:
    """The last 24 hours of all processes. `left`: as Budget.left. `at_a_time`: requests that this process may send at once now."""

    used: UsageRow
    left: int
    at_a_time: int
    budget: Budget

    @property
    def is_low(self) -> bool:
        """Whether only writing may go on."""
        return self.left < self.budget.kept

    @property
    def is_spent(self) -> bool:
        """Whether our own count alone says so, whatever Zoho says."""
        return self.budget.daily - self.used.credits < self.budget.kept


class Credits:
    """The count. What is not yet in the ledger is added to what the ledger says; a process that is killed loses seconds of it."""

    def __init__(self, means: Means) -> None:
        self._m = means
        self._counted = CrmUsage()
        self._known = UsageRow()
        self._writing = asyncio.Lock()

    async def flush(self) -> None:
        """Write down what came since the last time."""
        async with self._writing:
            usage = self._m.crm.usage
            row = _between(self._counted, usage)
            if row.calls:
                now = self._m.wall_clock.now()
                await self._m.store.write(lambda ledger: ledger.usage.add(row, now))
                self._counted = usage

    async def state(self) -> CreditState:
        """How it stands; while the ledger can't be read, as far as this process knows."""
        now = self._m.wall_clock.now()
        try:
            self._known = await self._m.store.read(lambda ledger: ledger.usage.since(now - DAY))
        except StoreError as error:
            self._m.log.warning("credits are counted without the ledger", error=error.message)
        usage = self._m.crm.usage
        used = _sum(self._known, _between(self._counted, usage))
        return CreditState(used, self._m.budget.left(used, now), usage.at_a_time, self._m.budget)


class Rationed:
    """Implements ports.Crm as runs see it: reads only while more is left than is kept for writing results back."""

    def __init__(self, crm: Crm, count: Credits) -> None:
        self._crm = crm
        self._count = count

    @property
    def usage(self) -> CrmUsage:
        """As it is."""
        return self._crm.usage

    async def prepare(self) -> None:
        """As it is."""
        await self._crm.prepare()

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        """As ports.Crm; CrmError too when credits run low."""
        state = await self._count.state()
        if state.is_low and not state.is_spent:
            await self._ask_anew()
        await self._refuse_when_low()
        try:
            async for page in self._crm.pull(record_type, after):
                yield page
                await self._refuse_when_low()
        except CrmError:
            await self._refuse_when_low()
            raise

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        """As ports.Crm; CrmError too when credits run low."""
        await self._refuse_when_low()
        return await self._crm.look(keys)

    async def find_named(self, words: Sequence[str], limit: int) -> Sequence[Record]:
        """As ports.Crm; CrmError too when credits run low."""
        await self._refuse_when_low()
        return await self._crm.find_named(words, limit)

    async def find_numbered(self, spellings: Sequence[str], limit: int) -> Sequence[Record]:
        """As ports.Crm; CrmError too when credits run low."""
        await self._refuse_when_low()
        return await self._crm.find_numbered(spellings, limit)

    def page_of(self, key: RecordKey) -> str | None:
        """As it is."""
        return self._crm.page_of(key)

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        """As it is."""
        return await self._crm.write(updates)

    async def check(self) -> Sequence[Finding]:
        """As it is."""
        return await self._crm.check()

    async def _ask_anew(self) -> None:
        """Zoho's word may be old, and somebody may have bought more. No answer is no other word."""
        try:
            await self._crm.prepare()
        except CrmError as error:
            if error.permanent:
                raise

    async def _refuse_when_low(self) -> None:
        state = await self._count.state()
        if state.is_low:
            raise CrmError(
                f"credits run low: {state.left} of {state.budget.daily} are left for these 24 hours, and the last "
                f"{state.budget.kept} are kept for writing results back; the next run tries again. If Zoho gives you more credits, "
                "set ZOHO_DAILY_CREDITS; autodialer doctor says what a day needs",
                permanent=False,
                code=LOW,
                stops_run=True,
            )


def _between(before: CrmUsage, now: CrmUsage) -> UsageRow:
    return UsageRow(
        calls=now.calls - before.calls,
        credits=now.credits - before.credits,
        throttled=now.throttled - before.throttled,
        credits_remaining=now.credits_remaining,
        told_at=now.told_at,
    )


def _sum(known: UsageRow, ours: UsageRow) -> UsageRow:
    """Who heard of Zoho last knows best what remains."""
    newest = ours if ours.told_at and (known.told_at is None or ours.told_at >= known.told_at) else known
    return replace(
        newest,
        calls=known.calls + ours.calls,
        credits=known.credits + ours.credits,
        throttled=known.throttled + ours.throttled,
    )
