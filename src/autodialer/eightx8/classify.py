"""What an answer to "place this call" means: pure and total (rules.md rows 26 and 27)."""

from collections.abc import Mapping
from datetime import datetime

from autodialer.domain.placing import Ambiguous, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.eightx8.words import as_int, normalize_status, plain, session_of
from autodialer.telephony_http.exchange import Reply
from autodialer.telephony_http.retry_after import pause_seconds

__all__ = ["Reply", "classify", "pause_seconds"]

_UNKNOWN_CODE = -9999
_CONFIGURATION = "Correct the settings or the 8x8 account, then run `autodialer doctor`."
_REMEDIES: Mapping[int, tuple[Scope, str]] = {
    401: (Scope.ACCOUNT, "EIGHTX8_API_KEY must be a key made in connect.8x8.com > API keys."),
    402: (Scope.ACCOUNT, "Check the balance of the 8x8 account."),
    403: (Scope.ACCOUNT, "Ask 8x8 to enable voice for this key and sub-account."),
    404: (Scope.ACCOUNT, "Check EIGHTX8_SUBACCOUNT_ID and EIGHTX8_BASE_URL."),
    405: (Scope.ACCOUNT, "Check EIGHTX8_BASE_URL: what answers there places no calls."),
    407: (Scope.ACCOUNT, "The proxy of this machine wants credentials."),
    410: (Scope.ACCOUNT, "Check EIGHTX8_BASE_URL: what answers there places no calls."),
    426: (Scope.ACCOUNT, "8x8 asks for TLS 1.3: update OpenSSL on this machine."),
    -1002: (Scope.ACCOUNT, _CONFIGURATION),
    -1004: (Scope.ACCOUNT, "The callflow needs a VCA webhook that is not registered."),
    -1011: (
        Scope.ACCOUNT,
        "Ask 8x8 to allow two outbound makeCall actions in one callflow on this sub-account.",
    ),
    -1014: (Scope.ACCOUNT, "Check EIGHTX8_CALLER_ID: 8x8 has to whitelist it for this sub-account."),
    -1015: (
        Scope.CALL,
        "The call was too late; it may be placed in a later run. Check this machine's clock.",
    ),
    -1017: (Scope.NUMBER, "Correct the phone number in Zoho."),
    -1020: (Scope.ACCOUNT, "Ask 8x8 for the permission that the message names."),
}


def classify(reply: Reply, *, now: datetime, default_pause: float) -> PlaceOutcome:
    """What `reply` says about the call; `default_pause` (seconds) is for a 429 that names no time."""
    body = reply.body if isinstance(reply.body, Mapping) else {}
    session_id = session_of(body.get("sessionId"))
    status = normalize_status(body.get("sessionStatus"))
    code = as_int(body.get("statusCode"))
    if reply.status >= 500:  # noqa: PLR2004 - the server errors of HTTP
        return Ambiguous(f"8x8 answered HTTP {reply.status}{_said(code, body)}; it may have placed the call")
    if code == _UNKNOWN_CODE:
        return Ambiguous(f"8x8 answered HTTP {reply.status} with its unknown error -9999")
    if session_id is not None and status != "NOT_CREATED" and reply.status >= 300:  # noqa: PLR2004 - no success
        return Ambiguous(f"8x8 answered HTTP {reply.status} and yet named a session")
    if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
        return Throttled(pause_seconds(reply.retry_after, now=now, default=default_pause))
    refusal = status == "NOT_CREATED" and code is not None and _is_refusal(code)
    if refusal or 400 <= reply.status < 500:  # noqa: PLR2004 - the client errors of HTTP
        return _refused(reply.status, code if refusal else None, body)
    if session_id is not None and status != "NOT_CREATED" and reply.status >= 200:  # noqa: PLR2004 - success
        return Placed(session_id)
    if reply.status in {301, 307, 308}:
        return Refused(
            str(reply.status),
            f"8x8's address answered with a redirect (HTTP {reply.status}), which is not followed",
            Scope.ACCOUNT,
            "Set EIGHTX8_BASE_URL to the address that places calls.",
        )
    return Ambiguous(f"8x8 answered HTTP {reply.status} with neither a session nor a refusal{_said(code, body)}")


def _is_refusal(code: int) -> bool:
    return code < 0 or 400 <= code < 500  # noqa: PLR2004 - 8x8's own codes are negative, the rest are HTTP's


def _refused(http_status: int, code: int | None, body: Mapping[str, object]) -> Refused:
    known = code if code is not None else http_status
    # A code that names a fault of the request alone says nothing of the account; HTTP's own word may.
    scope, remedy = _REMEDIES.get(known) or _REMEDIES.get(http_status) or (Scope.CALL, "")
    return Refused(str(known), f"8x8 refused the call (HTTP {http_status}{_said(code, body)})", scope, remedy)


def _said(code: int | None, body: Mapping[str, object]) -> str:
    message = plain(body.get("statusMessage"))
    named = "" if code is None else f", code {code}"
    return f"{named}: {message}" if message else named
