"""The loops of one process: schedule, results, asking, write-back, telling, reconcile, 8x8's log, duties, credits, prune and more.

A loop survives its errors.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from autodialer.domain.errors import DialerError, StoreError
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, RunState
from autodialer.service.duties import ASK_CRM, CALL_LOG, KEEP_EVERY
from autodialer.service.holding import hold_problem
from autodialer.service.ownership import RUN_LEASE
from autodialer.service.reconcile import Moved
from autodialer.service.schedule import remember_start
from autodialer.service.services import Services
from autodialer.service.signals import Signal

_NEW_LEDGER = (
    "a new ledger begins: it knows of no call, and of no number that is never to be called. If this service has had one before, "
    "stop it and look where DB_PATH or DATABASE_URL leads"
)
_SCHEDULE_EVERY = 1.0
_RESULTS_EVERY = 5.0
_RESULTS_TOGETHER = 0.02  # seconds in which more of them may come, to be applied in the same transaction
_ASK_EVERY = 5.0
_ASKED_TOGETHER = 0.2  # seconds in which more may come, for the same question to the CRM
_WRITE_BACK_EVERY = 5.0
_WRITTEN_TOGETHER = 0.2  # seconds until those that wait for others are counted again
_RECONCILE_EVERY = 5.0
_LOOK_FOR_RUNS_EVERY, _WITHOUT_ANY = 1.0, 4.0  # seconds; as many more where none is going and nobody else can open one
_CALL_LOG_EVERY = 60.0
_CREDITS_EVERY = 5.0
_PRUNE_EVERY = 600.0
_FAREWELL = 5.0
_LISTEN_AGAIN = 5.0


class Worker:
    """Runs until `stop`. `scheduled`: take the slots of CRON_HOURS."""

    def __init__(self, services: Services, *, scheduled: bool = True) -> None:
        self._s = services
        self._scheduled = scheduled
        self._tasks: list[asyncio.Task[None]] = []
        self._written_back = Signal()

    async def start(self) -> None:
        """Settle what a dead process left, then start the loops. StoreError when the ledger can't be used."""
        means = self._s.means
        if await means.store.write(lambda ledger: remember_start(ledger, means.clock.now(), means.policy.run_hours)):
            means.log.warning(_NEW_LEDGER)
        await self._say_what_holds()
        await self._s.membership.join()
        await self._look_for_runs()
        await self._s.duties.keep()
        reconcile_every = min(_RECONCILE_EVERY, max(0.2, means.result_timeout / 4))
        loops = [
            self._loop("results", self._apply_results, self._s.arrived, _RESULTS_EVERY, _RESULTS_TOGETHER),
            self._loop("asking", self._ask_crm, self._s.to_ask, _ASK_EVERY, _ASKED_TOGETHER),
            self._loop("write-back", self._write_back, self._s.write_back_due, _WRITE_BACK_EVERY, _WRITTEN_TOGETHER),
            self._loop("reconcile", self._s.reconciler.sweep, None, reconcile_every),
            self._loop("runs", self._watch_runs, None, _LOOK_FOR_RUNS_EVERY),
            self._loop("8x8's log", self._ask_log, None, _CALL_LOG_EVERY),
            self._loop("duties", self._s.duties.keep, None, KEEP_EVERY),
            self._loop("credits", self._s.credits.flush, None, _CREDITS_EVERY),
            self._loop("prune", self._s.pruner.daily, None, _PRUNE_EVERY),
            self._s.webhook.keep(),
            self._listen(),
        ]
        if means.activity_log is not None:
            loops.append(self._loop("telling", self._tell_of_calls, None, 0.0))
        if not means.alone:
            loops.append(self._loop("membership", self._s.membership.beat, None, self._s.membership.beat_every))
        if self._scheduled:
            loops.append(self._loop("schedule", self._schedule, None, _SCHEDULE_EVERY))
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self, grace: float) -> None:
        """No new calls from now on; results are still taken while calls in flight come to their answer, `grace` seconds at most.

        Then what waits for the CRM is sent, as far as it comes in a few seconds: the rest goes with the next start.
        """
        self._s.stopping.set()
        try:
            async with asyncio.timeout(grace):
                await self._s.run_desk.finished()
                await self._s.results.apply_waiting()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FAREWELL):
                        await self._s.write_back.drain()
                        if self._s.duties.has(ASK_CRM):
                            await self._s.asker.ask_waiting()
                        await self._s.write_back.drain()
        except (TimeoutError, DialerError) as error:
            self._s.means.log.warning("stopping without waiting any longer", error=str(error) or "grace time is over")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._s.means.alone:
            with suppress(StoreError):  # then the others wait until the lease has run out
                await self._s.membership.leave()

    async def _say_what_holds(self) -> None:
        means = self._s.means
        held = await means.store.read(lambda ledger: hold_problem(ledger, means.policy, means.clock.now()))
        if held is not None:
            means.log.error("no calls can be placed", reason=held)

    async def _watch_runs(self) -> None:
        is_going = await self._look_for_runs()
        if self._s.means.alone and not is_going:
            await self._s.means.clock.sleep(_WITHOUT_ANY)

    async def _look_for_runs(self) -> bool:
        """Go on with a run that is ours to conduct and that nobody conducts, or dial along in another process's.

        Whether any is going.

        A run may be ours unnoticed: inherited from a dead process, or opened, and the answer that said so got lost.
        """
        means, desk = self._s.means, self._s.run_desk
        run, is_known = await means.store.read(self._current)
        if run is None or self._s.stopping.is_set():
            return run is not None
        if run.owner == means.owner or (not is_known and await self._take_over(run)):
            desk.leave()
            if desk.is_idle and not self._s.runs.has_in_hand(run):
                desk.resume(run)
        elif run.state is RunState.DIALING and desk.is_idle and run.stop_reason is None:
            desk.join(run)
        return True

    @staticmethod
    def _current(ledger: Ledger) -> tuple[Run | None, bool]:
        run = ledger.runs.current()
        return run, run is not None and ledger.replicas.knows(run.owner)

    async def _take_over(self, run: Run) -> bool:
        """The run of a process that has left, or whose version knows of no membership: free when the run's own lease is over."""
        means = self._s.means

        def take(ledger: Ledger) -> Sequence[Moved] | None:
            now = means.clock.now()
            if not ledger.runs.take_over(run.run_id, means.owner, now, now + RUN_LEASE):
                return None
            return self._s.reconciler.abandon(ledger, run.owner)

        moved = await means.store.write(take)
        self._s.reconciler.tell(moved or ())
        return moved is not None

    async def _loop(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        signal: Signal | None,
        every: float,
        together: float = 0.0,
    ) -> None:
        clock = self._s.means.clock
        while True:
            try:
                await work()
            except DialerError as error:
                self._s.means.log.error("loop failed, goes on", loop=name, error=error.message)
                await clock.sleep(every)
            except Exception as error:  # noqa: BLE001 - a loop that dies would lose results
                self._s.means.log.error("loop failed unexpectedly, goes on", loop=name, error=repr(error))
                await clock.sleep(every)
            if signal is None:
                await clock.sleep(every)
            else:
                await signal.wait(every)
                if together:
                    await clock.sleep(together)

    async def _apply_results(self) -> None:
        await self._s.results.apply_waiting()

    async def _ask_crm(self) -> None:
        if self._s.duties.has(ASK_CRM) and not await self._s.asker.ask_waiting():
            await self._s.means.clock.sleep(_ASK_EVERY)  # whatever comes meanwhile, it can't be asked

    async def _write_back(self) -> None:
        if await self._s.write_back.drain_together():
            self._s.write_back_due.notify()
        self._written_back.notify()

    async def _tell_of_calls(self) -> None:
        """Apart from the write-back, which waits for no answer to what is only told: what decides who is called outranks it."""
        await self._written_back.wait(_WRITE_BACK_EVERY)
        while await self._s.activities.send_some():
            await self._s.write_back.drain()

    async def _ask_log(self) -> None:
        if self._s.duties.has(CALL_LOG):
            await self._s.call_log.reconcile()

    async def _schedule(self) -> None:
        run = await self._s.scheduler.take_due()
        if run is not None:
            self._s.run_desk.go_on(run)

    async def _listen(self) -> None:
        """Results that 8x8 does not post but keeps for us; over at once where it posts them."""
        means = self._s.means
        while True:
            try:
                await self._s.listener.listen()
            except Exception as error:  # noqa: BLE001 - without this loop no result would ever come
                means.log.error("listening failed unexpectedly, goes on", error=repr(error))
                await means.clock.sleep(_LISTEN_AGAIN)
            else:
                return
