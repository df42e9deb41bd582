"""Results: stored before they are answered, each counted once, none lost."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx2

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Reservation, Run, RunKind, RunState
from autodialer.simulators.people import Person
from web.house import CALLBACK_TOKEN, NOW, PATIENCE, TOKENS, House, house, person, result, summary

AUTHORISED = {"authorization": f"Bearer {CALLBACK_TOKEN}"}
MANY, TIMES, SENDERS = 300, 5, 24


def _post(service: House, body: dict[str, Any]) -> httpx2.Response:
    return service.client.post("/api/callback", json=body, headers=AUTHORISED)


def _post_all(service: House, bodies: list[dict[str, Any]]) -> list[int]:
    """One after the other over one connection; the status codes."""
    connection = HTTPConnection(*service.address, timeout=PATIENCE)
    codes = []
    for body in bodies:
        connection.request("POST", "/api/callback", json.dumps(body), AUTHORISED | {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        codes.append(answer.status)
    connection.close()
    return codes


def test_when_the_answer_arrives_the_row_is_in_the_inbox(guarded: House) -> None:
    for number in range(20):
        assert _post(guarded, summary(f"durable-{number}", event="CALL_ACTION")).status_code == 200
        rows = guarded.sql(f"SELECT source, event_type, deliveries FROM inbox WHERE session_id = 'durable-{number}'")  # noqa: S608 - a test's query
        assert rows == [("provider", "CALL_ACTION", 1)]


def _placed(ledger: Ledger, people: list[Person]) -> None:
    """One open call to each, as a run leaves it."""
    later = NOW + timedelta(minutes=10)
    run = Run(
        "run-1", RunKind.MANUAL, None, RunState.STAGING, confirm=False, policy_hash="x", owner="test", started_at=NOW
    )
    assert ledger.runs.open(run, later) is not None
    for index, who in enumerate(people):
        key = RecordKey(RecordType.LEAD if who.module == "Leads" else RecordType.CONTACT, who.zoho_id)
        intent = Reservation(
            attempt_id=f"attempt-{index}",
            run_id="run-1",
            key=key,
            number=str(who.number),
            owner="test",
            reserved_at=NOW,
            lease_until=later,
            is_new=True,
            record_status="New",
            attempts_before=0,
            day_attempts_before=0,
            first_no_answer_at=None,
            policy_day="2026-03-03",
            day_index=0,
            total_quota=1,
            day_quota=1,
        )
        reserved = ledger.attempts.reserve(intent)
        submitting = reserved.submit(NOW)
        assert ledger.attempts.submit(reserved, submitting, later)
        assert ledger.attempts.place(submitting, submitting.place(f"session-{index}", NOW))
    assert ledger.runs.advance("run-1", "test", RunState.FINISHED, NOW)


def test_three_hundred_results_posted_at_once_five_times_each_count_once(tmp_path: Path) -> None:
    people = [person(index) for index in range(MANY)]
    statuses = ["answered", "no_answer", "busy", "failed"]
    bodies = [
        result(who, status=statuses[index % 4], call_id=f"session-{index}", timestamp="2026-03-03T11:21:00.000Z")
        for index, who in enumerate(people)
    ]
    posts = bodies * TIMES
    random.Random(7).shuffle(posts)
    with house(tmp_path, people, **TOKENS, eightx8_register_webhook=False) as service:
        service.run(service.system.store.write(lambda ledger: _placed(ledger, people)))
        with ThreadPoolExecutor(SENDERS) as pool:
            shares = [posts[number::SENDERS] for number in range(SENDERS)]
            codes = [code for share in pool.map(lambda share: _post_all(service, share), shares) for code in share]
        assert codes == [200] * len(posts)
        assert service.sql("SELECT count(*), sum(deliveries) FROM inbox") == [(MANY, MANY * TIMES)]
        service.wait_until("SELECT count(*) = 300 FROM inbox WHERE state = 'applied'", "all results are applied")
        ends = dict(service.sql("SELECT disposition, count(*) FROM attempts WHERE state = 'ended' GROUP BY 1"))
        assert ends == dict.fromkeys(statuses, MANY // 4)
        stats = service.ask("GET", "/api/stats").json()["stats"]
        assert stats["today"]["by_disposition"] == ends
        assert (stats["today"]["total_attempts"], stats["recent_calls"]) == (MANY, MANY)
        assert service.sql("SELECT count(*), max(call_attempts) FROM outbox") == [(MANY, 1)]


def test_a_result_may_come_without_time_and_call_id_and_with_a_number_as_id(tmp_path: Path) -> None:
    people = [person(index) for index in range(4)]
    with house(tmp_path, people, **TOKENS, eightx8_register_webhook=False) as service:
        assert service.ask("POST", "/api/cron").json()["results"]["called"] == 4
        bodies = [
            result(people[0]),
            result(people[1]) | {"zoho_id": int(people[1].zoho_id)},
            result(people[2], timestamp="2026-03-03T11:21:00.000Z", call_id=None),
            result(people[3], timestamp="2026-03-03T13:21:00+02:00", extra={"more": "keys"}),
        ]
        for body in bodies:
            assert _post(service, body).status_code == 200
        service.wait_until("SELECT count(*) = 4 FROM attempts WHERE disposition = 'no_answer'", "all four are applied")


def test_an_unknown_event_of_8x8_is_stored_and_changes_nothing_else(guarded: House) -> None:
    tables = ("attempts", "outbox", "runs", "staged_records", "do_not_call")
    before = {name: guarded.ledger()[name] for name in tables}
    for event in ("SOMETHING_NEW", "CALL_STATUS", "x", "ÇAĞRI"):
        assert _post(guarded, summary(f"unknown {event}", event=event)).status_code == 200
    assert _post(guarded, {"namespace": "SMS", "eventType": "DLR", "payload": {}}).status_code == 200
    guarded.wait_until("SELECT count(*) = 5 FROM inbox WHERE state = 'ignored' AND event_type IN "
                       "('SOMETHING_NEW', 'CALL_STATUS', 'x', 'ÇAĞRI', 'DLR')", "they are settled")  # fmt: skip
    assert {name: guarded.ledger()[name] for name in tables} == before


def test_a_result_of_a_session_that_nobody_knows_is_kept_and_changes_nothing(guarded: House) -> None:
    before = guarded.sql("SELECT * FROM attempts")
    ended = summary("of-nobody", sessionStatus="COMPLETED", details={}, callCount=1)
    assert _post(guarded, ended).status_code == 200
    guarded.wait_until("SELECT state <> 'new' FROM inbox WHERE session_id = 'of-nobody'", "it is settled")
    assert guarded.sql("SELECT * FROM attempts") == before


def test_a_ledger_that_is_gone_is_503_with_a_time_to_come_back_and_no_result_is_lost(tmp_path: Path) -> None:
    with house(tmp_path, **TOKENS) as service:
        service.sql("ALTER TABLE inbox RENAME TO inbox_gone")
        body = summary("again", event="CALL_ACTION")
        answer = _post(service, body)
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        assert int(answer.headers["retry-after"]) > 0
        assert "inbox" not in answer.text
        service.sql("ALTER TABLE inbox_gone RENAME TO inbox")
        assert _post(service, body).status_code == 200
        assert service.sql("SELECT count(*) FROM inbox WHERE session_id = 'again'") == [(1,)]


def test_callbacks_are_taken_while_a_run_goes_on_and_while_the_service_is_paused(tmp_path: Path) -> None:
    with house(tmp_path, [person(0), person(1)], **TOKENS, calls_per_second=0.3) as service:
        run = threading.Thread(target=lambda: service.ask("POST", "/api/cron"))
        run.start()
        service.wait_until("SELECT count(*) FROM attempts WHERE placed_at IS NOT NULL", "one call is placed")
        service.ask("POST", "/api/pause")
        assert _post(service, summary("meanwhile", event="CALL_ACTION")).status_code == 200
        service.ask("POST", "/api/resume")
        run.join()
