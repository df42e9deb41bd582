"""The demo's days: the clock is moved from slot to slot, everything else is the service as it runs in production."""

import asyncio
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autodialer.bootstrap import System, open_system
from autodialer.cli.common import console
from autodialer.cli.demo.folder import DATABASE, LOGS, make_room
from autodialer.cli.demo.progress import Progress
from autodialer.cli.demo.summary import Figures, collect_figures, show_summary
from autodialer.cli.serving import serving, stop_event
from autodialer.clock import ShiftedClock
from autodialer.domain.errors import DialerError
from autodialer.observability import configure_logging, register_secrets
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run
from autodialer.settings import Settings, load_settings, secrets_of
from autodialer.simulators.demo_people import demo_people
from autodialer.simulators.people import Person
from autodialer.simulators.servers import Simulated, phone_settings, simulators

DAYS = 4
RUN_HOURS = (10, 14, 18)
_SPEED = 900.0  # seconds of a call that pass in one real second
_RESULT_TIMEOUT = 900
_PATIENCE = 30.0
_LINES = 20
_LOOK = 0.04
_QUIET_LOOKS = 5


async def tell(folder: Path, port: int, telephony: str, *, keep: bool) -> None:
    """Run the demo; DialerError when the judge (the simulated 8x8) and the ledger disagree, and as make_room raises it."""
    make_room(folder)
    start = _monday_morning()
    people = demo_people(start)
    phones = phone_settings(telephony, speed=_SPEED, agents=_LINES)
    async with simulators(people, settings=phones) as simulated:
        settings = _settings(simulated, folder, _free_port(port))
        register_secrets(*secrets_of(settings))
        configure_logging(level="info", log_dir=settings.log_dir, development=False, console=False)
        clock = ShiftedClock(start)
        async with open_system(settings, clock=clock) as system, serving(system, scheduled=False):
            runs = await _dial_through(system, simulated, clock, start, people)
            figures = await collect_figures(system.store, simulated, people, runs)
            show_summary(console(), figures, settings)
            _judge(figures)
            if keep:
                await _stay(system, simulated, clock)


async def _dial_through(
    system: System, simulated: Simulated, clock: ShiftedClock, start: datetime, people: Sequence[Person]
) -> list[Run]:
    runs: list[Run] = []
    out = console()
    out.print(
        f"\n[bold]autodialer demo[/]: {len(people)} people in a simulated Zoho CRM, a simulated 8x8, {DAYS} days.\n"
    )
    with Progress(out, DAYS * len(RUN_HOURS)) as progress:
        await _results_can_come(simulated, "VCA" if system.settings.eightx8_mode == "press1" else "VSS")
        for day in range(DAYS):
            for hour in RUN_HOURS:
                slot = start.replace(hour=hour, minute=0) + timedelta(days=day)
                clock.move_to(slot + timedelta(seconds=1))
                await _forget_overdue(system)
                run = await system.services.scheduler.take_due()
                if run is None:
                    raise DialerError(f"the slot {slot:%a %H:%M} was not taken; see the log", permanent=True)
                task = system.services.run_desk.go_on(run)
                while not task.done():
                    progress.during(day, slot, await _ends(system, run))
                    await asyncio.sleep(0.1)
                done = await task
                await _settled(system, simulated)
                progress.after(day, slot, done, await _ends(system, run))
                runs.append(done)
    return runs


async def _results_can_come(simulated: Simulated, last: str) -> None:
    """The service registers its callbacks, or listens, by itself, within a moment of its start.

    `last`: the type of webhook that it registers last.
    """
    for _ in range(round(_PATIENCE / _LOOK)):
        if simulated.can_tell(last):
            return
        await asyncio.sleep(_LOOK)
    raise DialerError("the service does not hear results; see the log", permanent=True)


async def _forget_overdue(system: System) -> None:
    """Hours have passed since the last run: calls without a result are unknown by now."""
    await system.services.reconciler.sweep()


async def _settled(system: System, simulated: Simulated) -> None:
    """Until every phone is down, all results that will come are in, and Zoho has them."""

    def waiting(ledger: Ledger) -> int:
        return len(ledger.inbox.waiting(1)) + ledger.outbox.count("pending")

    deadline = asyncio.get_running_loop().time() + _PATIENCE
    quiet = 0
    while quiet < _QUIET_LOOKS:
        busy = simulated.judge.live or await system.store.read(waiting)
        quiet = 0 if busy else quiet + 1
        if asyncio.get_running_loop().time() > deadline:
            raise DialerError("results or updates did not come to rest; see the log", permanent=True)
        await asyncio.sleep(_LOOK)


async def _ends(system: System, run: Run) -> dict[str, int]:
    """How the calls of a run ended so far."""
    return dict(await system.store.read(lambda ledger: ledger.stats.of_run(run.run_id)))


def _judge(figures: Figures) -> None:
    if figures.rings != figures.calls:
        raise DialerError(f"8x8 was asked for {figures.rings} calls, the ledger knows {figures.calls}", permanent=True)


async def _stay(system: System, simulated: Simulated, clock: ShiftedClock) -> None:
    out = console()
    api = f"http://{system.settings.listen_host}:{system.settings.port}"
    now = clock.now().strftime("%A %H:%M")
    out.print(f"\n[bold]Still up[/] (its clock shows {now}). Try:")
    for line in (
        f"curl {api}/health",
        f"curl -X POST {api}/api/cron",
        f"curl {api}/api/stats",
        f"curl {api}/api/plan",
        f"curl {api}/api/runs",
        f"curl -X POST {api}/api/pause",
        f"curl -X POST {api}/api/resume",
        f"curl {simulated.voice_url}/_sim/rings",
        f"curl '{simulated.zoho_url}/_sim/records?module=Leads'",
    ):
        out.print(f"  {line}", soft_wrap=True)
    out.print(f"Console: {api}/console    API documentation: {api}/docs    Ctrl-C ends it.", soft_wrap=True)
    await stop_event().wait()


def _monday_morning() -> datetime:
    """The last Monday before now, shortly before the first slot."""
    now = datetime.now(UTC)
    monday = now - timedelta(days=now.weekday() + 7)
    return monday.replace(hour=9, minute=55, second=0, microsecond=0)


def _settings(simulated: Simulated, folder: Path, port: int) -> Settings:
    """Nothing of the user's own environment or .env plays a part, but for EIGHTX8_MODE: how a call goes can be tried both ways."""
    values: dict[str, object] = {name: field.get_default() for name, field in Settings.model_fields.items()}
    values |= {name.lower(): value for name, value in simulated.environment().items()}
    return load_settings(
        _env_file=None,
        **values
        | {
            "port": port,
            "app_env": "production",
            "db_path": folder / DATABASE,
            "log_dir": folder / LOGS,
            "cron_hours": RUN_HOURS,
            "eightx8_callback_url": f"http://127.0.0.1:{port}/api/callback",
            "max_concurrent_calls": _LINES,
            "calls_per_second": 60.0,
            "result_timeout": _RESULT_TIMEOUT,
            "eightx8_mode": os.environ.get("EIGHTX8_MODE", "bridge").strip() or "bridge",
        },
    )


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DialerError("no port is free", permanent=False)
