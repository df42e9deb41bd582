"""Zoho's accounts server: one request for a token, and what its answer means.

Source: Zoho's pages "Refresh Access Tokens", "Self Client" and "Token limits". Errors come inside HTTP 200, so the body decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx2

from autodialer.zoho.answers import UnreadableError, read_object
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.wire import Wire

LIFETIME_SECONDS: Final = 3600
THROTTLED: Final = "Access Denied"
NO_TOKEN: Final = "no_token"  # noqa: S105 - our word for an answer without one
CREDENTIAL_ERRORS: Final = frozenset({"invalid_code", "invalid_client", "invalid_client_secret"})
_LONGEST_LIFETIME_SECONDS: Final = 86400
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Grant:
    """A token, and what Zoho says of it. `refresh_token` only for a grant code; "" for what the answer does not tell."""

    access_token: str = field(repr=False)
    lifetime: timedelta
    scope: str = ""
    api_domain: str = ""
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """No token. `code`: Zoho's word, THROTTLED, or NO_TOKEN for an outage; `reason` for people."""

    code: str
    reason: str

    @property
    def is_outage(self) -> bool:
        """Whether it says nothing at all of the credentials, and another try may help at once."""
        return self.code == NO_TOKEN


class AccountsServer:
    """Asks for tokens. `url` is where it stands."""

    def __init__(self, config: ZohoConfig, wire: Wire) -> None:
        self.url = f"{config.resolved_accounts_url()}/oauth/v2/token"
        self._client = {"client_id": config.client_id, "client_secret": config.client_secret}
        self._wire = wire

    async def ask(self, form: Mapping[str, str]) -> Grant | Refusal:
        """One request; as a form, so that no proxy logs a secret in an address. Never raises for what Zoho does."""
        try:
            answer = await self._wire.send("POST", self.url, form={**form, **self._client})
            said = read_object(answer)
        except (httpx2.HTTPError, TimeoutError, UnreadableError) as problem:
            return Refusal(NO_TOKEN, type(problem).__name__)
        token = said.get("access_token")
        if isinstance(token, str) and token:
            return _grant(token, said)
        error = str(said.get("error") or "")
        if is_throttled(answer.status, said):
            return Refusal(THROTTLED, error)
        if error in CREDENTIAL_ERRORS or (error and answer.status < _SERVER_ERROR):
            return Refusal(error, error)
        return Refusal(NO_TOKEN, f"HTTP {answer.status} without a token")


def _grant(token: str, said: Mapping[str, Any]) -> Grant:
    told = {name: str(said.get(name) or "") for name in ("scope", "api_domain", "refresh_token")}
    return Grant(token, timedelta(seconds=lifetime_seconds(said)), **told)


def is_throttled(status: int, said: Mapping[str, Any]) -> bool:
    """Whether it is the "too many requests" of the accounts server, which says nothing about the credentials."""
    text = f"{said.get('error')} {said.get('error_description')}".casefold()
    return status == 429 or "access denied" in text or "too many requests" in text  # noqa: PLR2004 - HTTP's own


def lifetime_seconds(said: Mapping[str, Any]) -> int:
    """`expires_in` in seconds: milliseconds where the old key `expires_in_sec` stands beside it, or it is over a day."""
    value = said.get("expires_in")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return LIFETIME_SECONDS
    if "expires_in_sec" in said or value > _LONGEST_LIFETIME_SECONDS:
        value //= 1000
    return min(max(value, 1), _LONGEST_LIFETIME_SECONDS)
