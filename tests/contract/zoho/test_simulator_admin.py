import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from autodialer.simulators.people import Person
from autodialer.simulators.zoho_limits import Limits
from contract.zoho.world import NOW, RAW, World, key_of, person

OpenWorld = Callable[..., World]


def body(someone: Person, **fields: Any) -> dict[str, Any]:
    return {"data": [{"id": someone.zoho_id, **fields}], "trigger": []}


async def test_the_simulated_day_of_the_clock_frees_credits_again(open_world: OpenWorld) -> None:
    world = open_world(person(1), limits=Limits(credits_per_day=1))
    async with world.open_raw(authorised=False) as raw:
        for expected in (200, 429):
            token = world.sim.accounts.mint(world.form(), world.url)[1]["access_token"]
            headers = {"Authorization": f"Zoho-oauthtoken {token}"}
            assert (await raw.get("/crm/v8/Leads?fields=id", headers=headers)).status_code == expected
        tomorrow = (NOW + timedelta(days=1, seconds=5)).isoformat()
        assert (await raw.post("/_sim/clock", json={"now": tomorrow})).status_code == 200
        token = world.sim.accounts.mint(world.form(), world.url)[1]["access_token"]
        headers = {"Authorization": f"Zoho-oauthtoken {token}"}
        assert (await raw.get("/crm/v8/Leads?fields=id", headers=headers)).status_code == 200


async def test_people_can_be_added_replaced_changed_and_deleted(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    more = [msgspec.to_builtins(person(2)), msgspec.to_builtins(person(3, "New", "Contacts"))]
    async with world.open_raw(authorised=False) as raw:
        assert (await raw.post("/_sim/people", json=more)).json() == {"Leads": 2, "Contacts": 1}
        assert (await raw.put("/_sim/people", json=more)).json() == {"Leads": 1, "Contacts": 1}
        edit = {"module": "Leads", "id": person(2).zoho_id}
        assert (await raw.post("/_sim/edit", json={**edit, "state": "locked"})).status_code == 200
        assert (await raw.get("/_sim/records?module=Leads")).json()["records"][0]["state"] == "locked"
        assert (await raw.post("/_sim/edit", json={**edit, "state": "none"})).status_code == 200
        assert (await raw.post("/_sim/edit", json={**edit, "delete": True})).status_code == 200
        assert (await raw.get("/_sim/records?module=Leads")).json()["records"] == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/_sim/edit", {"module": "Leads", "id": "1"}),
        ("/_sim/edit", {"module": "Nobody", "id": "1"}),
        ("/_sim/edit", {"module": "Leads", "id": person(1).zoho_id, "state": "asleep"}),
        ("/_sim/edit", {"module": "Leads", "id": person(1).zoho_id, "fields": {"Call_Attempts": "x"}}),
        ("/_sim/edit", {"module": "Leads", "id": person(1).zoho_id, "fields": {"Nope": 1}}),
        ("/_sim/people", [{"module": "Leads"}]),
        ("/_sim/oauth", {"scopes": 1}),
        ("/_sim/clock", {"now": "yesterday"}),
        ("/_sim/clock", {"now": "2026-01-01T00:00:00"}),
        ("/_sim/latency", {"seconds": "long"}),
        ("/_sim/faults", {"kind": "unheard of"}),
        ("/_sim/faults", {"kind": "status"}),
        ("/_sim/faults", {"kind": "reset", "match": {"colour": "red"}}),
        ("/_sim/faults", {"kind": "reset", "times": -1}),
    ],
)
async def test_an_admin_request_that_makes_no_sense_is_400_and_changes_nothing(
    open_world: OpenWorld, path: str, sent: Any
) -> None:
    world = open_world(person(1))
    async with world.open_raw(authorised=False) as raw:
        answer = await raw.post(path, json=sent)
        assert (await raw.get("/_sim/faults")).json() == {"faults": []}
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert world.stored(key_of(person(1)))["Lead_Status"] == "New"


async def test_requests_are_counted_by_route_and_faults_by_how_often_they_fired(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    fault = {"kind": "status", "status": 503, "times": 1, "match": {"method": "GET", "path_contains": "Leads/"}}
    async with world.open_raw() as raw:
        assert (await raw.post("/_sim/faults", json=fault)).status_code == 200
        path = f"/crm/v8/Leads/{person(1).zoho_id}"
        assert [(await raw.get(path)).status_code for _ in range(2)] == [503, 200]
        counts = (await raw.get("/_sim/counts")).json()["counts"]
        faults = (await raw.get("/_sim/faults")).json()["faults"]
        assert (await raw.delete("/_sim/faults")).json() == {"faults": []}
    assert counts == {"GET /crm/v8/Leads/{id}": 2}
    assert [(f["fired"], f["spent"]) for f in faults] == [(1, True)]


async def test_latency_delays_answers_but_not_the_admin_pages(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        assert (await raw.post("/_sim/latency", json={"seconds": 0.2})).json() == {"seconds": 0.2}
        began = time.perf_counter()
        await raw.get("/_sim/counts")
        admin = time.perf_counter() - began
        await raw.get("/crm/v8/Leads?fields=id")
        assert time.perf_counter() - began - admin >= 0.2
    assert admin < 0.2


async def test_a_request_that_breaks_off_in_its_body_never_was(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(world.url.rpartition(":")[2]))
    writer.write(b"PUT /crm/v8/Leads HTTP/1.1\r\nHost: sim\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    async with world.open_raw(authorised=False) as raw:
        assert (await raw.get("/_sim/counts")).json()["counts"] == {}
    assert world.exchanges == []


async def test_a_fault_may_answer_with_an_error_although_it_did_what_was_asked(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    world.fault(kind="status", status=500, body={"code": "INTERNAL_ERROR"}, commit=True)
    async with world.open_raw() as raw:
        answer = await raw.put("/crm/v8/Leads", json=body(someone, Call_Attempts=1))
    assert answer.status_code == 500
    assert world.stored(key_of(someone))["Call_Attempts"] == 1


async def test_faults_wait_for_the_request_they_match_and_let_the_given_number_pass(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=500, match={"query_contains": "Phone"}, skip=1, times=2)
    async with world.open_raw() as raw:
        other = [(await raw.get("/crm/v8/Leads?fields=id")).status_code for _ in range(2)]
        met = [(await raw.get("/crm/v8/Leads?fields=Phone")).status_code for _ in range(4)]
    assert other == [200, 200]
    assert met == [200, 500, 500, 200]


async def test_the_raw_requests_of_these_tests_are_told_apart_from_the_clients(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw, world.open_client() as crm:
        await raw.get("/crm/v8/Leads?fields=id")
        await crm.prepare()
    assert [RAW in exchange.headers for exchange in world.exchanges][:1] == [True]
    assert not any(RAW in exchange.headers for exchange in world.exchanges[1:])
