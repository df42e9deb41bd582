"""From the ledger's threads back to the tasks that wait: what was done is handed over with one wake-up of their loop for many.

asyncio.wrap_future does the same for one at a time, with a second future and a wake-up for each.
"""

import asyncio
from collections import deque
from typing import Any, Protocol


class Waiter(Protocol):
    """Who waits for a piece of work; a concurrent.futures.Future is one."""

    def set_running_or_notify_cancel(self) -> bool:
        """False when nobody waits any more: it need not be done."""
        ...

    def set_result(self, result: Any, /) -> None:
        """It is done."""
        ...

    def set_exception(self, exception: BaseException | None, /) -> None:
        """It failed."""
        ...


class Awaited:
    """Implements Waiter for a task: `future` belongs to its loop, the rest to the thread that works."""

    __slots__ = ("_crossing", "future")

    def __init__(self, crossing: "Crossing") -> None:
        self._crossing = crossing
        self.future: asyncio.Future[Any] = crossing.loop.create_future()

    def set_running_or_notify_cancel(self) -> bool:
        return not self.future.cancelled()

    def set_result(self, result: Any, /) -> None:
        self._crossing.put(self.future, result, None)

    def set_exception(self, exception: BaseException | None, /) -> None:
        self._crossing.put(self.future, None, exception)


class Crossing:
    """The way to one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._woken = False

    def put(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        """From any thread. A loop that was closed has nobody who waits."""
        self._done.append((future, result, error))
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._hand_over)
            except RuntimeError:
                self._woken = False
                self._done.clear()

    def _hand_over(self) -> None:
        self._woken = False  # first: what is put from here on wakes the loop again
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
