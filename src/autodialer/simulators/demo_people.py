"""The people of the demo: a few dozen, at least one in every state that the calling rules tell apart."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from autodialer.simulators.people import (
    FIRST_NAMES,
    LAST_NAMES,
    Behaviour,
    Module,
    Outcome,
    Person,
    landline,
    mobile,
    zoho_id,
)

LEADS: Final[Module] = "Leads"
CONTACTS: Final[Module] = "Contacts"
NEVER: Final[tuple[Outcome, ...]] = ("no_answer",)


def demo_people(now: datetime) -> list[Person]:
    """The same people for the same `now`; their No Answer days are counted back from it."""
    people = [*_new(now), *_no_answer(now), *_stopped(now), *_odd_data(now), *_phones(now), *_duplicates(now)]
    return [_named(index, person) for index, person in enumerate(people)]


def _person(
    module: Module,
    status: str | None,
    created: datetime,
    number: str | None,
    outcomes: tuple[Outcome, ...],
    note: str,
) -> Person:
    """Someone whose Phone field holds `number`; the id and the names come later."""
    return Person(
        module=module,
        zoho_id="",
        first_name="",
        last_name="",
        status=status,
        created_time=created,
        phone=number,
        number=number,
        behaviour=Behaviour(outcomes),
        note=note,
    )


def _named(index: int, person: Person) -> Person:
    return replace(
        person,
        zoho_id=zoho_id(person.module, index),
        first_name=FIRST_NAMES[index % len(FIRST_NAMES)],
        last_name=LAST_NAMES[index * 5 % len(LAST_NAMES)],
    )


def _new(now: datetime) -> list[Person]:
    scripts: tuple[tuple[Module, tuple[Outcome, ...], str], ...] = (
        (LEADS, ("answered",), "New, answers at once"),
        (LEADS, NEVER, "New, never answers"),
        (LEADS, ("busy", "no_answer", "answered"), "New, answers on the third call"),
        (LEADS, ("failed", "no_answer"), "New, the first call fails"),
        (CONTACTS, ("answered",), "New, answers at once"),
        (CONTACTS, NEVER, "New, never answers"),
        (CONTACTS, ("no_answer", "busy", "no_answer", "answered"), "New, answers on the second day"),
        (LEADS, ("silent", "no_answer"), "New, the result of the first call never comes"),
        (LEADS, ("refused",), "New, 8x8 refuses the number"),
    )
    return [
        _person(module, "New", now - timedelta(days=20, hours=index), mobile(1000 + index), outcomes, note)
        for index, (module, outcomes, note) in enumerate(scripts)
    ]


def _no_answer(now: datetime) -> list[Person]:
    """No Answer on Day 0 to Day 5, some of them at their day's quota."""
    scripts: tuple[tuple[Module, int, int, tuple[Outcome, ...]], ...] = (
        (LEADS, 0, 1, NEVER),
        (LEADS, 0, 3, NEVER),
        (CONTACTS, 0, 2, ("answered",)),
        (LEADS, 1, 3, ("busy",)),
        (CONTACTS, 1, 5, NEVER),
        (LEADS, 2, 5, ("no_answer", "answered")),
        (LEADS, 2, 7, NEVER),
        (CONTACTS, 2, 6, ("failed",)),
        (LEADS, 3, 7, NEVER),
        (CONTACTS, 3, 4, NEVER),
        (LEADS, 5, 2, NEVER),
    )
    return [
        replace(
            _person(
                module,
                "No Answer",
                now - timedelta(days=40, hours=index),
                mobile(2000 + index),
                outcomes,
                f"No Answer, Day {day}, {attempts} attempts",
            ),
            call_attempts=attempts,
            first_no_answer_at=now - timedelta(days=day, minutes=5 + index),
        )
        for index, (module, day, attempts, outcomes) in enumerate(scripts)
    ]


def _stopped(now: datetime) -> list[Person]:
    statuses = ("Not interested / Rejected", "Dead", "Onboarding", "Recruiting", "Contacted", None)
    return [
        replace(
            _person(
                module,
                status,
                now - timedelta(days=90),
                mobile(3000 + 10 * index + offset),
                NEVER,
                "not eligible",
            ),
            call_attempts=2,
        )
        for index, status in enumerate(statuses)
        for offset, module in enumerate((LEADS, CONTACTS))
    ]


def _odd_data(now: datetime) -> list[Person]:
    created = now - timedelta(days=10)
    first = now - timedelta(hours=2)
    return [
        replace(_person(LEADS, "New", created, mobile(4000), NEVER, "New, but called before"), call_attempts=2),
        replace(
            _person(CONTACTS, "New", created, mobile(4001), NEVER, "New, but First No Answer At is set"),
            first_no_answer_at=first,
        ),
        replace(
            _person(LEADS, "No Answer", created, mobile(4002), NEVER, "attempts negative"),
            call_attempts=-1,
            first_no_answer_at=first,
        ),
        replace(
            _person(LEADS, "No Answer", created, mobile(4003), NEVER, "attempts above 50"),
            call_attempts=99,
            first_no_answer_at=first,
        ),
        replace(
            _person(CONTACTS, "No Answer", created, mobile(4004), NEVER, "first no answer in the future"),
            call_attempts=1,
            first_no_answer_at=now + timedelta(days=20),
        ),
        replace(
            _person(
                LEADS,
                "No Answer",
                created,
                mobile(4005),
                ("no_answer", "answered"),
                "first no answer unknown",
            ),
            call_attempts=1,
        ),
        _person(LEADS, "new", created, mobile(4006), ("answered",), "status that is not in the picklist"),
    ]


def _phones(now: datetime) -> list[Person]:
    """Fields as people fill them in; `number` is what must be dialled, None for nobody."""
    home, cell = landline(31), mobile(5005)
    cases: tuple[tuple[str | None, str | None, str | None, str], ...] = (
        (None, f"0{mobile(5000)[3:]}", mobile(5000), "Mobile only, national format"),
        ("not a number", mobile(5001), mobile(5001), "Phone unusable, Mobile good"),
        (None, None, None, "no number at all"),
        ("12", "call the office", None, "neither field holds a number"),
        (f"00{mobile(5002)[1:]}", None, mobile(5002), "00 prefix"),
        (
            f"(0{home[3:5]}) {home[5:8]}-{home[8:10]}.{home[10:]}",
            None,
            home,
            "fixed line, brackets and dashes",
        ),
        (f"{mobile(5003)} x123", None, mobile(5003), "extension"),
        (f"0{cell[3:]} / {mobile(5006)}", None, cell, "two numbers in one field"),
        ("112", None, None, "emergency number"),
        ("0900123456", None, None, "premium rate"),
        ("+44 20 7946 0123", None, "+442079460123", "abroad"),
    )
    return [
        replace(
            _person(
                CONTACTS if index % 2 else LEADS,
                "New",
                now - timedelta(days=15, hours=index),
                None,
                NEVER,
                note,
            ),
            phone=phone,
            mobile=other,
            number=number,
        )
        for index, (phone, other, number, note) in enumerate(cases)
    ]


def _duplicates(now: datetime) -> list[Person]:
    """Two pairs with one number: a lead that became a contact, and two leads, one of them in progress."""
    shared, progressing = mobile(6000), mobile(6001)
    return [
        _person(
            LEADS,
            "New",
            now - timedelta(days=30),
            shared,
            ("no_answer", "answered"),
            "same number as a contact",
        ),
        _person(
            CONTACTS,
            "New",
            now - timedelta(days=3),
            shared,
            ("no_answer", "answered"),
            "same number as a lead",
        ),
        _person(LEADS, "New", now - timedelta(days=8), progressing, NEVER, "same number as a No Answer"),
        replace(
            _person(LEADS, "No Answer", now - timedelta(days=7), progressing, NEVER, "same number as a New"),
            call_attempts=1,
            first_no_answer_at=now - timedelta(days=1, minutes=10),
        ),
    ]
