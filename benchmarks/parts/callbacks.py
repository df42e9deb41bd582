"""P1 to P4 and P9: callbacks, durable before they are answered, at 64 connections and at one, beside five rivals."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.figures import Book, Figure, ratios
from benchmarks.installing import node_modules
from benchmarks.machine import cores, workplace
from benchmarks.rounds import interleave, quick
from benchmarks.servers import Server, node_rival, product, python_rival
from e2e.processes import world

CONNECTIONS = 64
EXPRESS, FASTIFY = "express 5, commit each", "fastify, group commit"
_TABLE = "Callbacks at 64 connections"


@contextmanager
def contestants(folder: Path) -> Iterator[dict[str, Server]]:
    """The service and its rivals, all on one core, by name; those for Node only where there is Node."""
    core, _ = cores()
    with ExitStack() as stack:
        running = stack.enter_context(world(folder))
        ours, _service = stack.enter_context(product(running, core=core))
        rivals = [python_rival("FastAPI, commit each", "fastapi_commit_each.py", folder, core=core)]
        if isinstance(node_modules(), Path):
            rivals += [
                node_rival(EXPRESS, "express_commit_each.mjs", folder, core=core),
                node_rival(FASTIFY, "fastify_group.mjs", folder, core=core),
            ]
        if not quick():
            rivals += [
                python_rival("Starlette, group commit", "starlette_group.py", folder, core=core),
                python_rival("bare ASGI, group commit", "asgi.py", folder, "group", core=core),
                python_rival("bare ASGI, nothing stored", "asgi.py", folder, "nothing", core=core),
            ]
        yield {server.name: server for server in [ours, *(stack.enter_context(rival) for rival in rivals)]}


def measure(book: Book) -> None:
    """P1, P2, P3, P4, P9."""
    absent = node_modules()
    if isinstance(absent, str):
        book.miss(("P1", "P1.envelope", "P2", "P3", "P4", "P9.cpu", "P9.rss"), absent)
    with workplace() as folder, contestants(folder) as servers:
        interleave(list(servers.values()), CONNECTIONS)
        _tell_rates(book, servers)
        book.table(_TABLE, [row(server) for server in servers.values()])
        ours, express = servers["autodialer"], servers.get(EXPRESS)
        if express is not None:
            interleave([ours, express], 1, "alone")
            mine, theirs = ours.column("p50_ms"), express.column("p50_ms")
            book.tell(Figure("P4", ratios(mine, theirs), beside(ours, express, "p50_ms"), "ms"))
            if not quick():
                ours.envelope = True
                interleave([ours, express], CONNECTIONS, "event")
                rates = ratios(ours.column("per_second"), express.column("per_second"))
                book.tell(Figure("P1.envelope", rates, beside(ours, express, "per_second"), "/s"))


def _tell_rates(book: Book, servers: dict[str, Server]) -> None:
    ours = servers["autodialer"]
    fastapi, express, fastify = servers["FastAPI, commit each"], servers.get(EXPRESS), servers.get(FASTIFY)

    def tell(goal: str, name: str, unit: str, rival: Server) -> None:
        book.tell(Figure(goal, ratios(ours.column(name), rival.column(name)), beside(ours, rival, name), unit))

    if express is not None:
        tell("P1", "per_second", "/s", express)
        latencies = {"autodialer p99": median(ours, "p99_ms"), "express p50": median(express, "p50_ms")}
        book.tell(Figure("P3", ratios(ours.column("p99_ms"), express.column("p50_ms")), latencies, "ms"))
        tell("P9.cpu", "cpu_us", "µs", express)
        tell("P9.rss", "memory", "MB", express)
    tell("P1.fastapi", "per_second", "/s", fastapi)
    if fastify is not None:
        tell("P2", "per_second", "/s", fastify)


def beside(ours: Server, rival: Server, name: str) -> dict[str, float]:
    """Both medians, by who it was."""
    return {server.name: median(server, name) for server in (ours, rival)}


def median(server: Server, name: str) -> float:
    """Of all rounds."""
    found = sorted(server.column(name))
    return found[len(found) // 2]


def row(server: Server) -> dict[str, float | str]:
    """A line of the table of all contestants."""
    return {
        "server": server.name,
        "callbacks/s": median(server, "per_second"),
        "least and most": f"{min(server.column('per_second')):,.0f} – {max(server.column('per_second')):,.0f}",
        "p50 ms": median(server, "p50_ms"),
        "p99 ms": median(server, "p99_ms"),
        "processor µs each": median(server, "cpu_us"),
        "memory MB": median(server, "memory"),
    }
