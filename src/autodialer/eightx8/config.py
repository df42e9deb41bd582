"""What the voice adapter has to be told. It reads no environment; bootstrap fills this in."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

VOICE_URL = "https://voice.8x8.com"
LOG_EXPORT_URL = "https://voice.wavecell.com"
_SUBACCOUNT_ID = re.compile(r"[A-Za-z0-9\-._&]{3,50}")
_MSISDN = re.compile(r"\+?[1-9][0-9]{5,14}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN = re.compile(r"[\x21-\x7e]+")


def resolve_base_url(base_url: str | None) -> tuple[str, str | None]:
    """The host that places calls, and the reason where it isn't the one that was given.

    Unset or api.8x8.com becomes voice.8x8.com (8x8 page "Send Callflow"): api.8x8.com has nothing that places
    a call.
    """
    given = (base_url or "").strip().rstrip("/")
    if not given:
        return VOICE_URL, f"EIGHTX8_BASE_URL is not set; {VOICE_URL} is used"
    if _host(given if "//" in given else f"https://{given}") == "api.8x8.com":
        return VOICE_URL, (
            f"EIGHTX8_BASE_URL is api.8x8.com, which has nothing that places a call; {VOICE_URL} is used"
        )
    return given, None


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Settings of 8x8 CPaaS Voice; times in seconds.

    `base_url` is the setting as given, `voice_url` what becomes of it. `caller_id` and `agent_number` are
    E.164. `callback_token` is what 8x8 sends back in the Authorization header of its webhooks.
    `client_request_id`: whether the attempt id goes along (documented in the summary, missing from the
    request's schema). `read_timeout` must exceed 8x8's longest time to accept a call: a time-out after
    sending leaves a call whose fate is unknown. `total_timeout` bounds sending and, again, reading the body.
    `throttle_pause` stands where a 429 names no time. A log export is waited for `export_patience`, and all of it takes
    `export_timeout` at most.
    """

    api_key: str = field(repr=False)
    subaccount_id: str | None = None
    caller_id: str | None = field(default=None, repr=False)
    agent_number: str | None = field(default=None, repr=False)
    base_url: str | None = None
    callback_url: str | None = field(default=None, repr=False)
    callback_token: str | None = field(default=None, repr=False)
    register_webhook: bool = True
    client_request_id: bool = True
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    throttle_pause: float = 5.0
    max_response_bytes: int = 64 * 1024
    export_url: str | None = None
    export_patience: float = 300.0
    export_timeout: float = 600.0
    max_export_bytes: int = 32 * 1024 * 1024

    @property
    def voice_url(self) -> str:
        """The base URL that is used, without a slash at its end."""
        return resolve_base_url(self.base_url)[0]

    @property
    def subaccount_url(self) -> str:
        """Where everything of this sub-account lives."""
        return f"{self.voice_url}/api/v1/subaccounts/{self.subaccount_id}"

    @property
    def exports_url(self) -> str:
        """Where its call log is exported: documented at another host than the rest (8x8 page "Reporting API")."""
        given = (self.export_url or "").strip().rstrip("/")
        host = given or (LOG_EXPORT_URL if self.voice_url == VOICE_URL else self.voice_url)
        return f"{host}/api/v1/subaccounts/{self.subaccount_id}/messages/exports"


def missing_settings(config: VoiceConfig) -> list[str]:
    """One sentence for each setting that is missing or can't be right; empty when calls can be placed."""
    checks = (
        ("EIGHTX8_API_KEY", config.api_key, _TOKEN, "the API key made in connect.8x8.com > API keys"),
        (
            "EIGHTX8_SUBACCOUNT_ID",
            config.subaccount_id,
            _SUBACCOUNT_ID,
            "the voice sub-account shown in connect.8x8.com (3 to 50 letters, digits or -._&)",
        ),
        ("EIGHTX8_CALLER_ID", config.caller_id, _MSISDN, "the number shown to the person called, as +40..."),
        (
            "EIGHTX8_AGENT_NUMBER",
            config.agent_number,
            _MSISDN,
            "the number of the agent who is connected, as +40...",
        ),
    )
    found = []
    for name, value, shape, meaning in checks:
        if not value:
            found.append(f"{name} is missing: set it to {meaning}.")
        elif shape.fullmatch(value) is None:
            found.append(f"{name} can't be right: it must be {meaning}.")
    if not config.voice_url.startswith(("http://", "https://")) or not _host(config.voice_url):
        found.append(f"EIGHTX8_BASE_URL is no http(s) URL: unset it, or set it to {VOICE_URL}.")
    return found


def is_loopback(url: str) -> bool:
    """Whether `url` names this very machine: a simulator."""
    return _host(url) in _LOOPBACK


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
