"""The policy in words leaves out nothing."""

from dataclasses import fields
from datetime import time
from typing import Any

import pytest

from autodialer.rules.calendars import DayCounting, HolidayCalendar, Window
from autodialer.rules.policy import Policy
from autodialer.rules.policy_words import in_words

OTHER: dict[str, Any] = {
    "new_status": "Nou",
    "no_answer_status": "Fără răspuns",
    "dead_status": "Mort",
    "stop_statuses": ("Angajat",),
    "new_quota": 0,
    "total_quota": 6,
    "day_quotas": (3, 2),
    "timezone": "Europe/Bucharest",
    "day_counting": DayCounting.CALLING_DAYS,
    "dead_when_exhausted": True,
    "hold_after_answer": False,
    "max_sane_attempts": 40,
    "max_dead_share": 0.1,
    "max_dead_floor": 7,
    "run_hours": (9, 15),
    "default_country": "DE",
    "team_timezone": "Europe/Berlin",
    "team_windows": (Window(time(9), time(20), (0, 1)),),
    "callee_windows": (Window(time(8, 30), None),),
    "skip_weekdays": (6,),
    "holidays": (HolidayCalendar("DE", "BY"),),
    "unconfirmed": "answered",
    "technical_failures": "counted",
    "agent_unreached_alarm": 0.5,
}


def words(policy: Policy) -> str:
    return "\n".join(str(sentence) for chapter in in_words(policy) for sentence in chapter.sentences)


@pytest.mark.parametrize("name", [field.name for field in fields(Policy)])
def test_each_field_of_the_policy_is_told(name: str) -> None:
    changed = words(Policy(**{name: OTHER[name]}))
    assert changed != words(Policy())
    assert "{" not in changed


def test_the_words_say_what_the_fields_say() -> None:
    told = words(Policy(**OTHER))
    for part in (
        "whose status is Nou or Fără răspuns",
        "Nou gets no call.",
        "at most 6 calls in all",
        "At most 2 calls on Day 1.",
        "From Day 2 on the record becomes Mort",
        "A run begins at 09:00, 15:00 UTC",
        "The team calls from 09:00 to 20:00, Monday, Tuesday, in Europe/Berlin.",
        "People are called from 08:30 to 24:00, every day,",
        "No calls on Sunday.",
        "the public holidays of DE BY",
        "a share of 0.1 of all records Mort, or 7",
    ):
        assert part in told
