"""In which order a run dials."""

from datetime import UTC, datetime, timedelta

from autodialer.domain.record import CrmStatus
from autodialer.rules.reading import read_instant

_ZERO = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT_DIGITS = 18
_UNREADABLE = "9" * _INSTANT_DIGITS
_GROUPS = {CrmStatus.NEW: "1", CrmStatus.NO_ANSWER: "2", CrmStatus.DEAD: "3"}
_LONGEST_NUMBER = 98


def run_order(kind: CrmStatus, created_time: object, zoho_id: str) -> str:
    """A key that sorts as text in the order of a run: all New, then all No Answer; Created Time; record id as a number.

    Unreadable or missing times come last in their group. The key holds ASCII digits only, so every database's collation
    agrees on its order.
    """
    created = read_instant(created_time, UTC)
    when = f"{(created - _ZERO) // _MICROSECOND:0{_INSTANT_DIGITS}}" if isinstance(created, datetime) else _UNREADABLE
    return _GROUPS[kind] + when + _id_digits(zoho_id)


def _id_digits(zoho_id: str) -> str:
    number = zoho_id.lstrip("0")
    if zoho_id.isascii() and zoho_id.isdigit() and len(number) <= _LONGEST_NUMBER:
        return f"{len(number):02}{number}"
    return "99" + "".join(f"{ord(char):07}" for char in zoho_id)  # no id of Zoho's; any fixed place will do
