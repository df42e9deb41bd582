"""Our own schemas let nothing through that is wrong, and nothing escapes them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import ValidationError

from autodialer.simulators.common import Exchange
from contract.zoho.conftest import checked_worlds
from contract.zoho.schemas import check
from contract.zoho.world import Switchboard, is_ours, person, pull_all

TOKEN = "/oauth/v2/token"
COQL, LEADS, FIELDS = "/crm/v8/coql", "/crm/v8/Leads", "/crm/v8/settings/fields"
Damage = Callable[[Any], Any]


def first(traffic: list[Exchange], method: str, path: str, status: int, *, ours: bool = False) -> Exchange:
    """A sound one; the client's own where `ours`."""
    return next(
        e for e in traffic if (e.method, e.path, e.status) == (method, path, status) and (is_ours(e) or not ours)
    )


def item(**changes: Any) -> Damage:
    return lambda body: {"data": [{**body["data"][0], **changes}]}


def info(**changes: Any) -> Damage:
    return lambda body: {**body, "info": {**body["info"], **changes}}


@pytest.mark.parametrize(
    ("method", "path", "status", "damage"),
    [
        ("POST", TOKEN, 200, lambda body: {**body, "expires_in": "3600"}),
        ("POST", TOKEN, 200, lambda body: {**body, "token_type": "Zoho-oauthtoken"}),
        ("POST", TOKEN, 200, lambda _body: {"error": "Access Denied"}),
        ("POST", TOKEN, 200, lambda _body: {}),
        ("POST", COQL, 200, lambda body: {**body, "data": []}),
        ("POST", COQL, 200, lambda body: {**body, "data": [{"Phone": "1"}]}),
        ("POST", COQL, 200, lambda body: {**body, "data": [{"id": 4150868000000002175}]}),
        ("POST", COQL, 200, lambda body: {**body, "data": [{**body["data"][0], "Created_Time": "2026-03-02"}]}),
        ("POST", COQL, 200, info(more_records="yes")),
        ("POST", COQL, 400, lambda body: {"data": [body]}),
        ("POST", COQL, 400, lambda body: {**body, "code": "SUCCESS"}),
        ("POST", COQL, 401, lambda body: {**body, "code": "NO_PERMISSION"}),
        ("POST", COQL, 429, lambda body: {**body, "code": "LIMIT_EXCEEDED"}),
        ("GET", FIELDS, 200, lambda body: {"fields": [{**body["fields"][0], "api_name": "First Name"}]}),
        ("GET", FIELDS, 200, lambda body: {"fields": [{**body["fields"][0], "operation_type": {}}]}),
        ("GET", FIELDS, 200, lambda _body: {"fields": []}),
        ("GET", LEADS, 200, info(per_page=201)),
        ("GET", LEADS, 200, info(next_page_token=7)),
        ("GET", LEADS, 400, lambda body: {"data": [body]}),
        ("PUT", LEADS, 200, item(status="error")),
        ("PUT", LEADS, 200, item(details={"id": "4150868000000002175"})),
        ("PUT", LEADS, 207, lambda body: {"data": [i for i in body["data"] if i["status"] == "error"]}),
        ("PUT", LEADS, 207, lambda body: {"data": [i for i in body["data"] if i["status"] == "success"]}),
        ("PUT", LEADS, 400, item(code="SUCCESS", status="success")),
        ("PUT", LEADS, 412, item(code="INVALID_DATA")),
    ],
)
def test_a_wrong_answer_is_noticed(
    traffic: list[Exchange], method: str, path: str, status: int, damage: Damage
) -> None:
    sound = first(traffic, method, path, status)
    check(sound, ours=False)
    wrong = replace(sound, answer=json.dumps(damage(json.loads(sound.answer))).encode())
    with pytest.raises(ValidationError):
        check(wrong, ours=False)


@pytest.mark.parametrize(
    ("method", "path", "damage"),
    [
        ("POST", COQL, lambda body: {**body, "include_meta": ["fields"]}),
        ("POST", COQL, lambda body: {"select_query": body["select_query"].replace("order by id asc", "")}),
        ("POST", COQL, lambda body: {"select_query": body["select_query"].replace("Leads", "Deals")}),
        ("POST", COQL, lambda body: {"select_query": body["select_query"].replace("limit", "limit 1,")}),
        ("PUT", LEADS, lambda body: {"data": body["data"]}),
        ("PUT", LEADS, lambda body: {**body, "trigger": ["everything"]}),
        ("PUT", LEADS, lambda body: {**body, "data": body["data"] * 101}),
        ("PUT", LEADS, lambda body: {**body, "data": [{"Call_Attempts": 1}]}),
        ("PUT", LEADS, lambda body: {**body, "data": [{**body["data"][0], "Call_Attempts": "1"}]}),
        ("PUT", LEADS, lambda body: {**body, "data": [{**body["data"][0], "Phone": "1"}]}),
        (
            "PUT",
            LEADS,
            lambda body: {**body, "data": [{**body["data"][0], "First_No_Answer_At": "2026-03-02T10:00:00.000+00:00"}]},
        ),
    ],
)
def test_a_wrong_request_of_the_client_is_noticed(
    traffic: list[Exchange], method: str, path: str, damage: Damage
) -> None:
    sound = first(traffic, method, path, 207 if method == "PUT" else 200, ours=True)
    wrong = replace(sound, body=json.dumps(damage(json.loads(sound.body))).encode())
    with pytest.raises(ValidationError):
        check(wrong, ours=True)
    check(wrong, ours=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 202},
        {"status": 204},
        {"path": "/crm/v8/Deals/1/actions/convert/2"},
        {"path": "/somewhere/else"},
        {"method": "OPTIONS"},
        {"answer_headers": {"content-type": "text/html"}},
        {"answer_headers": {"content-type": "application/json;charset=UTF-8", "retry-after": "1"}},
        {"query": "module=Leads"},
        {"headers": {"authorization": "Bearer x", "content-type": "application/json"}},
        {"headers": {"authorization": "Zoho-oauthtoken x", "content-type": "text/plain"}},
        {
            "headers": {
                "authorization": "Zoho-oauthtoken x",
                "content-type": "application/json",
                "if-unmodified-since": "Mon, 02 Mar 2026 10:00:00 GMT",
            }
        },
    ],
)
def test_what_no_rule_allows_is_noticed(traffic: list[Exchange], changes: dict[str, Any]) -> None:
    sound = first(traffic, "POST", COQL, 200, ours=True)
    check(sound, ours=True)
    with pytest.raises((AssertionError, ValidationError)):
        check(replace(sound, **changes), ours=True)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", COQL, 204), ("GET", LEADS, 304), ("GET", "/crm/v8/Contacts", 204)]
)
def test_an_empty_answer_with_a_body_is_noticed(traffic: list[Exchange], method: str, path: str, status: int) -> None:
    sound = first(traffic, method, path, status)
    check(sound, ours=False)
    for wrong in (replace(sound, answer=b"{}"), replace(sound, answer_headers={"content-type": "application/json"})):
        with pytest.raises(AssertionError):
            check(wrong, ours=False)


async def test_every_exchange_of_every_world_is_checked_when_a_test_ends(
    switchboard: tuple[Switchboard, str],
) -> None:
    """The last one of a world that is no longer plugged in is made wrong, so that none can be left out."""
    ending = checked_worlds(*switchboard, None)
    opened = ending.__enter__()
    world = opened(person(1))
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 1
    opened()
    assert {e.path for e in world.exchanges} == {TOKEN, COQL, FIELDS}
    world.exchanges[-1] = replace(world.exchanges[-1], answer=b"{}")
    with pytest.raises(ValidationError):
        ending.__exit__(None, None, None)
