"""Counts and instants out of the CRM's JSON: a value that can't be trusted becomes a reason, never an exception."""

from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, tzinfo

_FIRST_YEAR = 2000
_OF_CONVERSION = ("CONVERTED_RECORD", "ID_ALREADY_CONVERTED")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that nobody may decide by. `why` ends the sentence "<field> …" and never shows the value itself."""

    why: str


def read_attempts(value: object, max_sane: int) -> int | Unreadable:
    """Call Attempts (rules.md row 8): null is 0; a whole number from 0 to `max_sane`, also as 3.0; all else is unreadable."""
    if value is None:
        return 0
    if type(value) is int and 0 <= value <= max_sane:  # most are
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Unreadable("is not a number")
    if isinstance(value, float) and not value.is_integer():
        return Unreadable("is not a whole number")
    if value < 0:
        return Unreadable("is negative")
    if value > max_sane:
        return Unreadable(f"is above {max_sane}")
    return int(value)


def read_instant(value: object, zone: tzinfo) -> datetime | Unreadable | None:
    """A date-time, always aware; None for null or an empty text.

    Zoho sends ISO 8601 with an offset. Without an offset it is local time in `zone`, a bare date its local midnight. A year
    before 2000 is no time of a call but a placeholder (1970-01-01), and as unreadable as garbage.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        value = _parsed(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=zone)
    if not isinstance(value, datetime) or not _FIRST_YEAR <= value.year < MAXYEAR:
        return Unreadable("is not a date and time")
    return value if value.tzinfo else value.replace(tzinfo=zone)


def _parsed(text: str) -> datetime | None:
    if text[4:8:3] != "--":  # bare digits and week dates are ISO 8601 too, but nobody means them
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def tells_of_conversion(refusal: str) -> bool:
    """Whether a refused update says by Zoho's code that the lead was converted; what a person wrote beside it says nothing."""
    return any(code in refusal for code in _OF_CONVERSION)
