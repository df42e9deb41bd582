"""Where runs are started and waited for in one process."""

import asyncio
from datetime import datetime

from autodialer.ports.rows import Run, RunKind
from autodialer.service.runs import RunService


class RunDesk:
    """Starts runs in the background and remembers them until they are done."""

    def __init__(self, runs: RunService) -> None:
        self._runs = runs
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether no run of this process is going."""
        return not self._tasks

    async def start(
        self, kind: RunKind, slot: datetime | None = None, *, confirm: bool = False
    ) -> tuple[Run, asyncio.Task[Run]]:
        """Open a run and conduct it in the background; RunRefused as RunService.open says."""
        run = await self._runs.open(kind, slot, confirm=confirm)
        return run, self.go_on(run)

    def go_on(self, run: Run) -> asyncio.Task[Run]:
        """Conduct an open run in the background."""
        task = asyncio.create_task(self._runs.conduct(run), name=f"run {run.run_id}")
        self._keep(task)
        return task

    def resume(self, run: Run) -> None:
        """Go on, in the background, with a run that a dead process left open."""
        self._keep(asyncio.create_task(self._runs.resume(run), name=f"run {run.run_id}"))

    def _keep(self, task: asyncio.Task[Run] | asyncio.Task[Run | None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finished(self) -> None:
        """Wait until no run of this process is going."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
