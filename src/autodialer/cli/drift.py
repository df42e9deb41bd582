"""drift: where Zoho and the ledger disagree."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from autodialer.cli.common import Json, ask, console, door, in_path, print_json, run_async, send, settings_with_logging
from autodialer.service.writing_again import Field
from autodialer.settings import Settings

_PAGE = 200
_STYLES = {"drift": "bold red", "waiting": "yellow", "note": "dim"}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(drift)


def drift(
    days: Annotated[int, typer.Option(min=1, max=366, help="Look at records called or written to in these days.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Compare about this many records at most.")] = 1000,
    after: Annotated[str, typer.Option(metavar="NEXT", help="Go on where an earlier list ended.")] = "",
    write_again: Annotated[
        Field | None, typer.Option("--write-again", help="Write this field of the record --lead or --contact again.")
    ] = None,
    lead: str = typer.Option("", metavar="ID", help="The lead to write to."),
    contact: str = typer.Option("", metavar="ID", help="The contact to write to."),
    as_json: Json = False,
) -> None:
    """List the records whose Call Attempts, First No Answer At or Status in Zoho is not what the ledger holds, and why.

    Changes nothing. A status that a person changed is no error and is listed as a note. Asks Zoho once for every 50 records.
    With --write-again one field of one record is written again as Zoho once took it, never a status, never a smaller count.

    Example: autodialer drift --write-again call_attempts --lead 5000000000000012345
    """
    if (write_again is not None) != (bool(lead) != bool(contact)):
        raise typer.BadParameter("--write-again FIELD goes with --lead ID or --contact ID")
    settings = settings_with_logging(files=False, console=False)
    if write_again is not None:
        path = f"/api/drift/lead/{in_path(lead)}" if lead else f"/api/drift/contact/{in_path(contact)}"
        body = run_async(ask(settings, "POST", path, json={"field": write_again.value}))
        told = {name: body[name] for name in ("record_type", "zoho_id", "field")}
        if as_json:
            print_json(told)
        else:
            typer.echo(f"{body['record_type']} {body['zoho_id']}: {body['field']} waits to be written again.")
        return
    found = run_async(_collect(settings, days, limit, after))
    if as_json:
        print_json(found)
    else:
        _show(found, days)


async def _collect(settings: Settings, days: int, limit: int, after: str) -> dict[str, Any]:
    """Pages, until `limit` calls or updates were gone through or none is left."""
    records: list[dict[str, Any]] = []
    checked, left, next_after = 0, limit, after or None
    async with door(settings) as client:
        while left > 0:
            size = min(_PAGE, left)
            asked = {"days": days, "limit": size, **({"after": next_after} if next_after else {})}
            page = await send(client, "GET", "/api/drift", params=asked)
            records += page["records"]
            checked += page["checked"]
            left -= size
            next_after = page["next_after"]
            if next_after is None:
                break
    return {"checked": checked, "records": records, "next_after": next_after}


def _show(found: dict[str, Any], days: int) -> None:
    out = console()
    table = Table("record", "", "reason", "in Zoho", "in the ledger", "why", title=f"drift, last {days} days")
    counts = dict.fromkeys(_STYLES, 0)
    for record in found["records"]:
        for one in record["differences"]:
            counts[one["weight"]] += 1
            name = f"{record['record_type']} {record['zoho_id']}"
            weight = f"[{_STYLES[one['weight']]}]{one['weight']}[/]"
            table.add_row(
                name, weight, one["reason"], _text(one["in_crm"]), _text(one["in_ledger"]), escape(one["detail"])
            )
    if found["records"]:
        out.print(table)
    told = f"{counts['drift']} to look at, {counts['waiting']} waiting, {counts['note']} only to be known"
    out.print(f"{found['checked']} records compared: {told}.")
    if found["next_after"]:
        out.print(f"There are more: --after {found['next_after']}", markup=False)


def _text(value: Any) -> str:
    return "" if value is None else escape(str(value))
