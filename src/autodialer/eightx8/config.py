"""What the voice adapter has to be told. It reads no environment; bootstrap fills this in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from autodialer.eightx8.numbers import read_caller_ids, read_numbers
from autodialer.eightx8.press1 import Press1
from autodialer.eightx8.words import digits

VOICE_URL = "https://voice.8x8.com"
ADMIN_KEY = "eght_"
LOG_EXPORT_URL = "https://voice.wavecell.com"
_SUBACCOUNT_ID = re.compile(r"[A-Za-z0-9\-._&]{3,50}")
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

    `base_url` is the setting as given, `voice_url` what becomes of it. `caller_id` and `agent_number` are as in the settings: a
    number, or a list (numbers.py). `mode`: the agent is called when the person answers (bridge), or when they pressed 1 (press1).
    `callback_token` is what 8x8 sends back in the Authorization header of its webhooks, in their address, or both
    (`callback_auth`).
    `client_request_id`: whether the attempt id goes along (documented in the summary, missing from the
    request's schema). `read_timeout` must exceed 8x8's longest time to accept a call: a time-out after
    sending leaves a call whose fate is unknown. `total_timeout` bounds sending and, again, reading the body.
    `check_timeout`: for what `doctor` asks, tries and all. `throttle_pause` stands where a 429 names no time. A log export is
    waited for `export_patience`, and all of it takes `export_timeout` at most.
    """

    api_key: str = field(repr=False)
    subaccount_id: str | None = None
    caller_id: str | None = field(default=None, repr=False)
    agent_number: str | None = field(default=None, repr=False)
    base_url: str | None = None
    callback_url: str | None = field(default=None, repr=False)
    callback_token: str | None = field(default=None, repr=False)
    callback_auth: Literal["header", "url", "both"] = "header"
    mode: Literal["bridge", "press1"] = "bridge"
    agent_choice: Literal["turn", "random"] = "turn"
    press1: Press1 = field(default_factory=Press1)
    register_webhook: bool = True
    client_request_id: bool = True
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    check_timeout: float = 10.0
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
    def is_press1(self) -> bool:
        """Whether an agent is called only when the person pressed 1."""
        return self.mode == "press1"

    @property
    def caller_ids(self) -> Mapping[str, str]:
        """What people are shown, by country; empty while the setting is missing or wrong."""
        return read_caller_ids(self.caller_id or "") or {}

    @property
    def agents(self) -> Sequence[str]:
        """Who may be connected; empty while the setting is missing or wrong."""
        return read_numbers(self.agent_number or "") or ()

    @property
    def agent_digits(self) -> frozenset[str]:
        """The same, for comparing."""
        return frozenset(digits(number) for number in self.agents)

    @property
    def webhook_url(self) -> str | None:
        """Where 8x8 sends its webhooks: EIGHTX8_CALLBACK_URL, with the token where the settings want it there."""
        if not self.callback_url or not self.callback_token or self.callback_auth == "header":
            return self.callback_url
        joint = "&" if "?" in self.callback_url else "?"
        return f"{self.callback_url}{joint}token={quote(self.callback_token, safe='')}"

    @property
    def webhook_header(self) -> str | None:
        """What 8x8 sends as Authorization."""
        return None if self.callback_auth == "url" else self.callback_token

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
        (
            "EIGHTX8_API_KEY",
            config.api_key,
            _TOKEN.fullmatch(config.api_key or ""),
            "the API key made in connect.8x8.com > API keys",
        ),
        (
            "EIGHTX8_SUBACCOUNT_ID",
            config.subaccount_id,
            _SUBACCOUNT_ID.fullmatch(config.subaccount_id or ""),
            "the voice sub-account shown in connect.8x8.com (3 to 50 letters, digits or -._&)",
        ),
        (
            "EIGHTX8_CALLER_ID",
            config.caller_id,
            config.caller_ids,
            "the number shown to the person called, as +40..., or a list by country such as RO:+40...,*:+44...",
        ),
        (
            "EIGHTX8_AGENT_NUMBER",
            config.agent_number,
            config.agents,
            "the number of the agent who is connected, as +40..., or a comma list of them",
        ),
    )
    found = []
    for name, value, right, meaning in checks:
        if not value:
            found.append(f"{name} is missing: set it to {meaning}.")
        elif not right:
            found.append(f"{name} can't be right: it must be {meaning}.")
    if config.api_key.startswith(ADMIN_KEY):
        found.append(
            f"EIGHTX8_API_KEY begins with {ADMIN_KEY}: it is a key of 8x8's Admin Console (api.8x8.com), which can't place calls. "
            f"Set it to one made in connect.8x8.com > API keys; calls are placed at {config.voice_url}."
        )
    if not config.voice_url.startswith(("http://", "https://")) or not _host(config.voice_url):
        found.append(f"EIGHTX8_BASE_URL is no http(s) URL: unset it, or set it to {VOICE_URL}.")
    if config.is_press1:
        found += config.press1.problems()
        if config.register_webhook and not config.callback_url:
            found.append("EIGHTX8_CALLBACK_URL is missing: with EIGHTX8_MODE=press1 8x8 asks there what to do next.")
    return found


def is_loopback(url: str) -> bool:
    """Whether `url` names this very machine: a simulator."""
    return _host(url) in _LOOPBACK


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
