"""Zoho's official SDK, unchanged, as a second client of the simulator (`make sdk-test` installs it)."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from autodialer.simulators.zoho_limits import Limits
from autodialer.simulators.zoho_tokens import Credentials
from contract.zoho.world import NOW, World, key_of, person

OpenWorld = Callable[..., World]
Sdk = Callable[..., Any]
Connect = Callable[[World], Sdk]

pytestmark = pytest.mark.skipif(
    find_spec("zohocrmsdk") is None, reason="Zoho's SDK is not installed: make sdk-test does it"
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    """Runs a command in the process of the SDK."""
    folder = tmp_path_factory.mktemp("sdk")
    command = [sys.executable, str(Path(__file__).with_name("sdk_driver.py"))]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        commands, answers = process.stdin, process.stdout
        assert commands is not None
        assert answers is not None

        def run(name: str, **arguments: Any) -> Any:
            commands.write(json.dumps([name, arguments]) + "\n")
            commands.flush()
            answer = json.loads(answers.readline())
            assert "failed" not in answer, answer["failed"]
            return answer["done"]

        yield run
        commands.close()
        assert process.wait(10) == 0


@pytest.fixture
def sdk(driver: Sdk, tmp_path: Path) -> Connect:
    """Points the SDK at a world; it keeps its token in tokens.csv."""

    def connected(world: World) -> Sdk:
        known = Credentials()
        driver(
            "connect",
            url=world.url,
            folder=str(tmp_path),
            client_id=known.client_id,
            client_secret=known.client_secret,
            refresh_token=known.refresh_token,
        )
        return driver

    return connected


def test_it_reads_the_rows_of_a_query(open_world: OpenWorld, sdk: Connect) -> None:
    people = [person(i, "No Answer", call_attempts=2, first_no_answer_at=NOW) for i in range(250)]
    world = open_world(*people)
    text = "select Last_Name, Lead_Status, Call_Attempts, First_No_Answer_At, Mobile from Leads where id is not null"
    page = sdk(world)("query", text=f"{text} order by id asc limit 250")
    assert (page["status"], page["kind"], page["more_records"]) == (200, "ResponseWrapper", False)
    assert [row["id"] for row in page["data"]] == [int(p.zoho_id) for p in people]
    first = page["data"][0]
    assert (first["Last_Name"], first["Call_Attempts"], first["Mobile"]) == ("Zăpadă", 2, None)
    assert datetime.fromisoformat(first["First_No_Answer_At"]) == NOW


def test_it_understands_that_nothing_was_found(open_world: OpenWorld, sdk: Connect) -> None:
    run = sdk(open_world())
    for answer in (
        run("query", text="select id from Leads where id is not null"),
        run("records", module="Leads", params={"fields": "id"}),
        run("record", module="Leads", record_id=4150868000000002175),
    ):
        assert answer == {"status": 204, "kind": "NoneType"}


def test_it_understands_why_a_query_was_refused(open_world: OpenWorld, sdk: Connect) -> None:
    run = sdk(open_world(person(1)))
    missing = run("query", text="select id from Leads")
    assert (missing["status"], missing["code"], missing["details"]) == (400, "SYNTAX_ERROR", {"clause": "where"})
    assert missing["message"] == "missing clause"
    unknown = run("query", text="select Nope from Leads where id is not null")
    assert (unknown["code"], unknown["details"]) == ("INVALID_QUERY", {"column_name": "Nope"})


def test_it_turns_pages_by_number_and_by_token(open_world: OpenWorld, sdk: Connect) -> None:
    world = open_world(*(person(i) for i in range(2210)))
    run = sdk(world)
    params = {"fields": "Last_Name,Created_Time", "per_page": 200, "sort_by": "id", "sort_order": "asc"}
    seen = []
    for number in range(1, 10):
        seen += [row["id"] for row in run("records", module="Leads", params={**params, "page": number})["data"]]
    page = run("records", module="Leads", params={**params, "page": 10})
    seen += [row["id"] for row in page["data"]]
    assert run("records", module="Leads", params={**params, "page": 11})["code"] == "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
    while page["next_page_token"] is not None:
        page = run("records", module="Leads", params={**params, "page_token": page["next_page_token"]})
        seen += [row["id"] for row in page["data"]]
    assert seen == [int(person(i).zoho_id) for i in range(2210)]


def test_it_reads_one_record_and_what_changed_since(open_world: OpenWorld, sdk: Connect) -> None:
    someone = person(1)
    run = sdk(open_world(someone))
    one = run("record", module="Leads", record_id=int(someone.zoho_id))
    assert (one["status"], one["data"][0]["Phone"]) == (200, someone.phone)
    assert run("records", module="Leads", params={"fields": "id"}, since=NOW.isoformat())["status"] == 304


def test_it_updates_with_a_mixed_result_sends_ids_as_numbers_and_no_content_type(
    open_world: OpenWorld, sdk: Connect
) -> None:
    people = [person(1), person(2)]
    world = open_world(*people)
    items = [
        {"id": int(people[0].zoho_id), "Lead_Status": "No Answer", "Call_Attempts": 3},
        {"id": 4150868000000999999, "Call_Attempts": 1},
        {"id": int(people[1].zoho_id), "First_No_Answer_At": NOW.isoformat()},
    ]
    answer = sdk(world)("update", module="Leads", items=items)
    assert (answer["status"], answer["kind"]) == (207, "ActionWrapper")
    assert [item["kind"] for item in answer["data"]] == ["SuccessResponse", "APIException", "SuccessResponse"]
    assert answer["data"][1]["code"] == "INVALID_DATA"
    stored = [world.stored(key_of(p)) for p in people]
    assert (stored[0]["Lead_Status"], stored[0]["Call_Attempts"]) == ("No Answer", 3)
    assert datetime.fromisoformat(stored[1]["First_No_Answer_At"]) == NOW
    sent = world.sent("PUT", "/crm/v8/Leads")[0]
    assert isinstance(json.loads(sent.body)["data"][0]["id"], int)
    assert "content-type" not in sent.headers


def test_it_clears_a_field_with_null(open_world: OpenWorld, sdk: Connect) -> None:
    someone = person(1, "No Answer", call_attempts=3, first_no_answer_at=NOW)
    world = open_world(someone)
    cleared = {"id": int(someone.zoho_id), "First_No_Answer_At": None, "Call_Attempts": None}
    assert sdk(world)("update", module="Leads", items=[cleared])["status"] == 200
    stored = world.stored(key_of(someone))
    assert (stored["First_No_Answer_At"], stored["Call_Attempts"]) == (None, None)
    assert stored["Lead_Status"] == "No Answer"


def test_it_renews_a_token_that_is_over_by_its_own_clock(open_world: OpenWorld, sdk: Connect, tmp_path: Path) -> None:
    world = open_world(person(1))
    run = sdk(world)
    assert run("records", module="Leads", params={"fields": "id"})["status"] == 200
    path = tmp_path / "tokens.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "expiry_time": "1"} for row in rows)
    world.clock.advance(3601)
    assert run("records", module="Leads", params={"fields": "id"})["status"] == 200
    assert world.sim.accounts.minted == 2


def test_it_reports_a_token_that_was_revoked(open_world: OpenWorld, sdk: Connect) -> None:
    world = open_world(person(1))
    run = sdk(world)
    assert run("records", module="Leads", params={"fields": "id"})["status"] == 200
    world.sim.accounts.expire_all()
    answer = run("records", module="Leads", params={"fields": "id"})
    assert (answer["status"], answer["code"], answer["message"]) == (401, "INVALID_TOKEN", "invalid oauth token")


def test_it_reports_that_the_credits_are_used_up(open_world: OpenWorld, sdk: Connect) -> None:
    run = sdk(open_world(person(1), limits=Limits(credits_per_day=2)))
    answers = [run("query", text="select id from Leads where id is not null") for _ in range(3)]
    assert [answer["status"] for answer in answers] == [200, 200, 429]
    assert answers[2]["code"] == "TOO_MANY_REQUESTS"
