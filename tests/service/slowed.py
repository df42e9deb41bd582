"""A run in virtual time, of which 8x8 takes only so many calls a second."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Protocol

from autodialer.ports import Clock
from autodialer.service.pacing import Pacing

LATENCY = 0.15


class Limiter(Protocol):
    """`takes`: whether the call that arrives now is one of those that are allowed."""

    def takes(self, now: float, limit: float) -> bool: ...


class Sliding:
    """As the simulated 8x8 counts: those that it took within the last second."""

    def __init__(self) -> None:
        self._taken: deque[float] = deque()

    def takes(self, now: float, limit: float) -> bool:
        while self._taken and self._taken[0] <= now - 1.0:
            self._taken.popleft()
        fits = len(self._taken) < limit
        if fits:
            self._taken.append(now)
        return fits


class Fixed:
    """Those that it took since the second began."""

    def __init__(self) -> None:
        self._second, self._taken = -1, 0

    def takes(self, now: float, limit: float) -> bool:
        if int(now) != self._second:
            self._second, self._taken = int(now), 0
        fits = self._taken < limit
        self._taken += fits
        return fits


class Bucket:
    """Tokens, of which a second's come in a second and not more than those of a second are kept."""

    def __init__(self) -> None:
        self._tokens, self._at = 1e9, 0.0

    def takes(self, now: float, limit: float) -> bool:
        self._tokens, self._at = min(limit, self._tokens + (now - self._at) * limit), now
        fits = self._tokens >= 1
        self._tokens -= fits
        return fits


LIMITERS: Mapping[str, Callable[[], Limiter]] = {"sliding": Sliding, "fixed": Fixed, "bucket": Bucket}


@dataclass
class Slowed:
    """`limit(now)` calls a second are taken, `now` since the start; others are told to wait `retry_after` seconds, all of them.

    `jitter`: seconds at most that a request is on its way longer than others; `opening`: seconds that a request takes longer which
    left before the first one was answered, as it opens its connection.
    """

    pacer: Pacing
    clock: Clock
    limit: Callable[[float], float]
    limiter: Limiter
    retry_after: float = 1.0
    jitter: float = 0.0
    opening: float = 0.0
    left: list[float] = field(default_factory=list)
    placed: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    async def run(self, calls: int, until: float = 1e9) -> None:
        """Place so many calls, or as many as leave in `until` seconds."""
        began, to_place, draw = self.clock.monotonic(), deque(range(calls)), Random(7)
        in_flight: set[asyncio.Task[None]] = set()

        async def place(call: int, turn: float) -> None:
            assert await self.pacer.departure(turn, lambda _: True)
            self.left.append(self.clock.monotonic() - began)
            opening = self.opening if not self.placed else 0.0
            await self.clock.sleep(LATENCY + opening + draw.uniform(0, self.jitter))
            now = self.clock.monotonic()
            if self.limiter.takes(now, self.limit(now - began)):
                self.placed.append(now - began)
                return
            self.refused.append(now - began)
            await self.pacer.pause(self.retry_after)
            await self.pacer.slow_down(turn)
            to_place.append(call)

        while (to_place or in_flight) and self.clock.monotonic() - began < until:
            if not to_place:
                await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
            else:
                turn = await self.pacer.turn()
                task = asyncio.create_task(place(to_place.popleft(), turn))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)
        await asyncio.gather(*in_flight)

    def rounds(self) -> list[float]:
        """When the first complaint of each round came; one round is what was in flight together."""
        return self.refused[:1] + [now for before, now in pairwise(self.refused) if now - before > self.retry_after / 2]

    def rate(self, start: float, seconds: float) -> float:
        """Requests a second that left then."""
        return sum(start <= moment < start + seconds for moment in self.left) / seconds
