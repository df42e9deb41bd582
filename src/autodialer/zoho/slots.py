"""How many requests go at a time, who goes first, and when all of them wait. Source: Zoho's page "API limits"."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Final

from autodialer.ports import Clock

_SUCCESSES_TO_GROW: Final = 20


class Rank(IntEnum):
    """Who goes first when slots are scarce: results are written back before anything is read, a look goes before a page."""

    WRITE = 0
    LOOK = 1
    PAGE = 2


class Slots:
    """At most `limit` holders at a time. A throttle halves that and makes everybody wait; successes restore it."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._clock = clock
        self._ceiling = limit
        self._limit = limit
        self._held = 0
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()
        self._successes = 0
        self._paused_until = 0.0

    @property
    def limit(self) -> int:
        """How many may hold one now."""
        return self._limit

    @asynccontextmanager
    async def one(self, rank: Rank = Rank.LOOK) -> AsyncIterator[None]:
        """Hold a slot, from the moment on at which no pause is left; of those who wait, the first of the best rank is next."""
        await self._take(rank)
        try:
            while (left := self._paused_until - self._clock.monotonic()) > 0:
                await self._clock.sleep(left)
            yield
        finally:
            self._held -= 1
            self._hand_out()

    def throttle(self, seconds: float) -> None:
        """The provider said "too many": all wait `seconds`, and fewer go at a time."""
        now = self._clock.monotonic()
        if now >= self._paused_until:  # the first of those who were told at once
            self._limit = max(1, self._limit // 2)
        self._successes = 0
        self._paused_until = max(self._paused_until, now + seconds)

    def succeed(self) -> None:
        """A request got through."""
        self._successes += 1
        if self._limit < self._ceiling and self._successes >= _SUCCESSES_TO_GROW:
            self._successes = 0
            self._limit += 1
            self._hand_out()

    async def _take(self, rank: Rank) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), turn))
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given a slot in the same moment
                self._held -= 1
                self._hand_out()
            raise

    def _hand_out(self) -> None:
        while self._waiting and self._held < self._limit:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                self._held += 1
                turn.set_result(None)
