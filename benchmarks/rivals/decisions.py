"""Who is called, as one would write it first: on dicts of json with numbers and zones judged by the libraries for that.

And the fewest checks that come to the same decisions, on dicts and on structs of msgspec: the bound of what Python can do. There
numbers are taken as they stand, and the zone is a number of hours.
"""

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import phonenumbers

_QUOTAS, _TOTAL = (3, 2, 2), 7
_NUMBER = re.compile(r"^(\+|0)[0-9]{9,14}$")
_OFFSET = timedelta(hours=2)


class Row(msgspec.Struct):
    """The columns that are asked for."""

    id: str
    Lead_Status: str | None = None
    Call_Attempts: int | None = None
    First_No_Answer_At: str | None = None
    Phone: str | None = None
    Mobile: str | None = None
    Created_Time: str | None = None
    Modified_Time: str | None = None


class Page(msgspec.Struct):
    """The answer."""

    data: list[Row]


_decode = msgspec.json.Decoder(Page).decode


def by_json_and_libraries(page: bytes, now: datetime) -> Counter[str]:
    """Json and dicts; phonenumbers and zoneinfo for each record."""
    told: Counter[str] = Counter()
    zone = ZoneInfo("Europe/Bucharest")
    today = now.astimezone(zone).date()
    for row in json.loads(page)["data"]:
        first = row["First_No_Answer_At"]
        day = datetime.fromisoformat(first).astimezone(zone).date() if first else None
        number = _canonical(row["Phone"]) or _canonical(row["Mobile"])
        told[_decide_on(row["Lead_Status"], row["Call_Attempts"] or 0, day, number is not None, today)] += 1
    return told


def by_json(page: bytes, now: datetime) -> Counter[str]:
    """Json and dicts."""
    told: Counter[str] = Counter()
    today = (now + _OFFSET).date()
    for row in json.loads(page)["data"]:
        told[
            _decide(
                row["Lead_Status"],
                row["Call_Attempts"] or 0,
                row["First_No_Answer_At"],
                row["Phone"] or row["Mobile"],
                today,
            )
        ] += 1
    return told


def by_msgspec(page: bytes, now: datetime) -> Counter[str]:
    """Structs with the needed columns."""
    told: Counter[str] = Counter()
    today = (now + _OFFSET).date()
    for row in _decode(page).data:
        told[
            _decide(row.Lead_Status, row.Call_Attempts or 0, row.First_No_Answer_At, row.Phone or row.Mobile, today)
        ] += 1
    return told


def _decide(status: str | None, attempts: int, first: str | None, number: str | None, today: date) -> str:
    day = (datetime.fromisoformat(first) + _OFFSET).date() if first else None
    return _decide_on(status, attempts, day, number is not None and _NUMBER.match(number) is not None, today)


def _decide_on(status: str | None, attempts: int, first: date | None, is_number: bool, today: date) -> str:
    if status not in ("New", "No Answer"):
        return "status"
    if not is_number:
        return "number"
    if status == "New":
        return "call" if attempts == 0 else "called"
    if first is None:
        return "inferred"
    day = (today - first).days
    if day >= len(_QUOTAS):
        return "dead"
    if attempts >= _TOTAL or attempts >= sum(_QUOTAS[: day + 1]):
        return "quota"
    return "call"


def _canonical(text: str | None) -> str | None:
    if not text:
        return None
    try:
        number = phonenumbers.parse(text, "RO")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
