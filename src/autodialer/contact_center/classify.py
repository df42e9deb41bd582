"""What an answer to "place this call" means: pure and total (rules.md rows 26 and 27)."""

from collections.abc import Mapping
from datetime import datetime

from autodialer.domain.placing import Ambiguous, NobodyFree, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.telephony_http.exchange import Reply
from autodialer.telephony_http.retry_after import pause_seconds
from autodialer.telephony_http.words import as_text, plain

_LONGEST_SESSION = 120  # what the ledger keeps
_NOT_AVAILABLE = "not available to handle interaction"
_WRONG_HOST = "Check EIGHTX8_BASE_URL: what answers there places no calls. It must be the cluster of the tenant."
_REMEDIES: Mapping[int, tuple[Scope, str]] = {
    400: (
        Scope.CALL,
        "If every call is refused so, check EIGHTX8_CALLER_ID, EIGHTX8_CC_QUEUE_ID and EIGHTX8_CC_AGENT_IDS, and the dial plan.",
    ),
    401: (
        Scope.ACCOUNT,
        "Check EIGHTX8_CC_TENANT and EIGHTX8_API_SECRET. A new Action Request Token makes the old one useless everywhere.",
    ),
    402: (Scope.ACCOUNT, "Check the contract with 8x8."),
    403: (Scope.ACCOUNT, "Check EIGHTX8_CC_TENANT; ask 8x8 to enable the Call API for the tenant."),
    404: (Scope.ACCOUNT, _WRONG_HOST),
    405: (Scope.ACCOUNT, _WRONG_HOST),
    407: (Scope.ACCOUNT, "The proxy of this machine wants credentials."),
    410: (Scope.ACCOUNT, _WRONG_HOST),
    426: (Scope.ACCOUNT, "8x8 asks for newer TLS: update OpenSSL on this machine."),
}


def classify(reply: Reply, *, now: datetime, default_pause: float, nobody_free_pause: float) -> PlaceOutcome:
    """What `reply` says about the call; `default_pause` (seconds) is for a 429 that names no time."""
    body = reply.body if isinstance(reply.body, Mapping) else {}
    session_id = _session_id(body)
    said = _said(body)
    if reply.status >= 500:  # noqa: PLR2004 - the server errors of HTTP
        return Ambiguous(f"8x8 answered HTTP {reply.status}{said}; it may have placed the call")
    if session_id is not None and reply.status >= 300:  # noqa: PLR2004 - no success
        return Ambiguous(f"8x8 answered HTTP {reply.status} and yet named an interaction")
    if session_id is not None and reply.status >= 200:  # noqa: PLR2004 - success
        return Placed(session_id)
    if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
        return Throttled(pause_seconds(reply.retry_after, now=now, default=default_pause))
    # 8x8 documents this body and not the status that comes with it; it names the agent and no interaction.
    if any(_NOT_AVAILABLE in reason.lower() for reason in reasons(body)) and not _names_interaction(body):
        return NobodyFree(nobody_free_pause, f"8x8 said that the agent is not available{said}")
    if 400 <= reply.status < 500:  # noqa: PLR2004 - the client errors of HTTP
        scope, remedy = _REMEDIES.get(reply.status, (Scope.CALL, ""))
        return Refused(str(reply.status), f"8x8 refused the call (HTTP {reply.status}{said})", scope, remedy)
    if reply.status in {301, 307, 308}:
        message = f"8x8's address answered with a redirect (HTTP {reply.status}), which is not followed"
        remedy = "Set EIGHTX8_BASE_URL to the address that places calls."
        return Refused(str(reply.status), message, Scope.ACCOUNT, remedy)
    return Ambiguous(f"8x8 answered HTTP {reply.status} with neither an interaction nor a refusal{said}")


def reasons(body: Mapping[str, object]) -> list[str]:
    """The texts of `reasons`, and `message`."""
    listed = body.get("reasons")
    texts = [*(listed if isinstance(listed, list) else [listed]), body.get("message")]
    return [text for text in texts if isinstance(text, str)]


def _session_id(body: Mapping[str, object]) -> str | None:
    """8x8's guide calls it interactionGuid, its schema id."""
    for name in ("interactionGuid", "interactionGUID", "id"):
        found = as_text(body.get(name))
        if found is not None and len(found) <= _LONGEST_SESSION:
            return found
    return None


def _names_interaction(body: Mapping[str, object]) -> bool:
    return any(body.get(name) not in (None, "") for name in ("interactionGuid", "interactionGUID", "id"))


def _said(body: Mapping[str, object]) -> str:
    words = "; ".join(filter(None, map(plain, reasons(body))))
    return f": {words}" if words else ""
