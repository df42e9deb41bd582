"""plan: what the next run would do."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.table import Table

from autodialer.cli.common import (
    Json,
    RunningService,
    ask,
    console,
    print_json,
    read_answer,
    run_async,
    settings_with_logging,
)
from autodialer.domain.errors import DialerError
from autodialer.settings import Settings

SHOWN = 200
_PATIENCE = 24 * 3600.0
_MINUTE_WORDS = {"pace": "CALLS_PER_SECOND", "lines": "MAX_CONCURRENT_CALLS"}
_SOURCES = {"history": "as the last {calls} calls were", "default": "an assumption: there are too few calls to know"}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plan)


def plan(
    confirm: bool = typer.Option(False, "--confirm", help="Show it without the limit on records made Dead."),
    limit: int = typer.Option(SHOWN, min=0, max=1_000_000, help="How many records to list."),
    as_json: Json = False,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Write every record to this CSV file; - is standard output."),
    ] = None,
) -> None:
    """Show what the next run would do to each record, why, and what it would cost. Nobody is called, nothing is written.

    Example: autodialer plan --limit 20
    """
    settings = settings_with_logging(files=False, console=False)
    if csv is None:
        show_plan(settings, confirm=confirm, as_json=as_json, limit=limit)
        return
    if as_json:
        raise typer.BadParameter("--json and --csv exclude each other")
    with ExitStack() as opened:
        # Decoded as it came: a CSV keeps its own line ends.
        write = sys.stdout.write if csv == "-" else opened.enter_context(_created(Path(csv))).write
        run_async(_copy_csv(settings, {"confirm": confirm, "format": "csv"}, write))
    if csv != "-":
        typer.echo(f"Written to {csv}.")


def _created(path: Path) -> Any:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise DialerError(f"{path} can't be written: {error.strerror}", permanent=True) from error


async def _copy_csv(settings: Settings, params: dict[str, Any], write: Callable[[str], object]) -> None:
    """From the service that runs on this machine, else made here; never more of it in memory than a few records."""
    running = RunningService(settings)
    if not await running.answers():
        async for text in _own_csv(settings, confirm=params["confirm"]):
            write(text)
        return
    try:
        async with running.client(_PATIENCE) as client, client.stream("GET", "/api/plan", params=params) as answer:
            if answer.is_error:
                await answer.aread()
                read_answer(answer)
            async for text in answer.aiter_text():
                write(text)
    except httpx2.HTTPError as error:
        raise DialerError(f"the running service does not answer: {error!r}", permanent=False) from error


async def _own_csv(settings: Settings, *, confirm: bool) -> AsyncIterator[str]:
    from autodialer.bootstrap import open_system  # noqa: PLC0415 - beside a running service nothing of it is needed
    from autodialer.web.plan_out import plan_csv  # noqa: PLC0415 - as above

    async with open_system(settings) as system, system.services.planner.plan(confirm=confirm) as made:
        async for text in plan_csv(made):
            yield text


def show_plan(settings: Settings, *, confirm: bool, as_json: bool, limit: int = SHOWN) -> None:
    """Ask for the plan and print it."""
    params = {"confirm": confirm, "limit": limit}
    body = run_async(ask(settings, "GET", "/api/plan", params=params, patience=_PATIENCE))
    if as_json:
        print_json(body)
    else:
        _show(body)


def _show(body: dict[str, Any]) -> None:
    out = console()
    out.print(_records(body["records"]))
    totals = body["totals"]
    listed = f", the first {len(body['records'])} listed" if len(body["records"]) < totals["processed"] else ""
    out.print(
        f"{totals['processed']} records{listed}: {totals['would_call']} would be called, {totals['skipped']} skipped, "
        f"{totals['marked_dead']} of these made Dead."
    )
    for reason, count in sorted(totals["reasons"].items(), key=lambda item: -item[1]):
        out.print(f"  {count:6} {reason}")
    _show_cost(body["cost"])
    if body["paused"]:
        out.print("Dialing is paused: nobody would be called until `autodialer resume`.", style="yellow")
    for warning in body["warnings"]:
        out.print(f"Run: {warning}", style="yellow", markup=False)
    for warning in body["policy_warnings"]:
        out.print(f"Policy: {warning}", style="yellow", markup=False)


def _records(records: list[dict[str, Any]]) -> Table:
    names = ("record", "status", "number", "would", "reason", "detail", "Zoho/ledger", "next")
    table = Table(*names, title="What a run would do now")
    for row in records:
        facts = row["facts"]
        counts = "" if not facts else f"{facts['call_attempts'] or 0}/{facts['ledger_attempts']}"
        next_at = (row["next_at"] or row["next_run_at"] or "")[:16].replace("T", " ")
        record = f"{row['record_type']} {row['zoho_id']}"
        texts = (record, row["status"], row["number"], row["would"], row["reason"], row["detail"], counts, next_at)
        table.add_row(*(None if text is None else _plain(str(text)) for text in texts))
    return table


def _plain(text: str) -> str:
    """What stands in the CRM is no markup."""
    return text.replace("[", "\\[")


def _show_cost(cost: dict[str, Any]) -> None:
    source = _SOURCES[cost["call_seconds_from"]].format(calls=cost["call_seconds_sample"])
    console().print(
        f"Cost: {cost['calls']} calls in {cost['dialing_minutes']} minutes (bound by {_MINUTE_WORDS[cost['bound_by']]}; a call of "
        f"{cost['call_seconds']:g} seconds is {source}), about {cost['zoho_credits']} of Zoho's credits. This plan took about "
        f"{cost['plan_credits']}.",
        markup=False,
    )
