"""Hundreds of seeds of a thousand records, a tenth of a second of CPU each: proof.lean.simulation says what of it is real and what
is modelled.

LEAN_SEEDS=… for more or fewer than 100; continuous integration takes 500.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from figures import Record, tell
from proof.lean.dice import KINDS
from proof.lean.plants import PLANTS
from proof.lean.replay import story
from proof.lean.simulation import simulate
from proof.outcome import Outcome, figures_of

SEEDS = int(os.environ.get("LEAN_SEEDS", "100"))
SHARE, MANY = 125, 1000
FEW = 200
TRIES = 50  # seeds in which a planted bug must be found
TESTS = Path(__file__).resolve().parents[1]


def wrong(outcomes: Sequence[Outcome]) -> str:
    """The stories of those that did not end well, each with the command that does it again."""
    return "\n\n".join(story(outcome) for outcome in outcomes if outcome.problems)


@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_hundreds_of_seeds_of_a_thousand_records_end_right(first: int, record_property: Record) -> None:
    outcomes = [simulate(seed, MANY) for seed in range(first, min(first + SHARE, SEEDS))]
    fired = sum((outcome.fired for outcome in outcomes), Counter[str]())
    tell(record_property, "lean simulation", **figures_of(outcomes))
    tell(record_property, "lean simulation, faults", **{kind: fired[kind] for kind in KINDS})
    assert not wrong(outcomes), wrong(outcomes)
    never = [kind for kind in KINDS if not fired[kind]]
    assert not never, f"these faults never struck: {never}"
    assert all(outcome.records >= MANY for outcome in outcomes)
    assert len({outcome.trace for outcome in outcomes}) == len(outcomes)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_tells_the_same_story_twice(seed: int) -> None:
    assert simulate(seed, FEW).trace == simulate(seed, FEW).trace


def test_a_seed_is_done_again_in_another_process() -> None:
    again = [sys.executable, "-m", "proof.lean.replay", "3", "--records", str(FEW)]
    told = subprocess.run(
        again,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert simulate(3, FEW).trace in told.stdout


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[name](monkeypatch)
    found = (seed for seed in range(TRIES) if simulate(seed, FEW).problems)
    assert list(islice(found, 1)), f"{name} is not found in {TRIES} seeds"
