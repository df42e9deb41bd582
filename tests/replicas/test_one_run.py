"""Several replicas start at the same moment what only one of them may: one run."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import httpx2

from crash.town import NOON
from e2e.processes import ask, wait_until
from replicas.city import City, Limits, OpenCity, prompt_crowd, ready
from replicas.judging import check

REPLICAS = 2
AT_ONCE = 100
QUICK = Limits(per_second=20, lines=20, speed=300)


def start_at_once(here: City) -> list[httpx2.Response]:
    """A hundred POST /api/cron, by turns to each replica."""
    barrier = Barrier(AT_ONCE)

    def start(number: int) -> httpx2.Response:
        barrier.wait(30)
        return ask("POST", f"http://127.0.0.1:{here.fleet[number % REPLICAS].port}/api/cron?wait=false", timeout=60)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(start, range(AT_ONCE)))


def test_fault_28_replicas_make_one_run_of_a_slot_and_of_a_hundred_starts_at_once(open_city: OpenCity) -> None:
    with open_city(REPLICAS, prompt_crowd(8), QUICK, CRON_HOURS="12 22", CATCH_UP="0") as here:
        here.began += 9.0  # noon, a slot, is to come
        ready(here)
        assert here.now() < NOON, "the replicas were not there in time"
        wait_until(lambda: bool(here.rings()), "the slot's run begins")
        here.settle()
        runs = here.sql("SELECT run_id, kind, slot, state FROM runs")
        assert [(run["kind"], run["state"]) for run in runs] == [("scheduled", "finished")]
        assert datetime.fromtimestamp(runs[0]["slot"] / 1000, UTC) == NOON
        assert here.rings() == len(here.everybody)

        answers = start_at_once(here)
        here.settle()
        assert {answer.status_code for answer in answers} == {202, 409}
        opened = {answer.json()["run_id"] for answer in answers if answer.status_code == 202}
        in_the_way = {answer.json()["run_id"] for answer in answers if answer.status_code == 409}
        assert in_the_way <= opened
        assert opened == {run["run_id"] for run in here.sql("SELECT run_id FROM runs WHERE kind = 'manual'")}
        here.finish()
        check(here)
