"""/metrics, the dashboard and the alerts that are made of it: each name that is used is one that a running service tells."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from autodialer.service.glance import Standing
from autodialer.simulators.people import Outcome
from autodialer.store.types import to_millis
from web.house import NOW, TOKENS, House, house, person

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
OUTCOMES: tuple[Outcome, ...] = ("no_answer", "busy", "answered", "no_answer")
WHO = [person(index, outcomes=(outcome,)) for index, outcome in enumerate(OUTCOMES)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """After a run: one answered, two no answer, one busy, one who can't be called."""
    unreachable = replace(person(9), phone="12")
    with house(tmp_path_factory.mktemp("measured"), [*WHO, unreachable], **TOKENS) as running:
        assert running.ask("POST", "/api/cron").status_code == 200
        running.wait_until("SELECT count(*) = 4 FROM outbox WHERE state = 'sent'", "Zoho has all four results")
        yield running


def samples(service: House) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels, in the labels' order."""
    text = service.ask("GET", "/metrics").text
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value for sample in found}


def test_calls_are_counted_by_how_they_ended_since_the_ledger_began(service: House) -> None:
    found = samples(service)
    name = "autodialer_attempts_total"
    counted = {end: found[name, end] for end in ("answered", "no_answer", "busy", "failed", "unknown")}
    assert counted == {"answered": 1, "no_answer": 2, "busy": 1, "failed": 0, "unknown": 0}
    assert found["autodialer_records_total", "called"] == 4
    assert found["autodialer_not_called_total", "no_valid_phone"] == 1
    assert found["autodialer_runs_total", "finished"] == 1


def test_counts_survive_a_restart_and_what_belongs_to_a_process_begins_anew(tmp_path: Path) -> None:
    with house(tmp_path, WHO[:2], **TOKENS) as first:
        first.ask("POST", "/api/cron")
        first.wait_until("SELECT count(*) = 2 FROM outbox WHERE state = 'sent'", "Zoho has both")
        before = samples(first)
    with house(tmp_path, WHO[:2], **TOKENS) as again:
        after = samples(again)
    kept = [key for key in before if key[0].startswith(("autodialer_attempts", "autodialer_r"))]
    assert len(kept) > 8
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert before["autodialer_callbacks_stored_total",] == 2
    assert after["autodialer_callbacks_stored_total",] == 0


def test_each_request_to_zoho_and_8x8_is_timed_by_what_it_was_for(service: House) -> None:
    found = samples(service)
    name = "autodialer_upstream_request_duration_seconds"
    assert found[f"{name}_count", "place", "8x8"] == 4
    assert found[f"{name}_bucket", "place", "+Inf", "8x8"] == 4
    assert found[f"{name}_sum", "place", "8x8"] > 0
    assert found[f"{name}_count", "query", "zoho"] >= 3
    assert found[f"{name}_count", "update", "zoho"] >= 1
    assert found["autodialer_upstream_requests_failed_total", "place", "8x8"] == 0
    assert (found["autodialer_upstream_failing", "zoho"], found["autodialer_upstream_failing", "8x8"]) == (0, 0)


def test_a_failing_8x8_is_told_of_with_its_sentence(tmp_path: Path) -> None:
    with house(tmp_path, WHO[:1], **TOKENS, eightx8_base_url="http://127.0.0.1:9") as service:
        service.ask("POST", "/api/cron")
        found = samples(service)
        assert found["autodialer_upstream_failing", "8x8"] == 1
        assert found["autodialer_upstream_requests_failed_total", "place", "8x8"] >= 1
        assert found["autodialer_upstream_last_failure_timestamp_seconds", "8x8"] > 0
        assert found["autodialer_upstream_last_failure_timestamp_seconds", "zoho"] == 0
        assert found["autodialer_upstream_failing_seconds", "zoho"] == 0
        told = {one["name"]: one for one in service.ask("GET", "/api/live").json()["live"]["upstreams"]}
        assert told["8x8"]["failing"]
        assert "ConnectError" in told["8x8"]["last_error"]
        assert told["zoho"]["last_success_at"] is not None


def test_a_failing_zoho_is_told_of_with_its_sentence(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    with house(tmp_path, **TOKENS, zoho_api_domain=nowhere, zoho_accounts_url=nowhere) as service:
        assert service.ask("POST", "/api/cron").status_code == 503
        assert samples(service)["autodialer_upstream_failing", "zoho"] == 1
        told = {one["name"]: one for one in service.ask("GET", "/api/live").json()["live"]["upstreams"]}
        assert nowhere in told["zoho"]["last_error"]
        assert told["zoho"]["last_success_at"] is None


def test_what_waits_is_told_with_its_age(tmp_path: Path) -> None:
    with house(tmp_path, WHO[:1], **TOKENS) as service:
        queued, due = (to_millis(NOW + minutes * timedelta(minutes=1)) for minutes in (-10, 60))
        service.sql(
            "INSERT INTO outbox (record_type, zoho_id, cause, expected_statuses, next_try_at, created_at) "  # noqa: S608 - two numbers
            f"VALUES ('Lead', '77', 'result', '[]', {due}, {queued})"
        )
        found = samples(service)
        assert 600 <= found["autodialer_outbox_oldest_pending_seconds",] < 700
        assert found["autodialer_work_list", "pending_updates"] == 1


def test_without_the_ledger_the_process_still_tells_what_it_knows(tmp_path: Path) -> None:
    with house(tmp_path, **TOKENS) as service:
        away = service.database.rename(service.database.with_name("away.db"))
        found = samples(service)
        assert found["autodialer_ledger_up",] == 0
        assert found["autodialer_callbacks_stored_total",] == 0
        assert not any(name[0] == "autodialer_paused" for name in found)
        away.rename(service.database)
        assert samples(service)["autodialer_ledger_up",] == 1


def test_names_follow_the_conventions_of_prometheus(service: House) -> None:
    text = service.ask("GET", "/metrics").text
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.name.startswith("autodialer_")
        assert family.documentation, family.name
        assert not family.name.endswith(("_ms", "_millis", "_minutes")), "base units"
        assert (family.type == "counter") == any(sample.name.endswith("_total") for sample in family.samples) or (
            not family.samples
        )


# The files in deploy/ ----------------------------------------------------------------------------------


def dashboard() -> dict[str, Any]:
    return dict(json.loads((DEPLOY / "grafana" / "autodialer.json").read_text()))


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    return shown + [rule["expr"] for rule in alerts()]


def selectors_in(expression: Any) -> Iterator[Any]:
    """What a parsed query reads: metrics, with the labels that it wants."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    elif isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    elif isinstance(expression, promql_parser.Call):
        for argument in expression.args:
            yield from selectors_in(argument)
    else:
        for part in ("expr", "lhs", "rhs", "param"):
            if (inner := getattr(expression, part, None)) is not None:
                yield from selectors_in(inner)


def test_every_metric_on_the_dashboard_and_in_an_alert_is_one_that_the_service_tells(service: House) -> None:
    told = {key[0] for key in samples(service)}
    found = queries()
    assert len(found) > 20
    for query in found:
        selectors = list(selectors_in(promql_parser.parse(query.replace("$__rate_interval", "5m"))))
        names = {str(selector.name) for selector in selectors}
        assert names, query
        foreign = {name for name in names if not name.startswith("autodialer_")}
        assert names - foreign <= told, query
        assert foreign <= {"up"}, query


def test_every_value_of_a_label_that_an_alert_names_is_one_that_the_service_tells(service: House) -> None:
    told = {(key[0], value) for key in samples(service) for value in key[1:]}
    for rule in alerts():
        for selector in selectors_in(promql_parser.parse(rule["expr"])):
            wanted = [matcher.value for matcher in selector.matchers.matchers]
            values = {value for values in wanted for value in values.split("|")} - {"autodialer"}
            assert {(selector.name, value) for value in values} <= told, rule["alert"]


def test_nobody_is_called_about_a_slot_that_was_not_meant_to_have_a_run() -> None:
    """While somebody has paused, DRY_RUN is set, or AutodialerHeld speaks of it."""
    rule = next(rule for rule in alerts() if rule["alert"] == "AutodialerSlotWithoutRun")
    parsed: Any = promql_parser.parse(rule["expr"])
    (excused,) = list(selectors_in(parsed.rhs))
    states = {value for matcher in excused.matchers.matchers for value in matcher.value.split("|")}
    assert (str(parsed.op), excused.name) == ("unless", "autodialer_standing")
    assert states == {one.value for one in Standing} - {"running", "idle"}


def test_an_upstream_of_which_nothing_is_asked_calls_nobody() -> None:
    """Its last answer may be hours old: the failures must have gone on for a while, and the last one be recent."""
    rule = next(rule for rule in alerts() if rule["alert"] == "AutodialerUpstreamFailing")
    names = {selector.name for selector in selectors_in(promql_parser.parse(rule["expr"]))}
    assert names == {"autodialer_upstream_failing_seconds", "autodialer_upstream_last_failure_timestamp_seconds"}


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    found = alerts()
    runbook = (DEPLOY.parent / "docs" / "runbook.md").read_text()
    assert len({rule["alert"] for rule in found}) == len(found) >= 9
    for rule in found:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert f"`{rule['alert']}`" in runbook


def test_the_dashboard_can_be_imported_and_its_panels_do_not_overlap() -> None:
    board = dashboard()
    assert board["uid"] == "autodialer"
    assert board["schemaVersion"] >= 36
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
