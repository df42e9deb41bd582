"""The whole service as processes, by hand as a user would: environment variables, POST /api/cron, CLOCK."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.processes import World, world

pytestmark = pytest.mark.e2e
DAYS = [f"2026-03-{day:02}T12:00:00Z" for day in (2, 3, 4, 5)]


Days = tuple[World, list[dict[str, Any]], dict[str, Any]]


@contextmanager
def days(folder: Path) -> Iterator[Days]:
    """Three runs on each of Days 0 to 3; what each gave, and the people as they were before."""
    with world(folder, "--speed", "2000", "--now", "2026-03-02T09:00:00Z") as running:
        before = running.records()
        results = []
        for moment in DAYS:
            with running.service(
                CLOCK=moment, CALLS_PER_SECOND="100", MAX_CONCURRENT_CALLS="40", RESULT_TIMEOUT="2"
            ) as service:
                results += [service.run_and_settle() for _ in range(3)]
        yield running, results, before


def _by_note(running: World, note: str) -> list[dict[str, Any]]:
    return [record for record in running.records().values() if record["note"] == note]


def someone_who_never_answers_gets_three_two_two_calls_and_then_is_dead(days: Days) -> None:
    running, _, _ = days
    people = _by_note(running, "New, never answers")
    assert len(people) == 2
    for person in people:
        rings = running.rings()["rings"][person["Phone"]]
        assert len(rings) == 7
        assert running.status_of(person) == "Dead"
        assert person["Call_Attempts"] == 7
        assert person["First_No_Answer_At"] is not None


def the_ledger_shows_three_two_two_calls_by_day(days: Days) -> None:
    running, results, _ = days
    with sqlite3.connect(running.folder / "data" / "call_logs.db") as ledger:
        for person in _by_note(running, "New, never answers"):
            rows = ledger.execute(
                "SELECT call_date, attempts_today FROM call_logs WHERE zoho_id = ? ORDER BY call_date", (person["id"],)
            ).fetchall()
            assert rows == [("2026-03-02", 3), ("2026-03-03", 2), ("2026-03-04", 2)]
    ledger.close()
    assert results[9]["marked_dead"] >= 2
    assert [result["marked_dead"] for result in results[10:]] == [0, 0]


def a_new_record_that_answers_gets_one_call_and_keeps_its_status(days: Days) -> None:
    running, _, _ = days
    people = _by_note(running, "New, answers at once")
    assert len(people) == 2
    for person in people:
        assert running.rings_of(person["Phone"]) == 1
        assert running.status_of(person) == "New"
        assert person["Call_Attempts"] == 1
        assert person["First_No_Answer_At"] is None


def every_stop_status_stays_untouched(days: Days) -> None:
    running, _, before = days
    after = running.records()
    stopped = [key for key, record in before.items() if running.status_of(record) not in ("New", "No Answer")]
    assert len(stopped) >= 12
    for key in stopped:
        assert after[key] == before[key]


def nobody_is_rung_more_than_seven_times_and_every_call_was_placed_once(days: Days) -> None:
    running, results, _ = days
    totals = running.rings()["totals"]
    assert totals["max_rings_of_one_number"] == 7
    assert totals["repeated_client_request_ids"] == []
    assert totals["accepted"] == sum(result["called"] for result in results)


def each_run_counts_every_record_exactly_once(days: Days) -> None:
    _, results, _ = days
    for result in results:
        assert result["processed"] == result["called"] + result["errors"] + result["skipped"]
        assert result["processed"] > 0


CHECKS: tuple[Callable[[Days], None], ...] = (
    someone_who_never_answers_gets_three_two_two_calls_and_then_is_dead,
    the_ledger_shows_three_two_two_calls_by_day,
    a_new_record_that_answers_gets_one_call_and_keeps_its_status,
    every_stop_status_stays_untouched,
    nobody_is_rung_more_than_seven_times_and_every_call_was_placed_once,
    each_run_counts_every_record_exactly_once,
)


def test_three_runs_on_each_of_four_days(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """One test, for the days are to be lived through once."""
    with days(tmp_path) as lived:
        for check in CHECKS:
            with subtests.test(check.__name__.replace("_", " ")):
                check(lived)
