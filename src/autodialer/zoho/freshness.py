"""Whether a record's Modified_Time can still tell the version that we saw from the next one.

Zoho keeps it in whole seconds: of two changes within one second the second one does not show. So a version is a sure one only
when its second was over before Zoho read it for us. When that was, is told by Zoho's own clock: the Date of its answer.
"""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from autodialer.zoho.answers import Answer

_GRAIN_SECONDS: Final = 1  # Date is cut to whole seconds as well


def read_at(answer: Answer, now: datetime) -> datetime:
    """The earliest second in which Zoho can have read what it answered; by our own clock (`now`) where it names no Date."""
    took = max(_GRAIN_SECONDS, math.ceil(answer.seconds))
    return _date(answer, now).replace(microsecond=0) - timedelta(seconds=took)


def changed_just_now(modified_time: str | None, read: datetime) -> bool:
    """Whether one more change may hide in the second of this one. False where nothing is known of the last change."""
    modified = parse_time(modified_time)
    return modified is not None and modified >= read


def parse_time(text: str | None) -> datetime | None:
    """A time as Zoho shows it; None for what is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _date(answer: Answer, now: datetime) -> datetime:
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, OverflowError):
        return now
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
