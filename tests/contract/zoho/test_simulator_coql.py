from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autodialer.simulators.zoho_answers import ZohoError
from autodialer.simulators.zoho_coql import parse
from autodialer.simulators.zoho_schema import default_metadata, field_meta
from contract.zoho.world import NOW, World, person

OpenWorld = Callable[..., World]
START = "select id from Leads where"


def query(text: str, **more: Any) -> dict[str, Any]:
    return {"select_query": text, **more}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("id is not null", [1, 2, 3, 4]),
        ("Call_Attempts is null", [1, 4]),
        ("Call_Attempts is not null", [2, 3]),
        ("(Call_Attempts is null or Call_Attempts < 5)", [1, 2, 4]),
        ("Call_Attempts != 2", [3]),
        ("Call_Attempts not in (7)", [2]),
        ("Call_Attempts between 2 and 7", [2, 3]),
        ("Call_Attempts not between 3 and 9", [2]),
        ("Lead_Status = 'New'", [1]),
        ("Lead_Status = New", [1]),
        ('Lead_Status = "New"', [1]),
        ("'Lead_Status' = 'New'", [1]),
        ("Lead_Status = 'new'", []),
        ("Lead_Status in ('New', 'O''Brien')", [1, 4]),
        ('Lead_Status in ("New", "O\'Brien")', [1, 4]),
        ("Lead_Status like '%brien'", [4]),
        ("Lead_Status like 'N%'", [1, 2]),
        ("Lead_Status not like '%No%'", [1, 4]),
        ("Lead_Status is null", [3]),
        ("Lead_Status != 'New'", [2, 4]),
        ("First_No_Answer_At >= '2026-03-01T12:00:00+02:00'", [2]),
        ("First_No_Answer_At < '2026-03-01T10:00:00Z'", []),
        ("First_No_Answer_At between '2026-02-28T10:00:00-08:00' and '2026-03-01T12:00:00+00:00'", [2]),
        ("First_No_Answer_At in ('2026-03-01T02:00:00-08:00', '2024-07-03T00:00:01+05:30')", [2]),
        ("First_No_Answer_At = '2026-03-01T15:30:00+05:30'", [2]),
        ("id in ('{2}', '{4}')", [2, 4]),
        ("(id > {2} and id <= '{3}')", [3]),
        ("((Lead_Status = 'New' or Call_Attempts = 7) and id > {1})", [3]),
        ("(Lead_Status = 'New') or (Call_Attempts = 7)", [1, 3]),
        ("Lead_Status = 'New' or (Call_Attempts = 7 and id > {1})", [1, 3]),
    ],
)
async def test_a_query_finds_what_its_words_say(open_world: OpenWorld, where: str, found: list[int]) -> None:
    people = {
        1: person(1),
        2: person(2, "No Answer", call_attempts=2, first_no_answer_at=NOW - timedelta(days=1)),
        3: person(3, None, call_attempts=7),
        4: person(4, "O'Brien"),
    }
    ids = ["", *(someone.zoho_id for someone in people.values())]
    world = open_world(*people.values())
    async with world.open_raw() as raw:
        answer = await raw.post("/crm/v8/coql", json=query(" ".join((START, where.format(*ids)))))
    rows = answer.json()["data"] if answer.status_code == 200 else []
    assert [row["id"] for row in rows] == [ids[i] for i in found]


INVALID_OPERATOR = {"reason": "invalid operator found", "column_name": "Lead_Status", "operator": ">"}


@pytest.mark.parametrize(
    ("text", "code", "details"),
    [
        ("select Nope from Leads where id is not null", "INVALID_QUERY", {"column_name": "Nope"}),
        ("select last_name from Leads where id is not null", "INVALID_QUERY", {"column_name": "last_name"}),
        ("select id from Leads where Nope = 1", "INVALID_QUERY", {"column_name": "Nope"}),
        (
            "select id from Leads where id is not null order by Nope",
            "INVALID_QUERY",
            {"column_name": "Nope", "clause": "order by"},
        ),
        ("select id from Accounts where id is not null", "INVALID_MODULE", {}),
        ("select id from leads where id is not null", "INVALID_MODULE", {}),
        ("select id from Leads where Lead_Status > 'New'", "INVALID_QUERY", INVALID_OPERATOR),
        ("select id from Leads where Lead_Status between 'A' and 'B'", "INVALID_QUERY", {"operator": "between"}),
        ("select id from Leads where Call_Attempts like '%3%'", "INVALID_QUERY", {"operator": "like"}),
        ("select id from Leads where Lead_Status not like 'No%'", "INVALID_QUERY", {"operator": "not like"}),
        ("select id from Leads where Call_Attempts = '3'", "INVALID_QUERY", {"value": "3"}),
        ("select id from Leads where Lead_Status = 3", "INVALID_QUERY", {"value": "3"}),
        (
            "select id from Leads where Created_Time > '2026-01-01T00:00:00.000+00:00'",
            "INVALID_QUERY",
            {"cv_criteria": False, "column_name": "Created_Time", "operator": ">"},
        ),
        ("select id from Leads where Created_Time > '2026-01-01'", "INVALID_QUERY", {"value": "2026-01-01"}),
        ("select id from Leads where id is not null order by id, id desc", "DUPLICATE_DATA", {"column_name": "id"}),
        ("select id, id from Leads where id is not null", "DUPLICATE_DATA", {"column_name": "id"}),
    ],
)
async def test_a_query_that_does_not_fit_is_refused_in_zohos_envelope(
    open_world: OpenWorld, text: str, code: str, details: dict[str, Any]
) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await raw.post("/crm/v8/coql", json=query(text))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["details"].items() >= details.items()


@pytest.mark.parametrize(
    ("text", "code", "details"),
    [
        ("select id from Leads", "SYNTAX_ERROR", {"clause": "where"}),
        ("select id from Leads limit 10", "SYNTAX_ERROR", {"clause": "where"}),
        ("select id where A = 1", "SYNTAX_ERROR", {"clause": "from"}),
        ("select id from Leads\nwhere A = 1 or", "SYNTAX_ERROR", {"line": 2, "column": 15, "near": ""}),
        ("select External from Leads where A = 1", "SYNTAX_ERROR", {"line": 1, "column": 8, "near": "External"}),
        ("select id, from Leads where A = 1", "SYNTAX_ERROR", {"line": 1, "column": 12, "near": "from"}),
        (f"{START} A = 1 and B = 2 and C = 3", "SYNTAX_ERROR", {"near": "and"}),
        (f"{START} (A = 1 and B = 2 or C = 3)", "SYNTAX_ERROR", {"near": "or"}),
        (f"{START} A = 'O\\'Brien'", "SYNTAX_ERROR", {}),
        (f"{START} A = 'open", "SYNTAX_ERROR", {"near": "'open"}),
        (f"{START} (A = 1", "SYNTAX_ERROR", {}),
        (f"{START} A = null", "SYNTAX_ERROR", {"near": "null"}),
        (f"{START} A = 1 garbage", "SYNTAX_ERROR", {"near": "garbage"}),
        (f"{START} A = 1 limit", "SYNTAX_ERROR", {}),
        (f"{START} A not = 1", "SYNTAX_ERROR", {"operator": "not"}),
        (f"{START} A contains 1", "SYNTAX_ERROR", {"operator": "contains"}),
        (f"{START} ({'(' * 999}", "SYNTAX_ERROR", {}),
        ("select COUNT(id) from Leads where A = 1", "SYNTAX_ERROR", {}),
        ("select Phone as Number from Leads where A = 1", "SYNTAX_ERROR", {}),
        ("update Leads set A = 1", "SYNTAX_ERROR", {}),
        ("", "SYNTAX_ERROR", {}),
        (f"{START} A = 1 limit 0", "INVALID_DATA", {}),
        (f"{START} A = 1 limit -1", "INVALID_DATA", {}),
        (f"{START} A = 1 limit x", "INVALID_QUERY", {"limit": "x"}),
        (f"{START} A = 1 limit 1.5", "INVALID_QUERY", {"limit": "1.5"}),
        (f"{START} A = 1 limit 5 offset x", "INVALID_QUERY", {"offset": "x"}),
        (f"{START} A = 1 limit -1, 5", "INVALID_QUERY", {"offset": "-1"}),
        (f"{START} A = 1 limit 2001", "LIMIT_EXCEEDED", {"limit": 2000}),
        (f"{START} A = 1 limit 99000, 2000", "LIMIT_EXCEEDED", {"limit": 100_000}),
        (f"{START} A = 1 limit 2000 offset 98001", "LIMIT_EXCEEDED", {"limit": 100_000}),
        (f"{START} A in (1{', 1' * 50})", "LIMIT_EXCEEDED", {"limit": 50}),
        (f"{START} A not in (1{', 1' * 50})", "LIMIT_EXCEEDED", {"limit": 50}),
        (f"{START} {'(' * 25}A = 1{' and A = 1)' * 25}", "LIMIT_EXCEEDED", {"clause": "where", "limit": 25}),
        (f"{START} A = 1 order by {', '.join(f'A{i}' for i in range(11))}", "LIMIT_EXCEEDED", {"clause": "order by"}),
        (START.replace("id", ", ".join(f"A{i}" for i in range(501))) + " A = 1", "LIMIT_EXCEEDED", {"limit": 500}),
    ],
)
def test_a_query_that_can_not_be_read_is_refused_and_the_place_is_named(
    text: str, code: str, details: dict[str, Any]
) -> None:
    with pytest.raises(ZohoError) as caught:
        parse(text)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert caught.value.details.items() >= details.items()


@pytest.mark.parametrize(
    ("text", "offset", "limit"),
    [
        ("limit 10", 0, 10),
        ("LIMIT 30, 10", 30, 10),
        ("limit 10 OFFSET 30", 30, 10),
        ("limit 98000, 2000", 98_000, 2000),
        ("", 0, 200),
    ],
)
def test_limit_and_offset_have_two_forms_and_a_default(text: str, offset: int, limit: int) -> None:
    read = parse(f"{START} {'(' * 24}A = 1{' and A = 1)' * 24} {text}")
    assert (read.offset, read.limit) == (offset, limit)


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("Opted_Out = 'true'", 200),
        ("Opted_Out = true", 204),
        ("Opted_Out != true", 400),
        ("Opted_Out is null", 400),
        ("Born between '2000-01-01' and '2001-01-01'", 204),
        ("Born > 'yesterday'", 400),
        ("Description = 'x'", 400),
    ],
)
async def test_each_type_has_its_own_comparators(open_world: OpenWorld, where: str, status: int) -> None:
    more = [field_meta("Opted_Out", "Opted Out", "boolean"), field_meta("Born", "Born", "date")]
    more.append(field_meta("Description", "Description", "textarea"))
    metadata = {**default_metadata(), "Leads": [*default_metadata()["Leads"], *more]}
    world = open_world(person(1), metadata=metadata)
    if status == 200:
        next(world.sim.records["Leads"].by_id()).values["Opted_Out"] = True
    async with world.open_raw() as raw:
        answer = await raw.post("/crm/v8/coql", json=query(f"{START} {where}"))
    assert answer.status_code == status


async def test_without_a_limit_two_hundred_rows_come_and_it_says_that_there_are_more(open_world: OpenWorld) -> None:
    world = open_world(*(person(i) for i in range(201)))
    async with world.open_raw() as raw:
        page = (await raw.post("/crm/v8/coql", json=query("select id from Leads where id is not null"))).json()
        rest = await raw.post("/crm/v8/coql", json=query("select id from Leads where id is not null limit 200, 200"))
        order = "select Last_Name from Leads where id is not null order by Phone desc, id asc limit 1"
        last = (await raw.post("/crm/v8/coql", json=query(order))).json()["data"]
    assert page["info"] == {"count": 200, "more_records": True}
    assert rest.json()["info"] == {"count": 1, "more_records": False}
    assert last == [{"Last_Name": "Zăpadă", "id": person(200).zoho_id}], "the id is always returned"


async def test_a_query_costs_one_two_or_three_credits_by_its_limit(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    spent = []
    async with world.open_raw() as raw:
        for limit in (200, 201, 1000, 1001, 2000):
            before = world.sim.meter.spent
            await raw.post("/crm/v8/coql", json=query(f"{START} id is not null limit {limit}"))
            spent.append(world.sim.meter.spent - before)
    assert spent == [1, 2, 2, 3, 3]


async def test_a_converted_lead_is_found_by_a_query_because_zoho_does_not_say_otherwise(open_world: OpenWorld) -> None:
    someone = person(1)
    world = open_world(someone)
    async with world.open_raw() as raw:
        await raw.post("/_sim/edit", json={"module": "Leads", "id": someone.zoho_id, "state": "converted"})
        found = await raw.post("/crm/v8/coql", json=query(f"{START} Lead_Status = 'New'"))
        body = {"data": [{"id": someone.zoho_id, "Call_Attempts": 1}]}
        written = await raw.put("/crm/v8/Leads", json=body)
    assert [row["id"] for row in found.json()["data"]] == [someone.zoho_id]
    assert written.json()["data"][0]["code"] == "CONVERTED_RECORD"


async def test_the_metadata_of_the_columns_comes_along_when_asked_for(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    text = "select Last_Name from Leads where id is not null"
    async with world.open_raw() as raw:
        page = (await raw.post("/crm/v8/coql", json=query(text, include_meta=["fields"]))).json()
        refused = [
            (await raw.post("/crm/v8/coql", json=body)).json()
            for body in (query(text, include_meta="fields"), query(text, include_meta=["x"]), {}, {"select_query": 1})
        ]
    assert {name: meta["length"] for name, meta in page["fields"].items()} == {"Last_Name": 80}
    assert [error["code"] for error in refused] == ["INVALID_DATA"] * 2 + ["MANDATORY_NOT_FOUND", "INVALID_DATA"]
    assert refused[0]["details"]["expected_data_type"] == "jsonarray"
    assert refused[1]["details"]["supported_values"] == ["fields"]
