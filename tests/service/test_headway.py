"""How fast it goes while 8x8 takes fewer calls than usual, as pure values: what one complaint changes, and what calm does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.service.headway import CALM, SLOWEST, Headway

USUAL = 0.02  # fifty a second
FRESH = Headway(USUAL, USUAL)
HALVED = Headway(USUAL, 0.04, since=100.0)
STEP = Headway(USUAL, 0.03, since=100.0, fine=0.04)
"""A step from a pace that was fine."""


def calls_a_second(headway: Headway) -> float:
    return round(1 / headway.interval, 1)


@pytest.mark.parametrize(
    ("before", "turn", "expected"),
    [
        pytest.param(FRESH, 99.0, (49.0, None, 1), id="the first complaint: a fiftieth slower"),
        pytest.param(HALVED, 99.99, (25.0, None, 0), id="a turn before it was lowered says nothing new"),
        pytest.param(HALVED, 100.5, (12.6, None, 2), id="what it was lowered to and never borne is halved"),
        pytest.param(HALVED, 102.5, (24.5, None, 1), id="what was borne for two seconds gives way by a fiftieth"),
        pytest.param(STEP, 100.1, (25.0, 0.04, 1), id="a step that draws a complaint is taken back"),
        pytest.param(STEP, 109.9, (25.0, 0.04, 1), id="also at the end of its trial"),
        pytest.param(STEP, 110.0, (32.7, None, 1), id="after its trial it was borne"),
        pytest.param(Headway(USUAL, 0.04, 100.0, 0.04, 1), 100.1, (24.5, None, 2), id="taken back, and still too fast"),
        pytest.param(
            Headway(USUAL, 0.03, 100.0, 0.04, 4), 100.1, (25.0, 0.04, 4), id="no more than four count as failed"
        ),
        pytest.param(
            Headway(USUAL, USUAL, 100.0, 0.03), 105.0, (33.3, 0.03, 1), id="the step to the usual pace failed"
        ),
        pytest.param(Headway(USUAL, 0.3, 100.0), 100.1, (3.1, None, 2), id="never below a sixteenth"),
        pytest.param(Headway(1.0, 2.0, 100.0), 105.0, (0.3, None, 2), id="two calls are not enough to be borne"),
    ],
)
def test_what_a_complaint_changes(before: Headway, turn: float, expected: tuple[float, float | None, int]) -> None:
    after = before.complained(turn, turn + 0.15, turn + 1.15)
    assert (calls_a_second(after), after.fine, after.failed) == expected
    assert after is before or after.since == turn + 1.15


@pytest.mark.parametrize(
    ("before", "after_seconds", "expected"),
    [
        pytest.param(FRESH, 1e6, (50.0, None, 0), id="at the usual pace there is nothing to do"),
        pytest.param(HALVED, 9.9, (25.0, None, 0), id="not calm for long enough"),
        pytest.param(HALVED, 10.0, (37.5, 0.04, 0), id="a step"),
        pytest.param(STEP, 10.0, (50.0, 0.03, 0), id="the next one, to the usual pace at most"),
        pytest.param(
            Headway(USUAL, 0.04, 100.0, 0.04, 1), 19.9, (25.0, 0.04, 1), id="after a failed one, twice the wait"
        ),
        pytest.param(Headway(USUAL, 0.04, 100.0, 0.04, 1), 20.0, (30.6, 0.04, 1), id="and the root of the step"),
        pytest.param(Headway(USUAL, 0.04, 100.0, 0.04, 4), 159.0, (25.0, 0.04, 4), id="never more than 160 seconds"),
        pytest.param(Headway(USUAL, 0.04, 100.0, 0.04, 4), 160.0, (25.6, 0.04, 4), id="nor less than a fortieth"),
        pytest.param(
            Headway(USUAL, 0.039, 100.0, 0.04, 4), 10.0, (27.0, 0.039, 3), id="one that was fine: a greater one"
        ),
        pytest.param(Headway(USUAL, 0.3, 100.0, 0.3, 4), 300.0, (50.0, None, 0), id="nobody called for five minutes"),
    ],
)
def test_what_calm_changes(before: Headway, after_seconds: float, expected: tuple[float, float | None, int]) -> None:
    now = (100.0 if before is FRESH else before.since) + after_seconds
    after = before.calm(now)
    assert (calls_a_second(after), after.fine, after.failed) == expected
    assert after is before or after.since == now


def refused_together(before: Headway, began: float, calls: int) -> Headway:
    """What is left after complaints of so many calls that were in flight together; 8x8 wants a pause of 30 seconds."""
    interval = before.interval
    for n in range(calls):
        turn = began + n * interval
        before = before.complained(turn, turn + 0.15, turn + 30.15)
    return before


def test_a_round_lowers_it_once_and_a_pause_does_not_count_as_borne() -> None:
    first = refused_together(FRESH, 10.0, 5)
    assert calls_a_second(first) == 49.0
    second = refused_together(first, first.since + 0.5, 8)
    assert calls_a_second(second) == 24.8
    assert calls_a_second(refused_together(second, second.since + 0.5, 8)) == 12.5


def test_a_round_too_large_for_jitter_halves_it_at_once_and_only_once() -> None:
    lowered = refused_together(FRESH, 10.0, 5)
    halved = refused_together(FRESH, 10.0, 6)
    assert (calls_a_second(lowered), calls_a_second(halved)) == (49.0, 24.8)
    assert halved.since == lowered.since, (
        "the calls of the round had left already: the new pace is tried when it was to be"
    )
    assert refused_together(FRESH, 10.0, 40) == halved
    again = refused_together(halved, halved.since + 20.0, 12)
    assert calls_a_second(again) == 12.3, "a limit that is halved once more, long after the new pace was borne"


@pytest.mark.parametrize(
    ("usual", "calls", "halves"),
    [
        pytest.param(0.1, 4, False, id="four calls may be two bursts, however far apart they were"),
        pytest.param(0.1, 5, True, id="five are not"),
        pytest.param(0.005, 17, False, id="a hiccup refuses many at two hundred a second"),
        pytest.param(0.005, 20, True, id="more than that has no such cause"),
    ],
)
def test_how_many_refused_together_are_more_than_jitter_depends_on_the_pace(
    usual: float, calls: int, halves: bool
) -> None:
    after = refused_together(Headway(usual, usual), 10.0, calls)
    assert (after.interval > 1.9 * usual) == halves


def test_what_has_to_do_with_all_calls_halves_it_at_once() -> None:
    halved = FRESH.complained(10.0, 15.0, 10.0, of_all=True)
    assert calls_a_second(halved) == 24.8
    assert halved.complained(14.0, 15.5, 15.5, of_all=True) is halved
    assert calls_a_second(halved.complained(19.0, 25.0, 25.0, of_all=True)) == 24.3


def test_what_leaves_within_a_second_after_it_was_lowered_is_refused_for_what_left_before() -> None:
    lowered = FRESH.complained(10.0, 10.01, 10.01)
    assert lowered.complained(11.0, 11.1, 11.1).interval == lowered.interval
    assert lowered.complained(11.2, 11.3, 11.3).interval > lowered.interval


_events = st.lists(st.tuples(st.booleans(), st.floats(0, 200), st.floats(0, 30)), max_size=80)


def _lived(events: list[tuple[bool, float, float]], usual: float = USUAL) -> tuple[list[Headway], float]:
    """All that came of complaints (True: of a turn so long ago) and turns, each so long after the last; and when it ended."""
    now, headway, found = 0.0, Headway(usual, usual), []
    for is_complaint, seconds, ago in events:
        now += seconds
        headway = headway.complained(now - ago, now, now + ago, of_all=ago > 25) if is_complaint else headway.calm(now)
        found.append(headway)
    return found, now


@given(_events)
def test_the_pace_is_never_above_the_usual_nor_below_a_sixteenth_of_it(events: list[tuple[bool, float, float]]) -> None:
    for headway in _lived(events)[0]:
        assert USUAL <= headway.interval <= SLOWEST * USUAL * 1.0001
        assert headway.fine is None or USUAL < headway.fine <= SLOWEST * USUAL * 1.0001
        assert 0 <= headway.failed <= 4


@given(_events)
def test_no_complaint_makes_it_faster_and_no_calm_slower_unless_a_step_is_taken_back(
    events: list[tuple[bool, float, float]],
) -> None:
    found, _ = _lived(events)
    for (is_complaint, _, _), (before, after) in zip(events[1:], pairwise(found), strict=True):
        assert (after.interval >= before.interval) if is_complaint else (after.interval <= before.interval)


@given(_events)
def test_the_usual_pace_is_back_250_seconds_after_8x8_takes_everything_again_whatever_happened_before(
    events: list[tuple[bool, float, float]],
) -> None:
    found, now = _lived(events)
    headway = found[-1] if found else FRESH
    at = max(now, headway.since)
    ends = at + 250 + 10 * headway.interval
    while at < ends:
        headway = headway.calm(at)
        at += headway.interval
    assert headway.calm(at).interval == USUAL


def test_one_complaint_is_over_after_twenty_seconds_and_a_minute_of_them_after_a_hundred_and_twenty() -> None:
    for of_all, failed in ((False, 1), (True, 0)):
        once = FRESH.complained(0.0, 0.15, 1.15, of_all=of_all)
        faster = once.calm(1.15 + CALM * 2**failed)
        assert faster.calm(1.16 + CALM * 2).interval == USUAL
    at, headway, complaints = 0.0, FRESH, 0
    while at < 60:  # half as many are taken; what is above that draws complaints of all in flight
        headway = headway.calm(at)
        if headway.interval < 2 * USUAL:
            in_flight = int(0.15 / headway.interval)
            for n in range(in_flight):
                headway = headway.complained(at + n * USUAL, at + n * USUAL + 0.15, at + n * USUAL + 1.15)
            at, complaints = at + 1.3, complaints + in_flight
        at += headway.interval
    assert complaints <= 20
    while headway.interval > USUAL:
        headway = headway.calm(at)
        at += headway.interval
    assert at < 60 + 120
