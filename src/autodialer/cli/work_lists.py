"""work-lists, unknown, parked: what waits for a person, and settling it. The others: waiting.py."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from autodialer.cli.common import Json, ask, console, in_path, print_json, run_async, settings_with_logging
from autodialer.cli.paging import Most, collect, moment, record, title
from autodialer.domain.disposition import Settlement
from autodialer.settings import Settings

_LISTS = {
    "unknown_calls": ("calls with no known result", "autodialer unknown"),
    "orphan_callbacks": ("callbacks of sessions nobody knows", "autodialer orphans"),
    "conflicting_results": ("results that contradict what is known", "autodialer conflicts"),
    "parked_updates": ("updates that Zoho refused", "autodialer parked"),
    "answered_waiting": ("people who answered and wait for a person", "autodialer answered"),
    "data_to_repair": ("records to be repaired in Zoho", "autodialer repair"),
}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("work-lists")(work_lists)
    app.command()(unknown)
    app.command()(parked)


def work_lists(as_json: Json = False) -> None:
    """Count what waits for a person, list by list. Where Zoho and the ledger disagree: autodialer drift.

    Example: autodialer work-lists
    """
    settings = settings_with_logging(files=False, console=False)
    counts = run_async(ask(settings, "GET", "/api/work-lists"))["work_lists"]
    if as_json:
        print_json(counts)
        return
    table = Table("waiting", "", "command")
    for name, (what, command) in _LISTS.items():
        table.add_row(str(counts[name]), what, command)
    console().print(table)


def unknown(
    settle: Annotated[str | None, typer.Option("--settle", metavar="ATTEMPT_ID", help="Settle this call.")] = None,
    result: Annotated[
        Settlement | None, typer.Option("--as", help="How it ended; not_placed: nobody was called.")
    ] = None,
    limit: Most = 1000,
    as_json: Json = False,
) -> None:
    """List calls of which nobody knows how they ended, or settle one; it is written to Zoho as any other result.

    Example: autodialer unknown --settle 0b5e2b9e-2f0a-4a5e-9b1d-1c2d3e4f5a6b --as no_answer
    """
    if (settle is None) != (result is None):
        raise typer.BadParameter("--settle ATTEMPT_ID and --as RESULT go together")
    settings = settings_with_logging(files=False, console=False)
    if settle is not None and result is not None:
        call = run_async(ask(settings, "POST", f"/api/unknown/{in_path(settle)}", json={"result": result.value}))[
            "call"
        ]
        if as_json:
            print_json(call)
        else:
            typer.echo(f"{record(call)}: {call['disposition'] or 'not placed'} ({call['state']})")
        return
    _show_calls(*run_async(collect(settings, "/api/unknown", "unknown", limit)), as_json=as_json)


def _show_calls(calls: list[dict[str, Any]], more: bool, *, as_json: bool) -> None:
    if as_json:
        print_json(calls)
        return
    heading = title(calls, more, "calls with no known result")
    table = Table("record", "sent (UTC)", "state", "why", "attempt", title=heading)
    for call in calls:
        why = escape(call["reason"])
        table.add_row(record(call), moment(call["submitted_at"]), call["state"], why, call["attempt_id"])
    console().print(table)


def parked(
    retry: Annotated[int | None, typer.Option("--retry", metavar="ID", min=1, help="Send this update again.")] = None,
    retry_all: bool = typer.Option(False, "--retry-all", help="Send all of them again."),
    give_up: Annotated[
        int | None, typer.Option("--give-up", metavar="ID", min=1, help="Never send this one; needs --reason.")
    ] = None,
    reason: str = typer.Option("", help="Why it is given up, for those who look later."),
    limit: Most = 1000,
    as_json: Json = False,
) -> None:
    """List updates that Zoho refused for good, with its reason; send them again once the reason is gone, or give one up.

    A call whose update is given up stays in the ledger and goes on counting.

    Example: autodialer parked --retry-all
    """
    if sum([retry is not None, retry_all, give_up is not None]) > 1:
        raise typer.BadParameter("give one of --retry ID, --retry-all and --give-up ID")
    if (give_up is not None) != bool(reason):
        raise typer.BadParameter("--give-up ID and --reason TEXT go together")
    settings = settings_with_logging(files=False, console=False)
    if give_up is not None:
        run_async(ask(settings, "POST", f"/api/parked/{give_up}/give-up", json={"reason": reason}))
        _say({"given_up": give_up}, f"update {give_up} is given up.", as_json=as_json)
    elif retry is not None or retry_all:
        retried = _retry(settings, retry)
        text = f"{len(retried)} updates are sent again; what Zoho refuses again comes back to this list."
        _say({"retried": retried}, text, as_json=as_json)
    else:
        _show_updates(*run_async(collect(settings, "/api/parked", "parked", limit)), as_json=as_json)


def _retry(settings: Settings, outbox_id: int | None) -> list[int]:
    if outbox_id is None:
        retried: list[int] = run_async(ask(settings, "POST", "/api/parked"))["retried"]
        return retried
    run_async(ask(settings, "POST", f"/api/parked/{outbox_id}"))
    return [outbox_id]


def _say(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)


def _show_updates(updates: list[dict[str, Any]], more: bool, *, as_json: bool) -> None:
    if as_json:
        print_json(updates)
        return
    heading = title(updates, more, "updates that Zoho refused")
    table = Table("id", "record", "parked (UTC)", "status", "attempts", "Zoho's reason", "what to do", title=heading)
    for row in updates:
        attempts = "" if row["call_attempts"] is None else str(row["call_attempts"])
        words = (escape(row["last_error"]), escape(row["remedy"]))
        parked_at = moment(row["parked_at"])
        table.add_row(str(row["outbox_id"]), record(row), parked_at, row["status"] or "", attempts, *words)
    console().print(table)
