"""What each answer to an update means: docs/zoho/writing.md and zoho/refusals.py, row by row."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, Written
from autodialer.zoho.refusals import MEANINGS
from contract.zoho.world import World, key_of, person

OpenWorld = Callable[..., World]
PAGE = Path(__file__).parents[3] / "docs" / "zoho" / "writing.md"
UNKNOWN = "A_CODE_NOBODY_DOCUMENTED"
EXPECTED = {
    "INVALID_DATA": Refusal.NEVER,
    "MANDATORY_NOT_FOUND": Refusal.NEVER,
    "DUPLICATE_DATA": Refusal.NEVER,
    "MULTIPLE_OR_MULTI_ERRORS": Refusal.NEVER,
    "DEPENDENT_MISMATCH": Refusal.NEVER,
    "DEPENDENT_FIELD_MISSING": Refusal.NEVER,
    "EXPECTED_FIELD_MISSING": Refusal.NEVER,
    "NOT_ALLOWED": Refusal.NEVER,
    "LIMIT_EXCEEDED": Refusal.NEVER,
    "RECORD_IN_BLUEPRINT": Refusal.NEVER,
    "CONVERTED_RECORD": Refusal.NEVER,
    "ID_ALREADY_CONVERTED": Refusal.NEVER,
    "RECORD_LOCKED": Refusal.BLOCKED,
    "NOT_APPROVED": Refusal.BLOCKED,
    "NOT_REVIEWED": Refusal.BLOCKED,
    "ALREADY_MODIFIED": Refusal.REREAD,
    "HTTP 412": Refusal.REREAD,
    "DEPENDENT_SERVICE_ERROR": Refusal.RETRY,
    "INTERNAL_ERROR": Refusal.RETRY,
    "INTERNAL_SERVER_ERROR": Refusal.RETRY,
    "TOO_MANY_REQUESTS": Refusal.RETRY,
    "RATE_LIMIT_EXCEEDED": Refusal.RETRY,
    "INVALID_TOKEN": Refusal.RETRY,
    "INVALID_MODULE": Refusal.STOP,
    "AUTHORIZATION_FAILED": Refusal.STOP,
    "NO_PERMISSION": Refusal.STOP,
    "OAUTH_SCOPE_MISMATCH": Refusal.STOP,
    "AUTHENTICATION_FAILURE": Refusal.STOP,
    UNKNOWN: Refusal.BLOCKED,
}

SPEAK_OF_ONE_RECORD = {
    *("INVALID_DATA", "MANDATORY_NOT_FOUND", "DUPLICATE_DATA", "MULTIPLE_OR_MULTI_ERRORS", "DEPENDENT_MISMATCH"),
    *("DEPENDENT_FIELD_MISSING", "EXPECTED_FIELD_MISSING", "RECORD_IN_BLUEPRINT", "CONVERTED_RECORD"),
    *("ID_ALREADY_CONVERTED", "RECORD_LOCKED", "NOT_APPROVED", "NOT_REVIEWED", "ALREADY_MODIFIED"),
}


def item(code: str, **details: Any) -> dict[str, Any]:
    return {"code": code, "details": details, "message": "no", "status": "success" if code == "SUCCESS" else "error"}


def answered(world: World, status: int, *items: dict[str, Any], times: int = 1) -> None:
    """What Zoho says to the next updates, whatever they hold."""
    world.fault(kind="status", status=status, body={"data": list(items)}, match={"method": "PUT"}, times=times)


async def write(world: World, *numbers: int) -> Sequence[Any]:
    async with world.open_client() as crm:
        return await crm.write([CrmUpdate(key_of(person(number)), call_attempts=1) for number in numbers])


def test_the_table_holds_every_code_that_is_expected_and_no_other() -> None:
    assert set(MEANINGS) == set(EXPECTED) - {UNKNOWN}


@pytest.mark.parametrize("code", [code for code in EXPECTED if not code.startswith("HTTP")])
async def test_each_code_asks_for_what_it_means_and_says_what_to_do(open_world: OpenWorld, code: str) -> None:
    """The HTTP status is any of those that carry items: it is not asked."""
    world = open_world(person(1), person(2))
    status = (200, 207, 400, 412)[len(code) % 4]
    answered(world, status, item("SUCCESS", id=person(1).zoho_id), item(code))
    good, bad = await write(world, 1, 2)
    assert isinstance(good, Written)
    assert isinstance(bad, NotWritten)
    assert (bad.code, bad.refusal) == (code, EXPECTED[code])
    needs_somebody = bad.refusal in (Refusal.NEVER, Refusal.BLOCKED, Refusal.STOP)
    assert (len(bad.message) > len(f"{code} no: ")) == needs_somebody


def test_people_are_told_the_same() -> None:
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    told = {code: row[2].strip() for row in rows for code in re.findall(r"`([A-Z_]{6,})`", row[1])}
    expected = {code: str(refusal) for code, refusal in EXPECTED.items() if not code.startswith("HTTP")}
    assert told == {code: meaning for code, meaning in expected.items() if code != UNKNOWN}


@pytest.mark.parametrize("items", [0, 1, 3])
async def test_an_answer_with_another_number_of_items_says_nothing_of_any_record(
    open_world: OpenWorld, items: int
) -> None:
    world = open_world(person(1), person(2))
    answered(world, 200, *[item("SUCCESS")] * items)
    results = await write(world, 1, 2)
    assert [result.refusal for result in results if isinstance(result, NotWritten)] == [Refusal.RETRY] * 2


@pytest.mark.parametrize("second", ["SUCCESS", "INVALID_DATA"])
async def test_items_out_of_their_order_say_nothing_of_any_record(open_world: OpenWorld, second: str) -> None:
    world = open_world(person(1), person(2))
    answered(world, 207, item("SUCCESS", id=person(2).zoho_id), item(second, id=person(1).zoho_id))
    results = await write(world, 1, 2)
    assert [result.refusal for result in results if isinstance(result, NotWritten)] == [Refusal.RETRY] * 2


async def test_a_duplicate_names_the_other_record_and_is_no_answer_out_of_order(open_world: OpenWorld) -> None:
    world = open_world(person(1), person(2))
    answered(world, 207, item("SUCCESS"), item("DUPLICATE_DATA", id="4150868000000777777", api_name="Email"))
    good, clash = await write(world, 1, 2)
    assert isinstance(good, Written)
    assert isinstance(clash, NotWritten)
    assert clash.refusal is Refusal.NEVER


async def test_one_item_that_refuses_a_whole_batch_lets_each_record_be_tried_alone(open_world: OpenWorld) -> None:
    world = open_world(person(1), person(2))
    answered(world, 400, item("LIMIT_EXCEEDED"))
    assert all(isinstance(result, Written) for result in await write(world, 1, 2))


@pytest.mark.parametrize(
    ("code", "refusal"), [(code, refusal) for code, refusal in EXPECTED.items() if code in SPEAK_OF_ONE_RECORD]
)
async def test_a_request_that_is_refused_for_one_record_keeps_back_no_other_and_says_of_that_one_what_its_code_means(
    open_world: OpenWorld, code: str, refusal: Refusal
) -> None:
    people = [person(number) for number in range(5)]
    world = open_world(*people)
    match = {"method": "PUT", "body_contains": people[2].zoho_id}
    world.fault(kind="status", status=400, body=item(code), match=match, times=0)
    results = await write(world, *range(5))
    assert [result.refusal if isinstance(result, NotWritten) else None for result in results] == [
        None,
        None,
        refusal,
        None,
        None,
    ]


async def test_a_record_s_own_answer_counts_also_when_it_stands_in_a_412_without_a_body(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=412, body={}, match={"method": "PUT"})
    (result,) = await write(world, 1)
    assert isinstance(result, NotWritten)
    assert result.refusal is Refusal.REREAD
