"""`run` without a service beside it: one run in this process, which listens until all results are in."""

import asyncio

from autodialer.bootstrap import System, open_system
from autodialer.cli.common import error_console
from autodialer.cli.following import EVERY, Show, showing
from autodialer.cli.serving import serving, stop_event
from autodialer.domain.errors import DialerError
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, RunKind
from autodialer.settings import Settings
from autodialer.web.answers import iso
from autodialer.web.live import live_json

_LOOK = 0.2  # seconds


async def run_alone(settings: Settings, *, confirm: bool, quiet: bool) -> Run:
    """Place the calls, then wait for results and write-back. DialerError when interrupted; nothing is lost then.

    `quiet`: without showing it live.
    """
    stopped = stop_event()
    async with open_system(settings) as system, serving(system, scheduled=False):
        _, task = await system.services.run_desk.start(RunKind.MANUAL, confirm=confirm)
        waiter = asyncio.create_task(stopped.wait())
        with showing(error_console(), quiet=quiet) as show:
            while not task.done() and not stopped.is_set():
                await asyncio.wait({task, waiter}, timeout=EVERY, return_when=asyncio.FIRST_COMPLETED)
                await _show(system, show)
            while not stopped.is_set() and any(left := await _waiting(system)):
                calls, updates = left
                note = (
                    f"{calls} calls wait for their result, {updates} updates for Zoho; Ctrl-C leaves, nothing is lost"
                )
                await _show(system, show, note)
                await asyncio.sleep(_LOOK)
            await _show(system, show)
        waiter.cancel()
        if not task.done():
            raise DialerError(
                "interrupted: no further call is sent; the run goes on with the next start", permanent=False
            )
        return await task


async def _show(system: System, show: Show, note: str = "") -> None:
    glance = await system.services.glancer.look()
    show(live_json(glance), iso(glance.at), note)


async def _waiting(system: System) -> tuple[int, int]:
    def count(ledger: Ledger) -> tuple[int, int]:
        lines = ledger.attempts.lines_in_use(system.services.means.clock.now())
        return lines, ledger.outbox.count("pending")

    return await system.store.read(count)
