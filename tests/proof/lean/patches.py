"""The real use cases without asyncio's loop: what they ask of it the heap gives. Pure functions remember their answers."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any, cast
from unittest.mock import patch

from autodialer import worker
from autodialer.domain import phone
from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.domain.result import CallEvent, CallResult
from autodialer.ports.rows import AttemptRow, InboxRow, Run
from autodialer.rules import duplicates, eligibility, order, reading, text
from autodialer.rules.facts import History
from autodialer.rules.policy import Policy
from autodialer.service import (
    applying,
    asking,
    call_log,
    dialing,
    gathering,
    history,
    people,
    preparing,
    results,
    run_desk,
    runs,
    signals,
    staging,
    write_back,
)
from autodialer.service.preparing import Ready, Stop
from proof.lean.heap import Crashed, Heap, Job, pause

_REMEMBERED: Sequence[tuple[Any, Sequence[Any]]] = (  # a pure function, and the modules that call it by its name
    (phone.choose_number, (people,)),
    (order.run_order, (staging, duplicates)),
    (reading.read_instant, (eligibility, preparing)),
    (text.normalise, (history, people, write_back, eligibility)),
)
_CACHED = [(lru_cache(maxsize=65536)(function), function.__name__, modules) for function, modules in _REMEMBERED]
_LOOKS_EVERY = {"_RESULTS_EVERY": 1.0, "_WRITE_BACK_EVERY": 4.0, "_RECONCILE_EVERY": 5.0}


class Tasks:
    """Stands where a module says `asyncio`."""

    Event, Lock, Queue, CancelledError = asyncio.Event, asyncio.Lock, asyncio.Queue, asyncio.CancelledError

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def create_task(self, coro: Coroutine[Any, Any, Any], **_: object) -> Job:
        return self._heap.spawn(coro, self._heap.current)

    async def gather(self, *works: Any, return_exceptions: bool = False) -> list[Any]:
        """One after the other. Jobs are waited for."""
        outcomes: list[Any] = []
        for n, work in enumerate(works):
            try:
                outcomes.append(await (_end_of(work) if isinstance(work, Job) else work))
            except BaseException as error:
                if not return_exceptions or isinstance(error, Crashed | GeneratorExit):
                    for rest in works[n + 1 :]:
                        rest.close()
                    raise
                outcomes.append(error)
        return outcomes


async def _end_of(job: Job) -> Any:
    while not job.done():
        await pause(0.25)
    return job.outcome()


class _Calls:
    """Stands for the InFlight of a run's calls."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self.jobs: list[Job] = []

    def create_task(self, coro: Coroutine[Any, Any, None]) -> None:
        self.jobs.append(self._heap.spawn(coro, self._heap.current))


class LeanDialer(dialing.Dialer):
    """The real dialer but for the loop that hands calls from the one who prepares them to the one who sends them."""

    heap: Heap

    async def dial(self, run: Run, stop: Stop) -> str | None:
        ready: asyncio.Queue[Ready] = asyncio.Queue()
        self._lines.start()
        calls = _Calls(self.heap)
        producer = self.heap.spawn(self._produce(run, ready, stop), self.heap.current)
        try:
            while not stop.reason and not self._stopping.is_set():
                if not ready.empty():
                    await self._send(run, ready.get_nowait(), stop, cast(gathering.InFlight, calls))
                elif producer.done():
                    break
                else:
                    await pause(0.25)
            for job in calls.jobs:
                await _end_of(job)
        finally:
            producer.cancel()
            while not ready.empty():
                await self._give_back(run, ready.get_nowait(), "the run ended before this call was sent")
        producer.outcome()
        return stop.reason


async def _wait(self: signals.Signal, seconds: float) -> None:
    if not self._event.is_set():
        await pause(seconds)
    self._event.clear()


def _summarise(
    record: Record,
    number: str | None,
    rows: Sequence[AttemptRow],
    our_statuses: Iterable[CrmStatus],
    policy: Policy,
    today: str,
) -> History:
    """Who was never called has no history: that, too, the real function was asked, once."""
    return history.summarise(record, number, rows, our_statuses, policy, today) if rows else _NO_HISTORY


_NO_HISTORY = history.summarise(Record(RecordKey(RecordType.LEAD, "1")), None, [], (), Policy(), "")


def _hash(key: RecordKey) -> int:
    """Ids are unique here. To hash an enumeration takes four times as long."""
    return hash(key.zoho_id)


Read = Callable[[results.ResultService, Any, InboxRow], CallEvent]


@contextmanager
def without_asyncio(heap: Heap, told: dict[str, CallResult]) -> Iterator[None]:
    """Inside, the use cases run on `heap`. `told`: results that stand for a webhook's body of that text."""
    tasks = Tasks(heap)
    read: Read = results.ResultService._read

    def read_told(self: results.ResultService, known: Any, row: InboxRow) -> CallEvent:
        return told.get(row.body) or read(self, known, row)

    LeanDialer.heap = heap
    with ExitStack() as stack:
        for module in (runs, run_desk, results, applying, asking, worker):
            stack.enter_context(patch.object(module, "asyncio", tasks))
        for cached, name, modules in _CACHED:
            for module in modules:
                stack.enter_context(patch.object(module, name, cached))
        stack.enter_context(patch.object(people, "summarise", _summarise))
        stack.enter_context(patch.object(RecordKey, "__hash__", _hash))
        for name, seconds in _LOOKS_EVERY.items():
            stack.enter_context(patch.object(worker, name, seconds))
        stack.enter_context(patch.object(preparing, "_POLL", 1.0))
        stack.enter_context(patch.object(dialing, "_IDLE", 0.25))
        stack.enter_context(patch.object(runs, "Dialer", LeanDialer))
        stack.enter_context(patch.object(staging, "gather_or_cancel", lambda work: tasks.gather(*work)))
        stack.enter_context(patch.object(signals.Signal, "wait", _wait))
        stack.enter_context(patch.object(results.ResultService, "_read", read_told))
        for module in (results, call_log):  # nothing is told here of a call that goes on
            stack.enter_context(patch.object(module, "heard_of", lambda *_: ()))
        yield
