"""Simulated days: the same for the same seed, within the quotas, and their sums agree with what was done to each person."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.domain.disposition import Disposition
from autodialer.domain.phone import number_like
from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.rules.calendars import DayCounting, Window
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import MarkDead
from autodialer.service.costing import CallLength, Pace
from autodialer.service.simulation.answers import AnswerModel, Rate, flat
from autodialer.service.simulation.days import Days, World
from autodialer.service.simulation.diff import differences
from autodialer.service.simulation.people import Mix, Start, made_up
from autodialer.service.simulation.tally import Did, Entry, Fate, Tally
from autodialer.service.simulation.telling import diff_cells, log_cells, told, told_of_both

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
PACE = Pace(5.0, 50, CallLength(30.0))
QUICK = settings(max_examples=15, deadline=None)


def world(seed: int = 1, days: int = 8, **changes: Any) -> World:
    values: dict[str, Any] = {
        "start": START,
        "days": days,
        "seed": seed,
        "model": AnswerModel(),
        "pace": PACE,
        **changes,
    }
    return World(**values)


def lived(
    policy: Policy, seed: int = 1, people: int = 120, days: int = 8, mix: Mix | None = None, **changes: Any
) -> Tally:
    crowd = made_up(seed, people, START, days, "RO", mix or Mix(same_number=0.1))
    return Days(policy, crowd, world(seed, days, **changes)).live()


def one(kind: CrmStatus = CrmStatus.NEW, index: int = 1, **changes: Any) -> Start:
    key = RecordKey(RecordType.LEAD, str(1000 + index))
    return Start(key, number_like("RO", index), START, START - DAY, kind, **changes)


def acts(tally: Tally, start: Start) -> list[tuple[int, Did, str]]:
    """(day, what, reason) of all that was done, skips left out."""
    log = tally.log[start.key]
    return [((entry.slot - START).days, entry.did, entry.reason) for entry in log if entry.did is not Did.SKIP]


POLICIES = st.builds(
    Policy,
    run_hours=st.sampled_from([(10, 14, 18), (9,), (8, 10, 12, 14, 16)]),
    day_quotas=st.sampled_from([(3, 2, 2), (1,), (2, 0, 4)]),
    total_quota=st.integers(0, 9),
    new_quota=st.integers(0, 1),
    dead_when_exhausted=st.booleans(),
    hold_after_answer=st.booleans(),
    skip_weekdays=st.sampled_from([(), (2,), (5, 6)]),
    day_counting=st.sampled_from(list(DayCounting)),
    timezone=st.sampled_from(["UTC", "Europe/Bucharest", "America/New_York"]),
    max_dead_floor=st.sampled_from([0, 5, 50]),
)


@QUICK
@given(st.integers(0, 1000), POLICIES)
def test_the_same_seed_gives_the_same_days_and_a_policy_does_not_differ_from_itself(seed: int, policy: Policy) -> None:
    first, second = lived(policy, seed), lived(policy, seed)
    assert list(first.entries()) == list(second.entries())
    assert told(policy, first) == told(policy, second)
    assert list(differences(first, second)) == []


def test_another_seed_gives_other_days() -> None:
    assert lived(Policy(), 1).totals() != lived(Policy(), 2).totals()


@QUICK
@given(st.integers(0, 1000), POLICIES, st.floats(0, 1))
def test_nobody_gets_more_calls_than_the_quotas_or_one_from_a_run_or_any_after_an_answer(
    seed: int, policy: Policy, rate: float
) -> None:
    crowd = made_up(seed, 120, START, 8, "RO", Mix(same_number=0.1))
    tally = Days(policy, crowd, world(seed, model=flat(rate))).live()
    numbers: dict[object, list[Entry]] = defaultdict(list)
    for start in crowd:
        calls = [entry for entry in tally.log[start.key] if entry.did is Did.CALL]
        assert len(calls) == len({entry.slot for entry in calls}), "one call of a record in a run"
        assert len(calls) + (start.call_attempts or 0) <= max(
            policy.total_quota, policy.new_quota, start.call_attempts or 0
        )
        most_of_a_day = max(*policy.day_quotas, policy.new_quota)
        by_day = Counter(policy.local_date(entry.at) for entry in calls)
        assert all(count <= most_of_a_day for count in by_day.values())
        if policy.hold_after_answer:
            answered = [place for place, entry in enumerate(calls) if entry.end is Disposition.ANSWERED]
            assert answered in ([], [len(calls) - 1])
        numbers[start.number].extend(calls)
    for number, calls in numbers.items():
        if not hasattr(number, "e164"):
            assert calls == [], "who has no number is not called"
        assert len({entry.slot for entry in calls}) == len(calls), "one call of a number in a run"


@QUICK
@given(st.integers(0, 1000), POLICIES)
def test_the_sums_agree_with_the_log_of_each_person(seed: int, policy: Policy) -> None:
    tally = lived(policy, seed)
    done = [entry for _, entry in tally.entries()]
    calls = [entry for entry in done if entry.did is Did.CALL]
    dead = [entry for entry in done if entry.did is Did.MARK_DEAD]
    totals: Any = tally.totals()
    assert totals["calls"] == len(calls) == sum(day.calls for day in tally.days.values()) == sum(tally.by_hour.values())
    assert totals["calls"] == sum(tally.by_attempt.values()) == sum(tally.ends.values())
    assert totals["answered"] == sum(entry.end is Disposition.ANSWERED for entry in calls)
    assert totals["answered"] == sum(tally.answered_by_hour.values()) == sum(tally.answered_by_attempt.values())
    assert sum(day.dead for day in tally.days.values()) == len(dead)
    assert (
        totals["people"] == totals["reached"] + totals["lost_to_dead"] + totals["chased"] + totals["not_called"] == 120
    )
    assert len(list(log_cells(tally))) == len(done)


@QUICK
@given(st.integers(0, 1000), POLICIES, POLICIES)
def test_who_differs_was_called_or_made_dead_at_another_run_and_nobody_else(
    seed: int, one: Policy, other: Policy
) -> None:
    first, second = lived(one, seed), lived(other, seed)
    changed = {change.key: change for change in differences(first, second)}
    for key in first.people:
        mine, theirs = (
            [(entry.slot, entry.did) for entry in tally.log[key] if entry.did is not Did.SKIP]
            for tally in (first, second)
        )
        assert (key in changed) == (mine != theirs)
        if key in changed:
            change = changed[key]
            assert (change.first.did, change.first.reason) != (change.second.did, change.second.reason)
            assert Did.SKIP not in (change.first.did, change.second.did) or change.first.did != change.second.did
            shared = [act for act in mine if act[0] < change.slot]
            assert shared == [act for act in theirs if act[0] < change.slot]
    assert told_of_both(list(changed.values()))["people_changed"] == len(changed)
    assert len(list(diff_cells(list(changed.values())))) == len(changed)


def test_who_has_a_last_call_under_one_policy_alone_is_told_so_although_both_make_the_record_dead() -> None:
    chased = one(CrmStatus.NO_ANSWER, call_attempts=2, first_no_answer_at=START - timedelta(hours=8))
    policies = [Policy(total_quota=total, day_quotas=(2, 1), dead_when_exhausted=True) for total in (3, 2)]
    (change,) = differences(*(Days(policy, [chased], world(model=flat(0))).live() for policy in policies))
    assert (change.first.did, change.second.did) == (Did.CALL, Did.MARK_DEAD)
    policies = [Policy(total_quota=3, day_quotas=(2, 1), dead_when_exhausted=is_dead) for is_dead in (True, False)]
    (change,) = differences(*(Days(policy, [chased], world(model=flat(0))).live() for policy in policies))
    assert (change.first.did, change.second.did) == (Did.MARK_DEAD, Did.CALL)


def test_when_nobody_answers_somebody_in_no_answer_gets_three_and_two_and_two_calls_and_is_dead() -> None:
    chased = one(CrmStatus.NO_ANSWER, call_attempts=0, first_no_answer_at=START + timedelta(hours=8))
    tally = Days(Policy(), [chased], world(model=flat(0))).live()
    assert acts(tally, chased) == [
        *[(0, Did.CALL, "no_answer")] * 3,
        *[(1, Did.CALL, "no_answer")] * 2,
        *[(2, Did.CALL, "no_answer")] * 2,
        (3, Did.MARK_DEAD, "window_over"),
    ]
    assert tally.fate(chased.key) is Fate.DEAD


def test_when_nobody_answers_somebody_new_gets_one_call_as_new_and_six_more_in_no_answer() -> None:
    new = one()
    tally = Days(Policy(), [new], world(model=flat(0))).live()
    assert acts(tally, new) == [
        (0, Did.CALL, "new"),
        *[(0, Did.CALL, "no_answer")] * 2,
        *[(1, Did.CALL, "no_answer")] * 2,
        *[(2, Did.CALL, "no_answer")] * 2,
        (3, Did.MARK_DEAD, "window_over"),
    ]


def test_whoever_answers_is_called_once_and_reached() -> None:
    new = one()
    tally = Days(Policy(), [new], world(model=flat(1))).live()
    assert acts(tally, new) == [(0, Did.CALL, "new")]
    assert tally.fate(new.key) is Fate.REACHED
    again = Days(Policy(hold_after_answer=False), [new], world(model=flat(1), person_acts_after=None)).live()
    assert len(acts(again, new)) == 1, "New gets one call, with or without the hold"
    chased = one(CrmStatus.NO_ANSWER)
    loose = Days(Policy(hold_after_answer=False), [chased], world(model=flat(1), person_acts_after=None)).live()
    assert len(acts(loose, chased)) > 1


def test_a_call_of_which_nobody_hears_blocks_the_person_and_then_waits_for_one() -> None:
    new, silent = one(), AnswerModel((Rate(0.0),), others={Disposition.UNKNOWN: 1.0})
    tally = Days(Policy(), [new], world(model=silent)).live()
    assert [(entry.did, entry.reason) for entry in tally.log[new.key]] == [
        (Did.CALL, "new"),
        (Did.SKIP, "open_attempt"),
        (Did.SKIP, "new_already_called"),
    ]


def test_a_run_makes_no_more_dead_than_it_may_and_one_that_lasts_too_long_costs_the_next_its_slot() -> None:
    old = [one(CrmStatus.NO_ANSWER, n, call_attempts=1, first_no_answer_at=START - 9 * DAY) for n in range(70)]
    tally = Days(Policy(), old, world(days=1)).live()
    assert [
        sum(entry.slot.hour == hour for _, entry in tally.entries() if entry.did is Did.MARK_DEAD)
        for hour in (10, 14, 18)
    ] == [50, 20, 0]
    slow = Pace(0.01, 50, CallLength(30.0))
    crowd = [one(index=n) for n in range(200)]
    late = Days(Policy(), crowd, world(days=1, pace=slow)).live()
    assert [slot.hour for slot in late.skipped_slots] == [14]
    assert late.totals()["runs"] == 2


def test_the_instants_of_the_calls_follow_pace_and_lines() -> None:
    crowd = [one(index=n) for n in range(9)]
    tally = Days(Policy(), crowd, world(days=1, pace=Pace(1.0, 3, CallLength(60.0)), model=flat(1))).live()
    began = START + timedelta(hours=10)
    seconds = sorted((entry.at - began).total_seconds() for _, entry in tally.entries() if entry.did is Did.CALL)
    assert seconds == [0, 1, 2, 60, 61, 62, 120, 121, 122]


def test_others_may_have_the_processor_now_and_then() -> None:
    breaths: list[int] = []
    lived(Policy(), breathe=lambda: breaths.append(1))
    assert len(breaths) > 10


@pytest.mark.parametrize("attempt", [1, 2, 7, 9])
def test_the_chance_of_an_answer_is_by_the_number_of_the_call_and_the_hour(attempt: int) -> None:
    hours = tuple(Rate(2.0 if hour == 18 else 1.0) for hour in range(24))
    model = AnswerModel(by_attempt=(Rate(0.3), Rate(0.1)), by_hour=hours)
    usual = 0.3 if attempt == 1 else 0.1
    assert model.chance(attempt, 10) == usual
    assert model.chance(attempt, 18) == 2 * usual
    assert model.end(attempt, 10, usual - 0.001, 0.5) is Disposition.ANSWERED
    assert model.end(attempt, 10, usual + 0.001, 0.5) is Disposition.NO_ANSWER
    assert model.end(attempt, 10, 1.0, 0.99) is Disposition.FAILED


def test_a_simulated_run_ends_with_its_day_as_a_real_one_does() -> None:
    slow = Pace(0.01, 50, CallLength(30.0))  # 72 calls in the two hours that are left of the day
    crowd = [one(index=n) for n in range(80)]
    tally = Days(Policy(run_hours=(22,)), crowd, world(days=1, pace=slow)).live()
    assert {entry.at.date() for _, entry in tally.entries() if entry.did is Did.CALL} == {START.date()}
    left = [entry for _, entry in tally.entries() if entry.did is Did.SKIP]
    assert [(entry.reason, entry.detail) for entry in left] == [("run_stopped", "its day is over")] * 8


def test_whose_days_are_over_before_the_hours_begin_is_dead_by_the_first_run_of_that_day_in_simulations_too() -> None:
    policy = Policy(run_hours=(2, 10, 21), team_windows=(Window(time(9), time(20)),))
    chased = one(CrmStatus.NO_ANSWER, call_attempts=3, first_no_answer_at=START - 2 * DAY + timedelta(hours=10))
    tally = Days(policy, [chased], world(model=flat(0))).live()
    night = START + DAY + timedelta(hours=2)
    record = Record(chased.key, "No Answer", 4, (START - 2 * DAY + timedelta(hours=10)).isoformat())
    assert isinstance(decide(Facts(record, chased.number), policy, night), MarkDead)
    assert [entry.slot for entry in tally.log[chased.key] if entry.did is Did.MARK_DEAD] == [night]


def test_on_a_closed_day_after_one_whose_calls_are_made_a_simulation_gives_the_reason_that_a_run_gives() -> None:
    friday = START + 4 * DAY
    chased = one(CrmStatus.NO_ANSWER, call_attempts=1, first_no_answer_at=friday - DAY)
    policy = Policy(skip_weekdays=(5, 6), run_hours=(10, 14, 18, 20))
    tally = Days(policy, [chased], world(model=flat(0), start=friday, days=3)).live()
    skips = [(entry.slot, entry.reason) for entry in tally.log[chased.key] if entry.did is Did.SKIP]
    assert skips == [(friday + timedelta(hours=18), "day_quota"), (friday + timedelta(hours=34), "calling_hours")]


def test_the_places_of_a_quota_are_used_up_for_all_who_share_a_number_as_in_the_ledger() -> None:
    """One has had two of four calls by Zoho's count, the other three: the first one's two calls are the last to their number."""
    first, other = one(CrmStatus.NO_ANSWER, call_attempts=2), one(CrmStatus.NO_ANSWER, 2, call_attempts=3)
    shared = [first, replace(other, number=first.number)]
    tally = Days(Policy(total_quota=4, dead_when_exhausted=True), shared, world(model=flat(0))).live()
    calls = [(key, entry.detail[:11]) for key, entry in tally.entries() if entry.did is Did.CALL]
    assert calls == [(first.key, "call 3 of 4"), (first.key, "call 4 of 4")]
