"""When calls are allowed: the team's windows, the callee's, weekdays and holidays, judged by instant."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from autodialer.domain.phone import PhoneNumber, candidate_time_zones, zones_of_country
from autodialer.rules.calendars import ALL_DAY, WEEKDAYS, DayCounting, Window
from autodialer.rules.local_time import instant_of, start_of_day

if TYPE_CHECKING:
    from autodialer.rules.policy import Policy

_LOOK_AHEAD = 35  # days; a longer closure is told as "not known"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Closed:
    """No call now. `until` (UTC): the first instant at which all windows are open, None when none is near."""

    detail: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Hours:
    """The windows that hold in one zone."""

    zone: ZoneInfo
    windows: tuple[Window, ...]


def allows_weekday(policy: "Policy", weekday: int) -> bool:
    """Whether the policy has any calling time on this weekday (0 is Monday)."""
    return weekday not in policy.skip_weekdays and all(
        any(weekday in window.days for window in windows)
        for windows in (policy.team_windows, policy.callee_windows)
        if windows
    )


@lru_cache(maxsize=4096)
def is_calling_day(policy: "Policy", day: date) -> bool:
    """Whether the policy allows any call on this date, by weekday and holiday alone (rules.md row 3)."""
    return allows_weekday(policy, day.weekday()) and not _is_closed_day(policy, day)


def is_team_open(policy: "Policy", now: datetime) -> bool:
    """Whether the team's own hours allow calls at this instant."""
    return _is_open(policy, _team(policy), now)


def is_open_in(policy: "Policy", country: str, now: datetime) -> bool:
    """Whether the callees' hours allow calls at this instant in every zone of a country (ISO 3166 alpha-2)."""
    zones = zones_of_country(country) if policy.callee_windows else ()
    return all(_is_open(policy, _Hours(ZoneInfo(zone), policy.callee_windows), now) for zone in zones)


def closed_at(policy: "Policy", number: PhoneNumber, now: datetime) -> Closed | None:
    """Why this number may not be called at `now`; None when it may.

    The callee's windows must be open in every zone in which the phone may be; a number that tells no zone is never called then.
    """
    if not policy.has_calling_hours:
        return None
    if not policy.callee_windows:
        return _closed(policy, (), now)
    zones = candidate_time_zones(number)
    if not zones:
        return Closed("calls depend on the callee's time of day, and the number tells no time zone", None)
    return _closed(policy, zones, now)


@lru_cache(maxsize=4096)
def _closed(policy: "Policy", zones: tuple[str, ...], now: datetime) -> Closed | None:
    """Kept, as a whole page of records is decided at one instant and most are in one zone."""
    team = _team(policy)
    hours = [team, *_counted_days(policy), *(_Hours(ZoneInfo(zone), policy.callee_windows) for zone in zones)]
    closed = next((each for each in hours if not _is_open(policy, each, now)), None)
    if closed is None:
        return None
    whose = "the callee's" if closed.windows is policy.callee_windows else "the team's"
    until = _next_opening(policy, hours, now)
    if until is None:
        return Closed(f"outside {whose} calling hours, and no common opening is near", None)
    return Closed(f"outside {whose} calling hours", until)


def _team(policy: "Policy") -> _Hours:
    return _Hours(policy.team_zone, policy.team_windows or (ALL_DAY,))


def _counted_days(policy: "Policy") -> Iterator[_Hours]:
    """With calling days, a date that does not count has no quota of its own, even where the team's date is another one."""
    if policy.day_counting is DayCounting.CALLING_DAYS:
        days = tuple(day for day in range(len(WEEKDAYS)) if allows_weekday(policy, day))
        yield _Hours(policy.zone, (Window(time.min, None, days),))


@lru_cache(maxsize=4096)
def _is_open(policy: "Policy", hours: _Hours, now: datetime) -> bool:
    day = now.astimezone(hours.zone).date()
    if _is_closed_day(policy, day):
        return False
    weekday = day.weekday()
    return any(
        weekday in window.days and _opens(window, day, hours.zone) <= now < _closes(window, day, hours.zone)
        for window in hours.windows
    )


def _opens(window: Window, day: date, zone: ZoneInfo) -> datetime:
    return instant_of(day, window.start, zone, later=window.start != time.min)


def _closes(window: Window, day: date, zone: ZoneInfo) -> datetime:
    return start_of_day(day + _DAY, zone) if window.end is None else instant_of(day, window.end, zone)


def _is_closed_day(policy: "Policy", day: date) -> bool:
    return day.weekday() in policy.skip_weekdays or any(day in calendar for calendar in policy.holidays)


def _next_opening(policy: "Policy", hours: list[_Hours], now: datetime) -> datetime | None:
    """All windows are open together for the first time when one of them opens as the last: try each opening in turn."""
    for opening in heapq.merge(*(_openings(each, now) for each in hours)):
        if opening > now and all(_is_open(policy, each, opening) for each in hours):
            return opening
    return None


def _openings(hours: _Hours, now: datetime) -> Iterator[datetime]:
    """In the order of time."""
    today = now.astimezone(hours.zone).date()
    for offset in range(_LOOK_AHEAD):
        day = today + offset * _DAY
        yield from sorted(_opens(window, day, hours.zone) for window in hours.windows if day.weekday() in window.days)
