"""PULL: 100,000 records by a run, for the fewest credits in flat memory."""

from benchmarks.figures import Book, Figure
from benchmarks.machine import peak_memory_mb, workplace
from e2e.processes import World, ask, wait_until, world

_ELIGIBLE = ("New", "No Answer")
_FIELDS = 2  # credits, for both modules


def measure(book: Book) -> None:
    """Paused, so that after the staging nobody is called."""
    with workplace() as folder, world(folder, "--people", "120000", "--seed", "3", "--speed", "2000") as running:
        modules = [record["module"] for record in running.records().values() if running.status_of(record) in _ELIGIBLE]
        pages = sum(max(1, -(-modules.count(module) // 2000)) for module in ("Leads", "Contacts"))
        with running.service() as service:
            wait_until(service.webhook_registered, "the webhook is registered")
            before = _spent(running)
            assert ask("POST", f"{service.url}/api/pause").is_success
            assert ask("POST", f"{service.url}/api/cron", params={"wait": "false"}).is_success
            spent = before

            def staged() -> bool:
                nonlocal spent
                run = service.get("/api/runs")["runs"][0]
                if run["state"] == "staging":  # later on Dead is written, which costs too
                    spent = _spent(running)
                return bool(run["staged_at"])

            wait_until(staged, "all is staged", patience=300)
            assert service.get("/api/runs")["runs"][0]["results"]["processed"] == len(modules)
            peak = peak_memory_mb(service.child.pid)
    fewest = 3 * pages + _FIELDS
    used = spent - before
    book.tell(Figure("PULL.credits", (used / fewest,), {"credits": used, "fewest": fewest}, "credits"))
    book.tell(Figure("PULL.memory", (peak,), note=f"{len(modules):,} records"))


def _spent(running: World) -> int:
    return int(ask("GET", f"{running.zoho}/_sim/oauth").json()["credits_spent"])
