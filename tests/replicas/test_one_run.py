"""Several replicas start at the same moment what only one of them may: one run."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import httpx2

from crash.town import NOON
from e2e.processes import ask, wait_until
from replicas.city import Limits, OpenCity, crowd, ready
from replicas.judging import check

REPLICAS = 2
AT_ONCE = 100
QUICK = Limits(per_second=20, lines=20, speed=300)


def test_fault_28_replicas_whose_clocks_strike_the_same_slot_make_one_run_of_it(open_city: OpenCity) -> None:
    with open_city(REPLICAS, crowd(12, seed=28), QUICK, CRON_HOURS="12 22", CATCH_UP="0") as here:
        here.began += 4.0  # noon, a slot, is to come
        ready(here)
        assert here.now() < NOON, "the replicas were not there in time"
        wait_until(lambda: bool(here.rings()), "the slot's run begins")
        here.settle()
        runs = here.sql("SELECT kind, slot, state FROM runs")
        slots = [datetime.fromtimestamp(run["slot"] / 1000, UTC) for run in runs]
        assert [(run["kind"], run["state"]) for run in runs] == [("scheduled", "finished")]
        assert slots == [NOON]
        assert here.world.rings()["totals"]["max_rings_of_one_number"] == 1
        here.finish()
        check(here)


def test_fault_28_of_a_hundred_starts_at_once_at_several_replicas_one_is_a_run(open_city: OpenCity) -> None:
    barrier = Barrier(AT_ONCE)
    with open_city(REPLICAS, crowd(12, seed=29), QUICK) as here:
        ready(here)

        def start(number: int) -> httpx2.Response:
            replica = here.fleet[number % REPLICAS]
            barrier.wait(30)
            return ask("POST", f"http://127.0.0.1:{replica.port}/api/cron?wait=false", timeout=60)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(start, range(AT_ONCE)))
        opened = {answer.json()["run_id"] for answer in answers if answer.status_code == 202}
        here.settle()
        assert {answer.status_code for answer in answers} == {202, 409}
        assert in_the_way(answers) <= opened
        assert opened == {run["run_id"] for run in here.sql("SELECT run_id FROM runs")}
        assert here.world.rings()["totals"]["max_rings_of_one_number"] <= len(opened)
        here.finish()
        check(here)


def in_the_way(answers: Sequence[httpx2.Response]) -> set[str]:
    """The runs that refused starts were told of."""
    return {answer.json()["run_id"] for answer in answers if answer.status_code == 409}
