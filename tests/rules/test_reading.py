"""Counts and instants out of JSON."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from autodialer.rules.reading import Unreadable, read_attempts, read_instant

BUCHAREST = ZoneInfo("Europe/Bucharest")


@pytest.mark.parametrize(("value", "count"), [(None, 0), (0, 0), (3, 3), (3.0, 3), (50, 50), (-0.0, 0)])
def test_a_count_is_read(value: object, count: int) -> None:
    read = read_attempts(value, 50)
    assert read == count
    assert isinstance(read, int)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (True, "is not a number"),
        ("3", "is not a number"),
        ([], "is not a number"),
        (2.5, "is not a whole number"),
        (float("nan"), "is not a whole number"),
        (float("-inf"), "is not a whole number"),
        (-1, "is negative"),
        (51, "is above 50"),
        (1e300, "is above 50"),
    ],
)
def test_a_count_that_cannot_be_trusted_says_why(value: object, why: str) -> None:
    assert read_attempts(value, 50) == Unreadable(why)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-05-06T10:11:12+03:00", datetime(2026, 5, 6, 7, 11, 12, tzinfo=UTC)),
        ("2026-05-06T10:11:12Z", datetime(2026, 5, 6, 10, 11, 12, tzinfo=UTC)),
        ("2026-05-06T10:11:12.345-07:00", datetime(2026, 5, 6, 17, 11, 12, 345000, tzinfo=UTC)),
        (" 2026-05-06T10:11:12Z ", datetime(2026, 5, 6, 10, 11, 12, tzinfo=UTC)),
        ("2026-05-06", datetime(2026, 5, 5, 21, tzinfo=UTC)),  # local midnight
        ("2026-05-06T10:00", datetime(2026, 5, 6, 7, tzinfo=UTC)),  # local time
        ("2026-01-06T10:00", datetime(2026, 1, 6, 8, tzinfo=UTC)),
        (datetime(2026, 5, 6, 10, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 5, 6, 9, tzinfo=UTC)),
        (date(2026, 5, 6), datetime(2026, 5, 5, 21, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_with_its_offset_or_as_local_time(value: object, instant: datetime) -> None:
    read = read_instant(value, BUCHAREST)
    assert isinstance(read, datetime)
    assert read == instant
    assert read.tzinfo is not None


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_instant_is_none(value: object) -> None:
    assert read_instant(value, UTC) is None


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "tomorrow",
        "2026-02-30",
        "24:00",
        "1" * 1000,
        0,
        1714989600,
        1.5,
        True,
        {},
        [],
        "0001-01-01T00:00:00Z",
        "9999-12-31",
    ],
)
def test_what_is_no_instant_is_unreadable(value: object) -> None:
    assert read_instant(value, UTC) == Unreadable("is not a date and time")
