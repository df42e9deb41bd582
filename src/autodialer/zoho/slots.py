"""How many requests go at a time, and when all of them wait. Source: Zoho's page "API limits"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from autodialer.ports import Clock

_SUCCESSES_TO_GROW: Final = 20


class Slots:
    """At most `limit` holders at a time. A throttle halves that and makes everybody wait; successes restore it."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._clock = clock
        self._semaphore = asyncio.Semaphore(limit)
        self._ceiling = limit
        self._limit = limit
        self._surplus = 0
        self._successes = 0
        self._paused_until = 0.0

    @property
    def limit(self) -> int:
        """How many may hold one now."""
        return self._limit

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot, from the moment on at which no pause is left."""
        await self._semaphore.acquire()
        try:
            while (left := self._paused_until - self._clock.monotonic()) > 0:
                await self._clock.sleep(left)
            yield
        finally:
            self._release()

    def throttle(self, seconds: float) -> None:
        """The provider said "too many": all wait `seconds`, and fewer go at a time."""
        now = self._clock.monotonic()
        if now >= self._paused_until:  # the first of those who were told at once
            target = max(1, self._limit // 2)
            self._surplus += self._limit - target
            self._limit = target
        self._successes = 0
        self._paused_until = max(self._paused_until, now + seconds)

    def succeed(self) -> None:
        """A request got through."""
        self._successes += 1
        if self._limit < self._ceiling and self._successes >= _SUCCESSES_TO_GROW:
            self._successes = 0
            self._limit += 1
            if self._surplus:
                self._surplus -= 1
            else:
                self._semaphore.release()

    def _release(self) -> None:
        if self._surplus:
            self._surplus -= 1
        else:
            self._semaphore.release()
