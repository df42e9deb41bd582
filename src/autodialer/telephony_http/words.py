"""Reading values of a provider's JSON without trusting their types."""

import re
from datetime import UTC, datetime

_GAP = re.compile(r"[\s_-]+")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DIGITS = re.compile(r"\d{5,}")
_ODD = re.compile(r"[^\x20-\x7e]+")
_LONGEST_ID = 200
_LONGEST_MESSAGE = 200


def normalize_status(value: object) -> str | None:
    """A status in one spelling: upper case, words joined by `_`, CANCELED with one L; None without one."""
    if not isinstance(value, str) or not value.strip():
        return None
    word = _GAP.sub("_", value.strip()).upper()
    return "CANCELED" if word == "CANCELLED" else word


def as_text(value: object) -> str | None:
    """An id: text that isn't blank and isn't absurdly long; else None."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if 0 < len(text) <= _LONGEST_ID else None


def as_int(value: object) -> int | None:
    """A whole number, also one written as text or as 3.0; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    return value if isinstance(value, int) else None


def as_instant(value: object) -> datetime | None:
    """An ISO 8601 instant in UTC (8x8 writes Z; one without a zone is UTC); None when it isn't one."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def plain(value: object) -> str:
    """8x8's own words fit for a log: printable, short, without anything that looks like a phone number."""
    return _DIGITS.sub("…", _ODD.sub(" ", value))[:_LONGEST_MESSAGE].strip() if isinstance(value, str) else ""


def digits(number: object) -> str:
    """The digits of a phone number without leading zeros, for comparing; "" for anything else."""
    return "".join(c for c in number if c in "0123456789").lstrip("0") if isinstance(number, str) else ""
