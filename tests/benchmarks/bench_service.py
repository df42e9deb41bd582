"""How fast it starts, what it needs when idle, how a run keeps its pace. Medians; on a quiet machine."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from autodialer.service.budget import Load, credits_needed
from benchmarks.measuring import cpu_seconds, memory_mb, peak_memory_mb, report
from e2e.processes import Service, World, ask, wait_until, world

ROUNDS = 5
PAUSE = 20.0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "--speed", "2000") as running:
        yield running


def test_start_until_healthy_and_idle_memory(small: World) -> None:
    """From the start of the process to the first 200 of /health: under 2 s. Idle: under 120 MB."""
    starts, memories = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with small.service() as service:
            starts.append(time.perf_counter() - began)
            wait_until(service.webhook_registered, "the webhook is registered")
            time.sleep(1)
            memories.append(memory_mb(service.child.pid))
    report(bench="start", seconds=round(statistics.median(starts), 2), idle_mb=round(statistics.median(memories), 1))
    assert statistics.median(starts) < 2
    assert statistics.median(memories) < 120


def test_processor_time_at_rest(small: World) -> None:
    """With nothing to do: how much of one core."""
    with small.service() as service:
        wait_until(service.webhook_registered, "the webhook is registered")
        time.sleep(3)
        before = cpu_seconds(service.child.pid)
        time.sleep(PAUSE)
        used = (cpu_seconds(service.child.pid) - before) / PAUSE
    report(bench="rest", core_percent=round(100 * used, 2))


def test_a_thousand_calls_at_twenty_a_second(tmp_path: Path) -> None:
    """Zoho answers in 200 ms, 8x8 in 150 ms: the run takes at most 5 % longer than 1,000 / 20 seconds."""
    options = ("--people", "1360", "--seed", "7", "--speed", "60", "--zoho-latency", "0.2", "--voice-latency", "0.15")
    with world(tmp_path, *options) as running:
        pace = {"CALLS_PER_SECOND": "20", "MAX_CONCURRENT_CALLS": "200"}
        with running.service(**pace) as service:
            wait_until(service.webhook_registered, "the webhook is registered")
            before = cpu_seconds(service.child.pid)
            began = time.perf_counter()
            run = service.cron().json()
            took = time.perf_counter() - began
            used = cpu_seconds(service.child.pid) - before
            totals = running.rings()["totals"]
            peak = peak_memory_mb(service.child.pid)
    called = run["results"]["called"]
    ideal = called / 20
    report(
        bench="pace",
        calls=called,
        seconds=round(took, 2),
        over_ideal=round(took / ideal, 3),
        max_per_second=totals["max_per_second"],
        peak_mb=round(peak, 1),
        cpu_ms_per_call=round(1000 * used / called, 2),
    )
    assert called >= 1000
    assert took <= 1.05 * ideal
    assert totals["max_per_second"] <= 21


def test_ten_thousand_records_are_pulled_in_little_memory(tmp_path: Path) -> None:
    """4,500 and more of 10,000 are eligible: all are pulled, under 150 MB."""
    with (
        world(tmp_path, "--people", "10000", "--seed", "3", "--speed", "2000") as running,
        running.service() as service,
    ):
        began = time.perf_counter()
        plan = httpx2.get(f"{service.url}/api/plan", params={"limit": 0}, timeout=120).json()["totals"]
        took = time.perf_counter() - began
        eligible = sum(running.status_of(record) in ("New", "No Answer") for record in running.records().values())
        peak = peak_memory_mb(service.child.pid)
    report(bench="pull", eligible=eligible, pulled=plan["processed"], seconds=round(took, 2), peak_mb=round(peak, 1))
    assert plan["processed"] == eligible
    assert eligible >= 4500
    assert peak < 150


def test_a_hundred_thousand_records_are_pulled_for_the_fewest_credits_in_flat_memory(tmp_path: Path) -> None:
    """By a plan and by a run: pages of 2,000 for 3 credits each, and not one too many. The whole process stays under 150 MB."""
    with world(tmp_path, "--people", "120000", "--seed", "3", "--speed", "2000") as running:
        modules = [record["module"] for record in running.records().values() if running.status_of(record) in ELIGIBLE]
        pages = sum(max(1, -(-modules.count(module) // 2000)) for module in ("Leads", "Contacts"))
        for name, work in (("plan", _plan), ("run", _stage)):
            with running.service(DB_PATH=f"./{name}.db") as service:
                wait_until(service.webhook_registered, "the webhook is registered")
                before, calls_before = spent(running), coql_calls(running)
                began, cpu = time.perf_counter(), cpu_seconds(service.child.pid)
                pulled, credits_used, calls = work(running, service, before, calls_before)
                took, used = time.perf_counter() - began, cpu_seconds(service.child.pid) - cpu
                peak = peak_memory_mb(service.child.pid)
            report(
                bench=f"pull 100k, {name}",
                pulled=pulled,
                pages=calls,
                credits=credits_used,
                seconds=round(took, 2),
                cpu=round(used, 2),
                peak_mb=round(peak, 1),
            )
            assert pulled == len(modules) >= 100_000
            assert (calls, credits_used) == (pages, 3 * pages + 2), "and the two requests for the fields"
            assert credits_used <= credits_needed(Load(pulled, 0)) + 2
            assert peak < 150


ELIGIBLE = ("New", "No Answer")


def spent(running: World) -> int:
    return int(ask("GET", f"{running.zoho}/_sim/oauth").json()["credits_spent"])


def coql_calls(running: World) -> int:
    return int(ask("GET", f"{running.zoho}/_sim/counts").json()["counts"].get("POST /crm/v8/coql", 0))


def _plan(running: World, service: Service, before: int, calls: int) -> tuple[int, int, int]:
    plan = ask("GET", f"{service.url}/api/plan", params={"limit": 0}, timeout=300).json()["totals"]
    return plan["processed"], spent(running) - before, coql_calls(running) - calls


def _stage(running: World, service: Service, before: int, calls: int) -> tuple[int, int, int]:
    """Paused, so that after the staging no look is taken; and nobody is made Dead before it is counted."""
    assert ask("POST", f"{service.url}/api/pause").status_code == 200
    assert ask("POST", f"{service.url}/api/cron", params={"wait": "false"}).status_code == 202
    figures: list[tuple[int, int, int]] = []

    def staged() -> bool:
        run = service.get("/api/runs")["runs"][0]
        if run["state"] == "staging":
            figures[:] = [(0, spent(running) - before, coql_calls(running) - calls)]
        return bool(run["staged_at"])

    wait_until(staged, "all is staged", patience=300)
    return service.get("/api/runs")["runs"][0]["results"]["processed"], *figures[0][1:]
