"""suppress: the do-not-call list."""

from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from autodialer.cli.common import Json, ask, door, in_path, print_json, read_answer, run_async, settings_with_logging
from autodialer.cli.paging import collect
from autodialer.domain.errors import DialerError, WrongUsage
from autodialer.settings import Settings

_EVERYTHING = 10_000_000
_SHOWN_LINES = 10
_STANDARD_OUTPUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(suppress)


def suppress(
    number: Annotated[str | None, typer.Argument(help="The number, such as +40721234567 or 0721 234 567")] = None,
    reason: str = typer.Option("", help="Why, for those who look later."),
    remove: bool = typer.Option(False, "--remove", help="Take the number off the list."),
    show: bool = typer.Option(False, "--list", help="Show the list."),
    search: str = typer.Option("", help="With --list: only numbers or reasons that hold this."),
    file: Annotated[
        Path | None,
        typer.Option(
            "--import",
            exists=True,
            dir_okay=False,
            help="Add every number of a CSV file, or of one with a number a line.",
        ),
    ] = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="With --import: only say what would be added."),
    export: Annotated[
        Path | None,
        typer.Option("--export", dir_okay=False, help="Write the list to a new CSV file; - is standard output."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Never call a number again (do-not-call), effective at once, even in a run that is going. An import never removes one.

    Example: autodialer suppress +40721234567 --reason "asked on the phone"
    """
    if sum([number is not None, show, file is not None, export is not None]) != 1:
        raise typer.BadParameter("give a number, or --list, or --import FILE, or --export FILE")
    settings = settings_with_logging(files=False, console=False)
    if show:
        asked = {"search": search} if search else {}
        rows, _ = run_async(collect(settings, "/api/do-not-call", "do_not_call", _EVERYTHING, **asked))
        _show(rows, as_json=as_json)
    elif file is not None:
        _show_import(run_async(_import(settings, file.read_bytes(), reason, dry_run=dry_run)), as_json=as_json)
    elif export is not None:
        count = run_async(_export(settings, export))
        if export != _STANDARD_OUTPUT:
            _say({"written": str(export), "numbers": count}, as_json=as_json)
    elif remove:
        params = {"reason": reason} if reason else None
        path = f"/api/do-not-call/{in_path(str(number))}"
        _say({"removed": run_async(ask(settings, "DELETE", path, params=params))["number"]}, as_json=as_json)
    else:
        body = run_async(ask(settings, "POST", "/api/do-not-call", json={"number": number, "reason": reason}))
        _say({"number": body["number"], "added": body["added"]}, as_json=as_json)


async def _import(settings: Settings, data: bytes, reason: str, *, dry_run: bool) -> dict[str, Any]:
    """WrongUsage when nothing in it is a number."""
    asked = {"dry_run": str(dry_run).lower(), **({"reason": reason} if reason else {})}
    headers = {"content-type": "text/csv"}
    found = await ask(settings, "POST", "/api/do-not-call/import", params=asked, content=data, headers=headers)
    if found["unreadable"] and not found["added"] and not found["known"]:
        first = found["unreadable_lines"][0]
        raise WrongUsage(f"no number could be read; line {first['line']}: {first['reason']}")
    names = ("dry_run", "lines", "added", "known", "repeated", "unreadable", "unreadable_lines")
    return {name: found[name] for name in names}


async def _export(settings: Settings, path: Path) -> int:
    """How many numbers were written. DialerError when the file exists already, or can't be written."""
    async with door(settings) as client:
        try:
            answer = await client.get("/api/do-not-call/export")
            if answer.is_error:
                read_answer(answer)
            if path == _STANDARD_OUTPUT:
                typer.get_binary_stream("stdout").write(answer.content)
            else:
                with path.open("xb") as file:
                    file.write(answer.content)
        except httpx2.HTTPError as error:
            raise DialerError(f"the running service does not answer: {error!r}", permanent=False) from error
        except OSError as error:
            raise DialerError(f"{path} can't be written: {error.strerror}", permanent=True) from error
    return answer.content.count(b"\n") - 1


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['number']}  {row['added_at']}  {row['reason']}")
    typer.echo(f"{len(rows)} numbers are never called.")


def _show_import(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    would = "would be " if found["dry_run"] else ""
    told = f"{found['known']} stood on the list already, {found['repeated']} stand in the file more than once"
    typer.echo(
        f"{found['lines']} lines: {found['added']} numbers {would}added, {told}, {found['unreadable']} unreadable."
    )
    for line in found["unreadable_lines"][:_SHOWN_LINES]:
        typer.echo(f"line {line['line']}: {line['reason']}")
    if found["unreadable"] > _SHOWN_LINES:
        typer.echo(f"and {found['unreadable'] - _SHOWN_LINES} more (--json)")


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in result.items()))
