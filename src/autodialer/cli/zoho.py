"""zoho: what is done once with a Zoho account."""

import typer

from autodialer.cli.zoho_setup import setup


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        name="zoho", help="Prepare Zoho CRM for the service.", no_args_is_help=True, rich_markup_mode=None
    )
    group.callback()(_group)  # with one command alone, typer would take the group for the command
    group.command()(setup)
    app.add_typer(group)


def _group() -> None:
    """Prepare Zoho CRM for the service."""
