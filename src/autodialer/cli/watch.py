"""watch."""

import asyncio
import json
import sys
from typing import Annotated

import httpx2
import typer

from autodialer.cli.common import (
    Json,
    RunningService,
    console,
    error_console,
    run_async,
    send,
    settings_with_logging,
)
from autodialer.cli.following import EVERY, Show, showing
from autodialer.domain.errors import DialerError, WrongUsage
from autodialer.settings import Settings

_PATIENCE = 10.0


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(watch)


def watch(
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = EVERY,
    until_done: Annotated[
        bool,
        typer.Option("--until-done", help="Leave when no run is going; exit code 1 if the last one was stopped early."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show live what the service on this machine does: the run, its pace and results, lines, what is wrong.

    A picture on a terminal, else a line for each change; with --json one JSON object a line, whenever something changed. Ctrl-C
    leaves; the run is not touched.

    Example: autodialer watch --until-done
    """
    settings = settings_with_logging(files=False, console=False)
    try:
        state = run_async(_watch(settings, every, until_done=until_done, as_json=as_json))
    except KeyboardInterrupt:
        return
    if state == "stopped":
        raise typer.Exit(1)


async def _watch(settings: Settings, every: float, *, until_done: bool, as_json: bool) -> str:
    """The state of the last run that was seen."""
    running = RunningService(settings)
    if not await running.answers():
        raise DialerError(
            f"no autodialer answers at {running.base_url}: start it with autodialer serve", permanent=False
        )
    async with running.client(_PATIENCE) as client:
        with showing(console(), quiet=as_json) as picture:
            show: Show = _Json() if as_json else picture
            while True:
                run = await _look(client, show)
                if until_done and run is not None and not run.get("is_open"):
                    return str(run.get("state", ""))
                await asyncio.sleep(every)


async def _look(client: httpx2.AsyncClient, show: Show) -> dict[str, object] | None:
    """The run of interest; None when the service did not answer, as while it is started again. WrongUsage: it never will."""
    try:
        body = await send(client, "GET", "/api/live")
    except WrongUsage:
        raise
    except DialerError as error:
        error_console().print(error.message, markup=False, style="yellow")
        return None
    show(body["live"], body["timestamp"])
    return dict(body["live"]["run"] or {})


class _Json:
    """One object a line, whenever something changed."""

    def __init__(self) -> None:
        self._told = ""

    def __call__(self, live: object, at: str, note: str = "") -> None:
        """Nothing when it is as it was."""
        told = json.dumps(live, ensure_ascii=False)
        if told != self._told:
            self._told = told
            sys.stdout.write(
                json.dumps({"at": at, "live": live, **({"note": note} if note else {})}, ensure_ascii=False) + "\n"
            )
            sys.stdout.flush()
