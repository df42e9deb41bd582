from collections import Counter
from datetime import UTC, datetime
from random import Random

import phonenumbers
import pytest

from autodialer.simulators.demo_people import demo_people
from autodialer.simulators.people import Behaviour, Person, behaviours, population

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FICTION = ("+40709", "+40210", "+4420794602", "+4420794601", "+4420794600")


def dialled(person: Person) -> str | None:
    """The first number of Phone, else of Mobile, that may be dialled, read independently of the service's own code."""
    for field in (person.phone, person.mobile):
        for found in phonenumbers.PhoneNumberMatcher(field or "", "RO"):
            kind = phonenumbers.number_type(found.number)
            if kind != phonenumbers.PhoneNumberType.PREMIUM_RATE:
                return phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
    return None


@pytest.mark.parametrize("people", [demo_people(NOW), population(3, 300, NOW)], ids=["demo", "population"])
def test_each_persons_number_is_what_their_fields_hold_and_made_up(people: list[Person]) -> None:
    assert [person.number for person in people] == [dialled(person) for person in people]
    for person in people:
        assert person.number is None or person.number.startswith(FICTION)


@pytest.mark.parametrize("people", [demo_people(NOW), population(3, 3000, NOW)], ids=["demo", "population"])
def test_ids_are_nineteen_digits_and_differ(people: list[Person]) -> None:
    assert len({person.zoho_id for person in people}) == len(people)
    assert all(len(person.zoho_id) == 19 and person.zoho_id.isdecimal() for person in people)


def test_the_demo_has_somebody_in_every_state() -> None:
    people = demo_people(NOW)
    assert 30 <= len(people) <= 80
    assert {person.module for person in people} == {"Leads", "Contacts"}
    statuses = {"New", "No Answer", "Not interested / Rejected", "Dead", "Onboarding", "Recruiting", None}
    assert statuses <= {person.status for person in people}
    trying = [p for p in people if p.status == "No Answer" and p.first_no_answer_at]
    days = {(NOW.date() - p.first_no_answer_at.date()).days for p in trying if p.first_no_answer_at}
    assert {0, 1, 2, 3} <= days
    shared = [number for number, count in Counter(p.number for p in people if p.number).items() if count == 2]
    assert len(shared) == 2
    outcomes = {outcome for person in people for outcome in person.behaviour.outcomes}
    assert outcomes == {"answered", "no_answer", "busy", "failed", "silent", "refused"}


def test_the_same_seed_gives_the_same_people() -> None:
    assert population(5, 50, NOW) == population(5, 50, NOW)
    assert population(5, 50, NOW) != population(6, 50, NOW)


def test_scripted_outcomes_come_in_order_and_the_last_repeats() -> None:
    behaviour = Behaviour(("busy", "answered"))
    assert [behaviour.outcome(call, Random(1)) for call in range(4)] == ["busy", "answered", "answered", "answered"]


def test_without_a_script_the_weights_are_drawn_from() -> None:
    draw = Random(1)
    assert {Behaviour(weights={"busy": 1.0}).outcome(0, draw) for _ in range(5)} == {"busy"}
    assert len({Behaviour().outcome(0, draw) for _ in range(200)}) == 4


def test_of_two_records_with_one_number_the_first_ones_behaviour_counts() -> None:
    people = demo_people(NOW)
    assert len(behaviours(people)) == len({person.number for person in people if person.number})
