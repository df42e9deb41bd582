"""What a policy allows but its author probably did not mean."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from autodialer.rules.calendars import WEEKDAYS, DayCounting
from autodialer.rules.calling_hours import allows_weekday, is_calling_day, is_team_open

if TYPE_CHECKING:
    from autodialer.rules.policy import Policy

_MONDAYS = (date(2026, 1, 12), date(2026, 7, 13))  # one week of each half of the year, for clocks that change


def warnings_of(policy: "Policy") -> list[str]:
    """One sentence each; empty for the defaults."""
    return [*_reach(policy), *_hours(policy), *_weekend(policy)]


def _reach(policy: "Policy") -> Iterator[str]:
    runs = len(policy.run_hours)
    for day, quota in enumerate(policy.day_quotas):
        if quota > runs:
            yield f"Day {day} allows {quota} calls, but {runs} runs a day make at most {runs}."
    days = sum(policy.day_quotas)
    if policy.total_quota > days:
        yield f"total_quota is {policy.total_quota}, but the days allow only {days} calls together."
    if policy.total_quota < days:
        yield f"The days allow {days} calls together, but total_quota stops at {policy.total_quota}."
    if policy.new_quota == 0:
        yield "new_quota is 0: no New record is ever called."


def _hours(policy: "Policy") -> Iterator[str]:
    if not policy.team_windows:
        return
    weeks = [monday + timedelta(days=n) for monday in _MONDAYS for n in range(7)]
    for hour in sorted(policy.run_hours):
        moments = [datetime.combine(day, time(hour), UTC) for day in weeks]
        calling = [at for at in moments if is_calling_day(policy, at.astimezone(policy.team_zone).date())]
        closed = sum(not is_team_open(policy, at) for at in calling)
        if calling and closed == len(calling):
            yield f"The run at {hour:02}:00 UTC always falls outside team_windows and calls nobody."
        elif closed:
            yield f"The run at {hour:02}:00 UTC falls outside team_windows on some days or in part of the year."


def _weekend(policy: "Policy") -> Iterator[str]:
    if policy.day_counting is not DayCounting.CALENDAR_DAYS:
        return
    quotas, week = policy.day_quotas, len(WEEKDAYS)
    open_days = {weekday for weekday in range(week) if allows_weekday(policy, weekday)}
    best = min(policy.total_quota, sum(quotas))
    for first in sorted(open_days):
        reach = sum(quota for n, quota in enumerate(quotas) if (first + n) % week in open_days)
        if reach < best:
            yield (
                f"A record first called on a {WEEKDAYS[first]} gets at most {reach} of {best} calls, as days without calls "
                "count too; day_counting = calling_days leaves them out."
            )
