"""run, plan, pause, resume."""

import asyncio
from contextlib import suppress
from typing import Any

import typer
from rich.table import Table

from autodialer.cli.common import (
    Json,
    RunningService,
    ask,
    console,
    error_console,
    print_json,
    run_async,
    send,
    settings_with_logging,
)
from autodialer.cli.following import EVERY, showing
from autodialer.domain.errors import DialerError
from autodialer.ports.rows import RunState
from autodialer.settings import Settings

_SHOWN = 200
_RUN_PATIENCE = 24 * 3600.0


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(run)
    app.command()(plan)
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
        _show_plan(run_async(ask(settings, "GET", "/api/plan", params={"confirm": confirm})), as_json=as_json)
        return
    body = run_async(_run(settings, confirm=confirm, quiet=as_json))
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
        return await answer


def plan(
    confirm: bool = typer.Option(False, "--confirm", help="Show it without the limit on records made Dead."),
    limit: int = typer.Option(_SHOWN, min=0, max=10000, help="How many records to list."),
    as_json: Json = False,
) -> None:
    """Show what the next run would do to each record, and why. Nobody is called, nothing is written.

    Example: autodialer plan --limit 20
    """
    settings = settings_with_logging(files=False, console=False)
    params = {"confirm": confirm, "limit": limit}
    _show_plan(run_async(ask(settings, "GET", "/api/plan", params=params, patience=_RUN_PATIENCE)), as_json=as_json)


def _show_plan(body: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    table = Table("record", "status", "number", "would", "reason", "detail", "next", title="What a run would do now")
    for row in body["records"]:
        record = f"{row['record_type']} {row['zoho_id']}"
        next_at = (row["next_at"] or "")[:16].replace("T", " ")
        table.add_row(record, row["status"], row["number"], row["would"], row["reason"], row["detail"], next_at)
    out = console()
    out.print(table)
    totals = body["totals"]
    listed = f", the first {len(body['records'])} listed" if len(body["records"]) < totals["processed"] else ""
    out.print(
        f"{totals['processed']} records{listed}: {totals['would_call']} would be called, {totals['skipped']} skipped, "
        f"{totals['marked_dead']} of these made Dead. Zoho: about {totals['zoho_credits']} credits."
    )
    if body["paused"]:
        out.print("Dialing is paused: nobody would be called until `autodialer resume`.", style="yellow")
    for warning in body["policy_warnings"]:
        out.print(f"Policy: {warning}", style="yellow")


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
    body = run_async(ask(settings, "POST", f"/api/{name}"))
    if as_json:
        print_json(body)
    else:
        typer.echo(said)
