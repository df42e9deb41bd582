"""The webhooks that bring session summaries and questions: one URL per sub-account and type (8x8 page "Webhooks API")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

import stamina

from autodialer.domain.errors import ResultsElsewhere, TelephonyError
from autodialer.eightx8.classify import Reply
from autodialer.eightx8.config import VoiceConfig
from autodialer.eightx8.http import Exchange, NoReplyError
from autodialer.eightx8.words import as_int, normalize_status, plain

SUMMARY = "VSS"
ACTION = "VCA"
_REMEDIES: Mapping[int, str] = {
    401: "EIGHTX8_API_KEY must be a key made in connect.8x8.com > API keys.",
    403: "Ask 8x8 to enable voice for this key and sub-account.",
    404: "Check EIGHTX8_SUBACCOUNT_ID and EIGHTX8_BASE_URL.",
    422: "Check EIGHTX8_CALLBACK_URL: 8x8 does not accept it.",
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as 8x8 lists it; `has_header`: whether it sends an Authorization header, None if unsaid."""

    kind: str
    url: str
    enabled: bool
    has_header: bool | None


def wanted_kinds(config: VoiceConfig) -> Sequence[str]:
    """The types of webhook that we need: 8x8 may ask us in the middle of a call only where a key is pressed."""
    return (SUMMARY, ACTION) if config.is_press1 else (SUMMARY,)


async def ensure_webhook(
    config: VoiceConfig, exchange: Exchange, registered_hash: str | None, *, takes_over: bool = True
) -> str | None:
    """Make the webhooks that we need come to our callback URL; a hash of how they are, to be kept by the caller.

    Nothing is changed where 8x8 already has them, enabled, and `registered_hash` says that the token is the same (8x8 never shows
    it). Questions in a call (VCA) that come to us and that we do not need are ended. None where registering is switched off.
    TelephonyError when it fails. ResultsElsewhere, and nothing is changed, where one goes to another address and not `takes_over`.
    """
    if not config.register_webhook:
        return None
    url = config.webhook_url
    if not url or not config.subaccount_id:
        missing = "EIGHTX8_SUBACCOUNT_ID" if url else "EIGHTX8_CALLBACK_URL"
        raise TelephonyError(f"The webhook can't be registered: {missing} is missing. Set it.", permanent=True)
    wanted = registration_hash(config)
    standing = {webhook.kind: webhook for webhook in await list_webhooks(config, exchange)}
    if not takes_over:
        _refuse_strangers(config, standing)
    for kind in wanted_kinds(config):
        webhook = standing.get(kind)
        if webhook is None or registered_hash != wanted or not is_ours(config, webhook):
            await _register(config, exchange, kind, url, replaces=webhook is not None)
    surplus = standing.get(ACTION)
    if surplus is not None and ACTION not in wanted_kinds(config) and comes_to_us(config, surplus):
        await remove_webhook(config, exchange, ACTION)
    return wanted


def _refuse_strangers(config: VoiceConfig, standing: Mapping[str, Webhook]) -> None:
    for kind in wanted_kinds(config):
        webhook = standing.get(kind)
        if webhook is not None and webhook.enabled and not comes_to_us(config, webhook):
            raise ResultsElsewhere(urlsplit(webhook.url).netloc or "another address")


async def remove_webhooks(config: VoiceConfig, exchange: Exchange) -> list[str]:
    """End those that come to our callback URL; their types. Others are left alone. TelephonyError."""
    ours = [hook.kind for hook in await list_webhooks(config, exchange) if comes_to_us(config, hook)]
    removed = [kind for kind in ours if kind in (SUMMARY, ACTION)]
    for kind in removed:
        await remove_webhook(config, exchange, kind)
    return removed


async def remove_webhook(config: VoiceConfig, exchange: Exchange, kind: str) -> None:
    """End the webhook of this type, if there is one. TelephonyError."""
    await _ask(exchange, "DELETE", f"{config.subaccount_url}/webhooks/{kind}", gone_is_fine=True)


async def _register(config: VoiceConfig, exchange: Exchange, kind: str, url: str, *, replaces: bool) -> None:
    if replaces:
        await remove_webhook(config, exchange, kind)
    refused: TelephonyError | None = None
    try:
        registration = _registration(kind, url, config.webhook_header)
        await _ask(exchange, "POST", f"{config.subaccount_url}/webhooks", registration)
    except TelephonyError as error:
        # An answer may be lost after 8x8 registered, and the second try be refused: the list decides.
        refused = error
    now = next((hook for hook in await list_webhooks(config, exchange) if hook.kind == kind), None)
    if now is None or not is_ours(config, now):
        raise refused or TelephonyError(
            "8x8 took the registration of the webhook but does not list it as enabled at our address. "
            f"Register EIGHTX8_CALLBACK_URL for {kind} in connect.8x8.com, or ask 8x8.",
            permanent=True,
        )


async def list_webhooks(config: VoiceConfig, exchange: Exchange) -> list[Webhook]:
    """All webhooks of the sub-account. TelephonyError when 8x8 doesn't say."""
    reply = await _ask(exchange, "GET", f"{config.subaccount_url}/webhooks")
    entries = reply.body.get("webhooks") if isinstance(reply.body, Mapping) else None
    if not isinstance(entries, list):
        raise TelephonyError(
            "8x8's list of webhooks can't be read. Check EIGHTX8_BASE_URL: something else may answer there.",
            permanent=False,
        )
    return [_webhook(entry) for entry in entries if isinstance(entry, Mapping)]


def registration_hash(config: VoiceConfig) -> str:
    """Tells whether sub-account, URL or token changed since they were registered, without keeping the token."""
    parts = (config.subaccount_url, config.webhook_url or "", config.webhook_header or "")
    return sha256("\0".join(parts).encode()).hexdigest()


def is_ours(config: VoiceConfig, webhook: Webhook) -> bool:
    """Whether a listed webhook comes to us, enabled, with our token in its address and a header exactly as we want them."""
    header_fits = webhook.has_header is None or webhook.has_header == bool(config.webhook_header)
    return webhook.enabled and same_url(webhook.url, config.webhook_url) and header_fits


def comes_to_us(config: VoiceConfig, webhook: Webhook) -> bool:
    """Whether it comes to our address, whatever token is in there."""
    return same_url(webhook.url.partition("?")[0], (config.callback_url or "").partition("?")[0])


def same_url(listed: str, wanted: str | None) -> bool:
    """Whether both name one address; a slash at the end is no difference."""
    return wanted is not None and listed.rstrip("/") == wanted.rstrip("/")


def _registration(kind: str, url: str, header: str | None) -> dict[str, object]:
    # The API's schema says `enabled`, its guides say `active`.
    body: dict[str, object] = {"type": kind, "url": url, "enabled": True, "active": True}
    return body | {"httpAuthHeader": header} if header else body


def _webhook(entry: Mapping[str, object]) -> Webhook:
    url, enabled, header = (
        entry.get("url"),
        entry.get("enabled", entry.get("active")),
        entry.get("httpAuthHeaderAvailable"),
    )
    return Webhook(
        kind=normalize_status(entry.get("type")) or "",
        url=url if isinstance(url, str) else "",
        enabled=enabled is True,
        has_header=header if isinstance(header, bool) else None,
    )


async def _ask(
    exchange: Exchange,
    method: str,
    url: str,
    body: Mapping[str, object] | None = None,
    *,
    gone_is_fine: bool = False,
) -> Reply:
    """One management request; safe to repeat, so what may pass is tried three times."""
    async for attempt in stamina.retry_context(on=_may_pass, attempts=3, wait_initial=0.2, wait_max=2.0, timeout=90):
        with attempt:
            return _checked(await _answer(exchange, method, url, body), gone_is_fine=gone_is_fine)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _may_pass(error: Exception) -> bool:
    return isinstance(error, TelephonyError) and not error.permanent


async def _answer(exchange: Exchange, method: str, url: str, body: Mapping[str, object] | None) -> Reply:
    try:
        return await exchange.send(method, url, body, kind="webhook")
    except NoReplyError as error:
        raise TelephonyError(
            f"8x8 could not be reached ({error.reason}). Check EIGHTX8_BASE_URL and this machine's network.",
            permanent=False,
        ) from error


def _checked(reply: Reply, *, gone_is_fine: bool) -> Reply:
    if 200 <= reply.status < 300 or (gone_is_fine and reply.status == 404):  # noqa: PLR2004 - HTTP's success, not found
        return reply
    body = reply.body if isinstance(reply.body, Mapping) else {}
    code, message = as_int(body.get("statusCode")), plain(body.get("statusMessage"))
    said = "".join((f", code {code}" if code is not None else "", f": {message}" if message else ""))
    if reply.status >= 500 or reply.status in {408, 429}:  # noqa: PLR2004 - the server errors of HTTP
        raise TelephonyError(
            f"8x8 can't show or change the webhooks now (HTTP {reply.status}{said}). A running service tries again each minute.",
            permanent=False,
        )
    remedy = _REMEDIES.get(reply.status, "`autodialer doctor` shows how it stands.")
    raise TelephonyError(
        f"8x8 refused to show or change the webhooks (HTTP {reply.status}{said}). {remedy}", permanent=True
    )
