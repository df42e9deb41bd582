"""Reading values of 8x8's JSON without trusting their types: as all adapters do it."""

from autodialer.domain.session import session_of
from autodialer.telephony_http.words import as_instant, as_int, as_text, digits, normalize_status, plain

__all__ = ["as_instant", "as_int", "as_text", "digits", "normalize_status", "plain", "session_of"]
