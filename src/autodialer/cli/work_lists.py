"""unknown, parked: what waits for a person, and settling it."""

from typing import Annotated, Any

import httpx2
import typer
from rich.table import Table

from autodialer.cli.common import Json, ask, console, door, print_json, run_async, send, settings_with_logging
from autodialer.domain.disposition import Settlement
from autodialer.domain.errors import DialerError
from autodialer.settings import Settings

_PAGE = 500


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(unknown)
    app.command()(parked)


def unknown(
    settle: Annotated[str | None, typer.Option("--settle", metavar="ATTEMPT_ID", help="Settle this call.")] = None,
    result: Annotated[
        Settlement | None, typer.Option("--as", help="How it ended; not_placed: nobody was called.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List calls of which nobody knows how they ended, or settle one; it is written to Zoho as any other result.

    Example: autodialer unknown --settle 0b5e2b9e-2f0a-4a5e-9b1d-1c2d3e4f5a6b --as no_answer
    """
    if (settle is None) != (result is None):
        raise typer.BadParameter("--settle ATTEMPT_ID and --as RESULT go together")
    settings = settings_with_logging(files=False, console=False)
    if settle is not None and result is not None:
        call = run_async(ask(settings, "POST", f"/api/unknown/{settle}", json={"result": result.value}))["call"]
        if as_json:
            print_json(call)
        else:
            typer.echo(
                f"{call['record_type']} {call['zoho_id']}: {call['disposition'] or 'not placed'} ({call['state']})"
            )
        return
    _show_calls(run_async(ask(settings, "GET", "/api/unknown"))["unknown"], as_json=as_json)


def _show_calls(calls: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(calls)
        return
    table = Table("record", "sent (UTC)", "state", "why", "attempt", title=f"{len(calls)} calls with no known result")
    for call in calls:
        record = f"{call['record_type']} {call['zoho_id']}"
        when = (call["submitted_at"] or "")[:19].replace("T", " ")
        table.add_row(record, when, call["state"], call["reason"], call["attempt_id"])
    console().print(table)


def parked(
    retry: Annotated[int | None, typer.Option("--retry", metavar="ID", min=1, help="Send this update again.")] = None,
    retry_all: bool = typer.Option(False, "--retry-all", help="Send all of them again."),
    as_json: Json = False,
) -> None:
    """List updates that Zoho refused for good, with its reason, or send them again once the reason is gone.

    Example: autodialer parked --retry-all
    """
    if retry is not None and retry_all:
        raise typer.BadParameter("give --retry ID or --retry-all, not both")
    settings = settings_with_logging(files=False, console=False)
    if retry is None and not retry_all:
        _show_updates(run_async(ask(settings, "GET", f"/api/parked?limit={_PAGE}"))["parked"], as_json=as_json)
        return
    retried = run_async(_retry(settings, retry))
    if as_json:
        print_json({"retried": retried})
    else:
        typer.echo(f"{len(retried)} updates are sent again; what Zoho refuses again comes back to this list.")


async def _retry(settings: Settings, outbox_id: int | None) -> list[int]:
    """One, or all that are parked now, each once."""
    async with door(settings) as client:
        if outbox_id is not None:
            await send(client, "POST", f"/api/parked/{outbox_id}")
            return [outbox_id]
        tried: dict[int, bool] = {}
        while True:
            rows = (await send(client, "GET", f"/api/parked?limit={_PAGE}"))["parked"]
            fresh = [row["outbox_id"] for row in rows if row["outbox_id"] not in tried]
            if not fresh:
                return [one for one, done in tried.items() if done]
            for one in fresh:
                tried[one] = await _retry_one(client, one)


async def _retry_one(client: httpx2.AsyncClient, outbox_id: int) -> bool:
    try:
        await send(client, "POST", f"/api/parked/{outbox_id}")
    except DialerError as error:
        # A newer update of the same record took its place meanwhile.
        typer.echo(f"update {outbox_id}: {error.message}", err=True)
        return False
    return True


def _show_updates(updates: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(updates)
        return
    title = f"{len(updates)} updates that Zoho refused"
    table = Table("id", "record", "parked (UTC)", "status", "attempts", "Zoho's reason", title=title)
    for row in updates:
        record = f"{row['record_type']} {row['zoho_id']}"
        when = (row["parked_at"] or "")[:19].replace("T", " ")
        attempts = "" if row["call_attempts"] is None else str(row["call_attempts"])
        table.add_row(str(row["outbox_id"]), record, when, row["status"] or "", attempts, row["last_error"])
    console().print(table)
