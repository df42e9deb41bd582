"""PostgreSQL dies and comes back in the middle of a run: the work goes on by itself, and nothing that was committed is lost."""

import time
from dataclasses import dataclass
from random import Random

import pytest

from databases import Postgres
from figures import Record, tell
from replicas.city import Limits, OpenCity, crowd, ready
from replicas.judging import check, unexplained


@dataclass(frozen=True)
class Size:
    """`between`: seconds from one crash to the next, from and to."""

    replicas: int
    people: int
    crashes: int
    between: tuple[float, float]


SIZES = [
    pytest.param(Size(2, 16, 2, (0.7, 2.0)), id="2 replicas, briefly"),
    *(pytest.param(Size(number, 400, 6, (5.0, 20.0)), id=f"{number} replicas") for number in (2, 4, 8)),
]


@pytest.mark.soak
@pytest.mark.parametrize("size", SIZES)
def test_fault_30_a_postgresql_that_crashes_again_and_again_during_a_run_loses_no_call_and_doubles_none(
    durable_city: OpenCity, durable: Postgres, size: Size, record_property: Record
) -> None:
    chance = Random(30)
    with durable_city(size.replicas, crowd(size.people, seed=30), Limits(per_second=4)) as here:
        ready(here)
        here.start_run()
        during = 0
        for _ in range(size.crashes):
            time.sleep(chance.uniform(*size.between))
            during += here.owner() is not None
            durable.restart(immediate=True)
        assert during == size.crashes, "the run was over before"
        assert all(replica.alive for replica in here.fleet), here.fleet.output()
        here.finish()
        check(here)
        assert unexplained(here, here.attempts()) == [], "no process was harmed, no call may be unknown"
        tell(record_property, "PostgreSQL crashed", crashes=size.crashes, calls=here.rings())
