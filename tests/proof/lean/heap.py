"""Time, and what happens in it: coroutines that wait in a heap, resumed one at a time. Nothing of asyncio's loop runs here."""

import heapq
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any


class Crashed(BaseException):
    """The process is gone: none of its code may have an effect any more."""


class Process:
    """What can die or stand still. `dies_in` counts its operations outside of itself down to its death."""

    __slots__ = ("dead", "dies_in", "on_death", "owner", "still_until")

    def __init__(self, owner: str, on_death: Callable[["Process"], None]) -> None:
        self.owner = owner
        self.dead = False
        self.dies_in = 0
        self.still_until = 0.0
        self.on_death = on_death

    def step(self) -> None:
        """To be passed before and after each operation outside of the process."""
        if self.dies_in > 0:
            self.dies_in -= 1
            if self.dies_in == 0:
                self.die()
        if self.dead:
            raise Crashed

    def die(self) -> None:
        """Its coroutines are never resumed."""
        if not self.dead:
            self.dead = True
            self.on_death(self)


@types.coroutine
def pause(seconds: float) -> Generator[float, None, None]:
    """Let that much time go by."""
    yield seconds


class Job:
    """A coroutine on the heap, and as much of an asyncio.Task as the use cases ask of one."""

    __slots__ = ("_callbacks", "_done", "_heeded", "coro", "error", "process", "result")

    def __init__(self, coro: Coroutine[Any, Any, Any], process: Process | None) -> None:
        self.coro = coro
        self.process = process
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = False
        self._heeded = False
        self._callbacks: list[Callable[[Any], object]] = []

    def done(self) -> bool:
        return self._done

    def cancel(self) -> None:
        """It is not resumed any more."""
        if not self._done:
            self._done = True
            self.coro.close()

    def outcome(self) -> Any:
        """What it came to, or raised."""
        self._heeded = True
        if self.error is not None:
            raise self.error
        return self.result

    @property
    def failed_unheard(self) -> bool:
        """It raised something, and nobody asked."""
        return self.error is not None and not self._heeded

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._callbacks.append(callback)

    def end(self, result: Any, error: BaseException | None) -> None:
        """It came to its end."""
        self._done, self.result, self.error = True, result, error
        for callback in self._callbacks:
            callback(self)


class Heap:
    """The clock that everybody reads (ports.Clock) and the coroutines that wait. `time`: seconds that are never set back."""

    def __init__(self, start: datetime) -> None:
        self.time = 0.0
        self.current: Process | None = None
        self.failed: list[Job] = []
        self._of_the_dead: list[Job] = []
        self._zero = start
        self._now = start
        self._now_at = 0.0
        self._waiting: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        if self._now_at != self.time:
            self._now_at, self._now = self.time, self._zero + timedelta(seconds=self.time)
        return self._now

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await pause(seconds)

    def step(self, seconds: float) -> None:
        """Set the clock forward or back; what waits is not touched by that."""
        self._zero += timedelta(seconds=seconds)
        self._now_at = -1.0

    def idle_until(self, moment: datetime) -> None:
        """Nothing happens until then; what is due meanwhile is late."""
        self.time = max(self.time, (moment - self._zero).total_seconds())

    def spawn(self, coro: Coroutine[Any, Any, Any], process: Process | None = None, after: float = 0.0) -> Job:
        job = Job(coro, process)
        heapq.heappush(self._waiting, (self.time + after, next(self._numbers), job))
        return job

    def run(self, until: Callable[[], bool], seconds: float) -> bool:
        """Resume what is due until the condition holds, asked once in a second; False when it does not in time."""
        last, asked = self.time + seconds, self.time
        while self._waiting and self.time <= last:
            at, _, job = heapq.heappop(self._waiting)
            self.time = max(self.time, at)
            if self._may_go_on(job):
                self._resume(job)
            if self.time - asked >= 1.0:
                asked = self.time
                if until():
                    return True
        return until()

    def _may_go_on(self, job: Job) -> bool:
        process = job.process
        if job.done():
            return False
        if process is not None and process.dead:
            self._of_the_dead.append(job)
            return False
        if process is not None and process.still_until > self.time:
            heapq.heappush(self._waiting, (process.still_until, next(self._numbers), job))
            return False
        return True

    def _resume(self, job: Job) -> None:
        self.current = job.process
        try:
            wait = job.coro.send(None)
        except StopIteration as end:
            job.end(end.value, None)
        except Crashed:
            return
        except Exception as error:  # noqa: BLE001 - as a task keeps what it raised; the judge looks at it
            job.end(None, error)
            self.failed.append(job)
        else:
            heapq.heappush(self._waiting, (self.time + max(0.0, wait), next(self._numbers), job))

    def close(self) -> None:
        """The end of the world: what still waits is dropped, and none of it has an effect any more."""
        jobs = [*self._of_the_dead, *(job for _, _, job in self._waiting)]
        for job in jobs:
            if job.process is not None:
                job.process.dead = True
        for job in jobs:
            with suppress(Crashed, RuntimeError):  # a process that is gone finds out when it tidies up
                job.coro.close()
