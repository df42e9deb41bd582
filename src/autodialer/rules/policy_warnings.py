"""What a policy allows but its author probably did not mean."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from autodialer.domain.sentence import Sentence
from autodialer.rules.calendars import WEEKDAYS, DayCounting
from autodialer.rules.calling_hours import allows_weekday, is_calling_day, is_open_in, is_team_open

if TYPE_CHECKING:
    from autodialer.rules.policy import Policy

_MONDAYS = (date(2026, 1, 12), date(2026, 7, 13))  # one week of each half of the year, for clocks that change


def warnings_of(policy: "Policy") -> list[Sentence]:
    """One sentence each; empty for the defaults."""
    return [*_reach(policy), *_hours(policy), *_weekend(policy), *_holidays(policy), *_guards(policy)]


def _reach(policy: "Policy") -> Iterator[Sentence]:
    runs, within = len(policy.run_hours), _most_runs(policy)
    for day, quota in enumerate(policy.day_quotas):
        if quota > runs:
            yield Sentence(
                "Day {day} allows {quota} calls, but {runs} runs a day make at most {runs}.",
                {"day": day, "quota": quota, "runs": runs},
            )
        elif quota > within:
            yield Sentence(
                "Day {day} allows {quota} calls, but at most {within} of the {runs} runs of a day fall inside the calling hours.",
                {"day": day, "quota": quota, "within": within, "runs": runs},
            )
    days = sum(policy.day_quotas)
    if policy.total_quota > days:
        yield Sentence(
            "total_quota is {total}, but the days allow only {days} calls together.",
            {"total": policy.total_quota, "days": days},
        )
    if policy.total_quota < days:
        yield Sentence(
            "The days allow {days} calls together, but total_quota stops at {total}.",
            {"total": policy.total_quota, "days": days},
        )
    if policy.new_quota == 0:
        yield Sentence("new_quota is 0: no New record is ever called.")
    if policy.total_quota == 0 or days == 0:
        yield Sentence("The quotas allow no call: no No Answer record is ever called.")


def _most_runs(policy: "Policy") -> int:
    """How many runs of the best day fall inside the team's hours and, with `callee_windows`, those of its own country."""
    best = 0
    for day in _days():
        best = max(best, sum(_is_open(policy, datetime.combine(day, time(hour), UTC)) for hour in policy.run_hours))
    return best


def _is_open(policy: "Policy", at: datetime) -> bool:
    """Weekdays and holidays, too: other days show what the hours alone allow."""
    return is_team_open(policy, at) and is_open_in(policy, policy.default_country, at)


def _days() -> list[date]:
    return [monday + timedelta(days=n) for monday in _MONDAYS for n in range(7)]


def _hours(policy: "Policy") -> Iterator[Sentence]:
    if policy.team_windows and policy.team_timezone is None and policy.timezone == "UTC":
        yield Sentence("team_windows open and close by UTC: set timezone, or team_timezone, to the zone that is meant.")
    for hour in sorted(policy.run_hours):
        moments = [datetime.combine(day, time(hour), UTC) for day in _days()]
        calling = [at for at in moments if is_calling_day(policy, at.astimezone(policy.team_zone).date())]
        values = {"hour": f"{hour:02}:00", "country": policy.default_country}
        closed = sum(not is_team_open(policy, at) for at in calling) if policy.team_windows else 0
        asleep = sum(not is_open_in(policy, policy.default_country, at) for at in calling)
        if calling and closed == len(calling):
            yield Sentence("The run at {hour} UTC always falls outside team_windows and calls nobody.", values)
        elif closed:
            yield Sentence(
                "The run at {hour} UTC falls outside team_windows on some days or in part of the year.", values
            )
        elif calling and asleep == len(calling):
            yield Sentence("The run at {hour} UTC always falls outside callee_windows in {country}.", values)
        elif asleep:
            yield Sentence(
                "The run at {hour} UTC falls outside callee_windows in {country} on some days or in part of the year.",
                values,
            )


def _weekend(policy: "Policy") -> Iterator[Sentence]:
    if policy.day_counting is not DayCounting.CALENDAR_DAYS:
        return
    quotas, week = policy.day_quotas, len(WEEKDAYS)
    open_days = {weekday for weekday in range(week) if allows_weekday(policy, weekday)}
    best = min(policy.total_quota, sum(quotas))
    for first in sorted(open_days):
        reach = sum(quota for n, quota in enumerate(quotas) if (first + n) % week in open_days)
        if reach < best:
            yield Sentence(
                "A record first called on a {weekday} gets at most {reach} of {best} calls, as days without calls count too; "
                "day_counting = calling_days leaves them out.",
                {"weekday": WEEKDAYS[first], "reach": reach, "best": best},
            )


def _holidays(policy: "Policy") -> Iterator[Sentence]:
    if policy.holidays and policy.day_counting is DayCounting.CALENDAR_DAYS and len(policy.day_quotas) > 1:
        yield Sentence(
            "Public holidays have no calls and count as days all the same: records in No Answer lose their calls of that day; "
            "day_counting = calling_days leaves them out."
        )


def _guards(policy: "Policy") -> Iterator[Sentence]:
    if policy.max_dead_share == 0 and policy.max_dead_floor == 0:
        yield Sentence(
            "max_dead_share and max_dead_floor are 0: no run makes a record {dead} without --confirm.",
            {"dead": policy.dead_status},
        )
