"""The simulated accounts server.

Source: Zoho's pages "Refresh Access Tokens", "Self Client - Authorization code flow" and "Token limits".
"""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from autodialer.simulators.common import SimClock
from autodialer.simulators.zoho_answers import ZohoError

SCOPES: Final = (
    "ZohoCRM.coql.READ",
    "ZohoCRM.modules.leads.READ",
    "ZohoCRM.modules.leads.UPDATE",
    "ZohoCRM.modules.contacts.READ",
    "ZohoCRM.modules.contacts.UPDATE",
    "ZohoCRM.settings.fields.READ",
)
LIFETIME: Final = timedelta(hours=1)
ACTIVE_TOKENS: Final = 10
MINTS: Final = 10
WINDOW: Final = timedelta(minutes=10)
REFRESH_TOKENS: Final = 20
CODE_LIFETIME: Final = timedelta(minutes=3)

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the accounts server accepts."""

    client_id: str = "1000.SIMULATEDCLIENT"
    client_secret: str = "simulated-secret"  # noqa: S105 - opens nothing but the simulator
    refresh_token: str = "1000.simulated.refresh"  # noqa: S105 - the same


@dataclass(slots=True)
class _Refresh:
    """A refresh token: its access tokens, the oldest first, and how often it was used since when."""

    scopes: tuple[str, ...] | None = None  # None: those of the accounts server
    live: deque[tuple[str, datetime, tuple[str, ...]]] = field(default_factory=deque)
    window_began: datetime | None = None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class _Code:
    """A grant code."""

    scopes: tuple[str, ...]
    expires_at: datetime
    is_offline: bool


class Accounts:
    """Mints and checks access tokens: for each refresh token 10 live ones, 10 mints in 10 minutes.

    `scopes` are those of new tokens. `in_milliseconds`: lifetimes are told as older versions of Zoho's API did.
    """

    def __init__(self, credentials: Credentials, clock: SimClock) -> None:
        self.credentials = credentials
        self.scopes: tuple[str, ...] = SCOPES
        self.in_milliseconds = False
        self.minted = 0
        self._clock = clock
        self._refresh_tokens = {credentials.refresh_token: _Refresh()}
        self._codes: dict[str, _Code] = {}

    def mint(self, form: Mapping[str, str], api_domain: str) -> Answer:
        """The HTTP status and body for a refresh token or a grant code; errors of credentials come with status 200."""
        if form.get("client_id") != self.credentials.client_id:
            return 200, {"error": "invalid_client"}
        if form.get("client_secret") != self.credentials.client_secret:
            return 200, {"error": "invalid_client_secret"}
        if form.get("grant_type") == "authorization_code":
            return self._exchange(form.get("code", ""), api_domain)
        refresh = self._refresh_tokens.get(form.get("refresh_token", ""))
        if form.get("grant_type") != "refresh_token" or refresh is None:
            return 200, {"error": "invalid_code"}
        if self._is_throttled(refresh):
            return 400, {
                "error_description": "You have made too many requests continuously. Please try again after some time.",
                "error": "Access Denied",
                "status": "failure",
            }
        return 200, self._issue(refresh, api_domain)

    def issue_code(
        self, scopes: Sequence[str] | None = None, *, offline: bool = True, lifetime: timedelta = CODE_LIFETIME
    ) -> str:
        """A grant code, as the console's tab "Generate Code" shows it. Works once."""
        code = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        self._codes[code] = _Code(tuple(scopes or self.scopes), self._clock.now() + lifetime, offline)
        return code

    def expire_all(self) -> None:
        """Every access token issued so far is invalid from now on."""
        for refresh in self._refresh_tokens.values():
            refresh.live.clear()

    def revoke(self, refresh_token: str | None = None) -> None:
        """A refresh token (or all) and its access tokens are invalid for ever."""
        if refresh_token is None:
            self._refresh_tokens.clear()
        else:
            self._refresh_tokens.pop(refresh_token, None)

    def live(self) -> list[str]:
        """The access tokens that are valid now, the oldest first."""
        now = self._clock.now()
        return [entry[0] for refresh in self._refresh_tokens.values() for entry in refresh.live if entry[1] > now]

    def require(self, authorization: str | None, scope: str) -> None:
        """ZohoError 401 unless the header holds a live token with that scope."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Zoho-oauthtoken" or not token:
            raise ZohoError(401, "AUTHENTICATION_FAILURE", "Authentication failed")
        now = self._clock.now()
        entries = (entry for refresh in self._refresh_tokens.values() for entry in refresh.live)
        scopes = next((s for value, until, s in entries if value == token and until > now), None)
        if scopes is None:
            raise ZohoError(401, "INVALID_TOKEN", "invalid oauth token")
        if scope not in scopes:
            raise ZohoError(401, "OAUTH_SCOPE_MISMATCH", "Unauthorized")

    def _exchange(self, text: str, api_domain: str) -> Answer:
        code = self._codes.pop(text, None)
        if code is None or code.expires_at <= self._clock.now():
            return 200, {"error": "invalid_code"}
        refresh = _Refresh(code.scopes)
        if not code.is_offline:
            return 200, self._issue(refresh, api_domain)
        refresh_token = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        self._refresh_tokens[refresh_token] = refresh
        if len(self._refresh_tokens) > REFRESH_TOKENS:
            self._refresh_tokens.pop(next(iter(self._refresh_tokens)))
        return 200, {**self._issue(refresh, api_domain), "refresh_token": refresh_token}

    def _is_throttled(self, refresh: _Refresh) -> bool:
        """Ten requests in the window that the first of them opened; then none until it is over."""
        now = self._clock.now()
        if refresh.window_began is None or not timedelta(0) <= now - refresh.window_began < WINDOW:
            refresh.window_began = now
            refresh.asked = 0
        refresh.asked += 1
        return refresh.asked > MINTS

    def _issue(self, refresh: _Refresh, api_domain: str) -> dict[str, Any]:
        now = self._clock.now()
        token = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        scopes = refresh.scopes or self.scopes
        refresh.live = deque(entry for entry in refresh.live if entry[1] > now)
        refresh.live.append((token, now + LIFETIME, scopes))
        if len(refresh.live) > ACTIVE_TOKENS:
            refresh.live.popleft()
        self.minted += 1
        seconds = int(LIFETIME.total_seconds())
        lifetime = {"expires_in": seconds * 1000, "expires_in_sec": seconds} if self.in_milliseconds else None
        return {
            "access_token": token,
            "scope": " ".join(scopes),
            "api_domain": api_domain,
            "token_type": "Bearer",
            **(lifetime or {"expires_in": seconds}),
        }
