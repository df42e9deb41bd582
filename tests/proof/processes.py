"""Processes of a deployment that can die, or stand still, at any await point: before or after any operation outside of them."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from autodialer.domain.placing import CallRequest, PlaceOutcome
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, WriteResult
from autodialer.ports import Crm, CrmUsage, Finding, Log
from autodialer.ports.ledger import Ledger, Store
from autodialer.rules.policy import Policy
from autodialer.service.means import Means
from autodialer.service.services import Services, wire
from autodialer.worker import Worker
from proof.times import SimClock
from service.fakes import Crashed, FakeTelephony

T = TypeVar("T")
_CURRENT: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)


def tag_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Each task belongs to the process whose code made it."""

    def make(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T], **more: Any) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=loop, **more)
        context: contextvars.Context | None = more.get("context")
        if (process := _CURRENT.get() if context is None else context.get(_CURRENT)) is not None:
            process.adopt(task)
        return task

    loop.set_task_factory(make)  # type: ignore[arg-type]  # typeshed would have a generic protocol, which no function is


def outside(coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task of no process, whoever asks for it."""
    return asyncio.get_running_loop().create_task(coro, context=contextvars.Context())


class Process:
    """One process. `dies_in` counts its operations down to its death; `alone` as in Means."""

    def __init__(self, owner: str, clock: SimClock, *, alone: bool) -> None:
        self.owner = owner
        self.alone = alone
        self.dead = False
        self.dies_in: int | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self._many = 50
        self.on_death: Callable[[Process], None] = lambda _: None
        self._clock = clock
        self._stands_still_until = 0.0
        self.services: Services = None  # type: ignore[assignment]  # wired by `wire_up`, inside the process's context
        self.worker: Worker = None  # type: ignore[assignment]  # as above

    def wire_up(
        self,
        store: Store,
        crm: Crm,
        telephony: FakeTelephony,
        policy: Policy,
        log: Log,
        new_id: Callable[[], str],
        **pace: Any,
    ) -> None:
        """The use cases of this process, on everything that is outside of it."""
        with self.at_work():
            means = Means(
                crm=_Crm(crm, self),
                telephony=_Telephony(telephony, self),
                store=_Store(store, self),
                policy=policy,
                clock=self._clock,
                wall_clock=self._clock,
                log=log,
                owner=self.owner,
                new_id=new_id,
                alone=self.alone,
                **pace,
            )
            self.services = wire(means, _scratch, [], run_hours=policy.run_hours, catch_up=1800.0)
            self.worker = Worker(self.services, scheduled=False)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Tasks that are made inside are this process's."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """It dies with this process. Those that are done are forgotten now and then: each time would take longer than they do."""
        self.tasks.append(task)
        if len(self.tasks) > self._many:
            self.tasks = [each for each in self.tasks if not each.done()]
            self._many = 2 * len(self.tasks) + 50

    def spawn(self, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        with self.at_work():
            return asyncio.get_running_loop().create_task(coro)

    def die(self) -> None:
        """Nothing of it has an effect any more."""
        if self.dead:
            return
        self.dead = True
        for task in self.tasks:
            self._clock.loop.call_soon(task.cancel)
        self.on_death(self)

    def stand_still(self, seconds: float) -> None:
        """A machine that is suspended for a while, and then goes on as if nothing had happened."""
        self._stands_still_until = self._clock.monotonic() + seconds

    async def step(self) -> None:
        """To be passed before and after each operation outside of the process."""
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.die()
        while not self.dead and (wait := self._stands_still_until - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait)
        if self.dead:
            raise Crashed


def _scratch() -> AbstractContextManager[Store]:
    raise AssertionError("no plans are made here")


@dataclass
class _Store:
    inner: Store
    process: Process

    async def write(self, work: Callable[[Ledger], T]) -> T:
        await self.process.step()
        result = await self.inner.write(work)
        await self.process.step()
        return result

    async def read(self, work: Callable[[Ledger], T]) -> T:
        await self.process.step()
        return await self.inner.read(work)


@dataclass
class _Crm:
    inner: Crm
    process: Process

    @property
    def usage(self) -> CrmUsage:
        return self.inner.usage

    async def prepare(self) -> None:
        await self.process.step()
        await self.inner.prepare()

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        async for page in self.inner.pull(record_type, after):
            await self.process.step()
            yield page

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        await self.process.step()
        found = await self.inner.look(keys)
        await self.process.step()
        return found

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        await self.process.step()
        results = await self.inner.write(updates)
        await self.process.step()
        return results

    async def check(self) -> Sequence[Finding]:
        return await self.inner.check()

    async def find_named(self, words: Sequence[str], limit: int) -> Sequence[Record]:
        return await self.inner.find_named(words, limit)

    async def find_numbered(self, spellings: Sequence[str], limit: int) -> Sequence[Record]:
        return await self.inner.find_numbered(spellings, limit)

    def page_of(self, key: RecordKey) -> str | None:
        return self.inner.page_of(key)


@dataclass
class _Telephony:
    inner: FakeTelephony
    process: Process

    async def place(self, request: CallRequest) -> PlaceOutcome:
        await self.process.step()
        outcome = await self.inner.place(request)
        await self.process.step()
        return outcome

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
