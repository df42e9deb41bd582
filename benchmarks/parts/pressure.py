"""P5 to P8: callbacks on slow disks, without storage, over thousands of connections, on PostgreSQL, and while calls are placed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.figures import Book, Figure, ratios
from benchmarks.installing import node_modules, python_packages
from benchmarks.machine import ROOT, compiler, cores, workplace
from benchmarks.parts.callbacks import CONNECTIONS, EXPRESS, beside, median, row
from benchmarks.rounds import interleave, quick
from benchmarks.servers import TOKENS, Server, node_rival, product, python_rival
from benchmarks.town import settle
from databases import Postgres
from e2e.processes import ask, wait_until, world

_SHIM = ROOT / "tests" / "shims" / "slow_sync.c"


def measure_slow_disk(book: Book) -> None:
    """P5: each fsync takes 10 ms longer, then 2 ms."""
    compile_with, absent = compiler(), node_modules()
    if compile_with is None or isinstance(absent, str):
        why = "no C compiler for the slow disk" if compile_with is None else str(absent)
        book.miss(("P5.rate", "P5.p99", "P5.2ms"), why)
        return
    for milliseconds in (10,) if quick() else (10, 2):
        with workplace() as folder, _pair(folder, _slowly(compile_with, folder, milliseconds)) as (ours, express):
            interleave([ours, express], CONNECTIONS, f"slow-{milliseconds}")
            rates = ratios(ours.column("per_second"), express.column("per_second"))
            shown = beside(ours, express, "per_second")
            book.tell(Figure("P5.rate" if milliseconds == 10 else "P5.2ms", rates, shown, "/s"))
            if milliseconds == 10:
                book.tell(Figure("P5.p99", tuple(ours.column("p99_ms")), beside(ours, express, "p99_ms"), "ms"))


def _slowly(compile_with: str, folder: Path, milliseconds: int) -> dict[str, str]:
    shim = folder / "slow_sync.so"
    command = [compile_with, "-shared", "-fPIC", "-O2", "-o", str(shim), str(_SHIM), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return {"LD_PRELOAD": str(shim), "SLOW_SYNC_US": str(1000 * milliseconds)}


@contextmanager
def _pair(folder: Path, more: Mapping[str, str]) -> Iterator[tuple[Server, Server]]:
    core, _ = cores()
    with (
        world(folder) as running,
        product(running, core=core, more=more) as (ours, _service),
        node_rival(EXPRESS, "express_commit_each.mjs", folder, core=core, env=more) as express,
    ):
        yield ours, express


def measure_without_storage(book: Book) -> None:
    """P6: the service beside itself without storage; what it answers then is lost."""
    core, _ = cores()
    with (
        workplace() as folder,
        world(folder) as running,
        product(running, core=core) as (ours, _service),
        product(running, "storage off", core=core, storing=False, more={"DB_PATH": "./none.db"}) as (bare, _other),
    ):
        interleave([ours, bare], CONNECTIONS, "storage")
        rates = ratios(ours.column("per_second"), bare.column("per_second"))
        book.tell(Figure("P6", rates, beside(ours, bare, "per_second"), "/s"))


def measure_crowd(book: Book) -> None:
    """P7: 9,000 connections at once (QUICK: 1,000), beside its own 64 and express'."""
    crowd = 1_000 if quick() else 9_000
    core, _ = cores()
    absent = node_modules()
    with workplace() as folder, world(folder) as running, product(running, core=core) as (ours, _service):
        interleave([ours], CONNECTIONS, "few")
        few = ours.column("per_second")
        if isinstance(absent, str):
            book.miss(("P7.rss",), absent)
            interleave([ours], crowd, "crowd", alive=True)
        else:
            with node_rival(EXPRESS, "express_commit_each.mjs", folder, core=core) as express:
                # Whoever was stopped would still have the crowd of its last round to say goodbye to when the next one comes.
                interleave([ours, express], crowd, "crowd", alive=True)
                memory = ratios(ours.column("memory"), express.column("memory"))
                book.tell(Figure("P7.rss", memory, beside(ours, express, "memory"), "MB"))
        wrong = [one.load.refused + one.load.broken for one in ours.rounds]
        note = f"{crowd:,} connections"
        book.tell(Figure("P7.errors", tuple(map(float, wrong)), note=note))
        shown = {"64 connections": sorted(few)[len(few) // 2], note: median(ours, "per_second")}
        book.tell(Figure("P7.rate", ratios(ours.column("per_second"), few), shown, "/s", note=note))


def measure_postgres(book: Book) -> None:
    """P8: PostgreSQL that syncs each commit, and everybody on any core."""
    packages, absent = python_packages(), node_modules()
    if isinstance(packages, str):
        book.miss(("P8.pg",), packages)
    if isinstance(absent, str):
        book.miss(("P8.express",), absent)
    server = Postgres(durable=True)
    try:
        url, rival = server.url(server.create_database()), f"{server.socket.parent}:{server.create_database()}"
        with (
            workplace() as folder,
            world(folder) as running,
            product(running, more={"DATABASE_URL": url.replace("+psycopg", "")}) as (ours, _service),
        ):
            _beside_postgres(
                book, folder, ours, rival, is_node=isinstance(absent, Path), is_pg=isinstance(packages, Path)
            )
    finally:
        server.close()


def _beside_postgres(book: Book, folder: Path, ours: Server, target: str, *, is_node: bool, is_pg: bool) -> None:
    rivals = []
    if is_pg:
        rivals.append(python_rival("asyncpg pool, commit each", "asgi.py", folder, "pg_each", target=target))
        if not quick():
            rivals.append(python_rival("asyncpg, group commit", "asgi.py", folder, "pg_group", target=target))
    if is_node:
        rivals.append(node_rival(EXPRESS, "express_commit_each.mjs", folder))
    with ExitStack() as stack:
        servers = [ours, *(stack.enter_context(one) for one in rivals)]
        interleave(servers, CONNECTIONS, "pg")
        by_name = {one.name: one for one in servers}
        for goal, name in (("P8.express", EXPRESS), ("P8.pg", "asyncpg pool, commit each")):
            if name in by_name:
                rates = ratios(ours.column("per_second"), by_name[name].column("per_second"))
                book.tell(Figure(goal, rates, beside(ours, by_name[name], "per_second"), "/s"))
        book.table("Callbacks on PostgreSQL, two cores for all", [row(one) for one in servers])


def measure_while_dialing(book: Book) -> None:
    """P1.dialing: ten calls a second leave meanwhile; the rival has the core for itself afterwards."""
    core, _ = cores()
    pace = {"CALLS_PER_SECOND": "10", "MAX_CONCURRENT_CALLS": "200"}
    with (
        workplace() as folder,
        world(folder, "--speed", "60") as running,
        product(running, core=core, more=pace) as (ours, service),
        python_rival("FastAPI, commit each", "fastapi_commit_each.py", folder, core=core) as other,
    ):
        settle(running, 0, 2_000)
        headers = {"authorization": f"Bearer {TOKENS['API_TOKEN']}"}
        run_id = ask("POST", f"{service.url}/api/cron?wait=false", headers=headers).json()["run_id"]

        def state() -> str:
            return str(ask("GET", f"{service.url}/api/runs/{run_id}?limit=1", headers=headers).json()["run"]["state"])

        wait_until(lambda: state() == "dialing", "the run dials")
        time.sleep(1)
        before = running.rings()["totals"]["accepted"]
        began = time.monotonic()
        interleave([ours], CONNECTIONS, "dialing", alive=True)
        pace_kept = (running.rings()["totals"]["accepted"] - before) / (time.monotonic() - began)
        assert state() == "dialing"
        os.kill(service.child.pid, signal.SIGSTOP)
        interleave([other], CONNECTIONS, "dialing")
        os.kill(service.child.pid, signal.SIGCONT)
        rates = ratios(ours.column("per_second"), other.column("per_second"))
        note = f"{pace_kept:.1f} calls/s meanwhile; p99 {median(ours, 'p99_ms'):.0f} ms"
        book.tell(Figure("P1.dialing", rates, beside(ours, other, "per_second"), "/s", note=note))
