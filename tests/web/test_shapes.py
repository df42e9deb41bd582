"""Every answer has the keys, types and times that were promised."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from autodialer import __version__
from web.house import TOKENS, House, house, person

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WHO = [person(index, outcomes=("no_answer",)) for index in range(3)]


@pytest.fixture(scope="module")
def dialled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, Any]]]:
    """After one run over three people, all results in and written back; and the run's answer."""
    with house(tmp_path_factory.mktemp("dialled"), WHO, **TOKENS) as running:
        answer = running.ask("POST", "/api/cron")
        assert answer.status_code == 200, answer.text
        running.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "Zoho has all three results")
        yield running, answer.json()


def test_a_run_answers_when_its_calls_are_placed_and_counts_them(dialled: tuple[House, dict[str, Any]]) -> None:
    service, body = dialled
    assert body["success"] is True
    assert body["message"] == "Cron job completed"
    assert INSTANT.fullmatch(body["timestamp"])
    results = body["results"]
    assert {name: results[name] for name in ("processed", "called", "errors", "skipped", "marked_dead")} == {
        "processed": 3,
        "called": 3,
        "errors": 0,
        "skipped": 0,
        "marked_dead": 0,
    }
    assert service.rings() == 3


def test_the_statistics_have_the_promised_keys(dialled: tuple[House, dict[str, Any]]) -> None:
    body = dialled[0].ask("GET", "/api/stats").json()
    assert body["success"] is True
    stats = body["stats"]
    assert (stats["today"]["total_records"], stats["today"]["total_attempts"], stats["recent_calls"]) == (3, 3, 3)
    assert all(type(stats["today"][name]) is int for name in ("total_records", "total_attempts"))
    assert INSTANT.fullmatch(stats["timestamp"])
    assert stats["next_run"] == "2026-03-03T14:00:00.000Z"


def test_the_start_page_says_what_this_is(dialled: tuple[House, dict[str, Any]]) -> None:
    answer = dialled[0].client.get("/")
    body = answer.json()
    assert INSTANT.fullmatch(body.pop("timestamp"))
    assert (answer.status_code, body) == (
        200,
        {"message": "8x8 Auto-Dialer Microservice", "version": __version__, "status": "running"},
    )


def test_health_says_healthy_and_nothing_else(dialled: tuple[House, dict[str, Any]]) -> None:
    body = dialled[0].client.get("/health").json()
    assert INSTANT.fullmatch(body.pop("timestamp"))
    assert body == {"status": "healthy"}


def test_a_callback_is_answered_to_the_letter(dialled: tuple[House, dict[str, Any]]) -> None:
    event = {"namespace": "VOICE", "eventType": "CALL_ACTION", "payload": {}}
    answer = dialled[0].client.post("/api/callback?token=" + TOKENS["callback_token"], json=event)
    body = answer.json()
    assert INSTANT.fullmatch(body.pop("timestamp"))
    assert (answer.status_code, body) == (200, {"success": True, "message": "Callback processed successfully"})


def _samples(service: House) -> list[tuple[str, str, str, dict[str, Any]]]:
    run_id = service.ask("GET", "/api/runs").json()["runs"][0]["run_id"]
    record, number = f"/api/records/lead/{WHO[0].zoho_id}", {"number": "+40709000077", "reason": "asked"}
    drift = f"/api/drift/Lead/{WHO[0].zoho_id}"
    user = {"name": "ioana", "role": "viewer", "password": "ten letters and more"}
    return [
        ("GET", "/", "/", {}),
        ("GET", "/health", "/health", {}),
        ("GET", "/health/live", "/health/live", {}),
        ("GET", "/health/ready", "/health/ready", {}),
        ("GET", "/api/stats", "/api/stats", {}),
        ("GET", "/api/live", "/api/live", {}),
        ("GET", "/api/runs", "/api/runs", {}),
        ("GET", "/api/runs/{run_id}", f"/api/runs/{run_id}", {}),
        ("GET", "/api/runs/{run_id}", "/api/runs/none", {}),
        ("GET", "/api/records/{record_type}/{zoho_id}", record, {}),
        ("GET", "/api/records/{record_type}/{zoho_id}", "/api/records/Contact/1", {}),
        ("GET", "/api/records/{record_type}/{zoho_id}", "/api/records/person/1", {}),
        ("GET", "/api/records/{record_type}/{zoho_id}", f"{record}?at=2026-03-03T11:00:00Z", {}),
        ("GET", "/api/records/{record_type}/{zoho_id}", f"{record}?at=2026-03-04", {}),
        ("GET", "/api/records/{record_type}/{zoho_id}", f"{record}?at=2026-02-30", {}),
        ("GET", "/api/people", f"/api/people?q={WHO[0].zoho_id}", {}),
        ("GET", "/api/people", f"/api/people?q={WHO[0].last_name}", {}),
        ("GET", "/api/people", "/api/people", {}),
        ("GET", "/api/plan", "/api/plan", {}),
        ("GET", "/api/doctor", "/api/doctor", {}),
        ("GET", "/api/drift", "/api/drift", {}),
        ("GET", "/api/unknown", "/api/unknown", {}),
        ("POST", "/api/unknown/{attempt_id}", "/api/unknown/none", {"json": {"result": "answered"}}),
        ("GET", "/api/parked", "/api/parked", {}),
        ("POST", "/api/parked/{outbox_id}", "/api/parked/1", {}),
        ("POST", "/api/parked", "/api/parked", {}),
        ("POST", "/api/parked/{outbox_id}/give-up", "/api/parked/1/give-up", {"json": {"reason": "why not"}}),
        ("GET", "/api/work-lists", "/api/work-lists", {}),
        ("GET", "/api/orphans", "/api/orphans", {}),
        ("GET", "/api/conflicts", "/api/conflicts", {}),
        ("POST", "/api/orphans/{inbox_id}/match", "/api/orphans/1/match", {}),
        ("POST", "/api/orphans/{inbox_id}/dismiss", "/api/orphans/1/dismiss", {"json": {"reason": "why not"}}),
        ("GET", "/api/answered", "/api/answered", {}),
        ("GET", "/api/repair", "/api/repair", {}),
        ("POST", "/api/records/{record_type}/{zoho_id}/look", f"{record}/look", {}),
        ("POST", "/api/drift/{record_type}/{zoho_id}", drift, {"json": {"field": "call_attempts"}}),
        ("POST", "/api/drift/{record_type}/{zoho_id}", "/api/drift/lead/1", {"json": {"field": "call_attempts"}}),
        ("GET", "/api/audit", "/api/audit", {}),
        ("POST", "/api/cron", "/api/cron?dry_run=true", {}),
        ("POST", "/api/cron", "/api/cron?wait=perhaps", {}),
        ("POST", "/api/pause", "/api/pause", {}),
        ("POST", "/api/resume", "/api/resume", {}),
        ("POST", "/api/prune", "/api/prune", {"json": {"keep_days": 90, "dry_run": True}}),
        ("POST", "/api/accept", "/api/accept", {}),
        ("POST", "/api/do-not-call", "/api/do-not-call", {"json": number}),
        ("GET", "/api/do-not-call", "/api/do-not-call", {}),
        ("DELETE", "/api/do-not-call/{number}", "/api/do-not-call/%2B40709000077", {}),
        ("DELETE", "/api/do-not-call/{number}", "/api/do-not-call/%2B40709000077", {}),
        ("POST", "/api/do-not-call/import", "/api/do-not-call/import?dry_run=true", {"content": b"number\n112\n"}),
        ("POST", "/api/do-not-call/import", "/api/do-not-call/import", {"content": b"PK"}),
        ("POST", "/api/callback", "/api/callback", {}),
        ("POST", "/api/simulate", "/api/simulate", {"json": {"people": 5, "days": 3}}),
        ("POST", "/api/simulate", "/api/simulate", {"json": {"people": 0}}),
        ("POST", "/api/diff", "/api/diff", {"json": {"people": 5, "days": 3, "other": "max_attempts = 1"}}),
        ("POST", "/api/users", "/api/users", {"json": user}),
        ("POST", "/api/users", "/api/users", {"json": {**user, "name": "API"}}),
        ("GET", "/api/users", "/api/users", {}),
        ("DELETE", "/api/users/{name}", "/api/users/ioana", {}),
        ("DELETE", "/api/users/{name}", "/api/users/ioana", {}),
    ]


def test_every_answer_is_one_that_the_description_promises(dialled: tuple[House, dict[str, Any]]) -> None:
    service = dialled[0]
    described = service.client.get("/openapi.json").json()
    seen: set[tuple[str, str]] = set()
    for method, template, path, more in _samples(service):
        answer = service.ask(method, path, **more)
        responses = described["paths"][template][method.lower()]["responses"]
        assert str(answer.status_code) in responses, (method, path, answer.text)
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": described["components"]})
        assert answer.headers["content-type"] == "application/json"
        seen.add((template, method.lower()))
    all_of_them = {(path, verb) for path, verbs in described["paths"].items() for verb in verbs}
    assert all_of_them - seen == {("/metrics", "get"), ("/api/do-not-call/export", "get")}


def _times(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _times(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _times(item, name)
    elif isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d.", value):
        yield name, value


def test_every_time_is_utc_with_milliseconds_and_z(dialled: tuple[House, dict[str, Any]]) -> None:
    service = dialled[0]
    found = [
        time for method, _, path, more in _samples(service) for time in _times(service.ask(method, path, **more).json())
    ]
    assert {"first_no_answer_at", "modified_time", "submitted_at", "started_at"} <= {name for name, _ in found}
    assert [time for time in found if not INSTANT.fullmatch(time[1])] == []


def test_runs_come_in_pages_that_meet_without_gap_or_overlap(dialled: tuple[House, dict[str, Any]]) -> None:
    service, body = dialled
    after: str | None
    path, after, records = f"/api/runs/{body['results']['run_id']}", "", list[dict[str, Any]]()
    for _ in range(3):
        page = service.ask("GET", path, params={"limit": 2, "after": after}).json()
        records += page["records"]
        if (after := page["next_after"]) is None:
            break
    assert after is None
    assert [row["zoho_id"] for row in records] == [who.zoho_id for who in sorted(WHO, key=lambda who: who.created_time)]
    assert {row["did"] for row in records} == {"called"}


def test_lists_take_a_limit_from_1_to_500_and_nothing_else(dialled: tuple[House, dict[str, Any]]) -> None:
    service = dialled[0]
    for path in (
        "/api/runs",
        "/api/unknown",
        "/api/parked",
        "/api/orphans",
        "/api/conflicts",
        "/api/answered",
        "/api/repair",
        "/api/audit",
    ):
        codes = {
            limit: service.ask("GET", path, params={"limit": limit}).status_code for limit in (1, 500, 0, 501, "x", "")
        }
        assert codes == {1: 200, 500: 200, 0: 400, 501: 400, "x": 400, "": 400}, path
    assert service.ask("GET", "/api/runs?limt=5").json()["problems"] == ["query.limt: there is no such parameter"]
    assert service.ask("GET", "/api/runs?limit=5&limit=6").status_code == 400


def test_metrics_can_be_parsed_and_agree_with_the_ledger(dialled: tuple[House, dict[str, Any]]) -> None:
    answer = dialled[0].ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["autodialer_calls_today", "no_answer"] == 3
    assert samples["autodialer_work_list", "pending_updates"] == 0
    assert samples["autodialer_paused",] == 0
    assert samples["autodialer_run_open",] == 0
    assert samples["autodialer_lines_free",] == 400


def test_an_address_that_does_not_exist_answers_404_in_our_shape(dialled: tuple[House, dict[str, Any]]) -> None:
    service = dialled[0]
    for path in (
        "/nothing",
        "/api/nothing",
        "/api/runs/",
        "/API/cron",
        "//api/cron",
        "/api/cron/%2e%2e/cron",
        "/docs/x",
    ):
        answer = service.ask("GET", path)
        assert (answer.status_code, answer.json()["success"]) == (404, False), path
        assert isinstance(answer.json()["message"], str)


def test_a_method_that_an_address_does_not_have_answers_405_and_names_those_it_has(
    dialled: tuple[House, dict[str, Any]],
) -> None:
    service = dialled[0]
    addresses = {
        "/api/cron": "POST",
        "/api/stats": "GET",
        "/api/callback?token=" + TOKENS["callback_token"]: "POST",
        "/": "GET",
    }
    for path, right in addresses.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - {right}:
            answer = service.ask(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, right), (method, path)
            assert answer.json()["success"] is False
    assert service.rings() == 3
