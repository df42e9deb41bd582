"""A replica dies: what it conducted and whom it held is gone on with by the others, within ten seconds and without help."""

import time

import pytest

from e2e.processes import wait_until
from figures import Record, tell
from replicas.city import City, Limits, OpenCity, prompt_crowd, ready
from replicas.fleet import Replica
from replicas.judging import check, unexplained

REPLICAS = 2
BOUND = 10.0
SLOW = Limits(per_second=1, lines=4)
"""So that the run is far from its end when the bound is reached, and attempts are reserved for a while."""
IN_FLIGHT = 0.5  # seconds within which 8x8 has taken what a dead process had sent


def reserved_by(here: City, replica: Replica) -> list[str]:
    """Numbers that it holds and has sent nothing for."""
    held = here.sql("SELECT number, owner FROM attempts WHERE state = 'reserved'")
    return [row["number"] for row in held if int(row["owner"].split(":")[1]) == replica.process.pid]


def seconds_to_next_ring(here: City, since: float) -> float:
    def later() -> list[float]:
        return [ring for ring in here.ring_times() if ring > since + IN_FLIGHT]

    wait_until(lambda: bool(later()), "somebody is called", 2 * BOUND)
    return min(later()) - since


def test_when_the_replica_that_conducts_the_run_is_killed_another_one_goes_on_within_ten_seconds(
    open_city: OpenCity, record_property: Record
) -> None:
    with open_city(REPLICAS, prompt_crowd(18), SLOW) as here:
        ready(here)
        here.start_run()
        wait_until(lambda: here.rings() >= 2, "the run is going")
        owner = here.owner()
        assert owner is not None
        died = time.monotonic()
        here.fleet.conducting(owner).kill()
        took = seconds_to_next_ring(here, died)
        wait_until(lambda: here.owner() != owner, "somebody else conducts the run", BOUND)
        taken_over = time.monotonic() - died
        assert here.owner() is not None, "the run was over before anybody took it over"
        tell(record_property, "takeover of a run", kills=1, next_ring=took, new_owner=taken_over)
        assert took <= BOUND
        assert taken_over <= BOUND
        here.finish()
        check(here)
        assert unexplained(here, here.attempts()) == []


def test_whom_a_killed_replica_had_reserved_is_called_by_others_within_ten_seconds(
    open_city: OpenCity, record_property: Record
) -> None:
    with open_city(REPLICAS, prompt_crowd(18), SLOW) as here:
        ready(here)
        here.start_run()
        wait_until(lambda: here.owner() is not None and here.rings() >= 2, "the run is going")
        owner = here.owner()
        assert owner is not None
        dialing = here.fleet.others(here.fleet.conducting(owner))[0]
        deadline = time.monotonic() + BOUND
        held: list[str] = []
        while not held and time.monotonic() < deadline:
            dialing.freeze()  # what it holds now it holds until it dies
            held = reserved_by(here, dialing)
            if not held:
                dialing.thaw()
                time.sleep(0.1)
        if not held:
            pytest.fail("only the replica that conducts the run dials")
        died = time.monotonic()
        dialing.kill()
        wait_until(
            lambda: all(here.world.rings_of(number) for number in held), "all that it held are called", 3 * BOUND
        )
        took = time.monotonic() - died
        tell(record_property, "takeover of reserved people", people=len(held), seconds=took)
        assert took <= BOUND
        here.finish()
        check(here)
        assert unexplained(here, here.attempts()) == []
