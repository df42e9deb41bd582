"""The clock of a simulation: virtual, and it can be set wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from service.virtual_time import VirtualLoop

T = TypeVar("T")


class SimLoop(VirtualLoop):
    """Says nothing of tasks that died with their process, and takes the time that a thousand records need."""

    def __init__(self) -> None:
        super().__init__()
        self.set_exception_handler(lambda _loop, _context: None)

    def advance(self, seconds: float) -> None:
        self._virtual += seconds


class SimClock:
    """Implements ports.Clock. `step` sets the clock forward or back; what is due by `monotonic` is not touched by that."""

    def __init__(self, loop: SimLoop, start: datetime) -> None:
        self.loop = loop
        self._zero = start - timedelta(seconds=loop.time())

    def now(self) -> datetime:
        return self._zero + timedelta(seconds=self.loop.time())

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def step(self, seconds: float) -> None:
        self._zero += timedelta(seconds=seconds)

    def idle_until(self, moment: datetime) -> None:
        """Nothing happens until then; what is due meanwhile is late."""
        self.loop.advance(max(0.0, (moment - self.now()).total_seconds()))


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, every: float = 1.0) -> bool:
    """Let time go by until it holds; False when it does not within so many virtual seconds."""
    for _ in range(int(seconds / every) + 1):
        if await condition():
            return True
        await asyncio.sleep(every)
    return False
