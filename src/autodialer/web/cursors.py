"""Where a page of a work list ends, as the `after` of the next one: short, opaque, fit for an address."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

from fastapi import Query

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import AttemptRow
from autodialer.ports.work_lists import AnsweredPerson

T = TypeVar("T")
CALL: Final = r"^([0-9]{1,13}~[A-Za-z0-9-]{1,64})?$"
PERSON: Final = r"^([0-9]{1,13}~(Lead|Contact)~[0-9]{1,20})?$"
ROW: Final = r"^([1-9][0-9]{0,14})?$"
NUMBER: Final = r"^([0-9]{1,19})?$"
SORT_KEY: Final = r"^([0-9]{2,60}-(Lead|Contact)|9-(Lead|Contact)-[0-9]{1,20})?$"  # of service.staging
AfterCall = Annotated[str, Query(pattern=CALL)]
AfterPerson = Annotated[str, Query(pattern=PERSON)]
AfterRow = Annotated[str, Query(pattern=ROW)]
AfterNumber = Annotated[str, Query(pattern=NUMBER)]
AfterRecord = Annotated[str, Query(pattern=SORT_KEY)]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def fits(pattern: str, after: str) -> bool:
    """Whether a page could have given this `after`."""
    return re.fullmatch(pattern, after) is not None


def last(rows: Sequence[T], limit: int) -> T | None:
    """The row that the next page begins after; None when this page is the last one."""
    return rows[-1] if len(rows) == limit else None


def call_cursor(row: AttemptRow | None) -> str | None:
    """For AfterCall."""
    return None if row is None else f"{((row.submitted_at or _EPOCH) - _EPOCH) // _MILLISECOND}~{row.attempt_id}"


def read_call(after: str) -> tuple[datetime, str] | None:
    """The other way; None begins."""
    if not after:
        return None
    moment, _, attempt_id = after.partition("~")
    return _EPOCH + int(moment) * _MILLISECOND, attempt_id


def person_cursor(row: AnsweredPerson | None) -> str | None:
    """For AfterPerson."""
    if row is None:
        return None
    return f"{(row.answered_at - _EPOCH) // _MILLISECOND}~{row.key.record_type}~{row.key.zoho_id}"


def read_person(after: str) -> tuple[datetime, RecordKey] | None:
    """The other way; None begins."""
    if not after:
        return None
    moment, record_type, zoho_id = after.split("~")
    return _EPOCH + int(moment) * _MILLISECOND, RecordKey(RecordType(record_type), zoho_id)


def row_cursor(number: int | None) -> str | None:
    """For AfterRow."""
    return None if number is None else str(number)


def read_row(after: str) -> int | None:
    """The other way; None begins."""
    return int(after) if after else None
