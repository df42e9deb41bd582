"""The access token: minted rarely, by one process of all, and never while a valid one is stored.

Source: Zoho's pages "Refresh Access Tokens" and "Token limits": 10 live tokens and 10 mints in 10 minutes
for each refresh token, a lifetime of an hour.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

import structlog

from autodialer.domain.errors import StoreError
from autodialer.ports import Clock, MintingTurn, StoredToken, TokenState, TokenStore
from autodialer.service.upstreams import Upstream
from autodialer.zoho import pauses
from autodialer.zoho.accounts import AccountsServer, Grant, Refusal, lifetime_seconds
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.datacentres import accounts_url_for
from autodialer.zoho.pauses import refused_fresh_token
from autodialer.zoho.wire import Wire

__all__ = ["Tokens", "accounts_url_for", "key_of", "lifetime_seconds", "refused_fresh_token"]

MARGIN: Final = timedelta(minutes=5)
_SHARE_OF_LIFETIME: Final = 4  # a short-lived token is renewed in its last quarter
_TRIES: Final = 3
_POLL_SECONDS: Final = 0.25

log = structlog.get_logger(__name__)


class Tokens:
    """Hands out the access token.

    Every error is a CrmError: permanent for credentials that will never do, transient for throttling and
    outages; or the StoreError of a database that is gone.
    """

    def __init__(
        self, config: ZohoConfig, wire: Wire, store: TokenStore, clock: Clock, upstream: Upstream | None = None
    ) -> None:
        self._config = config
        self._server = AccountsServer(config, wire)
        self._key = key_of(config)
        self._store = store
        self._clock = clock
        self._upstream = upstream or Upstream(clock)
        self._lock = asyncio.Lock()
        self._token: StoredToken | None = None

    @property
    def scope(self) -> str:
        """The scopes of the token in use, as Zoho put them; "" while nothing is known."""
        return self._token.scope if self._token is not None else ""

    @property
    def foreign_api_domain(self) -> str | None:
        """The API host that Zoho named with the token in use, where it is another than ours."""
        said = self._token.api_domain if self._token is not None else ""
        return said if said and said.rstrip("/") != self._config.api_domain.rstrip("/") else None

    async def current(self) -> str:
        """A token that holds for about five more minutes at least, minted only when none is stored.

        One that still holds is used on while another is asked for, here or elsewhere.
        """
        token = self._token
        if token is not None and (self._is_fresh(token) or (self._lock.locked() and self._holds(token))):
            return token.value
        async with self._lock:
            return await self._find(failed=None)

    async def renew(self, failed: str) -> str:
        """Another token than `failed`, which Zoho refused; minted only when nobody else has done so yet."""
        async with self._lock:
            return await self._find(failed=failed)

    async def prove(self) -> None:
        """Zoho accepted the token: should it be refused later, another one will do. All processes are to know."""
        token = self._token
        if token is None or token.worked:
            return
        self._token = replace(token, worked=True)
        with suppress(StoreError):
            await self._store.mark_worked(self._key, token.value)

    async def _find(self, failed: str | None) -> str:
        """To be called with the lock. Memory, then the store, then Zoho: as the one whose turn it is, or by waiting for it."""
        if self._token is not None and self._will_do(self._token, failed):
            return self._token.value
        while True:
            state = await self._store.load(self._key)
            found = self._take(state.token, failed) or self._wait_for_pause(state, failed)
            if found is not None:
                return found
            async with self._store.turn(self._key) as turn:
                found = await self._mint_in_turn(turn, failed) if turn is not None else None
            found = found or self._make_do(state.token, failed)
            if found is not None:
                return found
            await self._clock.sleep(_POLL_SECONDS)

    async def _mint_in_turn(self, turn: MintingTurn, failed: str | None) -> str | None:
        """Nobody else asks now. None when the turn was lost on the way."""
        state = await self._store.load(self._key)
        found = self._take(state.token, failed) or self._wait_for_pause(state, failed)
        if found is not None:
            return found
        refused = state.token if state.token is not None and state.token.value == failed else None
        if refused is not None and pauses.is_fruitless(refused, self._clock.now()):
            raise refused_fresh_token()
        outcome = await self._ask(turn, state)
        if isinstance(outcome, Refusal):
            return await self._close(turn, state, outcome, failed)
        if outcome is None:
            return None
        token = self._token_of(outcome, refused)
        if not await turn.save(TokenState(token)):
            return None
        self._token = token
        log.info("zoho_token_minted", expires_at=str(token.expires_at))
        if self.foreign_api_domain is not None:
            log.warning("zoho_api_domain_differs", configured=self._config.api_domain, token_is_for=token.api_domain)
        return token.value

    async def _ask(self, turn: MintingTurn, state: TokenState) -> Grant | Refusal | None:
        """Several tries at first, one at a time in an outage that lasts. None when the turn was lost between two."""
        outcome: Grant | Refusal | None = None
        for attempt in range(1 if state.pause else _TRIES):
            if attempt:
                await self._clock.sleep(2.0**attempt)
                if not await turn.keep():
                    return None
            asked = self._upstream.ask("token")
            outcome = await self._server.ask(self._form())
            asked.ends(f"POST {self._server.url}: {outcome.reason}" if isinstance(outcome, Refusal) else None)
            if isinstance(outcome, Grant) or not outcome.is_outage:
                break
        return outcome

    async def _close(self, turn: MintingTurn, state: TokenState, refusal: Refusal, failed: str | None) -> str:
        """No token came: nobody asks again for a while. What still holds is used on, unless the credentials are dead."""
        now = self._clock.now()
        closed = pauses.after(state, refusal, now)
        await turn.save(closed)
        error = pauses.error_for(closed, self._server.url, now, refusal.reason)
        found = None if error.permanent else self._make_do(state.token, failed)
        if found is None or state.token is None:
            raise error
        log.warning("zoho_token_not_renewed", reason=error.message, still_valid_until=str(state.token.expires_at))
        return found

    def _wait_for_pause(self, state: TokenState, failed: str | None) -> str | None:
        """In a pause: what still holds. CrmError where nothing does; None where it is over."""
        now = self._clock.now()
        if not pauses.seconds_left(state, now):
            return None
        error = pauses.error_for(state, self._server.url, now)
        found = None if error.permanent else self._make_do(state.token, failed)
        if found is None:
            raise error
        return found

    def _token_of(self, grant: Grant, refused: StoredToken | None) -> StoredToken:
        now = self._clock.now()
        return StoredToken(
            grant.access_token,
            now + grant.lifetime,
            minted_at=now,
            scope=grant.scope,
            api_domain=grant.api_domain,
            fruitless=refused.fruitless + 1 if refused is not None and not refused.worked else 0,
        )

    def _form(self) -> Mapping[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": self._config.refresh_token}

    def _take(self, token: StoredToken | None, failed: str | None) -> str | None:
        """The stored token, if it will do; it is then the one in use."""
        if token is None or not self._will_do(token, failed):
            return None
        self._token = token
        return token.value

    def _make_do(self, token: StoredToken | None, failed: str | None) -> str | None:
        """The same for one that is about to end."""
        if token is None or token.value == failed or not self._holds(token):
            return None
        self._token = token
        return token.value

    def _will_do(self, token: StoredToken, failed: str | None) -> bool:
        return token.value != failed and self._is_fresh(token)

    def _is_fresh(self, token: StoredToken) -> bool:
        return token.expires_at - _margin(token) > self._clock.now()

    def _holds(self, token: StoredToken) -> bool:
        return token.expires_at > self._clock.now()


def key_of(config: ZohoConfig) -> str:
    """What a token is bound to, as a hash: changed credentials must not go on with the token of the old ones."""
    parts = (config.resolved_accounts_url(), config.client_id, config.client_secret, config.refresh_token)
    return sha256("\0".join(parts).encode()).hexdigest()


def _margin(token: StoredToken) -> timedelta:
    """How long before its end a token is renewed."""
    if token.minted_at is None:
        return MARGIN
    return min(MARGIN, max(token.expires_at - token.minted_at, timedelta()) / _SHARE_OF_LIFETIME)
