"""The policy: defaults to the letter, every problem named, a hash that tells two policies apart."""

from dataclasses import fields, replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from autodialer.domain.errors import SettingsError
from autodialer.domain.record import CrmStatus
from autodialer.rules.calendars import DayCounting, HolidayCalendar, Window
from autodialer.rules.policy import Policy
from rules.people import utc

EVERYTHING = """
new_status = "Not Contacted"
no_answer_status = "No reply"
dead_status = "Gone"
stop_statuses = ["Gone", "Recruiting"]
new_quota = 1
total_quota = 9
day_quotas = [2, 2, 2, 3]
timezone = "Europe/Bucharest"
day_counting = "calling_days"
dead_when_exhausted = true
hold_after_answer = false
max_sane_attempts = 40
max_dead_share = 0.1
max_dead_floor = 5
run_hours = [7, 11, 15]
default_country = "de"
team_timezone = "Europe/Berlin"
skip_weekdays = ["sun", "Saturday"]
unconfirmed = "Answered"
technical_failures = "counted"
agent_unreached_alarm = 0.25

[[team_windows]]
days = ["mon", "tue", "wed", "thu", "fri"]
start = "09:00"
end = 20:00:00

[[callee_windows]]
start = "20:00"
end = "24:00"

[[holidays]]
country = "DE"
subdivision = "BY"

[[holidays]]
country = "ro"
"""


def _load(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return Policy.load(path)


def _problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    return caught.value.problems


def test_the_defaults_are_the_rules_to_the_letter() -> None:
    policy = Policy()
    assert (policy.new_quota, policy.day_quotas, policy.total_quota) == (1, (3, 2, 2), 7)
    assert policy.eligible_labels == ("New", "No Answer")
    assert policy.stop_statuses == ("Not interested / Rejected", "Dead", "Onboarding", "Recruiting")
    assert (policy.timezone, policy.default_country, policy.run_hours) == ("UTC", "RO", (10, 14, 18))
    assert policy.day_counting is DayCounting.CALENDAR_DAYS
    assert (policy.dead_when_exhausted, policy.hold_after_answer) == (False, True)
    assert (policy.max_sane_attempts, policy.max_dead_share, policy.max_dead_floor) == (50, 0.25, 50)
    assert not policy.has_calling_hours
    assert policy.warnings() == []
    assert Policy.load(None) == policy


def test_a_file_can_set_every_field(tmp_path: Path) -> None:
    policy = _load(tmp_path, EVERYTHING)
    default = Policy()
    same = [each.name for each in fields(Policy) if getattr(policy, each.name) == getattr(default, each.name)]
    assert same == ["new_quota"]
    assert policy.team_windows == (Window(time(9), time(20), (0, 1, 2, 3, 4)),)
    assert policy.callee_windows == (Window(time(20), None),)
    assert policy.holidays == (HolidayCalendar("DE", "BY"), HolidayCalendar("RO"))
    assert policy.skip_weekdays == (5, 6)
    assert policy.default_country == "DE"


def test_settings_say_what_the_file_does_not_and_none_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('run_hours = [9, 8]\ndefault_country = "de"', encoding="utf-8")
    policy = Policy.load(path, timezone="Asia/Tokyo", run_hours=[8, 9], default_country=None)
    assert (policy.timezone, policy.run_hours, policy.default_country) == ("Asia/Tokyo", (8, 9), "DE")


def test_settings_that_contradict_the_file_are_refused(tmp_path: Path) -> None:
    """As the TIMEZONE=UTC of .env.example: the file's calling hours would open and close by another zone's clock."""
    path = tmp_path / "policy.toml"
    path.write_text('timezone = "Europe/Bucharest"\nrun_hours = [9]\ndefault_country = "RO"', encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        Policy.load(path, timezone="UTC", run_hours=[10, 14, 18], default_country="RO")
    hours, zone = refused.value.problems
    assert hours.startswith(f"run_hours is one thing in {path} and another by CRON_HOURS")
    assert zone.startswith(f"timezone is one thing in {path} and another by TIMEZONE")


def test_a_mark_of_its_encoding_at_the_beginning_of_a_file_is_passed_over(tmp_path: Path) -> None:
    assert (
        _load(tmp_path, "\ufefftotal_quota = 5").total_quota == Policy.parse("\ufefftotal_quota = 5").total_quota == 5
    )


def test_every_problem_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        """
        timezone = "Mars/Olympus"
        day_quotas = "three"
        total_quota = true
        max_dead_share = 2
        run_hours = [10, 25]
        colour = "blue"
        team_windows = [{start = "20:00", end = "09:00"}]
        holidays = [{country = "XX"}]
        default_country = "Romania"
        """,
    )
    assert len(problems) == 9
    for name in (
        "timezone",
        "day_quotas",
        "total_quota",
        "max_dead_share",
        "run_hours",
        "colour",
        "team_windows",
        "XX",
    ):
        assert sum(name in problem.split(";")[0] for problem in problems) == 1
    assert sum("default_country" in problem.split(";")[0] for problem in problems) == 1


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('new_status = " "', "new_status is empty"),
        ('new_status = "no answer"', "new_status and no_answer_status are the same status"),
        ('stop_statuses = ["NEW"]', "stop_statuses"),
        ("stop_statuses = [1]", "stop_statuses must be a list of texts, each a text"),
        ("new_quota = 2", "new_quota must be 0 or 1"),
        ("day_quotas = []", "day_quotas must name at least Day 0"),
        ("day_quotas = [3, -1]", "day_quotas must not be negative"),
        ("day_quotas = [3.5]", "day_quotas must be a list of whole numbers, each a whole number"),
        ("total_quota = -1", "total_quota must not be negative"),
        ("max_sane_attempts = 6", "max_sane_attempts must not be below total_quota"),
        ("max_dead_share = nan", "max_dead_share"),
        ('max_dead_share = "x"', "max_dead_share must be a number"),
        ("max_dead_floor = -1", "max_dead_floor"),
        ("run_hours = []", "run_hours is empty"),
        ("run_hours = [10, 10]", "run_hours must be different"),
        ('timezone = "/etc/passwd"', "timezone names no time zone"),
        ('timezone = "Europe"', "timezone names no time zone"),
        ('team_timezone = ""', "team_timezone names no time zone"),
        ("timezone = 3", "timezone must be a text"),
        ('day_counting = "moons"', "day_counting must be calendar_days or calling_days"),
        ('hold_after_answer = "yes"', "hold_after_answer must be true or false"),
        ('skip_weekdays = ["monkey"]', "skip_weekdays"),
        ('skip_weekdays = ["mon","tue","wed","thu","fri","sat","sun"]', "no weekday is left"),
        ('team_windows = [{start="09:00", end="20:00", days=["mon"]}]\nskip_weekdays = ["mon"]', "no weekday is left"),
        ('team_windows = [{start="09:00"}]', "team_windows must be a list of windows, each a table with end, start"),
        ('team_windows = [{start="9 am", end="20:00"}]', "team_windows must be a list of windows, each a time such as"),
        ('team_windows = [{start="24:00", end="24:00"}]', "team_windows"),
        ('team_windows = [{start="09:00+03:00", end="20:00"}]', "local times without a zone"),
        ('team_windows = [{start="09:00", end="20:00", days=[]}]', "days must be weekdays"),
        ('holidays = [{country = "DE", subdivision = "ZZ"}]', "no calendar is known for DE ZZ"),
        ("holidays = 3", "holidays must be a list of calendars"),
        ('unconfirmed = "busy"', "unconfirmed must be no_answer or answered"),
        ("unconfirmed = true", "unconfirmed must be a text"),
        ('technical_failures = "perhaps"', "technical_failures must be not_counted or counted"),
        ("agent_unreached_alarm = 10", "agent_unreached_alarm must lie between 0 and 1"),
        ("timezone =", "is not TOML"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(tmp_path: Path, line: str, named: str) -> None:
    problems = _problems(tmp_path, line)
    assert len(problems) == 1
    assert named in problems[0]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        Policy.load(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Policy.load(tmp_path / "binary.toml")


def test_wrong_choices_are_refused_without_a_file_too() -> None:
    with pytest.raises(SettingsError, match="new_quota"):
        Policy(new_quota=3)


def test_the_hash_is_the_same_for_the_same_content_and_other_for_any_other(tmp_path: Path) -> None:
    assert Policy().hash == "52a9fdb10841"  # on every machine; another only when a field or a default is another
    full = _load(tmp_path, EVERYTHING)
    hashes = {Policy().hash, full.hash}
    for each in fields(Policy):
        if getattr(full, each.name) != getattr(Policy(), each.name):
            value = getattr(full, each.name)
            changed = replace(Policy(), **({"max_sane_attempts": 40} | {each.name: value}))
            assert changed.hash not in hashes, each.name
            hashes.add(changed.hash)
    assert len(hashes) > len(fields(Policy)) - 2
    assert hash(Policy()) == hash(Policy.load(None))
    assert len(full.hash) == 12


def test_local_dates_follow_the_zone() -> None:
    at = datetime(2026, 5, 5, 22, 0, tzinfo=UTC)
    assert Policy().local_date(at).day == 5
    assert Policy(timezone="Europe/Bucharest").local_date(at).day == 6


def test_labels_and_kinds_are_each_others_inverse() -> None:
    policy = Policy(new_status="Neu", no_answer_status="Nicht erreicht", dead_status="Tot")
    assert [policy.kind_of(policy.label_of(kind)) for kind in CrmStatus] == list(CrmStatus)
    assert policy.kind_of(None) is None
    assert policy.kind_of("New") is None


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (Policy(run_hours=(10, 14)), ["Day 0 allows 3 calls, but 2 runs a day make at most 2."]),
        (Policy(total_quota=9), ["total_quota is 9, but the days allow only 7 calls together."]),
        (Policy(total_quota=5), ["The days allow 7 calls together, but total_quota stops at 5."]),
        (Policy(new_quota=0), ["new_quota is 0: no New record is ever called."]),
        (
            Policy(team_windows=(Window(time(9), time(15)),), team_timezone="UTC"),
            [
                "Day 0 allows 3 calls, but at most 2 of the 3 runs of a day fall inside the calling hours.",
                "The run at 18:00 UTC always falls outside team_windows and calls nobody.",
            ],
        ),
        (
            Policy(total_quota=0, day_quotas=(0,)),
            ["The quotas allow no call: no No Answer record is ever called."],
        ),
        (
            Policy(max_dead_share=0, max_dead_floor=0),
            ["max_dead_share and max_dead_floor are 0: no run makes a record Dead without --confirm."],
        ),
    ],
)
def test_quotas_that_cannot_be_reached_are_warned_of(policy: Policy, told: list[str]) -> None:
    assert policy.warnings() == told


def test_runs_outside_the_teams_windows_are_warned_of() -> None:
    window = (Window(time(9), time(20)),)
    always, partly = (
        Policy(team_windows=window, run_hours=(10, 14, 21)),
        Policy(team_windows=window, timezone="Europe/Bucharest", run_hours=(10, 14, 17)),
    )
    assert any("21:00 UTC always falls outside" in warning for warning in always.warnings())
    assert partly.warnings() == ["The run at 17:00 UTC falls outside team_windows on some days or in part of the year."]


def test_team_windows_that_hold_by_utc_without_anybody_having_said_so_are_warned_of() -> None:
    """ "20:00" is 23:00 in a summer in Bucharest."""
    window = (Window(time(0), None),)
    assert Policy(team_windows=window).warnings() == [
        "team_windows open and close by UTC: set timezone, or team_timezone, to the zone that is meant."
    ]
    assert Policy(team_windows=window, team_timezone="UTC").warnings() == []
    assert Policy(team_windows=window, timezone="Europe/Bucharest").warnings() == []


def test_runs_in_which_the_callees_country_is_asleep_are_warned_of() -> None:
    window = (Window(time(9), time(20)),)
    assert Policy(callee_windows=window).warnings() == [
        "Day 0 allows 3 calls, but at most 2 of the 3 runs of a day fall inside the calling hours.",
        "The run at 18:00 UTC always falls outside callee_windows in RO.",
    ]
    assert Policy(callee_windows=window, run_hours=(8, 13, 17)).warnings() == [
        "The run at 17:00 UTC falls outside callee_windows in RO on some days or in part of the year."
    ]


def test_holidays_that_count_as_days_are_warned_of() -> None:
    (told,) = Policy(holidays=(HolidayCalendar("RO"),)).warnings()
    assert told.startswith("Public holidays have no calls and count as days")
    counted = Policy(holidays=(HolidayCalendar("RO"),), day_counting=DayCounting.CALLING_DAYS)
    assert counted.warnings() == []


def test_weekends_inside_the_three_days_are_warned_of() -> None:
    workweek = Policy(skip_weekdays=(5, 6))
    told = workweek.warnings()
    assert len(told) == 2
    assert "Thursday gets at most 5 of 7 calls" in told[0]
    assert "Friday gets at most 3 of 7 calls" in told[1]
    assert Policy(skip_weekdays=(5, 6), day_counting=DayCounting.CALLING_DAYS).warnings() == []


def test_max_dead_is_exact_for_shares_that_binary_fractions_miss() -> None:
    policy = Policy(max_dead_share=0.29, max_dead_floor=0)
    assert [policy.max_dead(pulled) for pulled in (0, 3, 100, 1000)] == [0, 0, 29, 290]


def test_a_window_until_midnight_reaches_the_days_end() -> None:
    policy = Policy(team_windows=(Window(time(9), None),), total_quota=7)
    assert policy.has_calling_hours
    assert policy.local_date(utc(5, 5, 23, 59)).day == 5
