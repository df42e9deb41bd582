"""The simulated accounts server. Source: Zoho's pages "Refresh Access Tokens" and "Token limits"."""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the accounts server accepts."""

    client_id: str = "1000.SIMULATEDCLIENT"
    client_secret: str = "simulated-secret"  # noqa: S105 - opens nothing but the simulator
    refresh_token: str = "1000.simulated.refresh"  # noqa: S105 - the same


class Accounts:
    """Mints and checks access tokens: 10 live ones, 10 mints in 10 minutes. `scopes` are those of new tokens."""

    def __init__(self, credentials: Credentials, clock: SimClock) -> None:
        self.credentials = credentials
        self.scopes: tuple[str, ...] = SCOPES
        self.minted = 0
        self._clock = clock
        self._live: deque[tuple[str, datetime, tuple[str, ...]]] = deque()
        self._window_began: datetime | None = None
        self._asked = 0

    def mint(self, form: Mapping[str, str], api_domain: str) -> tuple[int, dict[str, Any]]:
        """The HTTP status and body for a refresh; errors of credentials come with status 200."""
        wanted = self.credentials
        if form.get("client_id") != wanted.client_id:
            return 200, {"error": "invalid_client"}
        if form.get("client_secret") != wanted.client_secret:
            return 200, {"error": "invalid_client_secret"}
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != wanted.refresh_token:
            return 200, {"error": "invalid_code"}
        if self._is_throttled():
            return 400, {
                "error_description": "You have made too many requests continuously. Please try again after some time.",
                "error": "Access Denied",
                "status": "failure",
            }
        return 200, {
            "access_token": self._issue(),
            "scope": " ".join(self.scopes),
            "api_domain": api_domain,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
        }

    def expire_all(self) -> None:
        """Every token issued so far is invalid from now on."""
        self._live.clear()

    def require(self, authorization: str | None, scope: str) -> None:
        """ZohoError 401 unless the header holds a live token with that scope."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Zoho-oauthtoken" or not token:
            raise ZohoError(401, "AUTHENTICATION_FAILURE", "Authentication failed")
        now = self._clock.now()
        scopes = next((s for value, until, s in self._live if value == token and until > now), None)
        if scopes is None:
            raise ZohoError(401, "INVALID_TOKEN", "invalid oauth token")
        if scope not in scopes:
            raise ZohoError(401, "OAUTH_SCOPE_MISMATCH", "Unauthorized")

    def _is_throttled(self) -> bool:
        """Ten requests in the window that the first of them opened; then none until it is over."""
        now = self._clock.now()
        if self._window_began is None or not timedelta(0) <= now - self._window_began < WINDOW:
            self._window_began = now
            self._asked = 0
        self._asked += 1
        return self._asked > MINTS

    def _issue(self) -> str:
        now = self._clock.now()
        token = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        self._live = deque(entry for entry in self._live if entry[1] > now)
        self._live.append((token, now + LIFETIME, self.scopes))
        if len(self._live) > ACTIVE_TOKENS:
            self._live.popleft()
        self.minted += 1
        return token
