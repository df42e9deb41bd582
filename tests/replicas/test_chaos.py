"""Two, four and eight replicas on one PostgreSQL while processes die, stand still and restart, and PostgreSQL crashes."""

import os
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from databases import Postgres
from e2e.processes import ask
from figures import Record, tell
from replicas.city import City, OpenCity, crowd, ready
from replicas.judging import check, most_in_a_second, unexplained
from replicas.troubles import Plan, Troubles

SHORT = Plan(seconds=9, between=(0.5, 1.2), frozen=(1.0, 4.0), postgres=(5.0, 7.0))
SEED = 1
LONG = Plan(seconds=90, between=(0.8, 4.0))
KINDS = (
    *("kill", "freeze", "restart", "PostgreSQL crashed", "connections dropped"),
    *("8x8 drop_after_commit", "8x8 reset", "8x8 slow", "8x8 status"),
)
CALLS_LOST_TO_8X8 = {"drop_after_commit", "reset"}
SEEDS = int(os.environ.get("CHAOS_SEEDS", "3"))
REPLICAS = [int(number) for number in os.environ.get("CHAOS_REPLICAS", "2 4 8").split()]


def fired(here: City) -> dict[str, int]:
    """How often each kind of fault at 8x8 came true."""
    faults = ask("GET", f"{here.world.voice}/_sim/faults").json()["faults"]
    counts: dict[str, int] = {}
    for fault in faults:
        counts[fault["kind"]] = counts.get(fault["kind"], 0) + fault["fired"]
    return counts


def longest_silence(moments: Sequence[float]) -> float:
    """Seconds between two calls."""
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def live_through(here: City, postgres: Postgres, plan: Plan, seed: int) -> dict[str, float]:
    """One town's bad day, and the judgement; its figures."""
    troubles = Troubles(here, postgres, plan, Random(seed))
    ready(here)
    troubles.go()
    disturbed = here.rings()
    here.finish()
    check(here)
    faults = fired(here)
    attempts = here.attempts()
    unknown = [row for row in attempts if row["state"] == "unknown"]
    assert len(unexplained(here, attempts)) <= sum(faults.get(kind, 0) for kind in CALLS_LOST_TO_8X8), (
        "calls are unknown that nothing happened to"
    )
    assert set(troubles.exits) <= {0}, here.fleet.output()
    # Whoever starts while PostgreSQL is away ends with an error, and is started again.
    assert set(troubles.failed) <= {1}, here.fleet.output()
    assert len(troubles.failed) <= len(here.fleet) * troubles.done["PostgreSQL crashed"]
    return {
        "calls": here.rings(),
        "calls in trouble": disturbed,
        "longest stall": here.stalls.longest,
        "longest silence": longest_silence(here.ring_times()),
        "unknown": len(unknown),
        "most in a second": most_in_a_second(here.ring_times()),
        "passed on": here.balancer.passed_on,
        "unanswered": here.balancer.unanswered,
        **troubles.done,
        **{f"8x8 {kind}": count for kind, count in faults.items()},
    }


def test_fault_30_two_replicas_call_everybody_once_whatever_befalls_them_and_postgresql(
    durable_city: OpenCity, durable: Postgres, record_property: Record
) -> None:
    with durable_city(2, crowd(32, SEED), REPLICA_LEASE="2") as here:
        figures = live_through(here, durable, SHORT, SEED)
    tell(record_property, "chaos, 2 replicas", days=1, **figures)
    assert [kind for kind in KINDS if not figures.get(kind)] == [], "faults that never happened"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("replicas", REPLICAS)
def test_replicas_call_everybody_once_on_long_bad_days(
    durable_city: OpenCity, durable: Postgres, record_property: Record, replicas: int, seed: int
) -> None:
    with durable_city(replicas, crowd(400, seed)) as here:
        figures = live_through(here, durable, LONG, 1000 * replicas + seed)
    tell(record_property, f"chaos, {replicas} replicas", days=1, **figures)
    assert [kind for kind in KINDS if not figures.get(kind)] == [], "faults that never happened"
    assert figures["calls in trouble"] > 50, "hardly anybody was called while things went wrong"
