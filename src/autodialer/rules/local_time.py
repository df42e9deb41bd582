"""Wall-clock times of a date as instants, exact on the nights when clocks change (rules.md row 32)."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=8192)
def instant_of(day: date, at: time, zone: ZoneInfo, *, later: bool = False) -> datetime:
    """The UTC instant at which the clocks of `zone` show `at` on `day`.

    A time that they show twice: the first of the two, or the second with `later`. A time that they skip: the instant of the
    change.
    """
    wall = datetime.combine(day, at, zone).replace(fold=int(later))
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    return _change_between(wall.replace(fold=1).astimezone(UTC), wall.replace(fold=0).astimezone(UTC), zone)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which `day` begins in `zone`."""
    return instant_of(day, time.min, zone)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (to the second) that has the offset of `after`."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
