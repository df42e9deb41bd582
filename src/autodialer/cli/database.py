"""db copy, db reopen, db accept, backup: moving a ledger, and putting one back."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autodialer.cli.common import Json, ask, console, print_json, run_async, settings_with_logging
from autodialer.cli.watching import watching
from autodialer.clock import ShiftedClock, SystemClock
from autodialer.domain.errors import SettingsError
from autodialer.observability import register_secrets
from autodialer.settings import Settings, read_ledger_url

if TYPE_CHECKING:
    from autodialer.store.moving.move import Moved

_db = typer.Typer(
    help="Move the ledger to another database, and put one back.", no_args_is_help=True, rich_markup_mode=None
)
Url = Annotated[str | None, typer.Option(metavar="URL", help="postgresql://…, sqlite:///PATH, or a file's path.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(_db, name="db")
    app.command()(backup)


@_db.command("copy")
def copy(
    to: Annotated[
        str, typer.Option(metavar="URL", help="Where to: an empty database. postgresql://…, sqlite:///PATH, or a path.")
    ],
    origin: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Where from; the ledger of the settings unless given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the ledger into an empty database, SQLite or PostgreSQL, and prove by count, hash and `verify` that both are the same.

    Stop the service first. Interrupted, the same command goes on where it was; until it is complete neither ledger can be dialed,
    afterwards only the new one: set DATABASE_URL or DB_PATH to it. A password may come from PGPASSWORD or ~/.pgpass instead of the
    URL. A backup is put back with --from.

    Example: autodialer db copy --to postgresql://autodialer@db.internal/autodialer
    """
    settings = settings_with_logging(files=False, console=False)
    source, target = _url(origin, "--from") if origin else settings.ledger_url, _url(to, "--to")
    from autodialer.store.moving.move import move  # noqa: PLC0415 - `--help` needs no database
    from autodialer.store.moving.sides import place_of  # noqa: PLC0415 - as above

    if place_of(source) == place_of(target):
        raise SettingsError([f"--to is where the ledger is already: {place_of(target)}"])
    with watching(quiet=as_json) as say:
        moved = move(source, target, _now(settings), say)
    if as_json:
        print_json({**asdict(moved), "rows": sum(table.rows for table in moved.tables), "same": True})
    else:
        _show(moved)


def _show(moved: "Moved") -> None:
    out = console()
    rows = sum(table.rows for table in moved.tables)
    again = f", {moved.copied} of them now" if moved.went_on else ""
    out.print(
        f"{rows} rows in {len(moved.tables)} tables{again}: count and hash of each are the same in {moved.target}.",
        markup=False,
    )
    for breach in moved.breaches:
        out.print(f"verify finds in both: {breach.sentence}: {breach.subject}", style="yellow", markup=False)
    if moved.marked:
        out.print(f"Set DATABASE_URL (or DB_PATH) to it: {moved.source} will not be dialed any more.", markup=False)
    else:
        out.print(
            "It comes from a backup: dialing is held until autodialer db accept (docs/deploy.md, section 6).",
            markup=False,
        )


@_db.command("reopen")
def reopen(of: Url = None, as_json: Json = False) -> None:
    """Make a ledger usable again that was moved away with `db copy`, or whose copy was given up. No service may be using it.

    After a complete copy dialing is held until `db accept`, for the other ledger may have been dialed since.

    Example: autodialer db reopen
    """
    settings = settings_with_logging(files=False, console=False)
    from autodialer.store.moving.move import reopen as make_usable  # noqa: PLC0415 - `--help` needs no database

    told = make_usable(_url(of, "--of") if of else settings.ledger_url, _now(settings))
    if as_json:
        print_json({"reopened": told is not None, "was": told})
    else:
        typer.echo(f"Usable again. It said: {told}" if told else "It was usable: nothing to do.")


@_db.command("accept")
def accept(as_json: Json = False) -> None:
    """Let calls be sent again after dialing was held because the ledger may not know of calls that were made.

    Whoever says so takes it that people may get a call that they have had; look at `doctor`, which says why it is held, and at
    `drift` first. It holds for what was known until now.

    Example: autodialer db accept
    """
    settings = settings_with_logging(files=False, console=False)
    body = run_async(ask(settings, "POST", "/api/accept"))
    if as_json:
        print_json(body)
    else:
        typer.echo(
            f"Accepted, calls may be sent. It was held: {body['accepted']}" if body["accepted"] else "Nothing was held."
        )


def backup(
    to: Annotated[Path | None, typer.Option(metavar="FILE|FOLDER", help="A new file, or a folder for one.")] = None,
    as_json: Json = False,
) -> None:
    """Write a consistent copy of the ledger to a new file, beside the running service, from SQLite and PostgreSQL alike.

    The file is SQLite's, was read through and is on the disk when the command ends. Without --to it goes to the folder `backups`
    beside DB_PATH. `autodialer db copy --from FILE` puts it back.

    Example: autodialer backup --to /var/backups/autodialer
    """
    settings = settings_with_logging(files=False, console=False)
    from autodialer.store.moving.backup import back_up  # noqa: PLC0415 - `--help` needs no database

    now = _now(settings)
    path = _new_path(to or settings.db_path.parent / "backups", now, is_folder=to is None)
    with watching(quiet=as_json) as say:
        made = back_up(settings.ledger_url, path, now, say)
    if as_json:
        print_json({"path": str(made.path), "bytes": made.size, "made_at": made.made_at.isoformat()})
    else:
        typer.echo(f"{made.path}: {made.size} bytes, checked.")


def _new_path(to: Path, now: datetime, *, is_folder: bool) -> Path:
    return to / f"autodialer-{now:%Y-%m-%dT%H%M%SZ}.db" if is_folder or to.is_dir() else to


def _now(settings: Settings) -> datetime:
    return (ShiftedClock(settings.clock) if settings.clock else SystemClock()).now()


def _url(text: str, option: str) -> str:
    url = read_ledger_url(text)
    if url is None:
        raise SettingsError(
            [f"{option} must be postgresql://USER@HOST:PORT/NAME, sqlite:///PATH or the path of a file"]
        )
    from sqlalchemy import make_url  # noqa: PLC0415 - `--help` needs no database

    register_secrets(make_url(url).password)
    return url
