"""zoho: what is done once with a Zoho account."""

from pathlib import Path
from typing import Annotated

import typer

from autodialer.cli.zoho_setup import setup


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        name="zoho",
        help="Connect to Zoho CRM: sign in once, prepare its fields.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.callback()(_group)
    group.command()(login)
    group.command()(setup)
    app.add_typer(group)


def _group() -> None:
    """Connect to Zoho CRM."""


def login(
    code: Annotated[
        str | None, typer.Option("--code", help="The grant code; asked for, without showing it, where it is missing.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", dir_okay=False, help="Put the line into this file, such as .env, instead of printing it."
        ),
    ] = None,
) -> None:
    """Make a refresh token of a grant code, and print its line for `.env`.

    Needs ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET and ZOHO_API_DOMAIN, and nothing else. Says where the code is made.

    Example: autodialer zoho login --write .env
    """
    from autodialer.cli import zoho_login  # noqa: PLC0415 - the other commands need no HTTP client for their help

    zoho_login.run(code, write)
