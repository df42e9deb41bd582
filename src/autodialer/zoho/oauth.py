"""The access token: minted rarely, shared by all processes, never twice at once.

Source: Zoho's pages "Refresh Access Tokens" and "Token limits": 10 live tokens and 10 mints in 10 minutes
for each refresh token, a lifetime of an hour, errors inside HTTP 200.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx2
import structlog

from autodialer.domain.errors import CrmError
from autodialer.ports import Clock, StoredToken, TokenStore
from autodialer.zoho.answers import INVALID_TOKEN, Answer, UnreadableError, read_object
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.datacentres import accounts_url_for
from autodialer.zoho.wire import Wire

__all__ = ["Tokens", "accounts_url_for", "is_throttled", "lifetime_seconds"]

MARGIN: Final = timedelta(minutes=5)
LIFETIME_SECONDS: Final = 3600
_LONGEST_LIFETIME_SECONDS: Final = 86400
_COOL_DOWN_SECONDS: Final = 60.0
_LONGEST_COOL_DOWN_SECONDS: Final = 600.0
_TRIES: Final = 3
_REFUSED_FRESH_SECONDS: Final = 60.0
_FRUITLESS_MINTS: Final = 2

_PERMANENT: Final = {
    "invalid_code": "ZOHO_REFRESH_TOKEN is wrong, revoked, or of another data centre: make a new one, and check "
    "ZOHO_API_DOMAIN",
    "invalid_client": "ZOHO_CLIENT_ID is wrong, or of another data centre: check it and ZOHO_API_DOMAIN",
    "invalid_client_secret": "ZOHO_CLIENT_SECRET is wrong",
}

log = structlog.get_logger(__name__)


class Tokens:
    """Hands out the access token.

    Every error is a CrmError: permanent for credentials that will never do, transient for throttling and
    outages.
    """

    def __init__(self, config: ZohoConfig, wire: Wire, store: TokenStore, clock: Clock) -> None:
        self._config = config
        self._url = f"{config.resolved_accounts_url()}/oauth/v2/token"
        self._wire = wire
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: StoredToken | None = None
        self._cool_down = _COOL_DOWN_SECONDS
        self._closed_until = 0.0
        self._fruitless = 0
        self._minted_at = 0.0
        self.foreign_api_domain: str | None = None

    async def current(self) -> str:
        """A token that holds for about five more minutes at least, minted only when none is stored."""
        if self._token is not None and self._is_fresh(self._token):
            return self._token.value
        async with self._lock:
            return await self._find(failed=None)

    async def renew(self, failed: str) -> str:
        """Another token than `failed`, which Zoho refused; minted only when nobody else has done so yet."""
        async with self._lock:
            return await self._find(failed=failed)

    def prove(self) -> None:
        """Zoho accepted a token: should it be refused later, another one will do."""
        self._fruitless = 0

    async def _find(self, failed: str | None) -> str:
        """To be called with the lock. Memory, then the store, then the store again as its one holder, then Zoho."""
        if self._token is not None and self._will_do(self._token, failed):
            return self._token.value
        if await self._take_stored(failed):
            return self._value()
        async with self._store.refreshing():
            if await self._take_stored(failed):
                return self._value()
            await self._mint_or_make_do(failed)
        return self._value()

    async def _take_stored(self, failed: str | None) -> bool:
        stored = await self._store.load()
        if stored is None or not self._will_do(stored, failed):
            return False
        self._token = stored
        return True

    async def _mint_or_make_do(self, failed: str | None) -> None:
        is_recent = self._clock.monotonic() - self._minted_at < _REFUSED_FRESH_SECONDS
        if failed is not None and is_recent and self._fruitless >= _FRUITLESS_MINTS:
            raise refused_fresh_token()
        try:
            self._token = await self._mint()
        except CrmError as problem:
            last = await self._store.load()
            if problem.permanent or last is None or last.value == failed or last.expires_at <= self._clock.now():
                raise
            log.warning("zoho_token_not_renewed", reason=problem.message, still_valid_until=str(last.expires_at))
            self._token = last
            return
        await self._store.save(self._token)

    def _value(self) -> str:
        if self._token is None:
            raise CrmError("no access token", permanent=False)
        return self._token.value

    def _is_fresh(self, token: StoredToken) -> bool:
        return token.expires_at - MARGIN > self._clock.now()

    def _will_do(self, token: StoredToken, failed: str | None) -> bool:
        return token.value != failed and self._is_fresh(token)

    async def _mint(self) -> StoredToken:
        left = self._closed_until - self._clock.monotonic()
        if left > 0:
            raise CrmError(
                f"Zoho throttles token requests; the next one goes in {left:.0f} seconds",
                permanent=False,
                code="Access Denied",
            )
        said = await self._ask()
        self._cool_down = _COOL_DOWN_SECONDS
        self._compare_domain(said.get("api_domain"))
        expires_at = self._clock.now() + timedelta(seconds=lifetime_seconds(said))
        log.info("zoho_token_minted", expires_at=str(expires_at))
        self._fruitless += 1
        self._minted_at = self._clock.monotonic()
        return StoredToken(str(said["access_token"]), expires_at)

    async def _ask(self) -> Mapping[str, Any]:
        """Zoho's answer with a token in it."""
        reason = ""
        for attempt in range(_TRIES):
            if attempt:
                await self._clock.sleep(2.0**attempt)
            try:
                answer = await self._wire.send("POST", self._url, form=self._form())
                said = read_object(answer)
            except (httpx2.HTTPError, TimeoutError, UnreadableError) as problem:
                reason = type(problem).__name__
                continue
            if isinstance(said.get("access_token"), str) and said["access_token"]:
                return said
            self._raise_for(answer, said)
            reason = f"HTTP {answer.status} without a token"
        raise CrmError(f"no access token from {self._url}: {reason}", permanent=False, code="no_token")

    def _form(self) -> Mapping[str, str]:
        return {
            "refresh_token": self._config.refresh_token,
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret,
            "grant_type": "refresh_token",
        }

    def _raise_for(self, answer: Answer, said: Mapping[str, Any]) -> None:
        """Raise what the error in the body means; return where another try may help."""
        error = str(said.get("error") or "")
        if is_throttled(answer.status, said):
            seconds = self._cool_down
            self._closed_until = self._clock.monotonic() + seconds
            self._cool_down = min(seconds * 2, _LONGEST_COOL_DOWN_SECONDS)
            raise CrmError(
                f"Zoho throttles token requests; waiting {seconds:.0f} seconds. Does another service use the same "
                "ZOHO_REFRESH_TOKEN?",
                permanent=False,
                code="Access Denied",
            )
        if error in _PERMANENT:
            raise CrmError(f"Zoho says {error}: {_PERMANENT[error]}", permanent=True, code=error, stops_run=True)
        if error and answer.status < 500:  # noqa: PLR2004 - 5xx is an outage
            raise CrmError(
                f"Zoho gave no access token: {error}; check the ZOHO_ credentials",
                permanent=False,
                code=error,
                stops_run=True,
            )

    def _compare_domain(self, said: object) -> None:
        """The answer names an API host. It is compared, and never used: an answer must not re-point the client."""
        same = not isinstance(said, str) or said.rstrip("/") == self._config.api_domain.rstrip("/")
        self.foreign_api_domain = None if same else str(said)
        if not same:
            log.warning("zoho_api_domain_differs", configured=self._config.api_domain, token_is_for=said)


def refused_fresh_token() -> CrmError:
    """Zoho refuses what it has just minted. Not for ever: it may be a quarrel over tokens with another service."""
    return CrmError(
        "Zoho refuses even a fresh access token (INVALID_TOKEN): check that ZOHO_API_DOMAIN is the data centre of "
        "ZOHO_REFRESH_TOKEN, and that no other service uses this refresh token",
        permanent=False,
        code=INVALID_TOKEN,
        stops_run=True,
    )


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
