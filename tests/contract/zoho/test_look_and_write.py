import asyncio
import json
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Final

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, Written
from autodialer.simulators.zoho_schema import default_metadata, field_meta, picklist_value
from contract.zoho.world import NOW, World, key_of, person

OpenWorld = Callable[..., World]
GONE = RecordKey(RecordType.LEAD, "4150868000000999999")


def refusals(results: object) -> list[Refusal | None]:
    assert isinstance(results, list)
    return [result.refusal if isinstance(result, NotWritten) else None for result in results]


async def test_a_look_finds_records_of_both_modules_whatever_their_status_and_leaves_out_what_is_gone(
    open_world: OpenWorld,
) -> None:
    people = [person(1, "Dead"), person(2, None), person(3, "New", "Contacts")]
    world = open_world(*people)
    async with world.open_client() as crm:
        found = await crm.look([*map(key_of, people), GONE, key_of(people[0])])
    assert {key: record.status for key, record in found.items()} == {
        key_of(people[0]): "Dead",
        key_of(people[1]): None,
        key_of(people[2]): "New",
    }


async def test_a_look_asks_for_fifty_at_a_time_and_side_by_side_within_the_limit(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(120)]
    world = open_world(*people, latency_seconds=0.05)
    async with world.open_client() as crm:
        assert len(await crm.look([key_of(p) for p in people])) == 120
    queries = world.sent("POST", "/crm/v8/coql")
    assert sorted(query.body.count(b"'") // 2 for query in queries) == [20, 50, 50]
    assert world.sim.gate.peak_in_flight == 2, "two heavy requests at a time by default"


async def test_a_look_sees_what_a_person_changed_a_moment_ago(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_client() as crm, world.open_raw(authorised=False) as raw:
        before = (await crm.look([key_of(someone)]))[key_of(someone)]
        world.clock.advance(5)
        edit = {"module": "Leads", "id": someone.zoho_id, "fields": {"Lead_Status": "Onboarding"}}
        assert (await raw.post("/_sim/edit", json=edit)).status_code == 200
        after = (await crm.look([key_of(someone)]))[key_of(someone)]
    assert (before.status, after.status) == ("New", "Onboarding")
    assert before.modified_time != after.modified_time


async def test_a_failed_look_is_an_error_and_never_a_missing_record(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(60)]
    world = open_world(*people)
    async with world.open_client() as crm:
        await crm.prepare()
        world.fault(kind="html", match={"path_contains": "coql"}, times=0)
        with pytest.raises(CrmError) as caught:
            await crm.look([key_of(p) for p in people])
    assert not caught.value.permanent


@pytest.mark.parametrize("body", [{}, {"code": "INTERNAL_ERROR", "details": {}, "message": "", "status": "error"}])
async def test_a_look_that_is_answered_without_any_list_of_records_is_asked_again_and_says_of_none_that_it_is_gone(
    open_world: OpenWorld, body: dict[str, object]
) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_client() as crm:
        await crm.prepare()
        world.fault(kind="status", status=200, body=body, match={"path_contains": "coql"})
        assert list(await crm.look([key_of(someone)])) == [key_of(someone)]


async def test_an_update_writes_absolute_values_in_zohos_format_and_nothing_else(open_world: OpenWorld) -> None:
    lead, contact = person(1), person(2, "No Answer", "Contacts", call_attempts=4)
    world = open_world(lead, contact)
    first = (NOW + timedelta(seconds=1, microseconds=987654)).astimezone(timezone(timedelta(hours=2)))
    async with world.open_client(trigger=("workflow",)) as crm:
        results = await crm.write(
            [
                CrmUpdate(key_of(contact), status=CrmStatus.DEAD),
                CrmUpdate(key_of(lead), CrmStatus.NO_ANSWER, 1, first),
            ]
        )
    assert all(isinstance(result, Written) and result.modified_time for result in results)
    assert world.stored(key_of(contact))["Status"] == "Dead"
    assert world.stored(key_of(contact))["Call_Attempts"] == 4
    assert world.stored(key_of(lead))["First_No_Answer_At"] == "2026-03-02T02:00:01-08:00"
    body = json.loads(world.sent("PUT", "/crm/v8/Leads")[0].body)
    assert body == {
        "data": [
            {
                "id": lead.zoho_id,
                "Lead_Status": "No Answer",
                "Call_Attempts": 1,
                "First_No_Answer_At": "2026-03-02T10:00:01+00:00",
            }
        ],
        "trigger": ["workflow"],
    }


async def test_without_a_trigger_the_update_says_so_because_leaving_it_out_would_run_every_workflow(
    open_world: OpenWorld,
) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await crm.write([CrmUpdate(key_of(person(1)), call_attempts=1)])
    assert json.loads(world.sent("PUT", "/crm/v8/Leads")[0].body)["trigger"] == []


@pytest.mark.parametrize(("count", "sizes"), [(25, [5, 10, 10]), (200, [10] * 20), (201, [1, 100, 100])])
async def test_updates_go_in_tens_and_a_backlog_in_hundreds(
    open_world: OpenWorld, count: int, sizes: list[int]
) -> None:
    people = [person(i) for i in range(count)]
    world = open_world(*people)
    async with world.open_client() as crm:
        results = await crm.write([CrmUpdate(key_of(p), call_attempts=1) for p in people])
        assert crm.usage.credits == world.sim.meter.spent
    assert len(results) == count
    assert sorted(len(json.loads(e.body)["data"]) for e in world.sent("PUT", "/crm/v8/Leads")) == sizes
    assert all(world.stored(key_of(p))["Call_Attempts"] == 1 for p in people)


async def test_batches_of_a_backlog_count_as_heavy_so_few_go_at_a_time(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(600)]
    world = open_world(*people, latency_seconds=0.05)
    async with world.open_client() as crm:
        await crm.prepare()
        await crm.write([CrmUpdate(key_of(p), call_attempts=1) for p in people[:60]])
        assert world.sim.gate.peak_in_flight == 5
        world.sim.gate.peak_in_flight = 0
        await crm.write([CrmUpdate(key_of(p), call_attempts=1) for p in people])
    assert world.sim.gate.peak_in_flight == 2


async def test_each_result_stands_at_the_place_of_its_update(open_world: OpenWorld) -> None:
    good, locked, approving, converted = person(1), person(2), person(3), person(4)
    reviewing, contact, blueprint, huge = person(5), person(6, "New", "Contacts"), person(7), person(8)
    world = open_world(good, locked, approving, converted, reviewing, contact, blueprint, huge)
    states = [(locked, "locked"), (approving, "not_approved"), (converted, "converted")]
    states += [(reviewing, "not_reviewed"), (blueprint, "blueprint")]
    async with world.open_client() as crm, world.open_raw(authorised=False) as raw:
        for someone, state in states:
            edit = {"module": "Leads", "id": someone.zoho_id, "state": state}
            assert (await raw.post("/_sim/edit", json=edit)).status_code == 200
        results = await crm.write(
            [
                CrmUpdate(key_of(locked), call_attempts=1),
                CrmUpdate(GONE, call_attempts=1),
                CrmUpdate(key_of(good), call_attempts=1),
                CrmUpdate(key_of(contact), call_attempts=1),
                CrmUpdate(key_of(approving), call_attempts=1),
                CrmUpdate(key_of(converted), call_attempts=1),
                CrmUpdate(key_of(reviewing), call_attempts=1),
                CrmUpdate(key_of(blueprint), CrmStatus.NO_ANSWER, 1),
                CrmUpdate(key_of(huge), call_attempts=10**9),
            ]
        )
    assert refusals(results) == [
        Refusal.BLOCKED,
        Refusal.NEVER,
        None,
        None,
        Refusal.BLOCKED,
        Refusal.NEVER,
        Refusal.BLOCKED,
        Refusal.NEVER,
        Refusal.NEVER,
    ]
    wrong_type = results[8]
    assert isinstance(wrong_type, NotWritten)
    assert wrong_type.code == "INVALID_DATA"
    assert "Call_Attempts" in wrong_type.message
    assert "integer" in wrong_type.message
    assert [e.status for e in world.sent("PUT", "/crm/v8/Leads")] == [207]


async def test_a_batch_of_failures_only_is_read_record_by_record_too(open_world: OpenWorld) -> None:
    world = open_world()
    async with world.open_client() as crm:
        results = await crm.write([CrmUpdate(GONE, call_attempts=1)])
    assert refusals(results) == [Refusal.NEVER]
    assert [e.status for e in world.sent("PUT", "/crm/v8/Leads")] == [400]


@pytest.mark.parametrize("kind", ["drop_after_commit", "torn", "slow", "reset", "timeout"])
async def test_an_update_whose_answer_is_lost_is_sent_again_with_the_same_values(
    open_world: OpenWorld, kind: str
) -> None:
    someone = person(1, call_attempts=2)
    world = open_world(someone)
    world.fault(kind=kind, match={"method": "PUT"}, delay_seconds=5)
    async with world.open_client(read_timeout=0.4) as crm:
        results = await crm.write([CrmUpdate(key_of(someone), CrmStatus.NO_ANSWER, 3)])
    assert isinstance(results[0], Written)
    bodies = [e.body for e in world.sent("PUT", "/crm/v8/Leads")]
    assert len(set(bodies)) == 1
    record = world.sim.records["Leads"].get(int(someone.zoho_id))
    assert record is not None
    assert record.values["Call_Attempts"] == 3
    assert len(record.history) == (1 if kind in ("reset", "timeout") else 2)


async def test_one_batch_out_of_reach_leaves_its_updates_for_later_and_the_others_written(
    open_world: OpenWorld,
) -> None:
    people = [person(i) for i in range(20)]
    world = open_world(*people)
    unlucky = people[3].zoho_id
    world.fault(kind="html", match={"method": "PUT", "body_contains": unlucky}, times=0)
    async with world.open_client() as crm:
        results = await crm.write([CrmUpdate(key_of(p), call_attempts=1) for p in people])
    assert refusals(results) == [Refusal.RETRY] * 10 + [None] * 10


async def test_nothing_reached_is_an_error_that_may_be_tried_again(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=429, body={"code": "TOO_MANY_REQUESTS"}, match={"method": "PUT"}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await crm.write([CrmUpdate(key_of(person(1)), call_attempts=1)])
    assert not caught.value.permanent
    assert caught.value.code == "TOO_MANY_REQUESTS"


async def test_one_record_that_spoils_the_whole_request_does_not_stop_the_others(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(5)]
    world = open_world(*people)
    flat = {"code": "INVALID_DATA", "details": {}, "message": "body", "status": "error"}
    match = {"method": "PUT", "body_contains": people[2].zoho_id}
    world.fault(kind="status", status=400, body=flat, match=match, times=0)
    async with world.open_client() as crm:
        results = await crm.write([CrmUpdate(key_of(p), call_attempts=1) for p in people])
    assert refusals(results) == [None, None, Refusal.NEVER, None, None]


@pytest.mark.parametrize(
    ("status", "code", "wrapped"),
    [(403, "NO_PERMISSION", False), (403, "NO_PERMISSION", True), (400, "INVALID_MODULE", False)],
)
async def test_a_missing_right_or_module_stops_the_run_and_names_what_to_fix(
    open_world: OpenWorld, status: int, code: str, *, wrapped: bool
) -> None:
    world = open_world(person(1))
    error = {"code": code, "details": {"permissions": ["Crm_Implied_Edit_Leads"]}, "message": "", "status": "error"}
    body = {"data": [error]} if wrapped else error
    world.fault(kind="status", status=status, body=body, match={"method": "PUT"})
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await crm.write([CrmUpdate(key_of(person(1)), call_attempts=1)])
    assert (caught.value.permanent, caught.value.stops_run, caught.value.code) == (True, True, code)
    assert "Zoho" in caught.value.message


NO_RIGHT: Final = {
    "code": "NO_PERMISSION",
    "details": {"permissions": ["Crm_Implied_Edit_Contacts"]},
    "message": "permission denied",
    "status": "error",
}


@pytest.mark.parametrize("others", [1, 30])
async def test_a_module_that_may_not_be_edited_keeps_back_no_update_of_the_other_one(
    open_world: OpenWorld, others: int
) -> None:
    leads, contact = [person(n) for n in range(others)], person(others, module="Contacts")
    world = open_world(*leads, contact)
    world.fault(kind="status", status=403, body=NO_RIGHT, match={"method": "PUT", "path_contains": "/Contacts"})
    async with world.open_client() as crm:
        *written, refused = await crm.write([CrmUpdate(key_of(one), call_attempts=1) for one in (*leads, contact)])
    assert all(isinstance(result, Written) for result in written)
    assert isinstance(refused, NotWritten)
    assert (refused.code, refused.refusal) == ("NO_PERMISSION", Refusal.STOP)
    assert {world.stored(key_of(lead))["Call_Attempts"] for lead in leads} == {1}


async def test_what_no_right_will_cure_and_what_time_will_are_told_apart_where_nothing_was_written(
    open_world: OpenWorld,
) -> None:
    lead, contact = person(0), person(1, module="Contacts")
    world = open_world(lead, contact)
    world.fault(kind="status", status=403, body=NO_RIGHT, match={"method": "PUT", "path_contains": "/Contacts"})
    world.fault(kind="status", status=503, body={}, match={"method": "PUT", "path_contains": "/Leads"}, times=9)
    async with world.open_client() as crm:
        results = await crm.write([CrmUpdate(key_of(one), call_attempts=1) for one in (lead, contact)])
    assert [isinstance(one, NotWritten) and one.refusal for one in results] == [Refusal.RETRY, Refusal.STOP]


async def test_an_update_that_changes_nothing_sends_nothing(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        assert list(await crm.write([CrmUpdate(key_of(person(1)))])) == [Written()]
        assert list(await crm.write([])) == []
    assert world.sent("PUT", "/crm/v8/Leads") == []


async def test_the_picklists_stored_value_is_written_not_the_shown_one(open_world: OpenWorld) -> None:
    metadata = default_metadata()
    metadata["Leads"][-1]["pick_list_values"] = [
        picklist_value("New"),
        picklist_value("NOANSWER", shown="No Answer"),
        picklist_value("dead"),
    ]
    someone = person(1)
    world = open_world(someone, metadata=metadata)
    async with world.open_client() as crm:
        await crm.write([CrmUpdate(key_of(someone), CrmStatus.NO_ANSWER)])
        assert world.stored(key_of(someone))["Lead_Status"] == "NOANSWER"
        assert (await crm.look([key_of(someone)]))[key_of(someone)].status == "No Answer"
        await crm.write([CrmUpdate(key_of(someone), CrmStatus.DEAD)])
    assert world.stored(key_of(someone))["Lead_Status"] == "dead"


async def test_a_long_integer_field_is_read_and_written_as_the_text_that_zoho_makes_of_it(
    open_world: OpenWorld,
) -> None:
    metadata = default_metadata()
    for fields in metadata.values():
        fields[:] = [f for f in fields if f["api_name"] != "Call_Attempts"]
        fields.append(field_meta("Call_Attempts", "Call Attempts", "bigint"))
    someone = person(1, "No Answer", call_attempts=2)
    world = open_world(someone, metadata=metadata)
    async with world.open_client() as crm:
        assert (await crm.look([key_of(someone)]))[key_of(someone)].call_attempts == 2
        raw = world.exchanges[-1].answer
        await asyncio.sleep(0)
    assert b'"Call_Attempts":"2"' in raw
