"""How long a provider that is asked too often wants to be left alone."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

_LONGEST_PAUSE = 3600.0


def pause_seconds(header: str | None, *, now: datetime, default: float) -> float:
    """Seconds to wait as `Retry-After` says, as a number or a date; `default` when it says nothing usable."""
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now)
    if not isfinite(seconds) or seconds < 0:
        return default
    return min(seconds, _LONGEST_PAUSE)


def _seconds_until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return float("nan")
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
