"""An event loop whose time is virtual: when nothing is left to do at this instant, it jumps to the next timer.

Time stands still while a thread works for us (the ledger), so that tests wait for nothing and yet run the real store.
"""

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_LONGEST_TEST = 100.0  # real seconds; a test that goes on for longer hangs
_STUCK = 20.0  # real seconds


class _Selector(selectors.DefaultSelector):
    """Waits in virtual time, except for threads."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if self.loop.busy or timeout is None:
            events = super().select(_STUCK)
            if not events:
                raise RuntimeError("nothing will ever happen again in this test")
            return events
        events = super().select(0)
        if not events:
            self.loop.advance(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """`busy` counts the threads that are waited for."""

    def __init__(self) -> None:
        self._virtual = 1000.0
        self._started = time.monotonic()
        self.busy = 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncio's
        """Wait for its threads: from Python 3.12 on asyncio waits for seconds, which would be over at once."""
        with thread_at_work():
            await super().shutdown_default_executor()

    def advance(self, seconds: float) -> None:
        """Let so much time go by at once."""
        if time.monotonic() - self._started > _LONGEST_TEST:
            raise RuntimeError("this test does not come to an end")
        self._virtual += seconds


def running() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


@contextmanager
def thread_at_work() -> Iterator[None]:
    """Time stands still inside."""
    loop = running()
    loop.busy += 1
    try:
        yield
    finally:
        loop.busy -= 1


async def pass_time(seconds: float) -> None:
    """Everything that is due in that time happens."""
    await asyncio.sleep(seconds)


class ManualClock:
    """Implements ports.Clock in virtual time; to be made inside the loop. `move_to` lets time go by with nothing happening."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._loop = running()  # kept: the ledger's thread asks for the time too
        self._zero = self._loop.time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() - self._zero)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def move_to(self, moment: datetime) -> None:
        ahead = (moment - self.now()).total_seconds()
        assert ahead >= 0, "time does not go backwards"
        self._loop.advance(ahead)

    def suspend_for(self, time: timedelta) -> None:
        """As a laptop whose lid is closed: the time of day goes on, the clock that counts seconds does not."""
        self._start += time
