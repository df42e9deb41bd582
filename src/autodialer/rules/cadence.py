"""Days since the first unanswered call, and what each of them allows."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from autodialer.rules.calendars import DayCounting
from autodialer.rules.calling_hours import is_calling_day
from autodialer.rules.local_time import start_of_day

if TYPE_CHECKING:
    from autodialer.rules.policy import Policy

_DAY = timedelta(days=1)
_CALENDAR_DAYS = DayCounting.CALENDAR_DAYS
_LOOK_AHEAD = 60  # dates; more days without calls in a row are no calendar that anybody meant


def day_index(policy: "Policy", first: date, today: date) -> int:
    """Which day of the cadence `today` is: 0 for the date of the first unanswered call, never negative (rules.md row 2).

    With calling days (row 3) only dates that allow a call are counted, and no further than the day of Dead.
    """
    if policy.day_counting is _CALENDAR_DAYS:
        return max(0, (today - first).days)
    last = len(policy.day_quotas)
    index, day = 0, today
    while day > first and index < last:
        index += is_calling_day(policy, day)
        day -= _DAY
    return index


def day_quota(policy: "Policy", index: int) -> int:
    """How many calls the day allows; 0 after the last day."""
    return policy.day_quotas[index] if index < len(policy.day_quotas) else 0


def next_chance(policy: "Policy", index: int, today: date) -> datetime | None:
    """The start (UTC) of the next day that has calls, or of the day on which the record becomes Dead."""
    quotas = policy.day_quotas
    later = (n for n in range(index + 1, len(quotas)) if quotas[n] > 0)
    if policy.day_counting is _CALENDAR_DAYS:  # else every day is one on which calls are possible
        later = (n for n in later if is_calling_day(policy, today + (n - index) * _DAY))
    return day_start(policy, next(later, len(quotas)), index, today)


def end_of_window(policy: "Policy", index: int, today: date) -> datetime | None:
    """The start (UTC) of the day on which a No Answer record becomes Dead."""
    return day_start(policy, len(policy.day_quotas), index, today)


def day_start(policy: "Policy", wanted: int, index: int, today: date) -> datetime | None:
    """The instant (UTC) at which day `wanted` begins when `today` is day `index`; None when it is out of sight."""
    day = today
    if policy.day_counting is DayCounting.CALENDAR_DAYS:
        return start_of_day(today + (wanted - index) * _DAY, policy.zone)
    for _ in range(_LOOK_AHEAD):
        day += _DAY
        index += is_calling_day(policy, day)
        if index >= wanted:
            return start_of_day(day, policy.zone)
    return None
