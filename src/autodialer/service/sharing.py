"""One reading for all who ask: a value that is read anew at most every so often, by one reader at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from autodialer.ports import Clock

T = TypeVar("T")
_SHARE: Final = 50  # reading may take this part of the time at most


class Shared(Generic[T]):
    """`read` is asked at most once in `fresh_for` seconds, and less often where it takes long: never for more than 2 % of the time.

    After `longest` seconds, however, the value is read anew in any case.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Clock, fresh_for: float, longest: float = 15.0) -> None:
        self._read = read
        self._clock = clock
        self._fresh_for = fresh_for
        self._longest = longest
        self._reading: asyncio.Task[T] | None = None
        self._kept: tuple[T, float] | None = None  # until then (monotonic seconds)
        self._round = 0

    def forget(self) -> None:
        """Whoever asks from now on gets what is read from now on: something was changed."""
        self._kept, self._reading = None, None
        self._round += 1

    async def get(self) -> T:
        """The value; whatever `read` raises is raised to all who wait for it."""
        if self._kept is not None and self._clock.monotonic() < self._kept[1]:
            return self._kept[0]
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_once(self._round))
            self._reading.add_done_callback(_take_note)
        return await asyncio.shield(self._reading)  # who goes away takes nothing from the others

    async def _read_once(self, asked_in: int) -> T:
        began = self._clock.monotonic()
        try:
            value = await self._read()
        finally:
            if asked_in == self._round:
                self._reading = None
        if asked_in == self._round:
            now = self._clock.monotonic()
            self._kept = value, now + max(self._fresh_for, min(self._longest, (now - began) * _SHARE))
        return value


def _take_note(task: asyncio.Task[T]) -> None:
    """An error that nobody waits for any more is no surprise."""
    if not task.cancelled():
        task.exception()
