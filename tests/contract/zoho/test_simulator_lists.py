from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from autodialer.simulators.zoho_lists import MAX_BY_TOKEN
from contract.zoho.world import NOW, World, key_of, person

OpenWorld = Callable[..., World]
LEADS = "/crm/v8/Leads"


async def listed(raw: httpx2.AsyncClient, **params: Any) -> httpx2.Response:
    return await raw.get(LEADS, params={"fields": "id", **params})


def ids(answer: httpx2.Response) -> list[str]:
    return [row["id"] for row in answer.json()["data"]] if answer.status_code == 200 else []


async def test_the_newest_ids_come_first_unless_another_order_is_asked_for(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(3)]
    world = open_world(*people)
    first, second, third = (p.zoho_id for p in people)
    world.sim.records["Leads"].change(next(world.sim.records["Leads"].by_id()), {"Phone": None}, "human")
    async with world.open_raw() as raw:
        assert ids(await listed(raw)) == [third, second, first]
        assert ids(await listed(raw, sort_order="asc")) == [first, second, third]
        assert ids(await listed(raw, sort_by="Modified_Time"))[0] == first
        assert ids(await listed(raw, sort_by="Created_Time", sort_order="asc"))[0] == first


async def test_pages_by_number_reach_two_thousand_records_and_by_token_the_rest(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(2250)))
    seen = []
    async with world.open_raw() as raw:
        for page in range(1, 10):
            seen += ids(await listed(raw, page=page))
        answer = await listed(raw, page=10)
        seen += ids(answer)
        assert (await listed(raw, page=11)).json()["code"] == "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
        info = answer.json()["info"]
        assert (info["page"], info["more_records"], info["page_token_expiry"][:10]) == (10, True, "2026-03-03")
        while info["next_page_token"] is not None:
            answer = await listed(raw, page_token=info["next_page_token"])
            info = answer.json()["info"]
            seen += ids(answer)
        back = await listed(raw, page_token=info["previous_page_token"])
    assert len(seen) == len(set(seen)) == 2250
    assert (info["page"], info["count"], info["more_records"]) == (12, 50, False)
    assert ids(back) == seen[2000:2200]


async def test_a_page_token_holds_for_a_day_and_for_the_same_parameters_only(open_world: OpenWorld) -> None:
    world = open_world(person(1), person(2))
    async with world.open_raw() as raw:
        token = (await listed(raw, per_page=1)).json()["info"]["next_page_token"]
        assert (await listed(raw, per_page=1, page_token=token)).status_code == 200
        for changed in ({"sort_order": "asc"}, {"per_page": 2}, {"page_token": token[:-1]}, {"page_token": "x"}):
            answer = await listed(raw, **{"per_page": 1, "page_token": token, **changed})
            assert (answer.status_code, answer.json()["code"]) == (400, "TOKEN_BOUND_DATA_MISMATCH")
        both = await listed(raw, per_page=1, page=2, page_token=token)
        assert both.json()["code"] == "AMBIGUITY_DURING_PROCESSING"
        assert both.json()["details"] == {"ambiguity_due_to": [{"param_name": "page"}, {"param_name": "page_token"}]}
    world.clock.advance(24 * 3600 + 1)
    async with world.open_raw() as raw:
        assert (await listed(raw, per_page=1, page_token=token)).json()["code"] == "EXPIRED_VALUE"


async def test_no_token_leads_beyond_a_hundred_thousand_records(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_BY_TOKEN == 100_000
    monkeypatch.setattr("autodialer.simulators.zoho_lists.MAX_BY_TOKEN", 2)
    world = open_world(*(person(i) for i in range(3)))
    async with world.open_raw() as raw:
        first = (await listed(raw, per_page=1)).json()["info"]
        second = (await listed(raw, per_page=1, page_token=first["next_page_token"])).json()["info"]
        refused = await listed(raw, per_page=1, page_token=second["next_page_token"])
    assert (second["page"], second["more_records"]) == (2, True)
    assert refused.json()["code"] == "PAGINATION_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("params", "code", "details"),
    [
        ({"fields": ""}, "REQUIRED_PARAM_MISSING", {"param_name": "fields"}),
        ({"fields": ",".join(f"F{i}" for i in range(51))}, "LIMIT_EXCEEDED", {"limit": 50, "param_name": "fields"}),
        ({"per_page": 201}, "LIMIT_EXCEEDED", {"limit": 200, "param_name": "per_page"}),
        ({"per_page": 0}, "INVALID_DATA", {"param_name": "per_page"}),
        ({"page": "one"}, "INVALID_DATA", {"param_name": "page"}),
        (
            {"sort_by": "Phone"},
            "INVALID_DATA",
            {"param_name": "sort_by", "supported_values": ["id", "Created_Time", "Modified_Time"]},
        ),
        ({"sort_order": "up"}, "INVALID_DATA", {"param_name": "sort_order", "supported_values": ["asc", "desc"]}),
        (
            {"converted": "maybe"},
            "INVALID_DATA",
            {"param_name": "converted", "supported_values": ["false", "true", "both"]},
        ),
        ({"cvid": "4150868000000087501"}, "INVALID_DATA", {"param_name": "cvid"}),
        (
            {"cvid": "1", "sort_by": "id"},
            "AMBIGUITY_DURING_PROCESSING",
            {"ambiguity_due_to": [{"param_name": "cvid"}, {"param_name": "sort_by"}]},
        ),
        ({"ids": ",".join(["4150868000000002175"] * 52)}, "LIMIT_EXCEEDED", {"limit": 1024, "param_name": "ids"}),
    ],
)
async def test_parameters_that_do_not_fit_are_named(
    open_world: OpenWorld, params: dict[str, Any], code: str, details: dict[str, Any]
) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await listed(raw, **params)
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (400, code, details)


async def test_records_are_read_by_id_at_most_fifty_one_at_a_time(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(51)]
    world = open_world(*people)
    wanted = ",".join(p.zoho_id for p in people)
    async with world.open_raw() as raw:
        answer = await listed(raw, ids=wanted, sort_order="asc")
    assert ids(answer) == wanted.split(",")
    assert len(wanted) <= 1024


async def test_an_unset_field_is_null_and_one_that_does_not_exist_is_left_out(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_raw() as raw:
        row = (await listed(raw, fields="Mobile,Call_Atempts")).json()["data"][0]
        one = (await raw.get(f"{LEADS}/{someone.zoho_id}?fields=Phone")).json()["data"][0]
        whole = (await raw.get(f"{LEADS}/{someone.zoho_id}")).json()["data"][0]
    assert row == {"id": someone.zoho_id, "Mobile": None}
    assert one == {"id": someone.zoho_id, "Phone": someone.phone}
    assert whole == world.stored(key_of(someone))


async def test_converted_leads_are_hidden_from_lists_unless_asked_for(open_world: OpenWorld) -> None:
    people = [person(1), person(2)]
    world = open_world(*people)
    converted, other = (p.zoho_id for p in people)
    async with world.open_raw() as raw:
        await raw.post("/_sim/edit", json={"module": "Leads", "id": converted, "state": "converted"})
        assert ids(await listed(raw)) == [other]
        assert ids(await listed(raw, ids=converted)) == []
        assert ids(await listed(raw, converted="true")) == [converted]
        assert ids(await listed(raw, converted="both")) == [other, converted]


async def test_what_did_not_change_since_is_304_and_what_did_is_listed(open_world: OpenWorld) -> None:
    people = [person(1), person(2)]
    world = open_world(*people)
    one = f"{LEADS}/{people[0].zoho_id}"
    since = {"If-Modified-Since": NOW.isoformat()}
    async with world.open_raw() as raw:
        before = [await raw.get(path, headers=since) for path in (f"{LEADS}?fields=id", one)]
        world.clock.advance(5)
        await raw.post("/_sim/edit", json={"module": "Leads", "id": people[0].zoho_id, "fields": {"Phone": None}})
        after = [await raw.get(path, headers=since) for path in (f"{LEADS}?fields=id", one)]
        refused = await raw.get(one, headers={"If-Modified-Since": "Mon, 02 Mar 2026 10:00:00 GMT"})
    assert [(a.status_code, a.content) for a in before] == [(304, b"")] * 2
    assert [ids(a) for a in after] == [[people[0].zoho_id]] * 2
    assert refused.json()["code"] == "INVALID_DATA"


async def test_two_changes_within_a_second_can_not_be_told_apart(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    record = next(world.sim.records["Leads"].by_id())
    async with world.open_raw() as raw:
        body = {"data": [{"id": someone.zoho_id, "Call_Attempts": 1}]}
        stamps = [(await raw.put(LEADS, json=body)).json()["data"][0]["details"]["Modified_Time"] for _ in range(5)]
    assert len(set(stamps)) <= 2
    assert record.modified.microsecond == 0
    assert record.modified - NOW < timedelta(seconds=30)
