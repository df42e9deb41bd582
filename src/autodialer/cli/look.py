"""doctor, stats, explain, verify: looking without touching."""

from dataclasses import asdict
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from autodialer.cli.common import Json, ask, console, in_path, print_json, run_async, settings_with_logging
from autodialer.cli.explained import show_record
from autodialer.rules.reading import Unreadable, read_instant
from autodialer.settings import Settings

if TYPE_CHECKING:
    from autodialer.store.verify import Breach

_OF_TODAY = {
    "agent_unreached": "of those answered reached no agent",
    "unconfirmed": "of them were picked up and the key was not pressed",
    "not_rung": "more were taken by 8x8 and rang nobody: not counted",
}
_MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "problem": ("WRONG", "bold red")}


class Kind(StrEnum):
    """As typed on the command line."""

    LEAD = "lead"
    CONTACT = "contact"


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(doctor)
    app.command()(stats)
    app.command()(explain)
    app.command()(verify)


def doctor(as_json: Json = False) -> None:
    """Check settings, database, Zoho (token, fields, picklists) and 8x8 (key, webhook); say what to fix.

    Exit code 1 when calls can't be placed.

    Example: autodialer doctor
    """
    settings = settings_with_logging(files=False, console=False)
    body = run_async(ask(settings, "GET", "/api/doctor"))
    if as_json:
        print_json(body)
    else:
        _show_findings(body["findings"])
    if not body["healthy"]:
        raise typer.Exit(1)


def _show_findings(findings: list[dict[str, Any]]) -> None:
    table = Table("", "what", "finding", "what to do", title="autodialer doctor")
    for finding in findings:
        word, style = _MARKS[finding["level"]]
        told = (Text(finding[name]) for name in ("subject", "message", "remedy"))
        table.add_row(Text(word, style=style), *told)
    console().print(table)


def stats(as_json: Json = False) -> None:
    """Show today's calls, the last 7 days, and what waits for somebody.

    Example: autodialer stats --json
    """
    settings = settings_with_logging(files=False, console=False)
    figures = run_async(ask(settings, "GET", "/api/stats"))["stats"]
    if as_json:
        print_json(figures)
        return
    out = console()
    today = figures["today"]
    out.print(f"Today: {today['total_attempts']} calls to {today['total_records']} people.")
    for disposition, count in sorted(today["by_disposition"].items()):
        out.print(f"  {count:6} {disposition}")
    for name, words in _OF_TODAY.items():
        if today.get(name):
            out.print(f"  {today[name]:6} {words}")
    out.print(f"Last 7 days: {figures['recent_calls']} calls.")
    zoho = figures["zoho"]
    remaining = "" if zoho["credits_remaining"] is None else f", Zoho says {zoho['credits_remaining']} remain"
    out.print(
        f"Zoho, last 24 hours: {zoho['calls']} requests, {zoho['credits']} of {zoho['credits_daily']} credits{remaining}; "
        f"{zoho['requests_at_a_time']} at a time, {zoho['throttled']} throttled."
    )
    out.print(f"Next run: {figures['next_run']}" + (" (paused)" if figures["paused"] else ""))
    for name, count in figures["work_lists"].items():
        out.print(f"  {count:6} {name.replace('_', ' ')}")


def explain(
    kind: Annotated[Kind, typer.Argument(help="lead or contact")],
    zoho_id: Annotated[str, typer.Argument(metavar="ID", help="Zoho's record id")],
    at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="How it stood then: 2026-01-13, or 2026-01-13T14:00 (UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one person: would they be called, why or why not, what would change it, when next, and all that happened.

    Example: autodialer explain lead 4150868000000002175 --at 2026-01-13T14:00
    """
    if isinstance(read_instant(at, UTC), Unreadable):
        raise typer.BadParameter("an instant such as 2026-01-13 or 2026-01-13T14:00", param_hint="--at")
    settings = settings_with_logging(files=False, console=False)
    asked = {"at": at} if at is not None else {}
    record = run_async(ask(settings, "GET", f"/api/records/{kind.value}/{in_path(zoho_id)}", params=asked))["record"]
    if as_json:
        print_json(record)
    else:
        show_record(record, console())


def verify(as_json: Json = False) -> None:
    """Prove on the ledger, as it stands, that nobody was called twice or too often and no result was lost.

    Reads only; may run beside the service. Exit code 1 when something is wrong, with each breach named.

    Example: autodialer verify
    """
    settings = settings_with_logging(files=False, console=False)
    breaches = run_async(_breaches(settings))
    if as_json:
        print_json({"sound": not breaches, "breaches": [asdict(breach) for breach in breaches]})
    elif breaches:
        for breach in breaches:
            typer.echo(f"BREACH of invariant {breach.number}: {breach.sentence}: {breach.subject}")
    else:
        typer.echo("The ledger is sound: every invariant holds.")
    if breaches:
        raise typer.Exit(1)


async def _breaches(settings: Settings) -> "list[Breach]":
    from autodialer.store.engine import Database  # noqa: PLC0415 - the other commands ask the API
    from autodialer.store.migrate import check_version  # noqa: PLC0415 - as above
    from autodialer.store.verify import find_breaches  # noqa: PLC0415 - as above

    database = Database(settings.ledger_url, writable=False)
    try:
        await database.read(check_version)
        return await database.read(find_breaches)
    finally:
        database.close()
