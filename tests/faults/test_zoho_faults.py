"""Faults of Zoho's side: numbers 19 to 26 and 38."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from autodialer.domain.record import RecordKey, RecordType
from crash.judging import check_intents
from e2e.processes import ask, wait_until
from faults.conftest import OpenStage
from faults.stage import PATHS, Stage, in_the_service
from web.house import result

COQL, TOKEN = PATHS["coql"], PATHS["token"]


def minted(here: Stage) -> int:
    return int(ask("GET", f"{here.world.zoho}/_sim/oauth").json()["minted"])


def test_fault_19_ten_requests_that_meet_an_expired_token_mint_one_new_token(here: Stage) -> None:
    here.run()
    before = minted(here)
    assert ask("POST", f"{here.world.zoho}/_sim/oauth", json={"expire_tokens": True}).status_code == 200
    person = here.everybody[0]
    key = RecordKey(RecordType.LEAD, person.zoho_id)

    async def look_ten_times(system: Any) -> list[int]:
        return [len(found) for found in await asyncio.gather(*(system.crm.look([key]) for _ in range(10)))]

    assert in_the_service(here, look_ten_times) == [1] * 10
    assert minted(here) == before + 1
    here.check()


def test_fault_20_a_storm_of_429_is_weathered_with_few_more_requests(here: Stage) -> None:
    here.run()
    usual = here.count("zoho", COQL)
    here.fault("zoho", COQL, "status", status=429, body={"code": "TOO_MANY_REQUESTS", "status": "error"}, times=2)
    assert here.run()["called"] > 0
    assert here.fired("zoho") == 2
    assert here.count("zoho", COQL) - usual <= 2 * usual
    here.check()


@pytest.mark.parametrize("state", ["locked", "converted"])
def test_fault_21_of_a_batch_only_the_refused_update_waits_or_is_parked_with_its_reason(
    here: Stage, state: str
) -> None:
    person = here.everybody[0]
    here.edit(person, state=state)
    answer = here.house.ask("POST", "/api/cron")
    assert answer.status_code == 200
    waits = f"record_type = 'Lead' AND zoho_id = '{person.zoho_id}' AND last_error <> ''"
    wait_until(lambda: here.sql(f"SELECT count(*) FROM outbox WHERE {waits}") == 1, "the refusal is noted")  # noqa: S608 - ours
    others = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'parked') AND last_error = ''"
    wait_until(lambda: here.sql(others) == 0, "the others are written")
    found = here.sql(f"SELECT state FROM outbox WHERE {waits}")  # noqa: S608 - ours
    assert found == ("pending" if state == "locked" else "parked")
    here.edit(person, state="none")
    if state == "locked":
        here.settle()
        here.check()
    writes = [len(record["history"]) for record in here.world.records().values()]
    assert max(writes) == 1, "what was taken is not sent again"


def test_fault_22_a_batch_whose_answer_was_lost_is_sent_again_and_counts_once(here: Stage) -> None:
    here.fault("zoho", "/crm/v8/", "drop_after_commit", method="PUT", times=2)
    here.run()
    assert here.fired("zoho") == 2
    here.check()


def test_fault_23_without_credits_nobody_is_called_and_what_waits_is_written_when_there_are_some(here: Stage) -> None:
    meter = here.house.simulated.zoho.meter
    here.house.system.crm._transport._tries = 1  # its patience is tested elsewhere and costs real time
    here.run()
    calls = len(here.world.sessions())
    meter.limits.credits_per_day = meter.spent
    assert here.house.ask("POST", "/api/cron").status_code != 200
    assert len(here.world.sessions()) == calls, "a call whose result can't be written back"
    assert here.post(result(here.everybody[3], call_id="elsewhere")) == 200
    meter.limits.credits_per_day = 50_000
    here.run()
    assert len(here.world.sessions()) > calls
    assert here.sql("SELECT count(*) FROM attempts WHERE session_id = 'elsewhere' AND state = 'ended'") == 1


def test_fault_24_people_who_come_and_go_while_a_run_is_staged_are_called_once_or_not_at_all(here: Stage) -> None:
    here.fault("zoho", COQL, "slow", delay_seconds=0.3, times=2)
    answer = here.house.ask("POST", "/api/cron", params={"wait": "false"})
    assert answer.status_code == 202
    here.edit(here.everybody[0], delete=True)
    here.set_status(here.everybody[1], "Recruiting")
    wait_until(lambda: here.sql("SELECT count(*) FROM runs WHERE ended_at IS NOT NULL") == 1, "the run ends")
    here.settle()
    called = [session["destination"] for session in here.world.sessions()]
    assert len(called) == len(set(called)) == 7
    assert not {here.everybody[0].number, here.everybody[1].number} & set(called)


@pytest.mark.parametrize("kind", ["html", "torn"])
def test_fault_25_a_hostile_page_is_asked_for_again_and_the_run_goes_on(here: Stage, kind: str) -> None:
    here.edit(here.everybody[0], fields={"Phone": "x" * 29, "Mobile": None})
    here.edit(here.everybody[1], fields={"Call_Attempts": -5})
    here.fault("zoho", COQL, kind, times=2)
    results = here.run()
    assert here.fired("zoho") == 2
    assert results["called"] == 7
    assert results["reasons"]["no_valid_phone"] == 1
    assert results["reasons"]["bad_call_attempts"] == 1


def test_fault_26_who_gets_a_stop_status_or_onto_the_list_after_the_pull_is_not_called(open_stage: OpenStage) -> None:
    with open_stage(max_concurrent_calls=1, speed=60.0) as here:
        answer = here.house.ask("POST", "/api/cron", params={"wait": "false"})
        assert answer.status_code == 202
        wait_until(lambda: len(here.world.sessions()) >= 1, "the first phone rings")
        here.set_status(here.everybody[7], "Recruiting")
        assert here.house.ask("POST", "/api/do-not-call", json={"number": here.everybody[6].number}).status_code < 300
        here.settings(speed=2000)
        wait_until(lambda: here.sql("SELECT count(*) FROM runs WHERE ended_at IS NOT NULL") == 1, "the run ends")
        here.settle()
        called = {session["destination"] for session in here.world.sessions()}
        assert not called & {here.everybody[6].number, here.everybody[7].number}
        assert len(called) == 7
        check_intents(here.world.sessions(), [dict(row) for row in here._mappings("SELECT * FROM attempts")])


@contextmanager
def canary() -> Iterator[tuple[str, list[bytes]]]:
    """A server that must never be asked; what it heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(1)
                    heard.append(connection.recv(4096))
        except TimeoutError:
            pass


def test_fault_38_neither_a_token_answer_nor_a_redirect_can_send_the_token_elsewhere(open_stage: OpenStage) -> None:
    with canary() as (elsewhere, heard), open_stage() as here:
        token = {"access_token": "1000.evil", "api_domain": elsewhere, "token_type": "Bearer", "expires_in": 3600}
        here.fault("zoho", TOKEN, "status", status=200, body=token)
        here.fault("zoho", COQL, "status", status=302, headers={"Location": f"{elsewhere}/crm/v8/coql"}, times=2)
        here.house.ask("POST", "/api/cron")
        here.fault("voice", PATHS["place"], "status", status=307, headers={"Location": f"{elsewhere}/x"}, times=1)
        here.house.ask("POST", "/api/cron")
        assert here.fired("zoho") + here.fired("voice") >= 2
    assert heard == []


def test_fault_27_a_clock_that_jumps_calls_nobody_more_often_than_the_rules_allow(here: Stage) -> None:
    """Daylight saving and zones of every kind: tests/rules/test_calling_hours.py."""
    clock: Any = here.house.system.services.means.clock
    before = clock.now()
    here.run()
    calls = len(here.world.sessions())
    clock.move_to(before - timedelta(days=1))
    answer = here.house.ask("POST", "/api/cron")
    here.settle()
    assert answer.status_code == 503
    assert "clock" in answer.text
    assert len(here.world.sessions()) == calls, "who was called tomorrow is not called today"
    clock.move_to(before + timedelta(hours=1))
    here.run()
    assert len(here.world.sessions()) > calls
    here.check()
