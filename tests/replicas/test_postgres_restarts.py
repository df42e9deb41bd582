"""PostgreSQL dies and comes back in the middle of a run: the work goes on by itself, and nothing that was committed is lost."""

import time
from random import Random

from databases import Postgres
from replicas.city import Limits, OpenCity, crowd, ready
from replicas.judging import check

REPLICAS = 2
CRASHES = 3


def test_fault_30_a_postgresql_that_crashes_again_and_again_during_a_run_loses_no_call_and_doubles_none(
    durable_city: OpenCity, durable: Postgres
) -> None:
    chance = Random(30)
    with durable_city(REPLICAS, crowd(24, seed=30), Limits(per_second=3)) as here:
        ready(here)
        here.start_run()
        during = 0
        for _ in range(CRASHES):
            time.sleep(chance.uniform(0.5, 2.5))
            during += here.owner() is not None
            durable.crash()
        assert during == CRASHES, "the run was over before"
        assert all(replica.alive for replica in here.fleet), here.fleet.output()
        here.finish()
        check(here)
