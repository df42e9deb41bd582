"""user add, list, remove: who may sign in to the console."""

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from autodialer.cli.common import Json, ask, console, in_path, print_json, run_async, settings_with_logging
from autodialer.service.passwords import problem_with

_group = typer.Typer(
    help="Who may sign in to the console at /console, and as what.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(help="The name to sign in with.")]


class _Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(_group, name="user")


@_group.command("add")
def add(
    name: Name,
    role: Annotated[
        _Role, typer.Option("--role", help="viewer: sees, personal data masked; operator: sees all and acts.")
    ] = _Role.VIEWER,
    from_input: bool = typer.Option(
        False,
        "--password-stdin",
        help="Read the password from one line of standard input, as happens on a pipe anyhow.",
    ),
    as_json: Json = False,
) -> None:
    """Add a user, or give one another role and password.

    Example: autodialer user add ioana --role operator
    """
    settings = settings_with_logging(files=False, console=False)
    if from_input or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    problem = problem_with(password)
    if problem is not None:
        raise typer.BadParameter(problem)
    body = run_async(ask(settings, "POST", "/api/users", json={"name": name, "role": role.value, "password": password}))
    if as_json:
        print_json({"name": body["name"], "role": body["role"], "added": body["added"]})
    else:
        done = "may sign in" if body["added"] else "has a new role and password"
        typer.echo(f"{body['name']} {done} as {body['role']}: /console")


@_group.command("list")
def show(as_json: Json = False) -> None:
    """Show who may sign in.

    Example: autodialer user list
    """
    settings = settings_with_logging(files=False, console=False)
    users = run_async(ask(settings, "GET", "/api/users"))["users"]
    if as_json:
        print_json(users)
        return
    table = Table("name", "role", "changed")
    for user in users:
        table.add_row(user["name"], user["role"], user["changed_at"][:16].replace("T", " "))
    console().print(table)


@_group.command("remove")
def remove(name: Name, as_json: Json = False) -> None:
    """Take a user away; whoever is signed in by this name is out at once.

    Example: autodialer user remove ioana
    """
    settings = settings_with_logging(files=False, console=False)
    body = run_async(ask(settings, "DELETE", f"/api/users/{in_path(name)}"))
    if as_json:
        print_json({"removed": body["name"]})
    else:
        typer.echo(f"{body['name']} can't sign in any more.")
