"""When calls are allowed: by instant, in the team's zone and the callee's, over change nights and holidays."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.domain.phone import PhoneNumber
from autodialer.rules.calendars import DayCounting, HolidayCalendar, Window
from autodialer.rules.calling_hours import closed_at, is_calling_day
from autodialer.rules.local_time import instant_of, start_of_day
from autodialer.rules.policy import Policy
from rules.people import person, skipped, utc, verdict_word

WORKDAYS = (0, 1, 2, 3, 4)
NINE_TO_EIGHT = (Window(time(9), time(20), WORKDAYS),)
RO = PhoneNumber("+40712345678", "RO")
US = PhoneNumber("+18504321234", "US")  # Florida's panhandle: Chicago time
TOLL_FREE = PhoneNumber("+80012345678", "")
BUCHAREST = Policy(timezone="Europe/Bucharest", team_windows=NINE_TO_EIGHT)


def test_hours_by_default_nothing_is_ever_closed() -> None:
    assert closed_at(Policy(), TOLL_FREE, utc(12, 25, 3)) is None


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (utc(5, 6, 5, 59, 59), False),
        (utc(5, 6, 6), True),  # 09:00 in Bucharest
        (utc(5, 6, 16, 59, 59), True),
        (utc(5, 6, 17), False),  # 20:00: the end is not part of it
        (utc(5, 9, 10), False),  # Saturday
    ],
)
def test_hours_the_teams_window_is_local_and_half_open(now: datetime, is_open: bool) -> None:
    assert (closed_at(BUCHAREST, RO, now) is None) is is_open


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        (utc(5, 6, 5), utc(5, 6, 6)),
        (utc(5, 6, 17), utc(5, 7, 6)),
        (utc(5, 8, 18), utc(5, 11, 6)),
        (utc(5, 10), utc(5, 11, 6)),
    ],
    ids=["before", "after", "Friday evening", "Sunday"],
)
def test_hours_a_skip_tells_the_next_opening(now: datetime, opening: datetime) -> None:
    skip = skipped(person("New"), BUCHAREST, now)
    assert (skip.reason, skip.until) == ("calling_hours", opening)
    assert verdict_word(person("New"), BUCHAREST, opening) == "call"


def test_hours_team_and_callee_must_both_be_open() -> None:
    policy = Policy(
        timezone="Europe/Bucharest", team_windows=NINE_TO_EIGHT, callee_windows=(Window(time(8), time(21)),)
    )
    closed = closed_at(policy, US, utc(5, 6, 10))  # 13:00 in Bucharest, 05:00 in Chicago
    assert closed is not None
    assert "callee" in closed.detail
    assert closed.until == utc(5, 6, 13)
    assert closed_at(policy, US, utc(5, 6, 13)) is None
    evening = closed_at(policy, US, utc(5, 6, 17))  # 20:00 in Bucharest
    assert evening is not None
    assert "team" in evening.detail
    assert evening.until == utc(5, 7, 13)


def test_hours_every_zone_in_which_the_phone_may_be_must_be_open() -> None:
    policy = Policy(callee_windows=(Window(time(9), time(20)),))
    portugal = PhoneNumber("+351912345678", "PT")  # mainland or Azores, an hour apart
    closed = closed_at(policy, portugal, utc(5, 6, 8, 30))
    assert closed is not None
    assert closed.until == utc(5, 6, 9)
    assert closed_at(policy, portugal, utc(5, 6, 19, 30)) is not None


def test_hours_a_number_that_tells_no_zone_is_not_called_when_the_callees_time_counts() -> None:
    closed = closed_at(Policy(callee_windows=(Window(time(9), time(20)),)), TOLL_FREE, utc(5, 6))
    assert closed is not None
    assert closed.until is None


def test_hours_windows_that_never_meet_have_no_opening() -> None:
    policy = Policy(
        timezone="Europe/Bucharest",
        team_windows=(Window(time(9), time(10)),),
        callee_windows=(Window(time(9), time(10)),),
    )
    closed = closed_at(policy, US, utc(5, 6))
    assert closed is not None
    assert closed.until is None


@pytest.mark.parametrize(
    ("day", "is_holiday"),
    [(date(2026, 4, 10), True), (date(2026, 4, 13), True), (date(2026, 12, 25), True), (date(2026, 4, 14), False)],
    ids=["Orthodox Good Friday", "Orthodox Easter Monday", "Christmas", "a Tuesday"],
)
def test_hours_public_holidays_have_no_calls(day: date, is_holiday: bool) -> None:
    policy = Policy(timezone="Europe/Bucharest", holidays=(HolidayCalendar("RO"),))
    noon = datetime.combine(day, time(12), UTC)
    assert is_calling_day(policy, day) is not is_holiday
    assert (closed_at(policy, RO, noon) is not None) is is_holiday


def test_hours_a_subdivisions_holidays_are_its_own() -> None:
    epiphany = date(2026, 1, 6)
    assert epiphany in HolidayCalendar("DE", "BY")
    assert epiphany not in HolidayCalendar("DE", "BE")


def test_hours_after_a_long_holiday_the_opening_is_found() -> None:
    policy = Policy(timezone="Europe/Bucharest", team_windows=NINE_TO_EIGHT, holidays=(HolidayCalendar("RO"),))
    closed = closed_at(policy, RO, utc(4, 10, 8))  # Friday; then Easter until Monday
    assert closed is not None
    assert closed.until == utc(4, 14, 6)


def test_hours_a_day_that_does_not_count_is_closed_even_where_the_teams_date_differs() -> None:
    policy = Policy(
        timezone="UTC",
        team_timezone="America/New_York",
        team_windows=(Window(time(9), time(22), WORKDAYS),),
        day_counting=DayCounting.CALLING_DAYS,
    )
    friday_evening = utc(5, 9, 1)  # Saturday in UTC, Friday 21:00 in New York
    closed = closed_at(policy, US, friday_evening)
    assert closed is not None
    assert closed.until == utc(5, 11, 13)
    calendar = Policy(timezone="UTC", team_timezone="America/New_York", team_windows=policy.team_windows)
    assert closed_at(calendar, US, friday_evening) is None


@pytest.mark.parametrize(
    ("zone", "night", "opens", "closes"),
    [
        # spring: 03:00 becomes 04:00 in Bucharest, 02:00 becomes 03:00 in New York
        ("Europe/Bucharest", date(2026, 3, 29), utc(3, 29, 6), utc(3, 29, 17)),
        ("Europe/Bucharest", date(2026, 3, 28), utc(3, 28, 7), utc(3, 28, 18)),
        ("Europe/Bucharest", date(2026, 10, 25), utc(10, 25, 7), utc(10, 25, 18)),
        ("Europe/Bucharest", date(2026, 10, 24), utc(10, 24, 6), utc(10, 24, 17)),
        ("America/New_York", date(2026, 3, 8), utc(3, 8, 13), utc(3, 9, 0)),
        ("America/New_York", date(2026, 11, 1), utc(11, 1, 14), utc(11, 2, 1)),
        ("Asia/Kolkata", date(2026, 3, 29), utc(3, 29, 3, 30), utc(3, 29, 14, 30)),
        ("Asia/Kolkata", date(2026, 10, 25), utc(10, 25, 3, 30), utc(10, 25, 14, 30)),
    ],
)
def test_row_32_windows_follow_the_clock_over_change_nights(
    zone: str, night: date, opens: datetime, closes: datetime
) -> None:
    policy = Policy(timezone=zone, team_windows=(Window(time(9), time(20)),))
    second = timedelta(seconds=1)
    states = [closed_at(policy, RO, at) is None for at in (opens - second, opens, closes - second, closes)]
    assert states == [False, True, True, False]
    before = closed_at(policy, RO, start_of_day(night, ZoneInfo(zone)))
    assert before is not None
    assert before.until == opens


@pytest.mark.parametrize(
    ("zone", "day", "at", "later", "instant"),
    [
        ("Europe/Bucharest", date(2026, 3, 29), time(3, 30), False, utc(3, 29, 1)),  # skipped: the change itself
        ("Europe/Bucharest", date(2026, 3, 29), time(3, 30), True, utc(3, 29, 1)),
        ("Europe/Bucharest", date(2026, 10, 25), time(3, 30), False, utc(10, 25, 0, 30)),  # shown twice
        ("Europe/Bucharest", date(2026, 10, 25), time(3, 30), True, utc(10, 25, 1, 30)),
        ("America/New_York", date(2026, 3, 8), time(2, 15), False, utc(3, 8, 7)),
        ("America/New_York", date(2026, 11, 1), time(1, 15), True, utc(11, 1, 6, 15)),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), False, datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("Africa/Cairo", date(2026, 4, 24), time(0), False, utc(4, 23, 22)),  # the day begins at 01:00
        ("Asia/Kolkata", date(2026, 3, 29), time(3, 30), False, utc(3, 28, 22)),
    ],
)
def test_row_32_a_wall_clock_time_is_one_exact_instant(
    zone: str, day: date, at: time, later: bool, instant: datetime
) -> None:
    assert instant_of(day, at, ZoneInfo(zone), later=later) == instant


@pytest.mark.parametrize("window", [Window(time(0), time(3, 30)), Window(time(3, 30), time(12))])
@pytest.mark.parametrize("night", [(3, 29), (10, 25)])
def test_row_32_a_window_at_the_change_opens_once_and_closes_once(window: Window, night: tuple[int, int]) -> None:
    policy = Policy(timezone="Europe/Bucharest", team_windows=(window,))
    start = start_of_day(date(2026, *night), ZoneInfo("Europe/Bucharest"))
    length = start_of_day(date(2026, *night) + timedelta(days=1), ZoneInfo("Europe/Bucharest")) - start
    minutes = range(0, int(length / timedelta(minutes=1)), 5)
    states = [closed_at(policy, RO, start + timedelta(minutes=n)) is None for n in minutes]
    changes = sum(one is not other for one, other in pairwise(states))
    assert changes == (1 if window.start == time(0) else 2)


def test_row_32_a_time_shown_twice_opens_at_its_second_and_closes_at_its_first() -> None:
    opens = Policy(timezone="Europe/Bucharest", team_windows=(Window(time(3, 30), time(12)),))
    closes = Policy(timezone="Europe/Bucharest", team_windows=(Window(time(0), time(3, 30)),))
    first, second = utc(10, 25, 0, 30), utc(10, 25, 1, 30)
    assert [closed_at(opens, RO, at) is None for at in (first, second)] == [False, True]
    assert [closed_at(closes, RO, at - timedelta(seconds=1)) is None for at in (first, second)] == [True, False]


windows = st.builds(
    lambda start, hours, days: Window(time(start), time(start + hours) if start + hours < 24 else None, tuple(days)),
    st.integers(0, 20),
    st.integers(1, 4),
    st.sets(st.integers(0, 6), min_size=1),
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(windows, min_size=1, max_size=2),
    st.lists(windows, max_size=2),
    st.sampled_from(["UTC", "Europe/Bucharest", "America/New_York", "Pacific/Auckland"]),
    st.sampled_from([RO, US, PhoneNumber("+351912345678", "PT")]),
    st.integers(0, 365 * 24),
)
def test_hours_the_next_opening_is_open_and_every_moment_before_it_closed(
    team: list[Window], callee: list[Window], zone: str, number: PhoneNumber, hour: int
) -> None:
    team_days = {day for window in team for day in window.days}
    callee_days = {day for window in callee for day in window.days} or team_days
    if not team_days & callee_days:
        return
    policy = Policy(timezone=zone, team_windows=tuple(team), callee_windows=tuple(callee))
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    closed = closed_at(policy, number, now)
    if closed is None or closed.until is None:
        return
    assert closed_at(policy, number, closed.until) is None
    moments = int((closed.until - now) / timedelta(minutes=30))
    assert all(closed_at(policy, number, now + timedelta(minutes=30 * n)) for n in range(moments))
