from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from autodialer.simulators.people import Person
from autodialer.simulators.zoho_limits import Limits
from contract.zoho.world import NOW, World, key_of, person

OpenWorld = Callable[..., World]
TOKEN = "/oauth/v2/token"


def body(someone: Person, **fields: Any) -> dict[str, Any]:
    return {"data": [{"id": someone.zoho_id, **fields}], "trigger": []}


def query(text: str) -> dict[str, str]:
    return {"select_query": text}


async def test_the_eleventh_token_request_in_ten_minutes_is_throttled_until_the_window_is_over(
    open_world: OpenWorld,
) -> None:
    world = open_world()
    async with world.open_raw(authorised=False) as raw:
        answers = [await raw.post(TOKEN, data=world.form()) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [400]
        assert answers[-1].json()["error"] == "Access Denied"
        world.clock.advance(599)
        assert (await raw.post(TOKEN, data=world.form())).status_code == 400
        world.clock.advance(2)
        assert (await raw.post(TOKEN, data=world.form())).status_code == 200


async def test_the_eleventh_live_token_evicts_the_oldest(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_raw(authorised=False) as raw:
        tokens = []
        for _ in range(11):
            tokens.append((await raw.post(TOKEN, params=world.form())).json()["access_token"])
            world.clock.advance(61)
        codes = [
            (await raw.get("/crm/v8/Leads?fields=id", headers={"Authorization": f"Zoho-oauthtoken {token}"})).json()
            for token in tokens[:2]
        ]
    assert codes[0]["code"] == "INVALID_TOKEN"
    assert codes[1]["info"]["count"] == 1


async def test_a_token_lives_an_hour(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        world.clock.advance(3599)
        assert (await raw.get("/crm/v8/Leads?fields=id")).status_code == 200
        world.clock.advance(2)
        assert (await raw.get("/crm/v8/Leads?fields=id")).status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer {token}", "Zoho-oauthtoken", "{token}"])
async def test_a_header_that_zoho_can_not_read_is_another_error_than_an_expired_token(
    open_world: OpenWorld, header: str | None
) -> None:
    world = open_world(person(1))
    token = world.sim.accounts.mint(world.form(), world.url)[1]["access_token"]
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    async with world.open_raw(authorised=False) as raw:
        answer = await raw.get("/crm/v8/Leads?fields=id", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTHENTICATION_FAILURE")


async def test_an_empty_answer_has_no_body_and_no_content_type(open_world: OpenWorld) -> None:
    world = open_world()
    async with world.open_raw() as raw:
        for answer in (
            await raw.post("/crm/v8/coql", json=query("select id from Leads where id is not null")),
            await raw.get("/crm/v8/Leads?fields=id"),
            await raw.get("/crm/v8/Leads/4150868000000002175"),
            await raw.get("/crm/v8/Leads?fields=id&ids=1,2"),
        ):
            assert answer.status_code == 204
            assert answer.content == b""
            assert "content-type" not in answer.headers


async def test_an_update_answers_in_order_with_207_when_mixed(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(3)]
    world = open_world(*people)
    items = [
        {"id": people[0].zoho_id, "Call_Attempts": "3"},
        {"id": int(people[1].zoho_id), "Call_Attempts": 3},
        {"Call_Attempts": 3},
        {"id": "1", "Call_Attempts": 3},
        {"id": people[2].zoho_id, "First_No_Answer_At": "2026-01-02T03:04:05.000+00:00"},
        {"id": people[2].zoho_id, "Phone": "1" * 31},
        {"id": people[2].zoho_id, "Mobile": "<script>"},
    ]
    async with world.open_raw() as raw:
        answer = await raw.put("/crm/v8/Leads", json={"data": items})
    assert answer.status_code == 207
    assert [item["code"] for item in answer.json()["data"]] == [
        "INVALID_DATA",
        "SUCCESS",
        "MANDATORY_NOT_FOUND",
        "INVALID_DATA",
        "INVALID_DATA",
        "INVALID_DATA",
        "INVALID_DATA",
    ]
    details = [item["details"] for item in answer.json()["data"]]
    assert details[0] == {
        "expected_data_type": "integer",
        "api_name": "Call_Attempts",
        "json_path": "$.data[0].Call_Attempts",
    }
    assert details[4]["expected_data_type"] == "datetime"
    assert details[5]["maximum_length"] == 30
    assert details[6]["expected_data_type"] == "phone"


async def test_more_than_a_hundred_records_are_refused_as_a_whole(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(101)]
    world = open_world(*people)
    async with world.open_raw() as raw:
        items = [{"id": p.zoho_id, "Call_Attempts": 1} for p in people]
        answer = await raw.put("/crm/v8/Leads", json={"data": items})
        fits = await raw.put("/crm/v8/Leads", json={"data": items[:100]})
    assert (answer.status_code, answer.json()["data"][0]["code"]) == (400, "LIMIT_EXCEEDED")
    assert fits.status_code == 200


async def test_unlisted_picklist_values_and_unknown_fields_are_taken_without_a_word(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_raw() as raw:
        answer = await raw.put("/crm/v8/Leads", json=body(someone, Lead_Status="No Anwser", Call_Atempts=3))
    assert answer.status_code == 200
    assert world.stored(key_of(someone))["Lead_Status"] == "No Anwser"


async def test_a_field_that_may_not_be_updated_stays_as_it_is(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    before = world.stored(key_of(someone))["Created_Time"]
    async with world.open_raw() as raw:
        await raw.put("/crm/v8/Leads", json=body(someone, Created_Time="2020-01-01T00:00:00+00:00"))
    assert world.stored(key_of(someone))["Created_Time"] == before


async def test_null_clears_a_field_and_what_is_left_out_stays(open_world: OpenWorld) -> None:
    someone = person(1, "No Answer", call_attempts=3, first_no_answer_at=NOW)
    world = open_world(someone)
    async with world.open_raw() as raw:
        await raw.put(f"/crm/v8/Leads/{someone.zoho_id}", json={"data": [{"First_No_Answer_At": None}]})
    stored = world.stored(key_of(someone))
    assert (stored["First_No_Answer_At"], stored["Call_Attempts"]) == (None, 3)


async def test_times_are_answered_in_the_organisations_offset_which_changes_with_daylight_saving(
    open_world: OpenWorld,
) -> None:
    winter, summer = person(1, first_no_answer_at=NOW), person(2, first_no_answer_at=NOW + timedelta(days=30))
    world = open_world(winter, summer)
    assert world.stored(key_of(winter))["First_No_Answer_At"] == "2026-03-02T02:00:00-08:00"
    assert world.stored(key_of(summer))["First_No_Answer_At"] == "2026-04-01T03:00:00-07:00"


async def test_an_update_bumps_modified_time_by_whole_seconds_and_remembers_who(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_raw() as raw:
        before = world.stored(key_of(someone))["Modified_Time"]
        answer = (await raw.put("/crm/v8/Leads", json=body(someone, Call_Attempts=1))).json()["data"][0]
        await raw.post("/_sim/edit", json={"module": "Leads", "id": someone.zoho_id, "fields": {"Phone": None}})
        records = (await raw.get("/_sim/records", params={"module": "Leads"})).json()["records"]
    after = answer["details"]["Modified_Time"]
    assert datetime.fromisoformat(after) > datetime.fromisoformat(before)
    assert datetime.fromisoformat(after).microsecond == 0
    history = records[0]["history"]
    assert [entry["who"] for entry in history] == ["api", "human"]
    assert history[0]["before"] == {"Call_Attempts": None}
    assert history[0]["after"] == {"Call_Attempts": 1}


async def test_a_stale_if_unmodified_since_is_412_and_changes_nothing(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    read_at = world.stored(key_of(someone))["Modified_Time"]
    path = f"/crm/v8/Leads/{someone.zoho_id}"
    async with world.open_raw() as raw:
        fresh = await raw.put(path, json=body(someone, Call_Attempts=1), headers={"If-Unmodified-Since": read_at})
        stale = await raw.put(path, json=body(someone, Call_Attempts=2), headers={"If-Unmodified-Since": read_at})
        chained = fresh.json()["data"][0]["details"]["Modified_Time"]
        third = await raw.put(path, json=body(someone, Call_Attempts=3), headers={"If-Unmodified-Since": chained})
    assert [fresh.status_code, stale.status_code, third.status_code] == [200, 412, 200]
    assert stale.json()["data"][0]["code"] == "ALREADY_MODIFIED"
    assert world.stored(key_of(someone))["Call_Attempts"] == 3


async def test_what_is_left_of_the_credits_is_told_once_half_is_used(open_world: OpenWorld) -> None:
    world = open_world(person(1), limits=Limits(credits_per_day=4))
    async with world.open_raw() as raw:
        answers = [await raw.get("/crm/v8/Leads?fields=id") for _ in range(5)]
    assert [a.headers.get("X-API-CREDITS-REMAINING") for a in answers] == [None, "2", "1", "0", "0"]
    assert [a.status_code for a in answers] == [200] * 4 + [429]
