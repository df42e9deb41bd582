"""What answers must not show: whole numbers, names, inner errors."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest

from autodialer.domain.errors import CrmError, StoreError
from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Staged, StagedState
from autodialer.service.plan import staged_fields
from autodialer.simulators.people import mobile
from autodialer.store.migrate import check_version
from autodialer.web import plan_out
from autodialer.web.app import WebConfig, create_app
from autodialer.web.shown import from_the_crm, shown, staged_json
from web.house import CALLBACK_TOKEN, FIRST_NAME, LAST_NAME, TOKENS, House, house, person

T = TypeVar("T")
NUMBERS = [mobile(index) for index in range(3)]


def test_no_answer_of_the_api_shows_a_whole_number_or_a_name(tmp_path: Path) -> None:
    people = [person(index, outcomes=("no_answer",)) for index in range(3)]
    noted = replace(person(4), status=f"call {NUMBERS[0]}")
    with house(tmp_path, [*people, noted], **TOKENS) as service:
        assert "holds values that its picklist does not: call +40" in service.ask("GET", "/api/doctor").text
        run_id = service.ask("POST", "/api/cron").json()["results"]["run_id"]
        service.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "Zoho has all three results")
        told = f"8x8 said: the number {NUMBERS[0]} of {NUMBERS[1][1:]} is not allowed"
        service.sql(f"UPDATE attempts SET reason = '{told}', call_status = '{NUMBERS[2]}'")  # noqa: S608 - a test's query
        service.sql(f"UPDATE outbox SET last_error = '{told}'")  # noqa: S608 - a test's query
        service.sql(f"UPDATE inbox SET note = '{told}'")  # noqa: S608 - a test's query
        service.sql(f"UPDATE staged_records SET detail = '{told}'")  # noqa: S608 - a test's query
        service.sql(f"UPDATE runs SET stop_reason = '{told}'")  # noqa: S608 - a test's query
        body = service.sql("SELECT body FROM inbox")[0][0]
        assert any(number.lstrip("+") in body for number in NUMBERS), "8x8's own words do hold numbers"
        paths = [
            "/api/runs",
            f"/api/runs/{run_id}",
            "/api/plan",
            "/api/unknown",
            "/api/stats",
            "/api/live",
            "/api/doctor",
            "/metrics",
        ]
        paths += [f"/api/records/{'lead' if who.module == 'Leads' else 'contact'}/{who.zoho_id}" for who in people]
        paths += [f"{path}?at=2026-03-03T11:40:00Z" for path in paths if path.startswith("/api/records/")]
        paths += [f"/api/people?q={text}" for text in (FIRST_NAME, NUMBERS[0][-9:], people[1].zoho_id)]
        for path in paths:
            text = service.ask("GET", path).text
            assert [number for number in NUMBERS if number.lstrip("+") in text] == [], path
            assert FIRST_NAME not in text, path
            assert LAST_NAME not in text, path
        row = service.ask("GET", f"/api/runs/{run_id}").json()["records"][0]
        assert row["number"] == f"{mobile(2)[:3]}…{mobile(2)[-2:]}"
        assert row["detail"].startswith("8x8 said: the number +40…00 of ")


async def test_an_error_that_quotes_zoho_or_8x8_shows_no_whole_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f"Zoho refuses the query: {NUMBERS[0]} is no value of Status. Correct it in Zoho"
    with house(tmp_path, [person(0)], **TOKENS) as service:
        crm = service.system.services.means.crm

        async def refuse(*_: object) -> None:
            raise CrmError(told, permanent=True)

        monkeypatch.setattr(crm, "prepare", refuse)
        for method, path in (("POST", "/api/cron"), ("GET", "/api/plan")):
            answer = service.ask(method, path)
            assert (answer.status_code, NUMBERS[0].lstrip("+") in answer.text) == (503, False), path
            assert "+40…" in answer.json()["message"], path


def staged(status: str | None, facts: Mapping[str, object]) -> Staged:
    key = RecordKey(RecordType.LEAD, "4150868000000002175")
    return Staged(key, "k", status, NUMBERS[0], contends=False, rank="r", state=StagedState.SKIP, facts=facts)


@pytest.mark.parametrize(
    "typed", ["0721 234 567", "call +40721234567", 721234567, 721234567.0, ["0721234567"], {"a": 721234567}]
)
def test_a_number_in_a_field_of_zohos_that_should_hold_none_is_masked(typed: object) -> None:
    typed_there = dict.fromkeys(("call_attempts", "first_no_answer_at", "modified_time"), typed)
    facts = {**typed_there, "pending": typed_there, "attempts": 3}
    row = staged(typed if isinstance(typed, str) else None, facts)
    fields = {**staged_fields(row), "next_run_at": None}
    told = json.dumps([staged_json(row), from_the_crm(typed), *map(str, plan_out._cells(shown(fields)))])
    assert "234" not in told
    assert fields["number"] == "+40…00"


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        (None, None),
        (7, 7),
        (2.5, 2.5),
        (-4, -4),
        (True, True),
        ("2026-03-03T11:20:00+02:00", "2026-03-03T09:20:00.000Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_count_and_an_instant_of_zohos_stay_as_they_are(typed: object, seen: object) -> None:
    facts: Any = staged_json(staged("New", {"call_attempts": typed, "first_no_answer_at": typed}))["facts"]
    assert facts == {"call_attempts": typed, "first_no_answer_at": seen}


def test_the_do_not_call_list_shows_its_numbers_whole_and_once(tmp_path: Path) -> None:
    with house(tmp_path, **TOKENS) as service:
        for written in ("0709 000 001", "+40709000001"):
            answer = service.ask("POST", "/api/do-not-call", json={"number": written, "reason": "asked by phone"})
            assert (answer.status_code, answer.json()["number"]) == (200, "+40709000001")
            assert answer.json()["added"] is (written == "0709 000 001")
        (row,) = service.ask("GET", "/api/do-not-call").json()["do_not_call"]
        assert (row["number"], row["reason"]) == ("+40709000001", "asked by phone")
        assert service.ask("DELETE", "/api/do-not-call/0709000001").json()["number"] == "+40709000001"
        assert service.ask("DELETE", "/api/do-not-call/0709000001").status_code == 404


class _Broken:
    """A store that raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def read(self, _work: Callable[[Ledger], T]) -> T:
        raise self._error

    async def write(self, _work: Callable[[Ledger], T]) -> T:
        raise self._error


def _broken(service: House, error: Exception, *, development: bool) -> httpx2.Response:
    """The answer of the service's own application when the ledger raises `error`."""
    services = service.system.services
    config = WebConfig(
        api_token=None,
        callback_token=CALLBACK_TOKEN,
        development=development,
        dry_run=False,
        check_schema=lambda: service.system.database.read(check_version),
    )
    app = create_app(replace(services, means=replace(services.means, store=_Broken(error))), config)

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/api/stats")

    return asyncio.run(ask())


def test_an_unexpected_error_tells_nothing_in_production_and_its_cause_in_development(local: House) -> None:
    error = RuntimeError("/secret/path SELECT 1")
    answer = _broken(local, error, development=False)
    assert (answer.status_code, answer.json()) == (
        500,
        {"success": False, "message": "the request failed; see the log"},
    )
    answer = _broken(local, error, development=True)
    assert answer.status_code == 500
    assert "SELECT 1" in answer.json()["message"]


def test_a_ledger_that_fails_is_503_without_its_words_in_both(local: House) -> None:
    for development in (False, True):
        answer = _broken(local, StoreError("no such table: /secret/path", permanent=False), development=development)
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        assert "secret" not in answer.text
        assert int(answer.headers["retry-after"]) > 0


def test_health_is_503_with_a_reason_and_no_path_when_the_database_can_not_be_used(tmp_path: Path) -> None:
    with house(tmp_path) as service:
        assert service.client.get("/health").status_code == 200
        service.sql("ALTER TABLE switches RENAME TO elsewhere")
        answer = service.client.get("/health")
        service.sql("ALTER TABLE elsewhere RENAME TO switches")
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        assert len(answer.json()["reasons"]) == 1
        assert str(tmp_path) not in answer.text
        assert "switches" not in answer.text
        assert service.client.get("/health").status_code == 200


def test_every_answer_tells_browsers_to_keep_it_to_themselves(guarded: House) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/nothing"),
        ("POST", "/api/cron"),
        ("GET", "/api/stats"),
    ):
        headers = guarded.client.request(method, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'; ")
        assert "server" not in headers
