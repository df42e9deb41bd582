"""People are found by id, by number however it is written, by last digits and by name; the ledger first, and without Zoho too."""

import pytest
from sqlalchemy import event

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey
from autodialer.service.finding import MOST, Way, read_question
from autodialer.store.engine import Database
from service.fakes import zoho_down
from service.world import World, contact, lead, person, phone


async def called(world: World) -> None:
    world.all_end(Disposition.BUSY)
    world.crm.add(person(lead(1), 1, name="Ana Pop"), person(contact(2), 2, name="Dan Ionescu"))
    await world.run()
    await world.settle()
    world.crm.add(person(lead(3), 3, "Recruiting", name="Anabela Stan"))


async def keys(world: World, text: str) -> list[RecordKey]:
    return [one.key for one in (await world.services.finder.find(text)).found]


@pytest.mark.parametrize(
    "text", [phone(1), "0720 000 001", "0040-720-000-001", "+40 (720) 000 001", "40720000001", "0001", "20000001"]
)
async def test_a_number_is_found_in_whatever_way_it_is_written(world: World, text: str) -> None:
    await called(world)
    (one,) = (await world.services.finder.find(text)).found
    assert (one.key, one.number, one.ended_as) == (lead(1), phone(1), Disposition.BUSY)
    assert (one.name, one.status, one.in_crm) == ("Ana Pop", "No Answer", True)


async def test_last_digits_are_looked_for_as_they_were_typed(world: World) -> None:
    world.crm.add(person(lead(31), 31), person(lead(101), 101))
    world.all_end(Disposition.BUSY)
    await called(world)
    assert await keys(world, "0001") == [lead(1)]
    assert await keys(world, "00101") == [lead(101)]
    assert await keys(world, "020000101") == [lead(101)], "a 0 in front, as within the country"


async def test_an_id_is_found_in_both_modules_and_in_zoho_too(world: World) -> None:
    await called(world)
    assert await keys(world, lead(1).zoho_id) == [lead(1)]
    assert await keys(world, lead(3).zoho_id) == [lead(3)]
    assert await keys(world, "999999999999") == []


async def test_a_number_that_the_ledger_never_saw_is_asked_of_zoho(world: World) -> None:
    await called(world)
    assert await keys(world, "0720 000 003") == [lead(3)]


async def test_a_name_is_asked_of_zoho_and_finds_those_whom_nobody_calls_too(world: World) -> None:
    await called(world)
    assert await keys(world, "ana") == [lead(1), lead(3)]
    assert await keys(world, "pop ana") == [lead(1)]
    assert await keys(world, "%") == []


async def test_who_may_see_neither_numbers_nor_names_can_not_guess_them_bit_by_bit(world: World) -> None:
    await called(world)
    find = world.services.finder.find
    for part in ("0001", "20000001", "an", "Anabel", "ana st"):
        assert [one.key for one in (await find(part, whole=True)).found] == [], part
    for whole, key in (
        (phone(1), lead(1)),
        ("ana", lead(1)),
        ("POP", lead(1)),
        ("Stan Anabela", lead(3)),
        ("5000001", lead(1)),
    ):
        assert [one.key for one in (await find(whole, whole=True)).found] == [key], whole


async def test_without_zoho_the_ledger_is_searched_and_it_says_so(world: World) -> None:
    await called(world)
    world.crm.down = zoho_down()
    for text in (phone(1), lead(1).zoho_id, "0001"):
        people = await world.services.finder.find(text)
        assert people.crm_error == "Zoho is out of reach"
        assert [(one.key, one.name, one.in_crm) for one in people.found] == [(lead(1), None, False)]
    people = await world.services.finder.find("ana")
    assert (people.found, people.crm_error) == ((), "Zoho is out of reach")


async def test_no_more_than_fifty_are_shown_and_it_is_said_that_there_are_more(world: World) -> None:
    world.crm.add(*(person(lead(n), n, name=f"Ana {n}") for n in range(MOST + 5)))
    people = await world.services.finder.find("ana")
    assert (len(people.found), people.has_more) == (MOST, True)


async def test_the_people_called_last_come_first_and_cost_zoho_nothing(world: World) -> None:
    await called(world)
    looks = len(world.crm.looks)
    people = await world.services.finder.recent()
    assert {one.key for one in people.found} == {lead(1), contact(2)}
    first, second = (one.called_at for one in people.found)
    assert first is not None
    assert second is not None
    assert first >= second
    assert len(world.crm.looks) == looks


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("4150868000000002175", (Way.ID, Way.DIGITS)),
        ("0721234567", (Way.ID, Way.NUMBER, Way.DIGITS)),
        ("+40721234567", (Way.NUMBER, Way.DIGITS)),
        ("123", (Way.ID,)),
        ("ana", (Way.NAME,)),
        ("a", ()),
        ("'; --", ()),
        ("\u0000", ()),
        ("", ()),
        ("١٢٣٤", ()),
    ],
)
def test_a_question_is_understood_as_all_that_it_may_be(text: str, ways: tuple[Way, ...]) -> None:
    assert read_question(text, "RO").ways == ways


def test_of_a_name_only_letters_digits_and_what_names_hold_go_to_zoho() -> None:
    assert read_question("O'Brien%_\\ (Ana-Maria)", "RO").words == ("O'Brien", "Ana-Maria")


async def test_many_are_described_with_two_questions_to_the_ledger(sqlite_world: World) -> None:
    world = sqlite_world
    world.all_end(Disposition.BUSY)
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    await world.run()
    await world.settle()
    statements: list[str] = []
    database = getattr(world.inner, "database", None)
    assert isinstance(database, Database)
    event.listen(database._reader_engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    people = await world.services.finder.recent()
    assert {(one.number, one.ended_as) for one in people.found} == {(phone(n), Disposition.BUSY) for n in range(30)}
    assert len([one for one in statements if one.startswith("SELECT")]) == 1 + 2, (
        "who was called last, calls, sightings"
    )
