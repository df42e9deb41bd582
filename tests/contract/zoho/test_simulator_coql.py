from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contract.zoho.world import NOW, World, person

OpenWorld = Callable[..., World]


def query(text: str) -> dict[str, str]:
    return {"select_query": text}


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
        ("Lead_Status = 'New'", [1]),
        ("Lead_Status = 'new'", []),
        ("Lead_Status in ('New', 'O''Brien')", [1, 4]),
        ("Lead_Status like '%brien'", [4]),
        ("Lead_Status not like 'No%'", [1, 4]),
        ("Lead_Status is null", [3]),
        ("First_No_Answer_At >= '2026-03-01T12:00:00+02:00'", [2]),
        ("First_No_Answer_At < '2026-03-01T10:00:00Z'", []),
        ("First_No_Answer_At between '2026-02-28T10:00:00-08:00' and '2026-03-01T12:00:00+00:00'", [2]),
        ("id in ('{2}', '{4}')", [2, 4]),
        ("(id > {2} and id <= '{3}')", [3]),
        ("((Lead_Status = 'New' or Call_Attempts = 7) and id > {1})", [3]),
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
    start = "select id from Leads where"
    async with world.open_raw() as raw:
        answer = await raw.post("/crm/v8/coql", json=query(" ".join((start, where.format(*ids)))))
    rows = answer.json()["data"] if answer.status_code == 200 else []
    assert [row["id"] for row in rows] == [ids[i] for i in found]


@pytest.mark.parametrize(
    ("text", "code", "details"),
    [
        ("select Nope from Leads where id is not null", "INVALID_QUERY", {"column_name": "Nope"}),
        ("select id from Leads where Nope = 1", "INVALID_QUERY", {"column_name": "Nope"}),
        ("select id from Accounts where id is not null", "INVALID_QUERY", {"module": "Accounts"}),
        ("select id from Leads where Lead_Status > 'New'", "INVALID_QUERY", {"operator": ">"}),
        ("select id from Leads where Call_Attempts = '3'", "INVALID_QUERY", {"value": "3"}),
        ("select id from Leads where Lead_Status = 3", "INVALID_QUERY", {"value": "3"}),
        (
            "select id from Leads where Created_Time > '2026-01-01T00:00:00.000+00:00'",
            "INVALID_QUERY",
            {"column_name": "Created_Time"},
        ),
        ("select id from Leads", "SYNTAX_ERROR", {"clause": "where"}),
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
