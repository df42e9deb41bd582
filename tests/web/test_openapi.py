"""The API does what /openapi.json says: requests made from the description, right ones and wrong ones, by schemathesis."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from web.house import API_TOKEN, CALLBACK_TOKEN, TOKENS, House, house

OPERATIONS = [
    "GET /",
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "POST /api/callback",
    "POST /api/cron",
    "GET /api/runs",
    "GET /api/runs/{run_id}",
    "GET /api/parked",
    "GET /api/drift",
    "POST /api/parked",
    "POST /api/parked/{outbox_id}",
    "POST /api/parked/{outbox_id}/give-up",
    "GET /api/work-lists",
    "GET /api/orphans",
    "POST /api/orphans/{inbox_id}/match",
    "POST /api/orphans/{inbox_id}/dismiss",
    "GET /api/conflicts",
    "GET /api/answered",
    "GET /api/repair",
    "POST /api/records/{record_type}/{zoho_id}/look",
    "POST /api/drift/{record_type}/{zoho_id}",
    "GET /api/audit",
    "POST /api/do-not-call/import",
    "GET /api/do-not-call/export",
    "POST /api/unknown/{attempt_id}",
    "GET /api/plan",
    "POST /api/simulate",
    "POST /api/diff",
    "POST /api/pause",
    "POST /api/prune",
    "POST /api/resume",
    "POST /api/accept",
    "GET /api/stats",
    "GET /api/live",
    "GET /api/doctor",
    "GET /api/records/{record_type}/{zoho_id}",
    "GET /api/people",
    "GET /api/unknown",
    "GET /api/do-not-call",
    "POST /api/do-not-call",
    "DELETE /api/do-not-call/{number}",
    "GET /api/users",
    "POST /api/users",
    "DELETE /api/users/{name}",
]
EXAMPLES = 7
SIMULATIONS = ("/api/simulate", "/api/diff")
# Tokens: test_tokens.py. No description can say that no text, however deep, holds a NUL, nor which texts are a telephone
# number: test_hostile_requests.py has those. A callback may be better than its description asks for.
EXCLUDED = {
    # A date or a policy may be none; a policy that is too long is a 413.
    "/api/simulate": ["positive_data_acceptance", "negative_data_rejection"],
    "/api/diff": ["positive_data_acceptance", "negative_data_rejection"],
    "/api/do-not-call": ["positive_data_acceptance"],
    "/api/callback": ["negative_data_rejection"],
}
# Whatever bytes come are a file of numbers, or are refused as none.
EXCLUDED["/api/do-not-call/import"] = ["positive_data_acceptance", "negative_data_rejection"]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    load_all_checks()
    instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the zone follows
    schemathesis.openapi.format("date-time", instants.map(datetime.isoformat))
    with house(tmp_path_factory.mktemp("described"), **TOKENS) as running:
        yield running


@pytest.fixture(scope="module")
def description(described: House) -> BaseSchema:
    config = SchemathesisConfig.from_dict({"generation": {"allow-x00": False, "with-security-parameters": False}})
    return schemathesis.openapi.from_url(f"{described.url}/openapi.json", config=config)


def test_every_operation_is_tried(description: BaseSchema) -> None:
    found = [f"{method.upper()} {path}" for path, operations in description.items() for method in operations]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_request_made_from_the_description_is_answered_as_described(
    described: House, description: BaseSchema, label: str, mode: GenerationMode
) -> None:
    method, path = label.split()
    operation: Any = description[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters or operation.query):
        pytest.skip("nothing about this request can be wrong")
    token = CALLBACK_TOKEN if path == "/api/callback" else API_TOKEN
    excluded: list[Any] = list(CHECKS.get_by_names(["ignored_auth", *EXCLUDED.get(path.partition("/{")[0], [])]))
    seen = []

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        if path in SIMULATIONS and mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body |= {"people": 5, "days": 3}  # what is drawn would take minutes together
        answer = case.call_and_validate(
            base_url=described.url,
            headers={"authorization": f"Bearer {token}"},
            excluded_checks=excluded,
            timeout=20,
        )
        seen.append(answer.status_code)

    ask()
    assert seen
    assert 401 not in seen
