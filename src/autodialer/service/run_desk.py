"""Where runs are started and waited for in one process."""

import asyncio
from datetime import datetime

from autodialer.ports.rows import Run, RunKind
from autodialer.service.preparing import Stop
from autodialer.service.runs import RunService


class RunDesk:
    """Starts runs in the background and remembers them until they are done."""

    def __init__(self, runs: RunService) -> None:
        self._runs = runs
        self._tasks: set[asyncio.Task[object]] = set()
        self._joined: Stop | None = None

    @property
    def is_idle(self) -> bool:
        """Whether this process neither conducts a run nor dials along in one."""
        return not self._tasks

    async def start(
        self, kind: RunKind, slot: datetime | None = None, *, confirm: bool = False, by: str | None = None
    ) -> tuple[Run, asyncio.Task[Run]]:
        """Open a run and conduct it in the background; RunRefused as RunService.open says."""
        run = await self._runs.open(kind, slot, confirm=confirm, by=by)
        return run, self.go_on(run)

    def go_on(self, run: Run) -> asyncio.Task[Run]:
        """Conduct an open run in the background."""
        task = asyncio.create_task(self._runs.conduct(run), name=f"run {run.run_id}")
        self._keep(task)
        return task

    def resume(self, run: Run) -> None:
        """Go on, in the background, with a run that a dead process left open."""
        self._keep(asyncio.create_task(self._runs.resume(run), name=f"run {run.run_id}"))

    def join(self, run: Run) -> None:
        """Dial along, in the background, in a run that another process conducts."""
        self._joined = Stop()
        self._keep(asyncio.create_task(self._runs.join(run, self._joined), name=f"along in {run.run_id}"))

    def leave(self) -> None:
        """Dial along no longer; calls in flight come to their answer."""
        if self._joined is not None:
            self._joined.because("this process conducts the run now")

    def _keep(self, task: asyncio.Task[Run] | asyncio.Task[Run | None] | asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finished(self) -> None:
        """Wait until no run of this process is going."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
