"""8x8 webhooks: what is registered at 8x8, seen and changed by hand."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from autodialer.cli.common import Json, console, print_json, run_async, settings_with_logging
from autodialer.domain.errors import DialerError, StoreError
from autodialer.settings import Settings

if TYPE_CHECKING:
    from autodialer.eightx8.webhooks import Webhook
    from autodialer.ports.ledger import Ledger

_eightx8 = typer.Typer(help="What is registered at 8x8.", no_args_is_help=True, rich_markup_mode=None)
_webhooks = typer.Typer(help="The addresses to which 8x8 reports.", no_args_is_help=True, rich_markup_mode=None)
_eightx8.add_typer(_webhooks, name="webhooks")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(_eightx8, name="8x8")


@_webhooks.command("list")
def list_all(as_json: Json = False) -> None:
    """List the webhooks of the sub-account, and whether each comes to this service.

    Example: autodialer 8x8 webhooks list
    """
    settings = settings_with_logging(files=False, console=False)
    _show(run_async(_listed(settings)), as_json=as_json)


@_webhooks.command("register")
def register_ours(as_json: Json = False) -> None:
    """Register EIGHTX8_CALLBACK_URL for what this service needs; what stands already, rightly, is left alone.

    `serve` does it by itself, unless EIGHTX8_REGISTER_WEBHOOK is false. Exit code 1 when 8x8 does not list it afterwards.

    Example: autodialer 8x8 webhooks register
    """
    settings = settings_with_logging(files=False, console=False)
    _show(run_async(_register(settings)), as_json=as_json)


@_webhooks.command("remove")
def remove_ours(as_json: Json = False) -> None:
    """Remove the webhooks that come to EIGHTX8_CALLBACK_URL, and no other. A running service registers them at its next start.

    Example: autodialer 8x8 webhooks remove
    """
    settings = settings_with_logging(files=False, console=False)
    removed, left = run_async(_remove(settings))
    if as_json:
        print_json({"removed": removed, "webhooks": left})
    else:
        typer.echo(f"Removed: {', '.join(removed) or 'nothing, none came to EIGHTX8_CALLBACK_URL'}.")


def _show(webhooks: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"webhooks": webhooks})
        return
    table = Table(
        "type", "address", "enabled", "sends a header", "comes here", title=f"{len(webhooks)} webhooks at 8x8"
    )
    for row in webhooks:
        words = {True: "yes", False: "no", None: "unsaid"}
        table.add_row(
            row["type"], escape(row["url"]), words[row["enabled"]], words[row["has_header"]], words[row["ours"]]
        )
    console().print(table)


async def _listed(settings: Settings) -> list[dict[str, Any]]:
    from autodialer.bootstrap import voice_config  # noqa: PLC0415 - `--help` needs no adapter
    from autodialer.eightx8.http import Exchange  # noqa: PLC0415 - as above
    from autodialer.eightx8.webhooks import is_ours, list_webhooks  # noqa: PLC0415 - as above

    config = voice_config(settings)
    _insist_on_subaccount(settings)
    exchange = Exchange(config)
    try:
        return [_plain(webhook, ours=is_ours(config, webhook)) for webhook in await list_webhooks(config, exchange)]
    finally:
        await exchange.aclose()


async def _register(settings: Settings) -> list[dict[str, Any]]:
    from dataclasses import replace  # noqa: PLC0415 - `--help` needs no adapter

    from autodialer.bootstrap import voice_config  # noqa: PLC0415 - as above
    from autodialer.eightx8.http import Exchange  # noqa: PLC0415 - as above
    from autodialer.eightx8.webhooks import ensure_webhook  # noqa: PLC0415 - as above

    # Who types this wants it, whatever the service does by itself.
    config = replace(voice_config(settings), register_webhook=True)
    exchange = Exchange(config)
    try:
        known = await _kept_hash(settings)
        registered = await ensure_webhook(config, exchange, known)
    finally:
        await exchange.aclose()
    if registered is not None:
        await _keep_hash(settings, registered)
    return await _listed(settings)


async def _remove(settings: Settings) -> tuple[list[str], list[dict[str, Any]]]:
    from autodialer.bootstrap import voice_config  # noqa: PLC0415 - `--help` needs no adapter
    from autodialer.eightx8.http import Exchange  # noqa: PLC0415 - as above
    from autodialer.eightx8.webhooks import remove_webhooks  # noqa: PLC0415 - as above

    _insist_on_subaccount(settings)
    config = voice_config(settings)
    exchange = Exchange(config)
    try:
        removed = await remove_webhooks(config, exchange)
    finally:
        await exchange.aclose()
    return removed, await _listed(settings)


def _insist_on_subaccount(settings: Settings) -> None:
    if not settings.eightx8_subaccount_id:
        raise DialerError(
            "EIGHTX8_SUBACCOUNT_ID is missing: set it, as 8x8 keeps webhooks by sub-account", permanent=True
        )


def _plain(webhook: "Webhook", *, ours: bool) -> dict[str, Any]:
    """Its address without what follows the path: a token may stand there."""
    parts = urlsplit(webhook.url)
    url = f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?…" if parts.query else "")
    return {
        "type": webhook.kind,
        "url": url,
        "enabled": webhook.enabled,
        "has_header": webhook.has_header,
        "ours": ours,
    }


async def _kept_hash(settings: Settings) -> str | None:
    """What the ledger remembers of the token that was registered; None without a ledger."""
    from autodialer.service.webhook import WEBHOOK_HASH  # noqa: PLC0415 - as above
    from autodialer.store.engine import Database  # noqa: PLC0415 - only `register` looks there
    from autodialer.store.ledger import SqlStore  # noqa: PLC0415 - as above

    try:
        database = Database(settings.ledger_url, writable=False)
    except StoreError:
        return None
    try:
        return await SqlStore(database).read(lambda ledger: ledger.switches.get(WEBHOOK_HASH))
    except StoreError:
        return None
    finally:
        database.close()


async def _keep_hash(settings: Settings, registered: str) -> None:
    """A ledger that a running service has, or that is not there yet, is left alone: `serve` then registers once more."""
    from autodialer.clock import SystemClock  # noqa: PLC0415 - only `register` writes there
    from autodialer.service.holding import elsewhere, note_elsewhere  # noqa: PLC0415 - as above
    from autodialer.service.webhook import WEBHOOK_HASH  # noqa: PLC0415 - as above
    from autodialer.store.engine import Database  # noqa: PLC0415 - as above
    from autodialer.store.ledger import SqlStore  # noqa: PLC0415 - as above

    def keep(ledger: "Ledger") -> None:
        now = SystemClock().now()
        if ledger.switches.get(WEBHOOK_HASH) != registered:
            ledger.switches.set(WEBHOOK_HASH, registered, now)
        if elsewhere(ledger):
            note_elsewhere(ledger, None, now)

    with suppress(StoreError):
        database = Database(settings.ledger_url)
        try:
            await SqlStore(database).write(keep)
        finally:
            database.close()
