"""orphans, conflicts, answered, repair, look, audit: the other work lists, a second look, and who did what."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from autodialer.cli.common import Json, ask, console, in_path, print_json, run_async, settings_with_logging
from autodialer.cli.paging import Most, collect, moment, record, title
from autodialer.domain.access import Action
from autodialer.ports.work_lists import Flaw

_SUMMARY = 3  # parts of a callback in the table; --json has them all


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (orphans, conflicts, answered, repair, look, audit):
        app.command()(command)


def orphans(
    match: Annotated[int | None, typer.Option("--match", metavar="ID", min=1, help="Look for its call again.")] = None,
    dismiss: Annotated[
        int | None, typer.Option("--dismiss", metavar="ID", min=1, help="Take it off the list; needs --reason.")
    ] = None,
    reason: str = typer.Option("", help="Why it is dismissed, for those who look later."),
    limit: Most = 1000,
    as_json: Json = False,
) -> None:
    """List callbacks of sessions that nobody knows, have one matched again, or dismiss one. They change nothing.

    Example: autodialer orphans --dismiss 17 --reason "another program's call"
    """
    if match is not None and dismiss is not None:
        raise typer.BadParameter("give --match ID or --dismiss ID, not both")
    if (dismiss is not None) != bool(reason):
        raise typer.BadParameter("--dismiss ID and --reason TEXT go together")
    settings = settings_with_logging(files=False, console=False)
    if match is not None:
        body = run_async(ask(settings, "POST", f"/api/orphans/{match}/match"))
        found = {name: body[name] for name in ("inbox_id", "state", "note")}
        _say(found, f"callback {match}: {found['state']} ({found['note']})", as_json=as_json)
    elif dismiss is not None:
        run_async(ask(settings, "POST", f"/api/orphans/{dismiss}/dismiss", json={"reason": reason}))
        _say({"dismissed": dismiss}, f"callback {dismiss} is dismissed; it stays stored.", as_json=as_json)
    else:
        _show_orphans(*run_async(collect(settings, "/api/orphans", "orphans", limit)), as_json=as_json)


def _show_orphans(rows: list[dict[str, Any]], more: bool, *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    heading = title(rows, more, "callbacks of sessions that nobody knows")
    table = Table("id", "came (UTC)", "times", "event", "session", "says", "why", title=heading)
    for row in rows:
        calls = "".join(f"; unknown call {call['attempt_id']}" for call in row["unknown_calls"])
        table.add_row(
            str(row["inbox_id"]),
            moment(row["received_at"]),
            str(row["deliveries"]),
            escape(row["event_type"]),
            escape(row["session_id"] or ""),
            escape(_says(row)),
            escape(row["note"] + calls),
        )
    console().print(table)


def _says(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in list(row["summary"].items())[:_SUMMARY])


def conflicts(limit: Most = 1000, as_json: Json = False) -> None:
    """List results that came and changed nothing: the call has another end already, or they could not be applied.

    The first end stands, except that answered wins. If the callback is right, correct the record in Zoho.

    Example: autodialer conflicts
    """
    settings = settings_with_logging(files=False, console=False)
    rows, more = run_async(collect(settings, "/api/conflicts", "conflicts", limit))
    if as_json:
        print_json(rows)
        return
    heading = title(rows, more, "results that contradict what is known")
    table = Table("id", "came (UTC)", "times", "record", "event", "says", "why", title=heading)
    for row in rows:
        table.add_row(
            str(row["inbox_id"]),
            moment(row["received_at"]),
            str(row["deliveries"]),
            record(row) if row["zoho_id"] else "",
            escape(row["event_type"]),
            escape(_says(row)),
            escape(row["note"]),
        )
    console().print(table)


def answered(limit: Most = 1000, as_json: Json = False) -> None:
    """List people who picked up and whose status nobody has changed since: they are not called again until a person does.

    Example: autodialer answered
    """
    settings = settings_with_logging(files=False, console=False)
    rows, more = run_async(collect(settings, "/api/answered", "answered", limit))
    if as_json:
        print_json(rows)
        return
    table = Table("record", "answered (UTC)", "calls", "", title=title(rows, more, "wait for a person"))
    for row in rows:
        unreached = "no agent was reached" if row["agent_unreached"] else ""
        table.add_row(record(row), moment(row["answered_at"]), str(row["calls"]), unreached)
    console().print(table)


def repair(
    flaw: Annotated[
        Flaw, typer.Option("--flaw", help="repair: not called; inferred: called with an empty First No Answer At.")
    ] = Flaw.REPAIR,
    limit: Most = 1000,
    as_json: Json = False,
) -> None:
    """List records whose data keep them from being called, as the newest run saw them, and what to do in Zoho.

    Example: autodialer repair
    """
    settings = settings_with_logging(files=False, console=False)
    rows, more = run_async(collect(settings, "/api/repair", "records", limit, flaw=flaw.value))
    if as_json:
        print_json(rows)
        return
    table = Table("record", "status", "what is wrong", "what to do in Zoho", title=title(rows, more, "records"))
    for row in rows:
        table.add_row(record(row), escape(row["status"] or ""), escape(row["detail"]), row["remedy"])
    console().print(table)


def look(
    record_type: Annotated[str, typer.Argument(metavar="lead|contact")],
    zoho_id: Annotated[str, typer.Argument(metavar="ID", help="Zoho's record id")],
    as_json: Json = False,
) -> None:
    """Ask Zoho for one record now; a hold or a fault that a person has mended there is lifted at once. Nobody is called.

    Example: autodialer look lead 5000000000000012345
    """
    settings = settings_with_logging(files=False, console=False)
    found = run_async(ask(settings, "POST", f"/api/records/{record_type}/{in_path(zoho_id)}/look"))["record"]
    if as_json:
        print_json(found)
        return
    typer.echo(f"now: {found['would']} ({found['reason']}) {found['detail']}".rstrip())
    if found["lifted"]:
        typer.echo("the status was changed after the answered call: it holds this person no longer.")
    if found["repaired"]:
        typer.echo("its data are in order: it has left the list of data to repair.")


def audit(
    who: str = typer.Option("", help="Only what this user did; API: over the API and by commands."),
    action: Annotated[Action | None, typer.Option(help="Only this.")] = None,
    limit: Most = 100,
    as_json: Json = False,
) -> None:
    """Show who did what and when, newest first.

    Example: autodialer audit --action give_up_update
    """
    settings = settings_with_logging(files=False, console=False)
    asked = {**({"who": who} if who else {}), **({"action": action.value} if action else {})}
    rows, more = run_async(collect(settings, "/api/audit", "audit", limit, **asked))
    if as_json:
        print_json(rows)
        return
    table = Table("when (UTC)", "who", "did", "to", "", title=title(rows, more, "entries"))
    for row in rows:
        table.add_row(
            moment(row["at"]), escape(row["who"]), row["action"], escape(row["subject"]), escape(row["detail"])
        )
    console().print(table)


def _say(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
