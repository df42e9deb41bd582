"""serve, migrate."""

from dataclasses import asdict
from pathlib import Path

import typer

from autodialer.cli.common import Json, print_json, run_serving, settings_with_logging
from autodialer.cli.lasting import lasting
from autodialer.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(serve)
    app.command()(migrate)


def serve(reload: bool = typer.Option(False, "--reload", help="Start again when a source file changes.")) -> None:
    """Run the service: API, scheduler and workers in one process.

    Makes the ledger's folder and schema by itself.

    Example: autodialer serve
    """
    if reload:
        _serve_with_reload()
        return
    settings = settings_with_logging(files=True, console=True)
    run_serving(_serve(settings))


async def _serve(settings: Settings) -> None:
    # Imported here: `--help` and commands beside a running service need no web server.
    with lasting():
        from autodialer.bootstrap import open_system  # noqa: PLC0415
        from autodialer.cli.serving import serve_until_stopped  # noqa: PLC0415

    async with open_system(settings) as system:
        await serve_until_stopped(system)


def _serve_with_reload() -> None:
    import subprocess  # noqa: PLC0415 - for development only
    import sys  # noqa: PLC0415 - for development only
    import time  # noqa: PLC0415 - for development only

    load_settings()
    folder = Path(__file__).resolve().parents[1]

    def state() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in folder.rglob("*.py")}

    while True:
        seen = state()
        process = subprocess.Popen([sys.executable, "-m", "autodialer", "serve"])
        try:
            while process.poll() is None and state() == seen:
                time.sleep(0.5)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            return
        if process.poll() is None:
            typer.echo("source changed, starting again", err=True)
            process.terminate()
        process.wait()
        while state() == seen:  # it failed: wait for the next change instead of failing again and again
            time.sleep(0.5)


def migrate(
    after: bool = typer.Option(
        False,
        "--after",
        help="PostgreSQL: also what must wait until every replica runs this version (docs/postgresql.md).",
    ),
    as_json: Json = False,
) -> None:
    """Bring the ledger's schema to this version's.

    `serve` does it by itself, but for what has to come after a rollout.

    Example: autodialer migrate --after
    """
    settings = settings_with_logging(files=False, console=True)
    from autodialer.store.engine import Database  # noqa: PLC0415 - `--help` needs no database
    from autodialer.store.migrate import migrate as bring_up  # noqa: PLC0415 - as above
    from autodialer.store.migrate import waiting  # noqa: PLC0415 - as above
    from autodialer.store.phases import steps_between  # noqa: PLC0415 - as above

    database = Database(settings.ledger_url)
    try:
        before, now = bring_up(database, after=after)
    finally:
        database.close()
    done, left = steps_between(before, now), waiting(now)
    if as_json:
        shown = {"applied": [asdict(step) for step in done], "waiting": [asdict(step) for step in left]}
        print_json({"before": before, "now": now, **shown})
        return
    typer.echo(f"The ledger's schema is {now}" + (", as it was." if before == now else f" (was {before or 'empty'})."))
    for step in done:
        typer.echo(f"  {step.revision}  {step.what}")
    for step in left:
        typer.echo(f"  {step.revision}  {step.what}  (waits: run `autodialer migrate --after` when all are updated)")
