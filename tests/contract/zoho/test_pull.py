import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordType
from autodialer.simulators.people import STOP_STATUSES, population
from autodialer.simulators.zoho_coql import parse
from autodialer.simulators.zoho_limits import Limits
from autodialer.simulators.zoho_query import select
from autodialer.simulators.zoho_schema import default_metadata, picklist_value
from contract.zoho.world import NOW, World, key_of, person, pull_all

OpenWorld = Callable[..., World]


async def test_a_pull_returns_new_and_no_answer_only_and_each_value_as_zoho_holds_it(open_world: OpenWorld) -> None:
    lead = person(1, "No Answer", call_attempts=3, first_no_answer_at=NOW - timedelta(days=1), mobile="0709 1")
    contact = person(2, "New", "Contacts")
    stopped = [person(10 + i, status) for i, status in enumerate((*STOP_STATUSES, "Contacted", None))]
    world = open_world(lead, contact, *stopped)
    async with world.open_client() as crm:
        leads = await pull_all(crm)
        contacts = await pull_all(crm, RecordType.CONTACT)
    assert [record.key for record in leads] == [key_of(lead)]
    assert [record.key for record in contacts] == [key_of(contact)]
    found = leads[0]
    assert (found.status, found.call_attempts, found.phone, found.mobile) == ("No Answer", 3, lead.phone, "0709 1")
    assert found.name == "Ana Zăpadă"
    assert isinstance(found.first_no_answer_at, str)
    assert datetime.fromisoformat(found.first_no_answer_at) == NOW - timedelta(days=1)
    assert found.first_no_answer_at.endswith("-08:00"), "the organisation's offset, not UTC"
    assert contacts[0].call_attempts is None
    assert contacts[0].first_no_answer_at is None


async def test_ten_thousand_records_of_both_modules_come_once_each_and_whole(open_world: OpenWorld) -> None:
    people = population(seed=7, count=10_000, now=NOW)
    world = open_world(*people)
    expected = {key_of(p) for p in people if p.status in ("New", "No Answer")}
    sizes = []
    keys = []
    async with world.open_client() as crm:
        for record_type in RecordType:
            async for page in crm.pull(record_type):
                sizes.append(len(page))
                keys += [record.key for record in page]
        calls = crm.usage.calls
    assert len(keys) == len(set(keys)) == len(expected) > 8000
    assert set(keys) == expected
    assert max(sizes) == 2000, "no ceiling of 200"
    assert calls == 2 + len(world.sent("POST", "/crm/v8/coql"))
    assert len(world.sent("POST", "/crm/v8/coql")) <= 6, "one query for each 2000"


@pytest.mark.parametrize(("count", "pages"), [(1999, 1), (2000, 1), (2001, 2), (4000, 2)])
async def test_no_page_is_asked_for_beyond_the_one_that_says_it_is_the_last(
    open_world: OpenWorld, count: int, pages: int
) -> None:
    world = open_world(*(person(i) for i in range(count)))
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == count
        assert crm.usage.credits == 2 + 3 * pages == world.sim.meter.spent
    assert len(world.sent("POST", "/crm/v8/coql")) == pages


async def test_after_a_full_page_that_does_not_say_whether_it_is_the_last_an_empty_one_ends_the_pull(
    open_world: OpenWorld,
) -> None:
    people = [person(i) for i in range(2000)]
    world = open_world()
    rows = [{"id": someone.zoho_id, "Lead_Status": "New"} for someone in people]
    world.fault(kind="status", status=200, body={"data": rows}, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        assert [record.key for record in await pull_all(crm)] == [key_of(someone) for someone in people]
    assert len(world.sent("POST", "/crm/v8/coql")) == 2


async def test_a_pull_goes_on_after_a_given_id_and_asks_for_nothing_before_it(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(4100)]
    world = open_world(*people)
    async with world.open_client() as crm:
        found = [r.key for r in [r async for page in crm.pull(RecordType.LEAD, people[2099].zoho_id) for r in page]]
    assert found == [key_of(someone) for someone in people[2100:]]
    assert len(world.sent("POST", "/crm/v8/coql")) == 1


async def test_both_modules_are_pulled_at_once_and_never_more_requests_go_than_configured(
    open_world: OpenWorld,
) -> None:
    people = [person(i) for i in range(4100)] + [person(i, module="Contacts") for i in range(4100)]
    world = open_world(*people, latency_seconds=0.05)
    async with world.open_client(coql_concurrency=2) as crm:
        leads, contacts = await asyncio.gather(*(pull_all(crm, record_type) for record_type in RecordType))
    assert (len(leads), len(contacts)) == (4100, 4100)
    assert world.sim.gate.peak_in_flight == 2


async def test_an_empty_module_is_an_empty_pull(open_world: OpenWorld) -> None:
    async with open_world().open_client() as crm:
        assert await pull_all(crm) == []


async def test_changes_while_paging_make_no_record_come_twice_and_none_be_missed(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(4500)]
    world = open_world(*people)
    seen = []
    async with world.open_client() as crm:
        async for page in crm.pull(RecordType.LEAD):
            seen += [record.key for record in page]
            leads = world.sim.records["Leads"]
            for record in page:  # what was pulled leaves the filter, which would shift any offset
                held = leads.get(int(record.key.zoho_id))
                assert held is not None
                leads.change(held, {"Lead_Status": "Contacted"}, "human")
            leads.seed([person(-len(seen), "New")])  # somebody new, before the cursor
    assert len(seen) == len(set(seen))
    assert set(seen) == {key_of(p) for p in people}


@pytest.mark.parametrize(
    "fault",
    [
        {
            "kind": "status",
            "status": 401,
            "body": {"code": "INVALID_TOKEN", "details": {}, "message": "", "status": "error"},
        },
        {"kind": "status", "status": 429, "body": {"code": "TOO_MANY_REQUESTS"}, "headers": {"Retry-After": "3"}},
        {"kind": "status", "status": 429, "body": {"code": "RATE_LIMIT_EXCEEDED"}},
        {"kind": "status", "status": 408},
        {"kind": "status", "status": 500, "body": {"code": "INTERNAL_ERROR"}},
        {"kind": "html"},
        {"kind": "html", "status": 200},
        {"kind": "reset"},
        {"kind": "drop_after_commit"},
        {"kind": "torn"},
        {"kind": "timeout"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
async def test_a_fault_in_the_middle_of_a_pull_does_not_lose_the_place(
    open_world: OpenWorld, fault: dict[str, object]
) -> None:
    people = [person(i) for i in range(4100)]
    world = open_world(*people)
    world.fault(**fault, match={"path_contains": "coql"}, skip=1)
    async with world.open_client(read_timeout=0.4) as crm:
        records = await pull_all(crm)
    assert [record.key for record in records] == [key_of(p) for p in people]
    assert world.fired() == [1]


async def test_a_token_that_expires_between_two_pages_is_renewed_and_the_pull_goes_on(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(4100)))
    count = 0
    async with world.open_client() as crm:
        async for page in crm.pull(RecordType.LEAD):
            count += len(page)
            world.clock.advance(3601)
    assert count == 4100
    assert world.sim.accounts.minted == 3


async def test_an_outage_that_lasts_ends_the_pull_with_a_transient_error(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="html", status=503, match={"path_contains": "coql"}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert not caught.value.permanent
    assert world.fired() == [5]


@pytest.mark.parametrize(
    ("code", "details"),
    [
        ("INVALID_QUERY", {"column_name": "Call_Attempts"}),
        ("SYNTAX_ERROR", {"near": "where"}),
        ("LIMIT_EXCEEDED", {"limit": 2000}),
    ],
)
async def test_a_query_that_zoho_refuses_stops_the_run_at_once_and_says_why(
    open_world: OpenWorld, code: str, details: dict[str, object]
) -> None:
    world = open_world(person(1))
    body = {"code": code, "details": details, "message": "refused", "status": "error"}
    world.fault(kind="status", status=400, body=body, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert (caught.value.permanent, caught.value.stops_run, caught.value.code) == (True, True, code)
    assert code in caught.value.message
    assert len(world.sent("POST", "/crm/v8/coql")) == 1


async def test_rows_without_a_usable_id_are_counted_and_stop_nothing(open_world: OpenWorld) -> None:
    rows = [{"id": None}, "nonsense", {"Phone": "1"}, {"id": "12345678901234567", "Lead_Status": "New", "Phone": 709}]
    world = open_world()
    body = {"data": rows, "info": {"count": 4, "more_records": False}}
    world.fault(kind="status", status=200, body=body, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        records = await pull_all(crm)
        unreadable = crm.unreadable_rows
    assert [(record.key.zoho_id, record.phone) for record in records] == [("12345678901234567", "709")]
    assert unreadable == 3


async def test_a_page_that_says_there_is_more_is_followed_even_when_it_is_short(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(3)]
    world = open_world(*people)
    first = {"data": [{"id": people[0].zoho_id, "Lead_Status": "New"}], "info": {"count": 1, "more_records": True}}
    world.fault(kind="status", status=200, body=first, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 3


async def test_the_query_filters_on_status_and_id_only(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(2001)))
    async with world.open_client() as crm:
        await pull_all(crm)
    queries = [exchange.body.decode() for exchange in world.sent("POST", "/crm/v8/coql")]
    wheres = [query.partition(" where ")[2].partition(" order by ")[0] for query in queries]
    statuses = "Lead_Status in ('New', 'No Answer')"
    last = person(1999).zoho_id
    assert wheres == [statuses, f"({statuses} and id > {last})"]


async def test_statuses_are_found_by_their_stored_value_and_come_back_as_configured(open_world: OpenWorld) -> None:

    metadata = default_metadata()
    metadata["Leads"][-1]["pick_list_values"] = [
        picklist_value("Not Contacted", shown="New"),
        picklist_value("no  answer"),
        picklist_value("Dead"),
    ]
    world = open_world(person(1, "Not Contacted"), person(2, "no  answer"), person(3, "New"), metadata=metadata)
    async with world.open_client() as crm:
        records = await pull_all(crm)
    assert [record.status for record in records] == ["New", "No Answer"]


async def test_usage_counts_credits_by_the_documented_weights(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(2500)), limits=Limits(credits_per_day=16))
    async with world.open_client() as crm:
        await pull_all(crm)
        usage = crm.usage
    assert usage.calls == 4
    assert usage.credits == 2 + 2 * 3 == world.sim.meter.spent
    assert usage.credits_remaining == 8, "told only once half is used"


async def test_a_page_of_two_thousand_is_served_well_under_200_ms(open_world: OpenWorld) -> None:

    world = open_world(*(replace(person(i, "Dead"), status="New" if i >= 8000 else "Dead") for i in range(10_000)))
    query = parse(
        "select id, Lead_Status, Call_Attempts, First_No_Answer_At, Phone, Mobile, Created_Time, Modified_Time "
        "from Leads where Lead_Status in ('New') order by id asc limit 2000"
    )
    took = []
    for _ in range(3):
        began = time.perf_counter()
        assert len(select(query, world.sim.records["Leads"])[0]) == 2000
        took.append(time.perf_counter() - began)
    assert min(took) < 0.2
