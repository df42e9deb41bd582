"""Whole days, drawn from seeds: whatever fails, in the end everybody was rung as the rules say and the CRM shows it.

In `make test`: ten seeds of thirty records, over which every kind of fault fires. One seed of a thousand records takes as long
as all of that together, so they are the soak's: `make soak` runs 500 of them (SEEDS=… for more or fewer) and the planted bugs.
"""

import os
from collections import Counter
from collections.abc import Sequence

import pytest

from figures import Record, tell
from proof.faults import ALL
from proof.outcome import Outcome, figures_of
from proof.plants import PLANTS, open_calls_are_not_seen
from proof.replay import story
from proof.simulation import simulate

FEW, MANY = 30, 1000
SEEDS_HERE = range(1, 11)
SEEDS = int(os.environ.get("SEEDS", "500"))
SHARE = 10  # seeds in one test of the soak


def wrong(outcomes: Sequence[Outcome]) -> str:
    """The stories of those that did not end well, each with the command that does it again."""
    return "\n\n".join(story(outcome) for outcome in outcomes if outcome.problems)


def test_whatever_fails_everybody_is_rung_as_the_rules_say_and_the_crm_shows_it_in_the_end() -> None:
    outcomes = [simulate(seed, FEW) for seed in SEEDS_HERE]
    assert not wrong(outcomes), wrong(outcomes)
    fired = sum((outcome.fired for outcome in outcomes), Counter[str]())
    never = [name for name in ALL if not fired[name]]
    assert not never, f"these faults never fired: {never}"
    assert len({outcome.trace for outcome in outcomes}) == len(outcomes)


def test_the_same_seed_tells_the_same_story() -> None:
    assert simulate(2, FEW // 3).trace == simulate(2, FEW // 3).trace


@pytest.mark.soak
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[name](monkeypatch)
    assert any(simulate(seed, 2 * FEW).problems for seed in SEEDS_HERE)


@pytest.mark.soak
def test_where_the_rules_see_no_open_call_the_database_still_refuses_a_second_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = open_calls_are_not_seen(monkeypatch)
    outcomes = [simulate(seed, 2 * FEW) for seed in (1, 4, 12)]
    assert not wrong(outcomes), wrong(outcomes)
    assert refused


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1, SEEDS + 1, SHARE))
def test_hundreds_of_seeds_of_a_thousand_records_end_right(first: int, record_property: Record) -> None:
    outcomes = [simulate(seed, MANY) for seed in range(first, min(first + SHARE, SEEDS + 1))]
    tell(record_property, "simulated days", **figures_of(outcomes))
    assert not wrong(outcomes), wrong(outcomes)
