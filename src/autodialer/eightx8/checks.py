"""What `doctor` says of 8x8. Only looks, changes nothing, rings nobody."""

from collections.abc import Sequence

from autodialer.domain.errors import TelephonyError
from autodialer.eightx8.config import VoiceConfig, is_loopback, missing_settings, resolve_base_url
from autodialer.eightx8.http import Exchange
from autodialer.eightx8.webhooks import Webhook, is_ours, list_webhooks, same_url
from autodialer.ports import Finding, Level


async def check(config: VoiceConfig, exchange: Exchange) -> Sequence[Finding]:
    """Settings, base URL, key and webhook, one finding or more for each."""
    problems = missing_settings(config)
    findings = [
        Finding(Level.PROBLEM, "8x8 settings", problem, "Without it no call is placed.") for problem in problems
    ]
    if not problems:
        findings.append(Finding(Level.OK, "8x8 settings", "All settings for placing a call are there."))
    findings += [_base_url(config), *_key_family(config), *_callback(config)]
    if config.api_key and config.subaccount_id:
        findings += await _account(config, exchange)
    return findings


def _base_url(config: VoiceConfig) -> Finding:
    url, reason = resolve_base_url(config.base_url)
    if reason is None:
        return Finding(Level.OK, "8x8 address", f"Calls are placed at {url}.")
    level = Level.WARNING if config.base_url else Level.OK
    return Finding(level, "8x8 address", f"{reason}.", f"Set EIGHTX8_BASE_URL={url}." if config.base_url else "")


def _key_family(config: VoiceConfig) -> list[Finding]:
    if not config.api_key.startswith("eght_"):
        return []
    return [
        Finding(
            Level.PROBLEM,
            "8x8 key",
            "EIGHTX8_API_KEY begins with eght_: it is a key of 8x8's Admin Console, which can't place calls.",
            "Make a key in connect.8x8.com > API keys and set EIGHTX8_API_KEY to it.",
        )
    ]


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
        message = "No CALLBACK_TOKEN: anybody who knows the callback address could report results."
        return [Finding(Level.WARNING, "8x8 callback", message, "Set CALLBACK_TOKEN to a long random text.")]
    return []


async def _account(config: VoiceConfig, exchange: Exchange) -> list[Finding]:
    try:
        webhooks = await list_webhooks(config, exchange)
    except TelephonyError as error:
        return [Finding(Level.PROBLEM, "8x8 key", error.message, "Correct it, then run `autodialer doctor` again.")]
    return [
        Finding(Level.OK, "8x8 key", "8x8 accepts the key for this sub-account."),
        _webhook(config, [webhook for webhook in webhooks if webhook.kind == "VSS"]),
    ]


def _webhook(config: VoiceConfig, standing: list[Webhook]) -> Finding:
    remedy = (
        "`autodialer serve` registers it when it starts."
        if config.register_webhook
        else "EIGHTX8_REGISTER_WEBHOOK is false: register EIGHTX8_CALLBACK_URL for VSS by hand."
    )
    subject = "8x8 webhook"
    if not standing:
        return Finding(Level.WARNING, subject, "No webhook for session summaries (VSS) is registered.", remedy)
    webhook = standing[0]
    if is_ours(config, webhook):
        return Finding(Level.OK, subject, "Session summaries (VSS) come to EIGHTX8_CALLBACK_URL.")
    if not same_url(webhook.url, config.callback_url):
        message = "Session summaries (VSS) go to another address than EIGHTX8_CALLBACK_URL."
        return Finding(Level.PROBLEM, subject, message, remedy)
    if not webhook.enabled:
        return Finding(Level.PROBLEM, subject, "The webhook for session summaries (VSS) is not enabled.", remedy)
    message = "The webhook for session summaries (VSS) sends no Authorization header, or one although none is set."
    return Finding(Level.PROBLEM, subject, message, remedy)
