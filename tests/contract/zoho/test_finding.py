"""People are looked for in Zoho by name and by number with COQL, as Zoho documents `like`, and by nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from autodialer.domain.errors import CrmError
from autodialer.domain.phone import PhoneNumber, read_number, spellings
from autodialer.domain.record import RecordKey, RecordType
from autodialer.simulators.people import Module, Person
from autodialer.zoho.coql import contains, is_searchable
from contract.zoho.world import World, key_of, person

OpenWorld = Callable[..., World]


def named(index: int, first: str, last: str, module: Module = "Leads", **more: str | None) -> Person:
    return replace(person(index, "Dead", module), first_name=first, last_name=last, **more)  # type: ignore[arg-type]  # fields of Person by name


PEOPLE = [
    named(1, "Ana", "O'Brien"),
    named(2, "Ioana", "Pop-Ionescu", "Contacts"),
    named(3, "Șerban", "Ionescu"),
    named(4, "Dan", "100% Sigur"),
]


@pytest.mark.parametrize(
    ("words", "whom"),
    [
        (["ana"], [1, 2]),
        (["ana", "pop"], [2]),
        (["ionescu"], [3, 2]),
        (["O'Brien"], [1]),
        (["șerban", "Ion"], [3]),
        (["nobody"], []),
    ],
)
async def test_a_name_is_found_by_its_words_in_both_modules_whatever_the_status(
    open_world: OpenWorld, words: list[str], whom: list[int]
) -> None:
    world = open_world(*PEOPLE)
    async with world.open_client() as crm:
        found = await crm.find_named(words, 50)
    assert sorted(record.key for record in found) == sorted(key_of(PEOPLE[index - 1]) for index in whom)


async def test_a_search_costs_a_credit_for_each_module_and_gives_no_more_than_it_is_asked_for(
    open_world: OpenWorld,
) -> None:
    world = open_world(*(named(index, "Ana", "Pop") for index in range(8)))
    async with world.open_client() as crm:
        await crm.prepare()
        before = crm.usage.credits
        assert len(await crm.find_named(["ana"], 5)) == 5
        assert crm.usage.credits - before == 2
    queries = [json.loads(each.body)["select_query"] for each in world.sent("POST", "/crm/v8/coql")]
    assert all("(First_Name like '%ana%' or Last_Name like '%ana%')" in query for query in queries)


@pytest.mark.parametrize("text", ["100%", "a_b", "a\\", 'a"b', "", "a\nb", "a;b", "(a"])
def test_what_might_be_a_sign_of_the_language_is_never_sent(text: str) -> None:
    assert not is_searchable(text)
    with pytest.raises(ValueError):
        contains("Last_Name", text)


def test_an_apostrophe_is_doubled() -> None:
    assert contains("Last_Name", "O'Brien").text == "Last_Name like '%O''Brien%'"


async def test_a_number_is_found_in_phone_and_mobile_as_people_write_it(open_world: OpenWorld) -> None:
    world = open_world(
        named(1, "A", "A", phone="0721 234 567"),
        named(2, "B", "B", "Contacts", phone=None, mobile="0040721234567"),
        named(3, "C", "C", phone="+40721234568"),
    )
    number = read_number("+40721234567", "RO")
    assert isinstance(number, PhoneNumber)
    async with world.open_client() as crm:
        found = await crm.find_numbered(spellings(number), 50)
    assert [record.name for record in found] == ["A A", "B B"]


async def test_zoho_out_of_reach_is_said(open_world: OpenWorld) -> None:
    world = open_world()
    async with world.open_client(api_domain="http://127.0.0.1:1") as crm:
        with pytest.raises(CrmError):
            await crm.find_named(["ana"], 50)


async def test_a_record_has_the_address_at_which_people_see_it(open_world: OpenWorld) -> None:
    world = open_world()
    key = RecordKey(RecordType.CONTACT, "4150868000000002175")
    async with world.open_client(api_domain="https://www.zohoapis.eu", accounts_url="https://accounts.zoho.eu") as crm:
        assert crm.page_of(key) == "https://crm.zoho.eu/crm/tab/Contacts/4150868000000002175"
    async with world.open_client() as crm:
        assert crm.page_of(key) is None
