"""What `doctor` says of 8x8. Only looks, changes nothing, rings nobody."""

import asyncio
from collections.abc import Sequence

from autodialer.domain.errors import TelephonyError
from autodialer.eightx8.config import ADMIN_KEY, VoiceConfig, is_loopback, missing_settings, resolve_base_url
from autodialer.eightx8.http import Exchange
from autodialer.eightx8.numbers import OTHERS
from autodialer.eightx8.webhooks import (
    ACTION,
    SUMMARY,
    Webhook,
    comes_to_us,
    is_ours,
    list_webhooks,
    same_url,
    wanted_kinds,
)
from autodialer.ports import Finding, Level

_SUBJECT = "8x8 webhook"
_CORRECT = "Correct it, then run `autodialer doctor` again."
_LATER = "Run `autodialer doctor` again later; if it stays so, look at 8x8's status page, and at the network."
_MEANINGS = {SUMMARY: "Session summaries", ACTION: "Questions in a call"}


async def check(config: VoiceConfig, exchange: Exchange) -> Sequence[Finding]:
    """Settings, base URL, key and webhook, one finding or more for each."""
    problems = missing_settings(config)
    findings = [_missing(problem) for problem in problems]
    if not problems:
        findings.append(Finding(Level.OK, "8x8 settings", "All settings for placing a call are there."))
    findings += [_base_url(config), *_callback(config), *_caller_ids(config)]
    if config.api_key and config.subaccount_id:
        findings += await _account(config, exchange)
    return findings


def _missing(problem: str) -> Finding:
    if f"begins with {ADMIN_KEY}" in problem:
        message, _, remedy = problem.partition(". ")
        return Finding(Level.PROBLEM, "8x8 key", f"{message}.", remedy)
    return Finding(Level.PROBLEM, "8x8 settings", problem, "Without it no call is placed.")


def _base_url(config: VoiceConfig) -> Finding:
    url, reason = resolve_base_url(config.base_url)
    if reason is None:
        return Finding(Level.OK, "8x8 address", f"Calls are placed at {url}.")
    level = Level.WARNING if config.base_url else Level.OK
    return Finding(level, "8x8 address", f"{reason}.", f"Set EIGHTX8_BASE_URL={url}." if config.base_url else "")


def _callback(config: VoiceConfig) -> list[Finding]:
    if not config.callback_url:
        message = "EIGHTX8_CALLBACK_URL is missing: unless a webhook is registered by hand, no result ever comes."
        return [Finding(Level.PROBLEM, "8x8 callback", message, "Set it to https://YOUR_HOST/api/callback.")]
    outside = not is_loopback(config.voice_url)
    public = config.callback_url.startswith("https://") and not is_loopback(config.callback_url)
    if outside and not public:
        message = "EIGHTX8_CALLBACK_URL is no https address that 8x8 can reach."
        return [Finding(Level.PROBLEM, "8x8 callback", message, "Set it to https://YOUR_HOST/api/callback.")]
    if outside and not config.callback_token:
        message = "Without CALLBACK_TOKEN anybody who knows the callback address could report results."
        return [Finding(Level.WARNING, "8x8 callback", message, "Set CALLBACK_TOKEN to a long random text.")]
    return []


def _caller_ids(config: VoiceConfig) -> list[Finding]:
    countries = sorted(config.caller_ids)
    if not countries or OTHERS in countries:
        return []
    message = (
        f"EIGHTX8_CALLER_ID has numbers for {', '.join(countries)} alone: nobody of another country can be called."
    )
    return [
        Finding(
            Level.WARNING, "8x8 caller id", message, f"Give it one for all others, if that is not meant: {OTHERS}:+..."
        )
    ]


async def _account(config: VoiceConfig, exchange: Exchange) -> list[Finding]:
    try:
        async with asyncio.timeout(config.check_timeout):  # somebody waits for it
            webhooks = await list_webhooks(config, exchange)
    except TimeoutError:
        message = f"8x8 gave no answer in {config.check_timeout:g} seconds."
        return [Finding(Level.PROBLEM, "8x8 key", message, _LATER)]
    except TelephonyError as error:
        return [Finding(Level.PROBLEM, "8x8 key", error.message, _CORRECT if error.permanent else _LATER)]
    standing = {webhook.kind: webhook for webhook in webhooks}
    findings = [Finding(Level.OK, "8x8 key", "8x8 accepts the key for this sub-account.")]
    findings += [_webhook(config, kind, standing.get(kind)) for kind in wanted_kinds(config)]
    surplus = standing.get(ACTION)
    if surplus is not None and ACTION not in wanted_kinds(config) and comes_to_us(config, surplus):
        message = f"{_MEANINGS[ACTION]} come here, but with EIGHTX8_MODE=bridge nothing is answered to them."
        findings.append(Finding(Level.WARNING, _SUBJECT, message, "`autodialer 8x8 webhooks register` ends that."))
    return findings


def _webhook(config: VoiceConfig, kind: str, webhook: Webhook | None) -> Finding:
    remedy = (
        "`autodialer serve` registers it when it starts; with DRY_RUN only in place of none."
        if config.register_webhook
        else f"EIGHTX8_REGISTER_WEBHOOK is false: register EIGHTX8_CALLBACK_URL for {kind} by hand."
    )
    meaning = _MEANINGS[kind]
    if webhook is None:
        return Finding(Level.WARNING, _SUBJECT, f"No webhook for {meaning.lower()} ({kind}) is registered.", remedy)
    if is_ours(config, webhook):
        return Finding(Level.OK, _SUBJECT, f"{meaning} ({kind}) come to EIGHTX8_CALLBACK_URL.")
    if not comes_to_us(config, webhook):
        message = f"{meaning} ({kind}) go to another address than EIGHTX8_CALLBACK_URL."
    elif not webhook.enabled:
        message = f"The webhook for {meaning.lower()} ({kind}) is not enabled."
    elif not same_url(webhook.url, config.webhook_url):
        message = (
            f"The address of the webhook for {meaning.lower()} ({kind}) holds another token, or none or one too many."
        )
    else:
        message = (
            f"The webhook for {meaning.lower()} ({kind}) sends no Authorization header, or one although none is set."
        )
    return Finding(Level.PROBLEM, _SUBJECT, message, remedy)
