"""Several things at once.

Not by asyncio.TaskGroup: before Python 3.11.4 it leaves the mark of a cancellation on a task whose child failed, and the next
asyncio.timeout of that task then ends it instead of raising TimeoutError. A loop of the worker would stop for good.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

T = TypeVar("T")


async def gather_or_cancel(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; the first failure cancels the rest, waits for them and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class InFlight:
    """Tasks that come to their end whatever fails among them or around them; only the end of the process ends them too.

    On leaving they are waited for, and the first failure is raised.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None

    def create_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        self.failure = self.failure or error
        if error is not None and not isinstance(error, Exception):
            self._cancel()

    async def __aenter__(self) -> Self:
        """Nothing is begun yet."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """What failed around them is raised rather than what failed among them."""
        if error is not None and not isinstance(error, Exception):
            self._cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self.failure is not None and error is None:
            raise self.failure

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
