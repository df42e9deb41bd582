"""The table of docs/rules.md, rows 1 to 11; a test's name begins with its row. The later rows: test_rules_table_people.py.

Rows that only other layers can prove stand in PROVEN_ELSEWHERE with the layer that does.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus
from autodialer.rules.after_call import update_after
from autodialer.rules.calendars import DayCounting
from autodialer.rules.facts import Facts, History, PendingUpdate
from autodialer.rules.policy import Policy
from rules.people import DEFAULT, LEAD, NOW, called, person, skipped, to_call, utc, verdict_word

PROVEN_ELSEWHERE = {
    19: "service: a run that is going blocks the next slot",
    20: "store: unique slots",
    22: "service: inbox",
    23: "service: inbox",
    27: "service and 8x8 adapter: outcomes of placing",
    30: "service: schedule",
}
DAY_0 = NOW.isoformat()
DAY_1 = (NOW - timedelta(days=1)).isoformat()
DAY_3 = (NOW - timedelta(days=3)).isoformat()
WORKDAYS = Policy(skip_weekdays=(5, 6), day_counting=DayCounting.CALLING_DAYS)


def test_every_row_of_the_table_is_tested_here_or_named_as_proven_elsewhere() -> None:
    files = Path(__file__).parent.glob("test_rules_table*.py")
    here = {
        int(row)
        for file in files
        for row in re.findall(r"^def test_row_(\d\d)_", file.read_text("utf-8"), re.MULTILINE)
    }
    assert here | set(PROVEN_ELSEWHERE) == set(range(1, 33))
    assert not here & set(PROVEN_ELSEWHERE)


def test_row_01_the_new_call_counts_in_the_seven_and_in_day_0() -> None:
    call = to_call(person(attempts=1, first=DAY_0, history=called(1, 1)))
    assert (call.attempt_number, call.day_attempt_number) == (2, 2)
    assert verdict_word(person(attempts=3, first=DAY_0, history=called(3, 3))) == "day_quota"


@pytest.mark.parametrize(
    ("zone", "first", "now", "day"),
    [
        ("UTC", "2026-05-05T23:59:59+00:00", utc(5, 6, 0), 1),  # a second later, yet the next date
        ("UTC", "2026-05-05T00:00:00+00:00", utc(5, 5, 23, 59), 0),  # almost 24 hours, yet the same date
        ("UTC", "2026-05-05T23:00:00-07:00", utc(5, 6, 23), 0),  # the CRM's zone does not count
        ("Europe/Bucharest", "2026-05-05T20:59:59+00:00", utc(5, 5, 21), 1),
        ("Europe/Bucharest", "2026-05-05T21:00:00+00:00", utc(5, 6, 20, 59), 0),
        ("America/New_York", "2026-05-05T03:59:00+00:00", utc(5, 5, 4), 1),
        ("Pacific/Kiritimati", "2026-05-05T09:59:00+00:00", utc(5, 5, 10), 1),
    ],
)
def test_row_02_a_day_is_a_date_in_the_policys_zone(zone: str, first: str, now: datetime, day: int) -> None:
    assert to_call(person(attempts=1, first=first), Policy(timezone=zone), now).day_index == day


@pytest.mark.parametrize("zone", ["Europe/Bucharest", "America/New_York"])
@pytest.mark.parametrize("night", [(3, 28), (3, 29), (10, 24), (10, 25), (3, 7), (3, 8), (10, 31), (11, 1)])
def test_row_02_a_day_of_23_or_25_hours_is_still_one_day(zone: str, night: tuple[int, int]) -> None:
    noon = utc(*night, 12)
    policy = Policy(timezone=zone)
    assert to_call(person(attempts=1, first=noon.isoformat()), policy, noon + timedelta(days=1)).day_index == 1
    assert to_call(person(attempts=1, first=noon.isoformat()), policy, noon + timedelta(days=2)).day_index == 2


@pytest.mark.parametrize(
    ("day", "calendar_days", "calling_days"),
    [
        (8, "call", "call"),
        (9, "calling_hours", "calling_hours"),
        (10, "calling_hours", "calling_hours"),
        (11, "window_over", "call"),
        (12, "window_over", "call"),
        (13, "window_over", "window_over"),
    ],
    ids=["Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"],
)
def test_row_03_a_friday_lead_loses_the_weekend_unless_only_calling_days_count(
    day: int, calendar_days: str, calling_days: str
) -> None:
    facts = person(attempts=1, first=utc(5, 8, 9).isoformat())
    assert verdict_word(facts, Policy(skip_weekdays=(5, 6)), utc(5, day)) == calendar_days
    assert verdict_word(facts, WORKDAYS, utc(5, day)) == calling_days


def test_row_03_with_calling_days_the_next_chance_is_the_next_calling_day() -> None:
    friday = utc(5, 8, 9)
    facts = person(attempts=3, first=friday.isoformat(), history=called(3, 3))
    assert skipped(facts, WORKDAYS, utc(5, 8, 18)).until == utc(5, 11, 0)
    assert skipped(facts, DEFAULT, utc(5, 8, 18)).until == utc(5, 9, 0)


def test_row_04_the_unused_quota_of_a_day_is_not_carried_over() -> None:
    call = to_call(person(attempts=1, first=DAY_1, history=called(1)))
    assert call.day_quota == 2
    assert verdict_word(person(attempts=3, first=DAY_1, history=called(3, 2))) == "day_quota"


def test_row_04_after_a_used_up_day_the_next_chance_is_the_next_day_with_quota_or_the_day_of_dead() -> None:
    day_1_is_off = Policy(day_quotas=(3, 0, 2))
    assert skipped(person(attempts=3, first=DAY_0), day_1_is_off).until == utc(5, 8, 0)
    assert skipped(person(attempts=3, first=DAY_1), day_1_is_off).until == utc(5, 7, 0)
    day_2 = person(attempts=3, first=utc(5, 4).isoformat(), history=called(3, 2))
    assert skipped(day_2).until == utc(5, 7, 0)
    assert skipped(day_2, Policy(timezone="Europe/Bucharest")).until == utc(5, 6, 21)


@pytest.mark.parametrize("days", [0, 1, 2])
def test_row_05_seven_attempts_used_before_day_3_waits_as_no_answer(days: int) -> None:
    first = NOW - timedelta(days=days)
    skip = skipped(person(attempts=7, first=first.isoformat()))
    assert skip.reason == "attempts_used"
    assert skip.until == utc(5, 9 - days, 0)


def test_row_05_with_dead_when_exhausted_the_seventh_call_makes_it_dead() -> None:
    policy = Policy(dead_when_exhausted=True)
    assert verdict_word(person(attempts=7, first=DAY_1), policy) == "attempts_exhausted"
    update = update_after(LEAD, CrmStatus.NO_ANSWER, Disposition.BUSY, 6, utc(5, 5), NOW, policy)
    assert update is not None
    assert (update.status, update.call_attempts) == (CrmStatus.DEAD, 7)
    sixth = update_after(LEAD, CrmStatus.NO_ANSWER, Disposition.BUSY, 5, utc(5, 5), NOW, policy)
    answered = update_after(LEAD, CrmStatus.NO_ANSWER, Disposition.ANSWERED, 6, utc(5, 5), NOW, policy)
    assert [each and each.status for each in (sixth, answered)] == [None, None]


def test_row_06_no_answer_without_first_no_answer_at_is_day_0_and_reported_as_inferred() -> None:
    call = to_call(person(attempts=1))
    assert (call.day_index, call.first_no_answer_inferred) == (0, True)
    assert not to_call(person(attempts=1, first=DAY_0)).first_no_answer_inferred


@pytest.mark.parametrize(("days", "expected"), [(0, "call"), (1, "call"), (2, "call"), (3, "window_over")])
def test_row_06_the_ledgers_earliest_unanswered_call_counts_instead(days: int, expected: str) -> None:
    history = History(attempts=1, first_unanswered_at=NOW - timedelta(days=days))
    assert verdict_word(person(attempts=1, history=history)) == expected
    if expected == "call":
        call = to_call(person(attempts=1, history=history))
        assert (call.day_index, call.first_no_answer_inferred) == (days, True)


@pytest.mark.parametrize(("earliest", "written"), [(None, NOW), (utc(5, 5), utc(5, 5))])
def test_row_06_the_field_is_written_after_this_calls_result(earliest: datetime | None, written: datetime) -> None:
    update = update_after(
        LEAD, CrmStatus.NO_ANSWER, Disposition.NO_ANSWER, 3, None, NOW, DEFAULT, first_unanswered_at=earliest
    )
    assert update is not None
    assert (update.call_attempts, update.first_no_answer_at) == (4, written)


def test_row_06_calls_that_only_the_crm_counts_do_not_block_a_record_for_ever() -> None:
    # Nothing says that they fell today; were they taken for today's, no call would ever set the field.
    assert verdict_word(person(attempts=4)) == "call"
    assert verdict_word(person(attempts=4, history=called(3, 3))) == "day_quota"
    assert verdict_word(person(attempts=7)) == "attempts_used"


@pytest.mark.parametrize(("seconds", "expected"), [(0, "call"), (60, "call"), (61, "first_no_answer_in_future")])
def test_row_07_first_no_answer_more_than_a_minute_in_the_future_is_not_called(seconds: int, expected: str) -> None:
    first = (NOW + timedelta(seconds=seconds)).isoformat()
    assert verdict_word(person(attempts=1, first=first)) == expected


def test_row_07_a_minute_ahead_across_midnight_is_day_0() -> None:
    now = utc(5, 6, 23, 59, 30)
    assert to_call(person(attempts=1, first=utc(5, 7, 0).isoformat()), now=now).day_index == 0


@pytest.mark.parametrize(
    "first", ["soon", "2026-13-01T00:00:00Z", 3, True, [], {}, "0001-01-01", "9999-12-31T23:00:00-05:00"]
)
def test_row_07_a_first_no_answer_that_is_no_time_is_not_called_and_shown_for_repair(first: object) -> None:
    skip = skipped(person(attempts=1, first=first))
    assert skip.reason == "bad_first_no_answer"
    assert skip.reason.needs_repair


@pytest.mark.parametrize(
    "attempts",
    [-1, "3", "", "many", 51, 10**9, 10**400, 2.5, float("nan"), float("inf"), -0.5, True, False, [3], {"n": 3}],
)
def test_row_08_call_attempts_that_cannot_be_trusted_are_not_called_and_shown_for_repair(attempts: object) -> None:
    for status in ("New", "No Answer"):
        skip = skipped(person(status, attempts, DAY_1))
        assert skip.reason == "bad_call_attempts"
        assert skip.reason.needs_repair


@pytest.mark.parametrize("attempts", [None, 0, 6, 6.0, 0.0])
def test_row_08_null_and_whole_numbers_are_read(attempts: object) -> None:
    assert verdict_word(person(attempts=attempts, first=DAY_1)) == "call"


def test_row_08_the_limit_of_belief_is_a_choice() -> None:
    assert verdict_word(person(attempts=51, first=DAY_1), Policy(max_sane_attempts=60)) == "attempts_used"


@pytest.mark.parametrize(("crm", "ledger", "number"), [(2, 4, 5), (4, 2, 5), (None, 6, 7), (6, 0, 7)])
def test_row_09_the_greater_of_ledger_and_crm_counts(crm: int | None, ledger: int, number: int) -> None:
    assert to_call(person(attempts=crm, first=DAY_1, history=called(ledger))).attempt_number == number


@pytest.mark.parametrize(("crm", "ledger"), [(7, 0), (0, 7), (50, 1)])
def test_row_09_either_count_exhausts_the_total(crm: int, ledger: int) -> None:
    assert verdict_word(person(attempts=crm, first=DAY_1, history=called(ledger))) == "attempts_used"


def test_row_09_on_day_0_the_crms_count_bounds_todays_count_too() -> None:
    assert verdict_word(person(attempts=3, first=DAY_0, history=called(1, 1))) == "day_quota"
    assert to_call(person(attempts=2, first=DAY_0, history=called(1, 1))).day_attempt_number == 3
    assert to_call(person(attempts=3, first=DAY_1, history=called(1))).day_attempt_number == 1


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (person("New", 1), "Call Attempts is 1"),
        (person("New", None, DAY_1), "First No Answer At is set"),
        (person("New", 0, history=called(1)), "called already"),
        (person("New", 0, history=History(attempts=1, closed_unknown=True)), "one call closed with no result known"),
        (person("New", pending=PendingUpdate("New", None, 1, None)), "Call Attempts is 1"),
    ],
)
def test_row_10_new_that_was_called_already_is_not_called_and_told_why(facts: Facts, told: str) -> None:
    skip = skipped(facts)
    assert skip.reason == "new_already_called"
    assert told in skip.detail
    assert skip.reason.needs_repair


@pytest.mark.parametrize("status", ["New", "No Answer"])
def test_row_11_an_answered_person_is_held_and_never_made_dead_until_somebody_acts(status: str) -> None:
    history = History(attempts=2, answered_at=NOW - timedelta(days=9))
    assert verdict_word(person(status, 2, DAY_3, history=history)) == "answered_waiting"
    assert verdict_word(person(status, "many", "soon", history=history)) == "answered_waiting"


def test_row_11_without_the_hold_a_no_answer_record_just_goes_on() -> None:
    policy, history = Policy(hold_after_answer=False), History(attempts=2, answered_at=NOW)
    assert verdict_word(person(attempts=2, first=DAY_1, history=history), policy) == "call"
    assert verdict_word(person(attempts=2, first=DAY_3, history=history), policy) == "window_over"
    assert verdict_word(person("New", 2, history=history), policy) == "new_already_called"
