"""What Zoho is asked is counted and shown; what it refuses for good stops a run with the reason and the remedy."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.processes import wait_until
from web.house import TOKENS, House, house, person

PEOPLE = [person(index, outcomes=("no_answer",)) for index in range(4)]
WRITTEN = "SELECT count(*) = {} FROM outbox WHERE state = 'sent'"


def zoho(service: House) -> dict[str, Any]:
    return dict(service.ask("GET", "/api/stats").json()["stats"]["zoho"])


def test_requests_and_credits_are_counted_as_zoho_counts_them_and_survive_a_restart(tmp_path: Path) -> None:
    with house(tmp_path, PEOPLE, zoho_daily_credits=60_000, **TOKENS) as service:
        assert service.ask("POST", "/api/cron").status_code == 200
        service.wait_until(WRITTEN.format(4), "Zoho has all results")
        shown = zoho(service)
        spent = service.simulated.zoho.meter.spent
        assert (shown["credits"], shown["calls"] > 4, shown["throttled"]) == (spent, True, 0)
        assert (shown["credits_daily"], shown["credits_reserved"]) == (60_000, 6_000)
        assert (shown["credits_left"], shown["credits_remaining"]) == (60_000 - spent, None)
        assert shown["requests_at_a_time"] == 5
        metrics = service.ask("GET", "/metrics").text
        values = {s.name: s.value for f in text_string_to_metric_families(metrics) for s in f.samples}
        assert values["autodialer_zoho_credits"] == spent
        assert values["autodialer_zoho_requests_at_a_time"] == 5
        assert "autodialer_zoho_credits_remaining" not in values
    with house(tmp_path, PEOPLE, **TOKENS) as again:
        assert zoho(again)["credits"] >= spent


def test_what_zoho_says_remains_is_shown(tmp_path: Path) -> None:
    with house(tmp_path, PEOPLE, **TOKENS) as service:
        service.simulated.zoho.meter.limits.credits_per_day = 30
        service.ask("POST", "/api/cron")
        meter = service.simulated.zoho.meter
        while meter.spent < 16:
            service.ask("GET", f"/api/records/lead/{PEOPLE[0].zoho_id}")

        def shows_zohos_last_word() -> bool:
            """Results of the run are still being written back: both are asked for at once."""
            shown = zoho(service)
            return bool(shown["credits_left"] == shown["credits_remaining"] == 30 - meter.spent)

        wait_until(shows_zohos_last_word, "Zoho's last word is shown")
        assert "autodialer_zoho_credits_remaining" in service.ask("GET", "/metrics").text
        assert service.ask("GET", "/api/plan").status_code == 503, "below the reserve nothing is pulled"


REFUSED = [
    (401, "OAUTH_SCOPE_MISMATCH", {}, "make a new ZOHO_REFRESH_TOKEN with the scopes ZohoCRM.coql.READ"),
    (403, "NO_PERMISSION", {"permissions": ["Crm_Implied_View_Leads"]}, "the right to view and edit"),
    (400, "INVALID_MODULE", {}, "missing or hidden in this Zoho organisation"),
    (400, "INVALID_QUERY", {"column_name": "Call_Attempts"}, "autodialer doctor names it"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with house(tmp_path_factory.mktemp("refused"), PEOPLE, **TOKENS) as service:
        yield service


@pytest.mark.parametrize(("status", "code", "details", "remedy"), REFUSED)
def test_what_zoho_refuses_for_good_stops_the_run_at_once_with_the_reason_and_the_remedy(
    running: House, status: int, code: str, details: dict[str, Any], remedy: str
) -> None:
    body = {"code": code, "details": details, "message": "refused", "status": "error"}
    fault = {"kind": "status", "status": status, "body": body, "match": {"path_contains": "coql"}, "times": 2}
    assert httpx2.post(f"{running.simulated.zoho_url}/_sim/faults", json=fault).status_code == 200
    answer = running.ask("POST", "/api/cron")
    httpx2.delete(f"{running.simulated.zoho_url}/_sim/faults")
    assert answer.status_code == 503
    message = answer.json()["message"]
    assert message.startswith("the run stopped: Zoho: ")
    assert code in message
    assert remedy in message
    for detail in details.values():
        assert (detail if isinstance(detail, str) else detail[0]) in message
    (run, *_) = running.ask("GET", "/api/runs").json()["runs"]
    assert run["state"] == "stopped"
    assert remedy in run["stop_reason"]
    assert running.rings() == 0
