"""The whole service as processes, by hand as a user would: environment variables, POST /api/cron, CLOCK."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.processes import World, world

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("days")]  # the days are lived through once
DAYS = [f"2026-03-{day:02}T12:00:00Z" for day in (2, 3, 4, 5)]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[dict[str, Any]], dict[str, Any]]]:
    """Three runs on each of Days 0 to 3; what each gave, and the people as they were before."""
    folder = tmp_path_factory.mktemp("days")
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


def test_someone_who_never_answers_gets_three_two_two_calls_and_then_is_dead(
    days: tuple[World, list[dict[str, Any]], dict[str, Any]],
) -> None:
    running, _, _ = days
    people = _by_note(running, "New, never answers")
    assert len(people) == 2
    for person in people:
        rings = running.rings()["rings"][person["Phone"]]
        assert len(rings) == 7
        assert running.status_of(person) == "Dead"
        assert person["Call_Attempts"] == 7
        assert person["First_No_Answer_At"] is not None


def test_the_ledger_shows_three_two_two_calls_by_day(days: tuple[World, list[dict[str, Any]], dict[str, Any]]) -> None:
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


def test_a_new_record_that_answers_gets_one_call_and_keeps_its_status(
    days: tuple[World, list[dict[str, Any]], dict[str, Any]],
) -> None:
    running, _, _ = days
    people = _by_note(running, "New, answers at once")
    assert len(people) == 2
    for person in people:
        assert running.rings_of(person["Phone"]) == 1
        assert running.status_of(person) == "New"
        assert person["Call_Attempts"] == 1
        assert person["First_No_Answer_At"] is None


def test_every_stop_status_stays_untouched(days: tuple[World, list[dict[str, Any]], dict[str, Any]]) -> None:
    running, _, before = days
    after = running.records()
    stopped = [key for key, record in before.items() if running.status_of(record) not in ("New", "No Answer")]
    assert len(stopped) >= 12
    for key in stopped:
        assert after[key] == before[key]


def test_nobody_is_rung_more_than_seven_times_and_every_call_was_placed_once(
    days: tuple[World, list[dict[str, Any]], dict[str, Any]],
) -> None:
    running, results, _ = days
    totals = running.rings()["totals"]
    assert totals["max_rings_of_one_number"] == 7
    assert totals["repeated_client_request_ids"] == []
    assert totals["accepted"] == sum(result["called"] for result in results)


def test_each_run_counts_every_record_exactly_once(days: tuple[World, list[dict[str, Any]], dict[str, Any]]) -> None:
    _, results, _ = days
    for result in results:
        assert result["processed"] == result["called"] + result["errors"] + result["skipped"]
        assert result["processed"] > 0
