"""The rules as they were given: who is called, how often, and what the CRM is told."""

from datetime import timedelta

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus
from autodialer.domain.update import CrmUpdate
from autodialer.rules.after_call import update_after, update_to_dead
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import MarkDead
from rules.people import DEFAULT, LEAD, NOW, called, person, skipped, to_call, utc, verdict_word
from rules.world import World

UNANSWERED = (Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED)


@pytest.mark.parametrize(
    "status",
    ["Not interested / Rejected", "Dead", "Onboarding", "Recruiting", "Contacted", "", "-None-", None],
)
def test_rule_status_any_status_but_new_and_no_answer_stops_calling(status: str | None) -> None:
    assert verdict_word(person(status)) == "status"


def test_rule_status_a_known_stop_status_is_named_in_the_detail() -> None:
    assert "Onboarding" in skipped(person("onboarding")).detail


@pytest.mark.parametrize("attempts", [None, 0])
def test_rule_new_has_one_call_when_it_was_never_called(attempts: int | None) -> None:
    call = to_call(person("New", attempts))
    assert (call.is_new, call.attempt_number, call.total_quota, call.day_quota) == (True, 1, 1, 1)
    assert not call.first_no_answer_inferred


@pytest.mark.parametrize("disposition", UNANSWERED)
def test_rule_new_not_reached_becomes_no_answer_with_one_attempt_and_the_time_of_that_call(
    disposition: Disposition,
) -> None:
    update = update_after(LEAD, CrmStatus.NEW, disposition, 0, None, NOW, DEFAULT)
    assert update == CrmUpdate(LEAD, CrmStatus.NO_ANSWER, 1, NOW)


def test_rule_new_answered_counts_the_call_and_leaves_the_status() -> None:
    update = update_after(LEAD, CrmStatus.NEW, Disposition.ANSWERED, 0, None, NOW, DEFAULT)
    assert update == CrmUpdate(LEAD, call_attempts=1)


@pytest.mark.parametrize(("day", "quota"), [(0, 3), (1, 2), (2, 2)], ids=["day 0 three", "day 1 two", "day 2 two"])
def test_rule_no_answer_each_day_has_its_quota(day: int, quota: int) -> None:
    first = (NOW - timedelta(days=day)).isoformat()
    before = 1 if day else 0
    for made in range(quota):
        call = to_call(person(attempts=before + made, first=first, history=called(before + made, made)))
        assert (call.day_index, call.day_attempt_number, call.day_quota) == (day, made + 1, quota)
    assert (
        verdict_word(person(attempts=before + quota, first=first, history=called(before + quota, quota))) == "day_quota"
    )


@pytest.mark.parametrize("days", [3, 4, 30, 4000])
def test_rule_no_answer_on_day_3_and_later_becomes_dead_without_a_call(days: int) -> None:
    first = (NOW - timedelta(days=days)).isoformat()
    assert verdict_word(person(attempts=1, first=first)) == "window_over"
    assert update_to_dead(LEAD) == CrmUpdate(LEAD, status=CrmStatus.DEAD)


@pytest.mark.parametrize("disposition", UNANSWERED)
def test_rule_no_answer_not_reached_again_counts_the_call_and_nothing_else(disposition: Disposition) -> None:
    update = update_after(LEAD, CrmStatus.NO_ANSWER, disposition, 3, utc(5, 5), NOW, DEFAULT)
    assert update == CrmUpdate(LEAD, call_attempts=4)


def test_rule_no_answer_answered_counts_the_call_and_leaves_the_status() -> None:
    update = update_after(LEAD, CrmStatus.NO_ANSWER, Disposition.ANSWERED, 3, utc(5, 5), NOW, DEFAULT)
    assert update == CrmUpdate(LEAD, call_attempts=4)


@pytest.mark.parametrize("was", [CrmStatus.NEW, CrmStatus.NO_ANSWER])
def test_rule_a_call_with_no_known_result_writes_nothing(was: CrmStatus) -> None:
    assert update_after(LEAD, was, Disposition.UNKNOWN, 0, None, NOW, DEFAULT) is None


def test_rule_hours_by_default_calls_are_allowed_at_every_hour_of_every_day() -> None:
    hours = [utc(12, 24, 0) + timedelta(hours=n) for n in range(24 * 8)]
    assert {verdict_word(person("New"), now=at) for at in hours} == {"call"}


def test_rule_whole_life_of_a_record_nobody_answers_is_seven_calls_in_three_days_and_then_dead() -> None:
    world, per_day = World(Policy()), []
    for day in range(4):
        made = len(world.calls)
        for hour in (10, 14, 18):
            last = world.run(utc(5, 4 + day, hour))
            world.end(Disposition.NO_ANSWER)
            world.deliver()
            if day == 3 and hour == 10:
                assert isinstance(last, MarkDead)
        per_day.append(len(world.calls) - made)
    assert per_day == [3, 2, 2, 0]
    assert (world.record.status, world.record.call_attempts) == ("Dead", 7)
    assert world.record.first_no_answer_at == "2026-05-04T03:00:00-07:00"
