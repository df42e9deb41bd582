"""Hours of everything that goes wrong at Zoho while people edit at every moment: in the end every record is right.

In `make test` one seed, in which everything happens that can; `make soak` draws many (ZOHO_SEEDS=… for more or fewer).
"""

import os
from collections import Counter

import pytest

from autodialer.zoho import writing
from figures import Record, tell
from proof.zoho.hour import Outcome, live_through
from proof.zoho.weather import ALL

SEEDS = int(os.environ.get("ZOHO_SEEDS", "50"))


def wrong(outcomes: dict[int, Outcome]) -> str:
    """What is wrong, by seed."""
    return "\n".join(f"seed {seed}: {problem}" for seed, o in outcomes.items() for problem in o.problems)


def figures(outcomes: dict[int, Outcome]) -> dict[str, float]:
    """Sums."""
    all_of = outcomes.values()
    return {
        "hours": sum(o.hours for o in all_of),
        "faults and edits": sum(o.fired.total() for o in all_of),
        "calls": sum(o.rings for o in all_of),
        "requests": sum(o.calls_to_zoho for o in all_of),
        "statuses of people kept": sum(o.kept for o in all_of),
        "violations": sum(len(o.problems) for o in all_of),
        "cpu_seconds": sum(o.cpu for o in all_of),
    }


def too_many_tokens(outcomes: dict[int, Outcome]) -> list[int]:
    """Seeds in which more was minted than one token an hour, and one more whenever Zoho had revoked them."""
    return [seed for seed, o in outcomes.items() if o.minted > 1 + int(o.hours) + o.revoked]


def test_after_hours_of_faults_every_final_state_is_right_and_no_persons_status_was_overwritten(
    record_property: Record,
) -> None:
    outcomes = {4: live_through(4, 80, hours=1.5)}
    tell(record_property, "hours with Zoho", **figures(outcomes))
    assert not wrong(outcomes), wrong(outcomes)
    assert not too_many_tokens(outcomes)
    assert sum(o.minted for o in outcomes.values()) > len(outcomes), "no token came to its end"
    fired = sum((o.fired for o in outcomes.values()), Counter[str]())
    never = [name for name in ALL if not fired[name]]
    assert not never, f"these never happened: {never}"


def test_without_the_guard_the_judge_sees_statuses_of_people_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_guard", lambda _updates: {})
    assert "was overwritten with" in wrong({1: live_through(1, 60)})


def test_the_same_seed_tells_the_same_story() -> None:
    assert live_through(4, 10, hours=0.2).trace == live_through(4, 10, hours=0.2).trace


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 10 + SEEDS))
def test_more_hours_of_faults_end_right(seed: int, record_property: Record) -> None:
    outcomes = {seed: live_through(seed, 300, hours=3)}
    tell(record_property, "hours with Zoho", **figures(outcomes))
    assert not wrong(outcomes), wrong(outcomes)
    assert not too_many_tokens(outcomes)
