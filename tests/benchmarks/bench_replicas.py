"""A run of several replicas on one PostgreSQL that syncs each commit: how near to the pace they come, what a call costs them."""

from pathlib import Path

import pytest

from benchmarks.measuring import cpu_seconds, quick, report
from crash.forge import open_forge
from databases import Postgres
from replicas.city import Limits, city, prompt_crowd, ready
from replicas.judging import check, most_in_a_second

PEOPLE = 60 if quick() else 400
PER_SECOND = 20


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_replicas_keep_the_pace_together(replicas: int, tmp_path: Path) -> None:
    """`over_ideal`: from the first call to the last, against as many at CALLS_PER_SECOND. Processor time of the replicas alone."""
    open_forge([])
    server = Postgres(durable=True)
    try:
        limits = Limits(per_second=PER_SECOND, lines=60, result_timeout=60)
        with city(tmp_path, server.fresh(), replicas, prompt_crowd(PEOPLE), limits) as here:
            ready(here)
            pids = [replica.process.pid for replica in here.fleet]
            before = sum(map(cpu_seconds, pids))
            here.start_run()
            here.settle()
            used = sum(map(cpu_seconds, pids)) - before
            moments = here.ring_times()
            took = moments[-1] - moments[0]
            here.finish()
            check(here)
            report(
                bench="replicas",
                replicas=replicas,
                calls=len(moments),
                over_ideal=round(took / ((len(moments) - 1) / PER_SECOND), 3),
                most_in_a_second=most_in_a_second(moments),
                cpu_ms_per_call=round(1000 * used / len(moments), 2),
            )
            assert len(moments) == PEOPLE
    finally:
        server.close()
