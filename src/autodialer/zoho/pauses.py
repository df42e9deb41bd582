"""When nobody of a deployment may ask for a token, and what a request for one meets meanwhile.

Zoho allows 10 token requests in 10 minutes and refuses all others for the rest of them; each row below stays under that.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from autodialer.domain.errors import CrmError
from autodialer.ports import StoredToken, TokenState
from autodialer.zoho.accounts import CREDENTIAL_ERRORS, NO_TOKEN, THROTTLED, Refusal
from autodialer.zoho.answers import INVALID_TOKEN

_REFUSED_FRESH_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Pauses:
    """Seconds."""

    first: float
    factor: float
    longest: float


_THROTTLED: Final = _Pauses(60, 2, 600)
_CREDENTIALS: Final = _Pauses(60, 2, 300)  # they may be mended at Zoho's side, without a change of ours
_OTHER: Final = _Pauses(5, 3, 120)
_LONGEST: Final = timedelta(seconds=_THROTTLED.longest)

_REMEDIES: Final = {
    "invalid_code": "ZOHO_REFRESH_TOKEN is wrong, revoked, or of another data centre: make a new one (autodialer zoho "
    "login), and check ZOHO_API_DOMAIN",
    "invalid_client": "ZOHO_CLIENT_ID is wrong, or of another data centre: check it and ZOHO_API_DOMAIN",
    "invalid_client_secret": "ZOHO_CLIENT_SECRET is wrong",
}


def after(state: TokenState, refusal: Refusal, now: datetime) -> TokenState:
    """Closed for a while: longer each time that the same thing happens again."""
    pauses = _THROTTLED if refusal.code == THROTTLED else _CREDENTIALS if _is_credentials(refusal.code) else _OTHER
    again = state.pause if state.closed_code == refusal.code else 0.0
    pause = min(again * pauses.factor, pauses.longest) if again else pauses.first
    return replace(state, closed_until=now + timedelta(seconds=pause), closed_code=refusal.code, pause=pause)


def seconds_left(state: TokenState, now: datetime) -> float:
    """How long it is still closed; 0 when it is open. A pause longer than any means that the clock was set back."""
    left = (state.closed_until or now) - now
    return left.total_seconds() if timedelta() < left <= _LONGEST else 0.0


def error_for(state: TokenState, url: str, now: datetime, reason: str = "") -> CrmError:
    """Why no token is asked for, or came: permanent for credentials that will never do, transient for all else."""
    code = state.closed_code
    wait = f"the next request goes in {seconds_left(state, now):.0f} seconds"
    if code == THROTTLED:
        return CrmError(
            f"Zoho throttles token requests; {wait}. Does another service use the same ZOHO_REFRESH_TOKEN?",
            permanent=False,
            code=code,
        )
    if _is_credentials(code):
        return CrmError(f"Zoho says {code}. {_REMEDIES[code]}", permanent=True, code=code, stops_run=True)
    if code == NO_TOKEN:
        why = f": {reason}" if reason else ""
        return CrmError(f"no access token from {url}{why}; {wait}", permanent=False, code=code)
    return CrmError(
        f"Zoho gave no access token ({code}); check the ZOHO_ credentials; {wait}",
        permanent=False,
        code=code,
        stops_run=True,
    )


def is_fruitless(token: StoredToken, now: datetime) -> bool:
    """Whether a token that Zoho refuses is one of several in a row, so that one more would fare no better yet."""
    if token.worked or not token.fruitless or token.minted_at is None:
        return False
    pause = min(_REFUSED_FRESH_SECONDS * 2.0 ** (token.fruitless - 1), _LONGEST.total_seconds())
    return abs((now - token.minted_at).total_seconds()) < pause


def refused_fresh_token() -> CrmError:
    """Zoho refuses what it has just minted. Not for ever: it may be a quarrel over tokens with another service."""
    return CrmError(
        "Zoho refuses even a fresh access token (INVALID_TOKEN): check that ZOHO_API_DOMAIN is the data centre of "
        "ZOHO_REFRESH_TOKEN, and that no other service uses this refresh token",
        permanent=False,
        code=INVALID_TOKEN,
        stops_run=True,
    )


def _is_credentials(code: str) -> bool:
    return code in CREDENTIAL_ERRORS
