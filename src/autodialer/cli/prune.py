"""prune: old details out of the ledger, beside live dialing."""

from collections import Counter
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from autodialer.cli.common import Json, console, door, print_json, run_async, send, settings_with_logging
from autodialer.domain.errors import SettingsError
from autodialer.service.pruning import KEEP_AT_LEAST
from autodialer.settings import Settings

_WORDS = {
    "staged": "records of old runs",
    "callbacks": "callbacks",
    "updates": "updates that Zoho took",
    "released": "attempts that rang nobody",
}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(prune)


def prune(
    keep_days: Annotated[
        int | None, typer.Option("--keep-days", min=KEEP_AT_LEAST, help="Days to keep. Default: RETENTION_DAYS.")
    ] = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only count what would be removed."),
    as_json: Json = False,
) -> None:
    """Remove old details that no rule reads, in small steps beside live dialing; calls and their ends stay.

    May be interrupted at any time: the next one goes on from there. docs/runbook.md says what stays and why.

    Example: autodialer prune --keep-days 90 --dry-run
    """
    settings = settings_with_logging(files=False, console=False)
    days = keep_days or settings.retention_days
    if not days:
        raise SettingsError(["give --keep-days, or set RETENTION_DAYS: nothing is removed by default"])
    removed = run_async(_prune(settings, days, dry_run=dry_run, quiet=as_json))
    if as_json:
        print_json({"keep_days": days, "dry_run": dry_run, "removed": removed})
        return
    would = "would be removed" if dry_run else "removed"
    for name, words in _WORDS.items():
        typer.echo(f"{removed[name]:10,} {words} {would}")


async def _prune(settings: Settings, days: int, *, dry_run: bool, quiet: bool) -> dict[str, int]:
    total: Counter[str] = Counter(dict.fromkeys(_WORDS, 0))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    async with door(settings) as client:
        with Progress(*columns, console=console(), transient=True, disable=quiet) as bar:
            task = bar.add_task("looking", total=None)
            after: str | None = ""
            while after is not None:
                wanted: dict[str, Any] = {"keep_days": days, "dry_run": dry_run, "after": after}
                answer = await send(client, "POST", "/api/prune", json=wanted)
                total.update(answer["removed"])
                after = answer["next_after"]
                bar.update(task, description=f"{total.total():,} rows")
    return dict(total)
