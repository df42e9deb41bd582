"""The errors that end a session which 8x8 had taken (8x8 page "Voice Error Codes"): what each says of this call and of others."""

from collections.abc import Mapping

from autodialer.domain.result import Trouble, TroubleKind

_TEXTS = "Check the texts and EIGHTX8_VOICE."
_KINDS: Mapping[int, tuple[TroubleKind, bool, str]] = {
    # code: what it says of other calls, whether the phone may have rung, what to do
    -2001: (TroubleKind.CALL, True, ""),
    -2002: (TroubleKind.CALL, True, ""),
    -2003: (TroubleKind.ACCOUNT, False, "Check EIGHTX8_MODE and the VCA webhook: autodialer doctor."),
    -2004: (TroubleKind.ACCOUNT, False, "Ask 8x8 which countries this sub-account may call."),
    -2005: (TroubleKind.ACCOUNT, False, _TEXTS),
    -2006: (TroubleKind.ACCOUNT, False, _TEXTS),
    -2007: (TroubleKind.CALL, False, ""),
    -2008: (TroubleKind.ACCOUNT, False, "Check EIGHTX8_CALLER_ID: 8x8 has to whitelist it for this sub-account."),
    -2009: (TroubleKind.ACCOUNT, False, "Ask 8x8 what is wrong with the call flow of this sub-account."),
    -2010: (TroubleKind.CAPACITY, False, "Set MAX_CONCURRENT_CALLS and CALLS_PER_SECOND to what 8x8 allows."),
}
_UNKNOWN = (TroubleKind.CALL, True, "")


def trouble_of(code: int | None, message: str, *, rang: bool) -> Trouble | None:
    """The trouble that the code of a session's error means. `rang`: something else says that the phone rang."""
    if code is None:
        return None
    kind, may_have_rung, remedy = _KINDS.get(code, _UNKNOWN)
    return Trouble(str(code), message, kind, rang or may_have_rung, remedy)
