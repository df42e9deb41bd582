"""A replica that stands still beyond its lease is taken for dead; when it goes on it can do no harm."""

import signal
import time

import pytest

from crash.serve_failing import Point
from e2e.processes import wait_until
from replicas.city import City, Limits, OpenCity, prompt_crowd, ready
from replicas.fleet import Replica
from replicas.judging import check, unexplained

REPLICAS = 2
PATIENCE = 15.0
LEASE = "2"
AFTER_THE_INTENT = Point("place", "before", 3)
BEFORE_THE_OUTCOME = Point("place", "after", 3)


def held_by(here: City, replica: Replica) -> list[str]:
    """Attempts that it has in hand: reserved, or being sent."""
    rows = here.sql("SELECT attempt_id, owner FROM attempts WHERE state IN ('reserved', 'submitting')")
    return [row["attempt_id"] for row in rows if int(row["owner"].split(":")[1]) == replica.process.pid]


def states(here: City) -> dict[str, str]:
    return {row["attempt_id"]: row["state"] for row in here.attempts()}


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(AFTER_THE_INTENT, id="before the request"),
        pytest.param(BEFORE_THE_OUTCOME, id="after the answer", marks=pytest.mark.soak),
    ],
)
def test_fault_29_a_replica_that_stood_still_beyond_its_lease_rings_nobody_twice_and_changes_nothing(
    open_city: OpenCity, point: Point
) -> None:
    with open_city(REPLICAS, prompt_crowd(12), Limits(per_second=4), REPLICA_LEASE=LEASE) as here:
        zombie, other = here.fleet
        zombie.start(point, by=signal.SIGSTOP)
        wait_until(zombie.healthy, "the first replica is healthy")
        other.start()
        ready(here)
        here.start_run()
        wait_until(zombie.stands_still, "the replica stands still")
        zombie.freeze()  # it is frozen already: now that is known
        held = held_by(here, zombie)
        assert held, "it had nothing in hand when it stopped"
        wait_until(lambda: not held_by(here, zombie), "what it had is taken from it", PATIENCE)
        settled = states(here)
        released = {each for each in held if settled[each] == "released"}
        zombie.thaw()
        time.sleep(1.0)
        assert zombie.alive
        owner = here.owner()
        assert owner is None or here.fleet.conducting(owner) is other, "it took back the run"
        assert {each for each in held if states(here)[each] == "released"} == released
        here.finish()
        check(here)
        rung = {call["clientRequestId"] for call in here.world.sessions()}
        assert not released & rung, "it called somebody whom it held no longer"
        assert unexplained(here, here.attempts()) == []
