"""run, pause, resume."""

import asyncio
from contextlib import suppress
from typing import Any

import typer

from autodialer.cli.common import (
    Json,
    RunningService,
    ask,
    console,
    error_console,
    print_json,
    run_serving,
    send,
    settings_with_logging,
)
from autodialer.cli.following import EVERY, showing
from autodialer.cli.plan import show_plan
from autodialer.domain.errors import DialerError
from autodialer.ports.rows import RunState
from autodialer.settings import Settings

_RUN_PATIENCE = 24 * 3600.0


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(run)
    app.command()(pause)
    app.command()(resume)


def run(
    dry_run: bool = typer.Option(False, "--dry-run", help="Call nobody; show what a run would do, as `plan` does."),
    confirm: bool = typer.Option(False, "--confirm", help="Lift the limit on how many records one run makes Dead."),
    as_json: Json = False,
) -> None:
    """Start a run now, show it live until its calls are placed, then the totals.

    Uses the service that runs on this machine; without one it listens by itself until all results are in. The live view goes to
    standard error: a picture on a terminal, else a line for each change.

    Example: autodialer run --dry-run
    """
    settings = settings_with_logging(files=False, console=False)
    if dry_run or settings.dry_run:
        show_plan(settings, confirm=confirm, as_json=as_json)
        return
    body = run_serving(_run(settings, confirm=confirm, quiet=as_json))
    if as_json:
        print_json(body)
    else:
        _show_totals(body["results"])


async def _run(settings: Settings, *, confirm: bool, quiet: bool) -> dict[str, Any]:
    running = RunningService(settings)
    if await running.answers():
        return await _run_there(running, confirm=confirm, quiet=quiet)
    from autodialer.cli.standalone import run_alone  # noqa: PLC0415 - beside a running service nothing of it is needed

    done = await run_alone(settings, confirm=confirm, quiet=quiet)
    if done.state is RunState.STOPPED:
        raise DialerError(f"the run stopped: {done.stop_reason}", permanent=False)
    return {"success": True, "results": {**done.totals, "run_id": done.run_id}}


async def _run_there(running: RunningService, *, confirm: bool, quiet: bool) -> dict[str, Any]:
    """The service makes the run, and goes on with it if we are interrupted; we look on."""
    async with running.client(_RUN_PATIENCE) as client:
        answer = asyncio.create_task(send(client, "POST", "/api/cron", params={"confirm": confirm}))
        try:
            with showing(error_console(), quiet=quiet) as show:
                while not (await asyncio.wait({answer}, timeout=EVERY))[0]:
                    with suppress(DialerError):  # of the run itself its answer tells
                        body = await send(client, "GET", "/api/live")
                        show(body["live"], body["timestamp"])
        except asyncio.CancelledError:
            answer.cancel()
            if not quiet:
                error_console().print("The run goes on in the service: autodialer watch shows it.")
            raise
        body = await answer
    if body["results"].get("dry_run"):
        raise DialerError(
            "DRY_RUN is set in the running service: nobody was called; if it was taken out of .env since, restart the service",
            permanent=False,
        )
    return body


def _show_totals(results: dict[str, Any]) -> None:
    out = console()
    out.print(
        f"Run {results['run_id']}: {results['processed']} records, {results['called']} called, {results['errors']} errors, "
        f"{results['skipped']} skipped, {results['marked_dead']} of these made Dead."
    )
    for reason, count in results["reasons"].items():
        out.print(f"  {count:6} {reason}")


def pause(as_json: Json = False) -> None:
    """Stop sending calls from this moment; results are still taken.

    Example: autodialer pause
    """
    _switch("pause", "Paused: no further call is sent.", as_json=as_json)


def resume(as_json: Json = False) -> None:
    """Let calls be sent again.

    Example: autodialer resume
    """
    _switch("resume", "Resumed.", as_json=as_json)


def _switch(name: str, said: str, *, as_json: bool) -> None:
    settings = settings_with_logging(files=False, console=False)
    body = run_serving(ask(settings, "POST", f"/api/{name}"))
    if as_json:
        print_json(body)
    else:
        typer.echo(said)
