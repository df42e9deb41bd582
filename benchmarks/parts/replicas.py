"""REPLICAS: runs of one, two and four replicas on one PostgreSQL that syncs each commit."""

from benchmarks.figures import Book, Figure
from benchmarks.machine import cpu_seconds, workplace
from benchmarks.rounds import quick
from crash.forge import open_forge
from databases import Postgres
from replicas.city import Limits, city, prompt_crowd, ready
from replicas.judging import check, most_in_a_second

PEOPLE = 60 if quick() else 400
PER_SECOND = 20
_COUNTED = 2


def measure(book: Book) -> None:
    """From the first call to the last, against as many at CALLS_PER_SECOND; processor time of the replicas alone."""
    open_forge([])
    rows: list[dict[str, float | str]] = []
    for replicas in (1, 2, 4):
        server = Postgres(durable=True)
        try:
            limits = Limits(per_second=PER_SECOND, lines=60, result_timeout=60)
            with workplace() as folder, city(folder, server.fresh(), replicas, prompt_crowd(PEOPLE), limits) as here:
                ready(here)
                pids = [replica.process.pid for replica in here.fleet]
                before = sum(map(cpu_seconds, pids))
                here.start_run()
                here.settle()
                used = sum(map(cpu_seconds, pids)) - before
                moments = here.ring_times()
                over = (moments[-1] - moments[0]) / ((len(moments) - 1) / PER_SECOND)
                here.finish()
                check(here)
                assert len(moments) == PEOPLE
        finally:
            server.close()
        each = 1000 * used / len(moments)
        rows.append(
            {
                "replicas": str(replicas),
                "time ÷ the least": over,
                "most in a second": float(most_in_a_second(moments)),
                "processor ms each": each,
            }
        )
        if replicas == _COUNTED:
            book.tell(Figure("REPLICAS", (over,), {"processor ms each": each}))
    book.table("Replicas on PostgreSQL", rows)
