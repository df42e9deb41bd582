import json
from collections.abc import Callable

import pytest

from autodialer.simulators.zoho_limits import Limits
from contract.zoho.world import World, key_of, person

OpenWorld = Callable[..., World]
ONE = f"/crm/v8/Leads/{person(1).zoho_id}"


@pytest.mark.parametrize(
    "path", ["/crm/v2/Leads", "/crm/v7/coql", "/crm/v8/", "/crm/v8/no/such/url", "/crm/v8/Leads/me", "/crm/Leads"]
)
async def test_an_address_that_does_not_exist_is_404(open_world: OpenWorld, path: str) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await raw.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "INVALID_URL_PATTERN")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/crm/v8/coql", 400),
        ("PUT", "/crm/v8/coql", 400),
        ("DELETE", "/crm/v8/settings/fields", 405),
        ("PATCH", "/crm/v8/Leads", 400),
        ("PATCH", ONE, 400),
    ],
)
async def test_a_method_that_does_not_exist_is_refused(
    open_world: OpenWorld, method: str, path: str, status: int
) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await raw.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, "INVALID_REQUEST_METHOD")


@pytest.mark.parametrize(("method", "path"), [("POST", "/crm/v8/Leads"), ("DELETE", "/crm/v8/Leads"), ("DELETE", ONE)])
async def test_making_and_deleting_records_needs_a_scope_that_the_token_lacks(
    open_world: OpenWorld, method: str, path: str
) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await raw.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "OAUTH_SCOPE_MISMATCH")
    assert world.stored(key_of(person(1)))["Lead_Status"] == "New"


async def test_a_content_type_is_demanded_for_bulk_jobs_only(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    update = json.dumps({"data": [{"id": person(1).zoho_id, "Call_Attempts": 1}]})
    query = json.dumps({"select_query": "select id from Leads where id is not null"})
    async with world.open_raw() as raw:
        assert (await raw.post("/crm/v8/coql", content=query)).status_code == 200
        assert (await raw.put("/crm/v8/Leads", content=update)).status_code == 200
        assert (await raw.put(ONE, content=update, headers={"Content-Type": "text/plain"})).status_code == 200
        bulk = await raw.post("/crm/bulk/v8/read", content="{}")
        assert (bulk.status_code, bulk.json()["code"]) == (415, "MEDIA_TYPE_NOT_SUPPORTED")
        assert (await raw.post("/crm/bulk/v8/read", json={})).json()["code"] == "OAUTH_SCOPE_MISMATCH"


async def test_a_body_of_more_than_twenty_megabytes_is_413(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await raw.put("/crm/v8/Leads", content=b" " * (20 * 2**20 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "REQUEST_ENTITY_TOO_LARGE")


@pytest.mark.parametrize("body", ["", "{", "7", "[]", '"data"', "null", "\xff"])
async def test_a_body_that_is_no_json_object_is_refused(open_world: OpenWorld, body: str) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        query = await raw.post("/crm/v8/coql", content=body.encode("latin-1"))
        update = await raw.put("/crm/v8/Leads", content=body.encode("latin-1"))
    assert (query.status_code, query.json()["code"]) == (400, "INVALID_DATA")
    assert (update.status_code, update.json()["data"][0]["code"]) == (400, "INVALID_DATA")


async def test_the_refusal_of_a_whole_update_is_the_only_item_of_data_and_that_of_a_list_is_flat(
    open_world: OpenWorld,
) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        update = await raw.put("/crm/v8/Nowhere", json={"data": [{"id": person(1).zoho_id}]})
        listed = await raw.get("/crm/v8/Nowhere?fields=id")
    expected = {
        "code": "INVALID_MODULE",
        "details": {"resource_path_index": 0},
        "message": "the module name given seems to be invalid",
        "status": "error",
    }
    assert (update.status_code, update.json()) == (400, {"data": [expected]})
    assert (listed.status_code, listed.json()) == (400, expected)


async def test_too_many_requests_come_without_a_hint_how_long_to_wait(open_world: OpenWorld) -> None:
    world = open_world(person(1), limits=Limits(credits_per_day=1))
    async with world.open_raw() as raw:
        answers = [await raw.get("/crm/v8/Leads?fields=id") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "retry-after" not in answers[1].headers
    assert not [name for name in answers[1].headers if name.startswith("x-ratelimit")]


async def test_only_modules_with_an_approval_process_tell_its_state(open_world: OpenWorld) -> None:
    lead, contact = person(1), person(1, "New", "Contacts")
    world = open_world(lead, contact)
    async with world.open_raw() as raw:
        details = [
            (await raw.put(f"/crm/v8/{someone.module}/{someone.zoho_id}", json={"data": [{"Phone": None}]})).json()
            for someone in (lead, contact)
        ]
    assert ["$approval_state" in answer["data"][0]["details"] for answer in details] == [True, False]
