"""zoho setup: which fields, types, rights and picklist values are there, and making the fields that are not."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from autodialer.cli.common import Json, console, print_json, run_async, settings_with_logging
from autodialer.settings import Settings

if TYPE_CHECKING:
    from autodialer.zoho.setup import Creation, ModuleState, ZohoSetup

_MARKS = {"ok": "[green]there[/]", "warning": "[yellow]look[/]", "problem": "[bold red]MISSING[/]"}


def setup(
    apply: bool = typer.Option(
        False, "--apply", help="Create the fields Call Attempts and First No Answer At where they are missing."
    ),
    yes: bool = typer.Option(False, "--yes", help="With --apply: do not ask first."),
    as_json: Json = False,
) -> None:
    """Show what Zoho has and lacks of the fields, rights and picklist values that calls need, and what to do about it.

    Picklists are never changed. Exit code 1 while something is missing.

    Example: autodialer zoho setup --apply
    """
    if yes and not apply:
        raise typer.BadParameter("--yes goes with --apply")
    if apply and as_json and not yes:
        raise typer.BadParameter("--apply asks first; with --json say --yes")
    settings = settings_with_logging(files=False, console=False)
    states = run_async(_survey(settings))
    created: Sequence[Creation] = ()
    wanted = [f"{state.module}: {role}" for state in states for role in state.creatable]
    is_asked = apply and bool(wanted) and not yes
    if is_asked:
        _show(states, ())
    if apply and wanted and (yes or typer.confirm(f"Create in Zoho, for all users: {', '.join(wanted)}?", err=True)):
        created, states = run_async(_create(settings))
    is_complete = all(state.is_complete for state in states)
    if as_json:
        print_json(_as_json(states, created, is_complete=is_complete))
    else:
        if created or not is_asked:
            _show(states, created)
        if apply and not wanted:
            typer.echo("There is no field to be created.")
        elif wanted and not apply:
            typer.echo(f"autodialer zoho setup --apply creates {', '.join(wanted)}.")
        typer.echo("Everything is there." if is_complete else "Something is missing: nobody is called.")
    if not is_complete:
        raise typer.Exit(1)


async def _survey(settings: Settings) -> "list[ModuleState]":
    async with _opened(settings) as zoho:
        return await zoho.survey()


async def _create(settings: Settings) -> "tuple[list[Creation], list[ModuleState]]":
    """What is missing is looked up once more: somebody may have made it while the question stood there."""
    async with _opened(settings) as zoho:
        created = await zoho.create(await zoho.survey())
        return created, await zoho.survey()


@asynccontextmanager
async def _opened(settings: Settings) -> "AsyncIterator[ZohoSetup]":
    """With a token of its own: the service's may have been made with fewer scopes than the refresh token has now."""
    from autodialer.bootstrap import load_policy, zoho_config  # noqa: PLC0415 - other commands start without it
    from autodialer.clock import SystemClock  # noqa: PLC0415 - as above
    from autodialer.store.engine import Database  # noqa: PLC0415 - as above
    from autodialer.store.tables import metadata  # noqa: PLC0415 - as above
    from autodialer.store.tokens import SqlTokenStore  # noqa: PLC0415 - as above
    from autodialer.zoho.setup import open_setup  # noqa: PLC0415 - as above

    database = Database("sqlite://")
    try:
        database.run_migrations(metadata.create_all)
        config = zoho_config(settings, load_policy(settings))
        async with open_setup(config, SqlTokenStore(database), SystemClock()) as zoho:
            yield zoho
    finally:
        database.close()


def _show(states: "Sequence[ModuleState]", created: "Sequence[Creation]") -> None:
    out = console()
    table = Table("module", "what", "", "finding", "what to do", title="autodialer zoho setup")
    for state in states:
        for part in state.parts:
            table.add_row(state.module, part.role.value, _MARKS[part.level], escape(part.message), escape(part.remedy))
    out.print(table)
    for made in created:
        word = "created" if made.is_created else f"not created: {made.message}"
        out.print(f"{made.module}: {made.role} {word}", markup=False)


def _as_json(states: "Sequence[ModuleState]", created: "Sequence[Creation]", *, is_complete: bool) -> dict[str, Any]:
    modules = [
        {
            "module": state.module,
            "complete": state.is_complete,
            "parts": [
                {"what": part.role, "level": part.level, "message": part.message, "remedy": part.remedy}
                for part in state.parts
            ],
            "creatable": list(state.creatable),
        }
        for state in states
    ]
    made = [
        {"module": one.module, "field": one.role, "created": one.is_created, "message": one.message} for one in created
    ]
    return {"complete": is_complete, "modules": modules, "created": made}
