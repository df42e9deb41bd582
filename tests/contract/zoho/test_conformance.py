"""Real traffic, both ways, against Zoho's published specifications, where a copy of them is at hand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from autodialer.simulators.common import Exchange
from autodialer.zoho.datacentres import _ACCOUNTS_BY_DOMAIN
from contract.zoho.corrections import CORRECTIONS, Correction
from contract.zoho.published import HOST, NAMES, SPECS, Published
from contract.zoho.world import is_proper

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="Zoho's specifications are not at hand")


def misfits(documents: Published, exchanges: list[Exchange]) -> Iterator[str]:
    return (p for exchange in exchanges for p in documents.problems(exchange, ours=is_proper(exchange)))


def test_all_traffic_fits_the_published_specifications(traffic: list[Exchange], published: Published) -> None:
    assert len(traffic) > 100
    assert list(misfits(published, traffic)) == []


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("POST", "/crm/v8/coql", {200, 204, 400, 401, 429}),
        ("GET", "/crm/v8/Leads", {200, 304, 400, 401, 429}),
        ("GET", "/crm/v8/Contacts", {204}),
        ("GET", "/crm/v8/settings/fields", {200, 400, 401, 429}),
        ("PUT", "/crm/v8/Leads", {200, 207, 400, 401, 412, 413, 429}),
    ],
)
def test_the_traffic_holds_every_status_that_a_call_is_answered_with(
    traffic: list[Exchange], method: str, path: str, statuses: set[int]
) -> None:
    assert {e.status for e in traffic if (e.method, e.path) == (method, path)} == statuses


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda correction: correction.name)
def test_without_this_correction_real_traffic_would_not_fit(traffic: list[Exchange], correction: Correction) -> None:
    assert next(misfits(Published([c for c in CORRECTIONS if c is not correction]), traffic), None) is not None


def test_each_correction_says_what_it_changes_why_and_who_says_so() -> None:
    assert len({correction.name for correction in CORRECTIONS}) == len(CORRECTIONS)
    for correction in CORRECTIONS:
        assert set(correction.documents) <= set(NAMES)
        assert all((correction.what, correction.why, correction.source))


@pytest.mark.parametrize("domain", _ACCOUNTS_BY_DOMAIN)
def test_every_address_that_the_client_knows_is_one_of_the_published(published: Published, domain: str) -> None:
    assert published.operation("PUT", f"https://www.{domain}/crm/v8/Leads") is not None


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", "coql", "coql"),
        ("GET", "settings/fields", "fields"),
        ("POST", "settings/fields", "fields"),
        ("POST", "Notes", "notes"),
        ("GET", "org", "org"),
        ("POST", "Calls", "record"),
        ("GET", "Leads/4150868000000002175", "record"),
    ],
)
def test_each_call_is_held_against_its_own_document(
    published: Published, method: str, path: str, document: str
) -> None:
    operation = published.operation(method, f"{HOST}/crm/v8/{path}")
    assert operation is not None
    assert operation.document == document


Damage = Callable[[Any], Any]
WRONG: list[tuple[str, str, int, str, Damage]] = [
    ("POST", "coql", 200, "answer", lambda body: {**body, "data": 42}),
    ("POST", "coql", 200, "answer", lambda body: {"data": body["data"]}),
    ("POST", "coql", 200, "answer", lambda body: {**body, "info": {"count": "1", "more_records": False}}),
    ("POST", "coql", 200, "answer", lambda body: {**body, "data": body["data"][:1] * 2001}),
    ("POST", "coql", 400, "answer", lambda body: {**body, "code": "WHATEVER"}),
    ("POST", "coql", 400, "answer", lambda body: {**body, "details": {"surprise": 1}}),
    ("POST", "coql", 401, "answer", lambda body: {"data": [body]}),
    ("POST", "coql", 429, "answer", lambda body: {**body, "code": "LIMIT_EXCEEDED"}),
    ("POST", "coql", 200, "body", lambda body: {**body, "more": 1}),
    ("POST", "coql", 200, "body", lambda _body: {}),
    ("PUT", "Leads", 200, "answer", lambda body: {"data": [{**body["data"][0], "status": "error"}]}),
    ("PUT", "Leads", 200, "answer", lambda body: {"data": [{**body["data"][0], "details": {}}]}),
    ("PUT", "Leads", 207, "answer", lambda body: {"data": [{**body["data"][0], "code": "WHATEVER"}]}),
    ("PUT", "Leads", 412, "answer", lambda body: body["data"][0]),
    ("PUT", "Leads", 207, "body", lambda body: {**body, "trigger": ["everything"]}),
    ("PUT", "Leads", 207, "body", lambda body: {**body, "data": body["data"][:1] * 101}),
    ("PUT", "Leads", 207, "body", lambda body: {"trigger": body["trigger"]}),
    ("GET", "Leads", 200, "answer", lambda body: {**body, "data": [{"Phone": "1"}]}),
    ("GET", "Leads", 200, "answer", lambda body: {**body, "info": {**body["info"], "sort_order": "up"}}),
    ("GET", "Leads", 400, "answer", lambda body: {"data": [body]}),
    ("GET", "settings/fields", 200, "answer", lambda body: {"fields": [{**body["fields"][0], "length": "40"}]}),
]


@pytest.mark.parametrize(("method", "path", "status", "part", "damage"), WRONG)
def test_wrong_traffic_does_not_fit_in_spite_of_all_corrections(
    traffic: list[Exchange], published: Published, method: str, path: str, status: int, part: str, damage: Damage
) -> None:
    sound = next(_with(traffic, method, f"/crm/v8/{path}", status))
    body = json.loads(getattr(sound, part))
    wrong = json.dumps(damage(body)).encode()
    damaged = replace(sound, answer=wrong) if part == "answer" else replace(sound, body=wrong)
    assert published.problems(sound) == []
    assert published.problems(damaged) != []


def _with(traffic: list[Exchange], method: str, path: str, status: int) -> Iterator[Exchange]:
    return (e for e in traffic if (e.method, e.path, e.status) == (method, path, status))
