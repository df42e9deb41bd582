"""What makes a policy impossible, one sentence each."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from phonenumbers import SUPPORTED_REGIONS

from autodialer.rules.calendars import DayCounting, Window
from autodialer.rules.calling_hours import allows_weekday
from autodialer.rules.text import normalise

if TYPE_CHECKING:
    from autodialer.rules.policy import Policy

_HOURS = range(24)
_WEEK = range(7)


def problems_of(policy: "Policy") -> list[str]:
    """Every reason why no run could follow this policy; empty when one can."""
    return [
        *_statuses(policy),
        *_quotas(policy),
        *_guards(policy),
        *_places(policy),
        *_times(policy),
    ]


def _statuses(policy: "Policy") -> Iterator[str]:
    labels = {
        "new_status": policy.new_status,
        "no_answer_status": policy.no_answer_status,
        "dead_status": policy.dead_status,
    }
    for name, label in labels.items():
        if not normalise(label):
            yield f"{name} is empty; give the CRM's label of that status"
    for (one, label), (other, second) in combinations(labels.items(), 2):
        if normalise(label) and normalise(label) == normalise(second):
            yield f"{one} and {other} are the same status; give each its own label"
    eligible = {normalise(policy.new_status), normalise(policy.no_answer_status)}
    if any(normalise(label) in eligible for label in policy.stop_statuses):
        yield "stop_statuses names a status that is called; take it out"


def _quotas(policy: "Policy") -> Iterator[str]:
    if policy.new_quota not in (0, 1):
        yield "new_quota must be 0 or 1: a New record has one call"
    if policy.total_quota < 0:
        yield "total_quota must not be negative"
    if not policy.day_quotas:
        yield "day_quotas must name at least Day 0"
    if any(quota < 0 for quota in policy.day_quotas):
        yield "day_quotas must not be negative"
    if policy.max_sane_attempts < policy.total_quota:
        yield "max_sane_attempts must not be below total_quota"


def _guards(policy: "Policy") -> Iterator[str]:
    if not 0 <= policy.max_dead_share <= 1:
        yield "max_dead_share must lie between 0 and 1"
    if policy.max_dead_floor < 0:
        yield "max_dead_floor must not be negative"
    if policy.unconfirmed not in ("no_answer", "answered"):
        yield "unconfirmed must be no_answer or answered: what a call is whose person picked up and pressed nothing"
    if policy.technical_failures not in ("not_counted", "counted"):
        yield "technical_failures must be not_counted or counted"
    if not 0 <= policy.agent_unreached_alarm <= 1:
        yield "agent_unreached_alarm must lie between 0 and 1"


def _places(policy: "Policy") -> Iterator[str]:
    for name, zone in (("timezone", policy.timezone), ("team_timezone", policy.team_timezone)):
        if zone is not None and not _is_zone(zone):
            yield f"{name} names no time zone; use an IANA name such as Europe/Bucharest"
    if policy.default_country not in SUPPORTED_REGIONS:
        yield "default_country names no country; use two capital letters such as RO"
    for calendar in policy.holidays:
        if not calendar.is_known:
            place = " ".join(filter(None, (calendar.country, calendar.subdivision)))
            yield f"holidays: no calendar is known for {place}; use ISO 3166 codes such as RO or DE with BY"


def _times(policy: "Policy") -> Iterator[str]:
    if not policy.run_hours:
        yield "run_hours is empty; name at least one hour (UTC)"
    if any(hour not in _HOURS for hour in policy.run_hours) or len(set(policy.run_hours)) < len(policy.run_hours):
        yield "run_hours must be different whole hours from 0 to 23 (UTC)"
    if policy.day_counting not in tuple(DayCounting):
        yield "day_counting must be calendar_days or calling_days"
    if any(day not in _WEEK for day in policy.skip_weekdays):
        yield "skip_weekdays must be weekdays from 0 (Monday) to 6"
    sound = True
    for name, windows in (("team_windows", policy.team_windows), ("callee_windows", policy.callee_windows)):
        for window in windows:
            for problem in _window(window):
                sound = False
                yield f"{name}: {problem}"
    if sound and not any(allows_weekday(policy, weekday) for weekday in _WEEK):
        yield "no weekday is left on which a call is allowed; look at skip_weekdays, team_windows, callee_windows"


def _window(window: Window) -> Iterator[str]:
    if window.start.tzinfo or (window.end and window.end.tzinfo):
        yield "start and end must be local times without a zone"
    elif window.end is not None and window.end <= window.start:
        yield "end must be after start; write a window across midnight as two"
    if not window.days or any(day not in _WEEK for day in window.days):
        yield "days must be weekdays"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a path, a folder, an unknown name
        return False
    return True
