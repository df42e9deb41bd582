"""Zoho answers nothing but errors: who asks for something by hand is told so within seconds, and nothing is changed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from autodialer.service.patience import PATIENCE
from web.house import TOKENS, House, house, person

WHO = person(0, outcomes=("no_answer",))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """After one call; from then on Zoho is out."""
    with house(tmp_path_factory.mktemp("out"), [WHO], **TOKENS) as running:
        assert running.ask("POST", "/api/cron").status_code == 200
        running.wait_until("SELECT count(*) = 1 FROM outbox WHERE state = 'sent'", "Zoho has the result")
        faults = f"{running.simulated.zoho_url}/_sim/faults"
        httpx2.post(faults, json={"kind": "html", "times": 0}).raise_for_status()
        yield running
        httpx2.delete(faults).raise_for_status()


@contextmanager
def within_seconds() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 2 * PATIENCE


def test_doctor_says_so_of_both_modules_and_looks_at_all_else(out: House) -> None:
    with within_seconds():
        findings = out.ask("GET", "/api/doctor").json()["findings"]
    wrong = {one["subject"]: one["message"] for one in findings if one["level"] == "problem"}
    assert wrong.keys() == {"Leads", "Contacts"}
    assert all("HTTP 502" in message for message in wrong.values())
    assert {"database", "Zoho token", "8x8 key", "policy"} <= {one["subject"] for one in findings}


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/drift"), ("POST", f"/api/records/lead/{WHO.zoho_id}/look")])
def test_a_comparison_and_a_second_look_say_so(out: House, method: str, path: str) -> None:
    with within_seconds():
        answer = out.ask(method, path)
    assert answer.status_code == 503
    assert "HTTP 502" in answer.json()["message"]
