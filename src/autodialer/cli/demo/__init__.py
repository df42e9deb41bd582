"""demo: the whole service through several days, without any account."""

import os
from pathlib import Path

import typer

from autodialer.cli.common import run_serving
from autodialer.cli.demo.folder import DEFAULT


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(demo)


def demo(
    keep: bool = typer.Option(False, "--keep", help="Stay up afterwards, with the API and both simulators."),
    folder: Path = typer.Option(DEFAULT, help="Where its database and logs go; no other files."),  # noqa: B008 - typer's way
    port: int = typer.Option(8080, min=0, max=65535, help="Port of the API; a free one is taken if it is in use."),
) -> None:
    """Dial through several days against a simulated Zoho and 8x8, then tell who was called and why.

    Needs no account and no settings; calls nobody. TELEPHONY=contact_center simulates 8x8 Contact Center.

    Example: autodialer demo --keep
    """
    telephony = os.environ.get("TELEPHONY", "voice").strip().lower()
    from autodialer.cli.demo.story import tell  # noqa: PLC0415 - the other commands need neither web server nor simulators

    run_serving(tell(folder, port, telephony, keep=keep))
