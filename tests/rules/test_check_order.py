"""The order of the checks: whatever else is wrong, the first check that applies is the verdict."""

from datetime import time, timedelta
from itertools import combinations

import pytest
from msgspec.structs import replace

from autodialer.domain.phone import NoNumber
from autodialer.rules.calendars import Window
from autodialer.rules.facts import Facts, History
from autodialer.rules.policy import Policy
from rules.people import CONTACT, NOW, person, verdict_word

CLOSED_NOW = Policy(team_windows=(Window(time(20), time(21)),))
YESTERDAY = (NOW - timedelta(days=1)).isoformat()


def _record(facts: Facts, **changes: object) -> Facts:
    return replace(facts, record=replace(facts.record, **changes))


def _history(facts: Facts, **changes: object) -> Facts:
    return replace(facts, history=replace(facts.history, **changes))


# In the order of rules.md; a name in the second place says which field of the record a problem needs for itself.
PROBLEMS = {
    "status": (1, "status"),
    "open_attempt": (2, ""),
    "answered_waiting": (3, ""),
    "bad_call_attempts": (4, "attempts"),
    "bad_first_no_answer": (4, "first"),
    "first_no_answer_in_future": (4, "first"),
    "window_over": (5, "first"),
    "no_valid_phone": (7, ""),
    "number_refused": (7, ""),
    "do_not_call": (8, ""),
    "same_phone_as": (9, ""),
    "attempts_used": (10, "attempts"),
    "day_quota": (11, ""),
    "calling_hours": (12, ""),
}


def _with(facts: Facts, problem: str) -> Facts:
    changed = {
        "status": lambda: _record(facts, status="Onboarding"),
        "open_attempt": lambda: _history(facts, open_attempt="a1"),
        "answered_waiting": lambda: _history(facts, answered_at=NOW),
        "bad_call_attempts": lambda: _record(facts, call_attempts="many"),
        "bad_first_no_answer": lambda: _record(facts, first_no_answer_at="soon"),
        "first_no_answer_in_future": lambda: _record(facts, first_no_answer_at=(NOW + timedelta(days=1)).isoformat()),
        "window_over": lambda: _record(facts, first_no_answer_at=(NOW - timedelta(days=3)).isoformat()),
        "no_valid_phone": lambda: replace(facts, number=NoNumber("Phone: empty; Mobile: empty")),
        "number_refused": lambda: _history(facts, refused_number=True),
        "do_not_call": lambda: replace(facts, do_not_call=True),
        "same_phone_as": lambda: replace(facts, same_phone_as=CONTACT),
        "attempts_used": lambda: _record(facts, call_attempts=7),
        "day_quota": lambda: _history(facts, attempts_today=3),
        "calling_hours": lambda: facts,  # the policy below is closed
    }
    return changed[problem]()


def _fits(problems: tuple[str, ...]) -> bool:
    fields = [PROBLEMS[problem][1] for problem in problems if PROBLEMS[problem][1]]
    return len(set(fields)) == len(fields)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_order_no_answer_the_first_check_that_applies_wins_over_every_later_one(size: int) -> None:
    healthy = person(attempts=2, first=YESTERDAY, history=History(attempts=2))
    assert verdict_word(healthy) == "call"
    tried = 0
    for problems in filter(_fits, combinations(PROBLEMS, size)):
        facts = healthy
        for problem in problems:
            facts = _with(facts, problem)
        policy = CLOSED_NOW if "calling_hours" in problems else Policy()
        assert verdict_word(facts, policy) == problems[0], problems
        tried += 1
    assert tried >= len(PROBLEMS)


@pytest.mark.parametrize("later", ["no_valid_phone", "number_refused", "do_not_call", "same_phone_as", "calling_hours"])
@pytest.mark.parametrize(
    "earlier", ["status", "open_attempt", "answered_waiting", "bad_call_attempts", "bad_first_no_answer"]
)
def test_order_new_earlier_checks_win_and_already_called_stands_between(earlier: str, later: str) -> None:
    policy = CLOSED_NOW if later == "calling_hours" else Policy()
    healthy = person("New")
    assert verdict_word(_with(healthy, later), policy) == later
    assert verdict_word(_with(_history(healthy, attempts=1), later), policy) == "new_already_called"
    assert verdict_word(_with(_with(_history(healthy, attempts=1), later), earlier), policy) == earlier


def test_order_dead_on_day_3_whatever_is_wrong_with_the_phone() -> None:
    over = _with(person(attempts=2), "window_over")
    for problem in list(PROBLEMS)[7:]:
        assert verdict_word(_with(over, problem), CLOSED_NOW) == "window_over"


def test_order_new_with_first_no_answer_in_future_is_told_so_before_already_called() -> None:
    assert verdict_word(_with(person("New", 1), "first_no_answer_in_future")) == "first_no_answer_in_future"
