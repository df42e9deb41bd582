"""The simulator's log export: a job, then a CSV file with a row for each leg."""

import csv
import io
from typing import Any

import pytest

from autodialer.simulators.people import Behaviour
from contract.eightx8.support import AGENT, FAST, LEAD, Simulated, simulated, wait_until


def job_of(simulator: Simulated, body: Any = None) -> str:
    answer = simulator.ask("POST", "messages/exports", body)
    assert answer.status_code == 202
    job: str = answer.json()["jobId"]
    return job


def status(simulator: Simulated, job: str) -> dict[str, Any]:
    shown: dict[str, Any] = simulator.ask("GET", f"messages/exports/{job}").json()
    return shown


def rows(simulator: Simulated, job: str) -> list[dict[str, str]]:
    wait_until(lambda: status(simulator, job)["status"] == "succeeded")
    done = status(simulator, job)
    assert set(done) == {"status", "data", "expires"}
    text = simulator.admin.get(done["data"][0]).text
    return list(csv.DictReader(io.StringIO(text)))


def called(simulator: Simulated, *numbers: str) -> list[str]:
    sessions = [simulator.place(number).json()["sessionId"] for number in numbers]
    wait_until(simulator.all_over)
    return sessions


def test_an_answered_call_is_two_rows_that_say_how_each_leg_ended() -> None:
    with simulated({LEAD: Behaviour(("answered",)), AGENT: Behaviour(("busy",))}) as simulator:
        (session,) = called(simulator, LEAD)
        lead, agent = rows(simulator, job_of(simulator))
    assert {lead["SessionId"], agent["SessionId"]} == {session}
    assert (lead["DestinationEndpoint"], agent["DestinationEndpoint"]) == (LEAD, AGENT)
    assert (lead["SipStatus"], lead["CallStatus"], lead["SessionStatus"]) == ("200", "COMPLETED", "BUSY")
    assert (agent["SipStatus"], agent["CallStatus"], agent["SessionStatus"]) == ("486", "BUSY", "BUSY")
    assert (agent["ConnectedAt"], agent["DurationInSec"]) == ("", "0")
    assert int(lead["DurationInSec"]) > 0
    assert "ClientRequestId" not in lead


def test_calls_whose_summary_was_lost_stand_in_the_log() -> None:
    with simulated({LEAD: Behaviour(("silent",))}) as simulator:
        (session,) = called(simulator, LEAD)
        (row,) = rows(simulator, job_of(simulator, {"limit": 0}))
    assert (row["SessionId"], row["CallStatus"]) == (session, "NO_ANSWER")


def test_calls_that_have_not_ended_stand_in_no_log() -> None:
    with simulated(speed=0.001) as simulator:
        simulator.place()
        simulator.post("settings", {"export_seconds": 0})
        assert status(simulator, job_of(simulator)) == {"status": "empty"}


def test_a_job_is_queued_then_running_then_done() -> None:
    with simulated({LEAD: Behaviour(("busy",))}, export_seconds=FAST * 3600) as simulator:
        called(simulator, LEAD)
        job = job_of(simulator)
        seen = [status(simulator, job)["status"]]
        for _ in range(2):
            simulator.app.switch.clock.advance(1860)
            seen.append(status(simulator, job)["status"])
    assert seen == ["queued", "running", "succeeded"]


def test_only_the_time_asked_for_is_exported_and_only_so_many_rows(simulator: Simulated) -> None:
    simulator.post("behaviour", {LEAD: ["busy"]})
    simulator.post("settings", {"export_seconds": 0})
    called(simulator, LEAD, LEAD, LEAD)
    old = {"from": "2020-07-01", "to": "2020-07-02T13:00:00+07:00"}
    assert status(simulator, job_of(simulator, old)) == {"status": "empty"}
    assert len(rows(simulator, job_of(simulator, {"from": "2020-07-01T13:00:00", "limit": 2}))) == 2
    assert len(rows(simulator, job_of(simulator, {"limit": 0}))) == 3


def test_a_cancelled_job_yields_nothing(simulator: Simulated) -> None:
    job = job_of(simulator)
    assert simulator.ask("DELETE", f"messages/exports/{job}").status_code == 204
    assert status(simulator, job) == {"status": "cancelled"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_job_is_answered_as_documented(simulator: Simulated, method: str) -> None:
    answer = simulator.ask(method, "messages/exports/nothing")
    assert answer.status_code == 404
    assert (answer.json()["code"], answer.json()["message"]) == (4018, "Invalid jobId")
    assert set(answer.json()) == {"code", "message", "errorId", "timestamp"}


@pytest.mark.parametrize(
    "body", [[], {"from": "whenever"}, {"from": 5}, {"limit": "x"}, {"from": "2026-01-02", "to": "2026-01-01"}]
)
def test_a_wrong_order_for_an_export_is_refused(simulator: Simulated, body: object) -> None:
    assert simulator.ask("POST", "messages/exports", body).status_code == 422


def test_an_export_needs_the_key_and_its_file_the_token(simulator: Simulated) -> None:
    assert simulator.ask("POST", "messages/exports", {}, key="wrong").status_code == 401
    assert simulator.ask("GET", "messages/download/guessed", key=None).status_code == 404
