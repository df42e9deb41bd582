"""What a run and a day need of Zoho's credits, and how much is left: pure figures."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.ports.boxes import UsageRow
from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.service.budget import Budget, Load, credits_needed, together_at
from autodialer.service.doctor import day_of
from service.world import MONDAY

GOLDEN = [
    (Load(0, 0), 6, "an empty pull is a page of each module"),
    (Load(100, 0), 6, "two short pages"),
    (Load(10_000, 0), 21, "five full pages and two short ones at most"),
    (Load(100_000, 0), 156, "fifty full pages and two short ones at most"),
    (Load(1_000_000, 0), 1506, ""),
    (Load(0, 0, runs=3), 18, ""),
    (Load(0, 1), 6 + 3, "look, look before writing, write"),
    (Load(0, 1000), 6 + 3000, "one at a time"),
    (Load(0, 1000, together=10), 6 + 3 * 100 * 2, "groups of ten, of both modules"),
    (Load(0, 1001, together=10), 6 + 3 * 101 * 2, ""),
    (Load(0, 10, together=99), 6 + 3 * 2, "no update holds more than ten for a credit"),
    (Load(0, 3, together=0), 6 + 9, ""),
    (Load(0, 0, dead=1), 6 + 2, ""),
    (Load(0, 0, dead=1000), 6 + 21 + 101, ""),
    (Load(10_000, 10_000, 100, 3, 1), 63 + 30_000 + 14, "a day of 10,000 calls, one a second"),
    (Load(100_000, 500_000, 0, 3, 10), 468 + 300_000, "more than most editions have"),
]


@pytest.mark.parametrize(("load", "needed", "why"), GOLDEN)
def test_a_load_needs_so_many_credits(load: Load, needed: int, why: str) -> None:
    assert credits_needed(load) == needed, why


def spent(size: int, parts: list[int]) -> int:
    """Requests for these, of one module each, `size` at a time."""
    return sum(-(-part // size) for part in parts)


@given(leads=st.integers(0, 300_000), contacts=st.integers(0, 300_000), runs=st.integers(1, 24))
def test_the_estimate_of_a_pull_is_never_too_low_and_two_pages_too_high_at_most(
    leads: int, contacts: int, runs: int
) -> None:
    pages = runs * (max(1, -(-leads // 2000)) + max(1, -(-contacts // 2000)))
    assert 3 * pages <= credits_needed(Load(leads + contacts, 0, runs=runs)) <= 3 * (pages + 2 * runs)


@given(groups=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=60), together=st.integers(1, 12))
def test_the_estimate_of_calls_is_never_too_low_however_the_modules_mix(
    groups: list[tuple[int, int]], together: int
) -> None:
    full = [(leads, min(10, together) - leads) for leads, _ in groups if leads <= min(10, together)]
    each = sum(spent(50, [leads, contacts]) * 2 + spent(10, [leads, contacts]) for leads, contacts in full)
    assert each <= credits_needed(Load(0, len(full) * min(10, together), together=together)) - 6


@given(leads=st.integers(0, 500), contacts=st.integers(0, 500))
def test_the_estimate_of_records_made_dead_is_never_too_low(leads: int, contacts: int) -> None:
    exact = spent(50, [leads, contacts]) + spent(10, [leads, contacts])
    assert exact <= credits_needed(Load(0, 0, leads + contacts)) - 6 <= exact + 4


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**4), st.integers(1, 24), st.sampled_from([1, 5, 10])
)
def test_more_of_anything_never_needs_less(eligible: int, calls: int, dead: int, runs: int, together: int) -> None:
    needed = credits_needed(Load(eligible, calls, dead, runs, together))
    more = [
        Load(eligible + 1, calls, dead, runs, together),
        Load(eligible, calls + 1, dead, runs, together),
        Load(eligible, calls, dead + 1, runs, together),
        Load(eligible, calls, dead, runs + 1, together),
    ]
    assert all(credits_needed(load) >= needed for load in more)


@pytest.mark.parametrize(("pace", "together"), [(0.1, 1), (1, 1), (1.9, 1), (5, 5), (20, 10)])
def test_as_many_calls_share_a_look_as_begin_within_a_second(pace: float, together: int) -> None:
    assert together_at(pace) == together


LAST = Run("r", RunKind.SCHEDULED, None, RunState.FINISHED, False, "p", "o", MONDAY)
TOTALS = {"processed": 5000, "called": 300, "marked_dead": 20}


@pytest.mark.parametrize(
    ("totals", "today", "pace", "load"),
    [
        (TOTALS, 0, 1.0, Load(5000, 900, 20, 3, 1)),
        (TOTALS, 1000, 1.0, Load(5000, 1000, 20, 3, 1)),
        (TOTALS | {"still_due": 100}, 0, 20.0, Load(5000, 1200, 20, 3, 10)),
        (TOTALS | {"called": 90_000}, 0, 1.0, Load(5000, 86_400, 20, 3, 1)),
        ({}, 0, 1.0, Load(0, 0, 0, 3, 1)),
    ],
)
def test_a_day_is_as_many_runs_like_the_last_one_as_its_pace_allows(
    totals: dict[str, object], today: int, pace: float, load: Load
) -> None:
    last = Run("r", RunKind.SCHEDULED, None, RunState.FINISHED, False, "p", "o", MONDAY, totals=totals)
    assert day_of(last, today, 3, pace) == load


def heard(used: int, remaining: int | None = None, minutes: float = 0) -> UsageRow:
    told_at = None if remaining is None else MONDAY - timedelta(minutes=minutes)
    return UsageRow(1, used, 0, remaining, told_at)


@pytest.mark.parametrize(
    ("used", "left"),
    [
        (heard(0), 1000),
        (heard(400), 600),
        (heard(2000), 0),
        (heard(400, 100), 100),
        (heard(400, 900), 600),
        (heard(400, 100, 14.9), 100),
        (heard(400, 100, 15.1), 600),
        (UsageRow(1, 400, 0, None, MONDAY), 600),
    ],
)
def test_the_lesser_of_our_count_and_of_what_zoho_said_lately_is_left(used: UsageRow, left: int) -> None:
    assert Budget(1000, 10).left(used, MONDAY) == left


@pytest.mark.parametrize(("budget", "kept"), [(Budget(), 5000), (Budget(5, 10), 1), (Budget(1000, 0), 0)])
def test_the_reserve_is_a_share_rounded_up(budget: Budget, kept: int) -> None:
    assert budget.kept == kept
