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
PATIENCE = 30.0
SLOW = Limits(per_second=1, lines=4)
"""So that the run is far from its end when the bound is reached, and attempts are reserved for a while."""
IN_FLIGHT = 0.5  # seconds within which 8x8 has taken what a dead process had sent


def reserved_by(here: City, replica: Replica) -> list[str]:
    """Numbers that it holds and has sent nothing for."""
    held = here.sql("SELECT number, owner FROM attempts WHERE state = 'reserved'")
    return [row["number"] for row in held if int(row["owner"].split(":")[1]) == replica.process.pid]


def kill_with_people_in_hand(here: City, replica: Replica) -> list[str]:
    """At a moment at which it has reserved somebody; whom."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        replica.freeze()  # what it holds now it holds until it dies
        held = reserved_by(here, replica)
        if held:
            replica.kill()
            return held
        replica.thaw()
        time.sleep(0.1)
    raise AssertionError("it never reserves anybody")


def next_ring(here: City, died: float) -> float:
    def later() -> list[float]:
        return [ring for ring in here.ring_times() if ring > died + IN_FLIGHT]

    wait_until(lambda: bool(later()), "somebody is called", PATIENCE)
    return min(later())


@pytest.mark.parametrize(
    "conducts",
    [pytest.param(True, id="it conducted the run"), pytest.param(False, id="it dialed", marks=pytest.mark.soak)],
)
def test_what_a_killed_replica_had_in_hand_is_gone_on_with_by_others_within_ten_seconds(
    open_city: OpenCity, record_property: Record, *, conducts: bool
) -> None:
    with open_city(REPLICAS, prompt_crowd(14), SLOW) as here:
        ready(here)
        here.start_run()
        wait_until(lambda: here.owner() is not None and here.rings() >= 2, "the run is going")
        owner = here.owner()
        assert owner is not None
        conductor = here.fleet.conducting(owner)
        victim = conductor if conducts else here.fleet.others(conductor)[0]
        held = kill_with_people_in_hand(here, victim)
        died = time.monotonic()
        ring = next_ring(here, died) - died
        if conducts:
            wait_until(lambda: here.owner() != owner, "somebody else conducts the run", PATIENCE)
            assert here.owner() is not None, "the run was over before anybody took it over"
        conducted = time.monotonic() - died
        wait_until(lambda: all(here.world.rings_of(number) for number in held), "all that it held are called", PATIENCE)
        called = time.monotonic() - died
        tell(record_property, "takeover", kills=1, next_ring=ring, conducted=conducted, people=len(held), called=called)
        assert max(ring, conducted) <= BOUND
        assert called <= BOUND + len(held) / SLOW.per_second, "they take their turns at the pace of all calls"
        here.finish()
        check(here)
        assert unexplained(here, here.attempts()) == []
