"""The command `autodialer`: its groups of commands, and how failures end."""

import json
import os
import sys

import typer
from rich.console import Console

from autodialer import __version__
from autodialer.cli import (
    database,
    demo,
    dialing,
    drift,
    eightx8,
    look,
    plan,
    prune,
    serve,
    simulate,
    simulator,
    suppression,
    users,
    waiting,
    watch,
    work_lists,
    zoho,
)
from autodialer.domain.errors import DialerError, SettingsError, WrongUsage

app = typer.Typer(
    name="autodialer",
    help="Calls the people in Zoho CRM through 8x8, each once, by explicit rules, and writes back what came of it.\n\n"
    "Try it without any account: autodialer demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    serve,
    dialing,
    watch,
    plan,
    look,
    work_lists,
    waiting,
    drift,
    suppression,
    users,
    prune,
    database,
    zoho,
    eightx8,
    simulate,
    simulator,
    demo,
):
    group.register(app)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Show the version and leave.")) -> None:
    if version:
        typer.echo(f"autodialer {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; exit code 0 done, 1 failed, 2 wrong usage or settings. What it writes its own user alone can read."""
    os.umask(0o077)  # ledgers, their folder, logs, backups and exports hold phone numbers, and the ledger Zoho's token
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except SettingsError as error:
        _say_in_json("the settings are not right", problems=error.problems)
        errors.print("autodialer: the settings are not right:", style="bold red", markup=False)
        for problem in error.problems:
            errors.print(f"  - {problem}", markup=False)
        sys.exit(2)
    except DialerError as error:
        _say_in_json(error.message)
        errors.print(f"autodialer: {error.message}", style="red", markup=False)
        sys.exit(2 if isinstance(error, WrongUsage) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _say_in_json(message: str, **more: object) -> None:
    """A program that asked for JSON gets it when the command fails, too."""
    if "--json" in sys.argv:
        typer.echo(json.dumps({"success": False, "message": message, **more}))
