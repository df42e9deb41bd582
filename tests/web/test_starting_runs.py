"""POST /api/cron: when it calls, when it refuses, and that it never seems to have done what it did not."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from autodialer.simulators.eightx8_settings import VoiceSettings
from web.house import NOW, House, house, person

TWO = [person(0), person(1)]


def test_without_waiting_it_answers_202_at_once_and_409_while_the_run_goes_on(tmp_path: Path) -> None:
    with house(tmp_path, TWO, calls_per_second=0.2) as service:
        started = time.monotonic()
        first = service.ask("POST", "/api/cron?wait=false")
        assert time.monotonic() - started < 3
        assert (first.status_code, first.json()["success"]) == (202, True)
        run_id = first.json()["run_id"]
        for path in ("/api/cron", "/api/cron?wait=false", "/api/cron?confirm=true"):
            second = service.ask("POST", path)
            assert (second.status_code, second.json()["success"]) == (409, False)
            assert second.json()["run_id"] == run_id
        assert service.ask("GET", "/api/stats").json()["stats"]["running"] == run_id
        assert len(service.ask("GET", "/api/runs").json()["runs"]) == 1


def test_who_waits_is_told_when_the_service_stops(tmp_path: Path) -> None:
    answers: list[Any] = []
    with house(tmp_path, TWO, calls_per_second=0.2) as service:
        waiting = threading.Thread(target=lambda: answers.append(service.ask("POST", "/api/cron")))
        waiting.start()
        service.wait_until("SELECT count(*) FROM attempts WHERE submitted_at IS NOT NULL", "one call is placed")
        service.loop.call_soon_threadsafe(service.system.services.stopping.set)
        waiting.join(10)
        runs = service.sql("SELECT run_id, state FROM runs")
    assert [answer.status_code for answer in answers] == [503]
    assert answers[0].json()["run_id"] == runs[0][0]
    assert "stopping" in answers[0].json()["message"]
    assert runs[0][1] == "dialing"


def test_what_is_missing_for_calls_is_named_with_503_and_nothing_is_called(tmp_path: Path) -> None:
    missing: dict[str, Any] = {
        "eightx8_subaccount_id": None,
        "eightx8_caller_id": None,
        "eightx8_agent_number": None,
        "zoho_leads_status_field": "No_Such_Field",
    }
    with house(tmp_path, TWO, **missing) as service:
        answer = service.ask("POST", "/api/cron")
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        for name in ("EIGHTX8_SUBACCOUNT_ID", "EIGHTX8_CALLER_ID", "EIGHTX8_AGENT_NUMBER", "No_Such_Field"):
            assert name in answer.json()["message"]
        assert service.ask("GET", "/api/doctor").json()["healthy"] is False
        assert service.client.get("/health").status_code == 200
        assert service.rings() == 0
        assert service.sql("SELECT * FROM runs") == []


def test_zoho_out_of_reach_is_503_and_the_run_never_began(tmp_path: Path) -> None:
    nobody_there = "http://127.0.0.1:9"
    with house(tmp_path, zoho_api_domain=nobody_there, zoho_accounts_url=nobody_there) as service:
        answer = service.ask("POST", "/api/cron")
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        assert nobody_there in answer.json()["message"]
        assert service.sql("SELECT * FROM runs") == []
        assert service.rings() == 0


def test_a_run_that_stopped_is_a_failure_that_says_why_and_how_far_it_came(tmp_path: Path) -> None:
    other_key = VoiceSettings(speed=900, api_key="not-the-one-we-have")
    with house(tmp_path, [person(index) for index in range(8)], voice=other_key, calls_per_second=20) as service:
        answer = service.ask("POST", "/api/cron")
        body = answer.json()
        assert (answer.status_code, body["success"]) == (503, False)
        assert body["message"].startswith("the run stopped: 8x8 refuses all calls")
        results = body["results"]
        assert results["processed"] == 8 == results["called"] + results["errors"] + results["skipped"]
        assert results["called"] == 0
        assert service.ask("GET", f"/api/runs/{body['run_id']}").json()["run"]["state"] == "stopped"


def _calls_nobody(service: House, path: str) -> None:
    answer = service.ask("POST", path)
    body = answer.json()
    assert (answer.status_code, body["success"], body["message"]) == (200, True, "Dry run completed")
    assert body["results"]["would_call"] == 2
    counts = {name: body["results"][name] for name in ("processed", "called", "errors", "skipped")}
    assert counts == {"processed": 2, "called": 0, "errors": 0, "skipped": 2}
    assert service.rings() == 0
    assert service.sql("SELECT * FROM runs") == service.sql("SELECT * FROM attempts") == []


def test_a_dry_run_only_counts(tmp_path: Path) -> None:
    with house(tmp_path, TWO) as service:
        _calls_nobody(service, "/api/cron?dry_run=true")


def test_with_dry_run_set_neither_the_api_nor_a_due_slot_calls_anybody(tmp_path: Path) -> None:
    due = NOW.replace(hour=9, minute=59, second=58)
    with house(tmp_path, TWO, dry_run=True, clock=due) as service:
        time.sleep(3)  # the slot of 10:00 comes and goes
        for path in ("/api/cron", "/api/cron?wait=false", "/api/cron?dry_run=false"):
            _calls_nobody(service, path)


def test_the_same_slot_calls_without_dry_run(tmp_path: Path) -> None:
    due = NOW.replace(hour=9, minute=59, second=58)
    with house(tmp_path, TWO, clock=due) as service:
        service.wait_until(
            "SELECT count(*) = 2 FROM attempts WHERE placed_at IS NOT NULL", "the slot's calls are placed"
        )
        assert service.rings() == 2


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("dry-run=true", b""),
        ("dryRun=true", b""),
        ("dry_run=perhaps", b""),
        ("dry_run=true&dry_run=false", b""),
        ("wait=maybe", b""),
        ("", b'{"dry_run": true}'),
        ("", b"dry_run=true"),
        ("", b"\x00"),
    ],
)
def test_an_option_that_is_not_understood_starts_no_run(guarded: House, query: str, body: bytes) -> None:
    answer = guarded.ask("POST", f"/api/cron?{query}", content=body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert len(answer.json()["problems"]) == 1
    assert guarded.rings() == 0
    assert guarded.sql("SELECT * FROM runs") == []


def test_a_paused_service_places_no_call_until_it_is_resumed(tmp_path: Path) -> None:
    with house(tmp_path, TWO) as service:
        assert service.ask("POST", "/api/pause").json()["paused"] is True
        assert service.ask("GET", "/api/stats").json()["stats"]["paused"] is True
        assert service.ask("POST", "/api/cron?wait=false").status_code == 202
        time.sleep(1)
        assert service.rings() == 0
        assert service.ask("POST", "/api/resume").json()["paused"] is False
        service.wait_until("SELECT count(*) FROM runs WHERE state = 'finished'", "the run ends")
        assert service.rings() == 2
