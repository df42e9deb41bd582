"""suppress: the do-not-call list."""

from pathlib import Path
from typing import Annotated, Any

import typer

from autodialer.cli.common import Json, ask, door, print_json, run_async, send, settings_with_logging
from autodialer.domain.errors import DialerError
from autodialer.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(suppress)


def suppress(
    number: Annotated[str | None, typer.Argument(help="The number, such as +40721234567 or 0721 234 567")] = None,
    reason: str = typer.Option("", help="Why, for those who look later."),
    remove: bool = typer.Option(False, "--remove", help="Take the number off the list."),
    show: bool = typer.Option(False, "--list", help="Show the list."),
    file: Annotated[
        Path | None,
        typer.Option("--import", exists=True, dir_okay=False, help="Add every number of a file, one a line."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Never call a number again (do-not-call), effective at once, even in a run that is going.

    Example: autodialer suppress +40721234567 --reason "asked on the phone"
    """
    if sum([number is not None, show, file is not None]) != 1:
        raise typer.BadParameter("give a number, or --list, or --import FILE")
    settings = settings_with_logging(files=False, console=False)
    if show:
        _show(run_async(ask(settings, "GET", "/api/do-not-call"))["do_not_call"], as_json=as_json)
    elif file is not None:
        _say(run_async(_import(settings, file.read_text("utf-8-sig"), reason)), as_json=as_json)
    elif remove:
        body = run_async(ask(settings, "DELETE", f"/api/do-not-call/{number}"))
        _say({"removed": body["number"]}, as_json=as_json)
    else:
        body = run_async(ask(settings, "POST", "/api/do-not-call", json={"number": number, "reason": reason}))
        _say({"number": body["number"], "added": body["added"]}, as_json=as_json)


async def _import(settings: Settings, text: str, reason: str) -> dict[str, Any]:
    """Every line is tried; a bad one is named and stops nothing. An import never removes a number."""
    added = known = 0
    bad: list[str] = []
    async with door(settings) as client:
        for count, line in enumerate(text.splitlines(), start=1):
            number = line.split(",")[0].split(";")[0].strip().strip('"')
            if not number:
                continue
            try:
                body = await send(client, "POST", "/api/do-not-call", json={"number": number, "reason": reason})
            except DialerError as error:
                bad.append(f"line {count}: {error.message}")
                continue
            added += body["added"]
            known += not body["added"]
    if bad and not added and not known:
        raise DialerError(f"no number could be read; {bad[0]}", permanent=True)
    return {"added": added, "known": known, "not_read": bad}


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['number']}  {row['added_at']}  {row['reason']}")
    typer.echo(f"{len(rows)} numbers are never called.")


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in result.items()))
