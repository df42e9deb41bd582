"""Made-up people for both simulators: what the simulated CRM holds, and how each phone behaves when it rings.

No number here can be a real person's as far as that can be had: mobiles are +40 709, a block that no
carrier holds; fixed lines are +40 21 0xx xxxx, and subscriber numbers in Bucharest do not begin with 0; +44
20 7946 0xxx is the range that Ofcom keeps for fiction.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

Module = Literal["Leads", "Contacts"]
Outcome = Literal["answered", "no_answer", "busy", "failed", "silent", "refused", "voicemail"]

STOP_STATUSES: Final = ("Not interested / Rejected", "Dead", "Onboarding", "Recruiting")
FIRST_NAMES: Final = (
    "Ana", "Andrei", "Bogdan", "Camelia", "Costin", "Dana", "Dragoș", "Elena", "Emil", "Florin",
    "Gabriela", "Horia", "Ileana", "Ioana", "Iulian", "Lavinia", "Liviu", "Mădălina", "Mihai", "Monica",
    "Nicoleta", "Octavian", "Oana", "Petru", "Radu", "Raluca", "Sorin", "Ștefan", "Teodora", "Tudor",
    "Vasile", "Viorica",
)  # fmt: skip
LAST_NAMES: Final = (
    "Albuleț", "Bărbieru", "Brădățeanu", "Cireșoaia", "Codrescu-Vânt", "Dorobănescu", "Fluierașu",
    "Frunzăverde", "Gălbenuș", "Ierunca", "Lăptăreanu", "Luceafăru", "Măghiran", "Mărgeluș", "Mesteacănu",
    "Nuferescu", "Păstrăvaru", "Pădureanca", "Porumbaru", "Răsărit", "Scorțișoara", "Stânjenel",
    "Tămâioaru", "Trandafiru", "Tufănel", "Vântuleasa", "Vișinescu-Nor", "Zăpadă",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens when the phone rings.

    `outcomes` are taken in order and the last one repeats; without any, `weights` are drawn from. `silent`:
    no result is ever sent. `refused`: 8x8 does not take the call because of the number. `voicemail`: picks up and presses nothing.
    `key`: what a person who answers presses when asked. `hours`: the chance of an answer by hour of the day (UTC), where no
    `outcomes` are given. `rings`: seconds until they pick up, from and to; None: as the settings have it.
    """

    outcomes: tuple[Outcome, ...] = ()
    weights: Mapping[Outcome, float] = field(default_factory=lambda: dict(USUAL))
    key: str = "1"
    hours: Mapping[int, float] | None = None
    rings: tuple[int, int] | None = None

    def outcome(self, call: int, draw: random.Random, hour: int = 0) -> Outcome:
        """How the call number `call` (from 0), placed in this hour, ends."""
        if self.outcomes:
            return self.outcomes[min(call, len(self.outcomes) - 1)]
        if self.hours is not None:
            if draw.random() < self.hours.get(hour, 0.0):
                return "answered"
            others = {outcome: weight for outcome, weight in self.weights.items() if outcome != "answered"}
            return draw.choices(list(others), weights=list(others.values()))[0]
        return draw.choices(list(self.weights), weights=list(self.weights.values()))[0]


USUAL: Final[Mapping[Outcome, float]] = {"answered": 0.25, "no_answer": 0.55, "busy": 0.14, "failed": 0.06}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One record of the simulated CRM.

    `zoho_id`: 19 digits. `number`: E.164 of what is dialled for this record, None where neither field holds
    one. `note`: why this person is here. Times are aware; integers may be absurd where the note says so.
    """

    module: Module
    zoho_id: str
    first_name: str
    last_name: str
    status: str | None
    created_time: datetime
    call_attempts: int | None = None
    first_no_answer_at: datetime | None = None
    phone: str | None = None
    mobile: str | None = None
    number: str | None = None
    behaviour: Behaviour = Behaviour()
    note: str = ""


def behaviours(people: Iterable[Person]) -> dict[str, Behaviour]:
    """The behaviour of each dialled number (E.164); of two records with one number, the first one's."""
    found: dict[str, Behaviour] = {}
    for person in people:
        if person.number is not None:
            found.setdefault(person.number, person.behaviour)
    return found


def zoho_id(module: Module, index: int) -> str:
    """A 19-digit id; ids of the two modules never meet."""
    return str((4_150_868_000_000_000_000 if module == "Leads" else 4_150_868_000_500_000_000) + 2175 + index)


def mobile(index: int) -> str:
    """A made-up Romanian mobile number, E.164; a million different ones."""
    return f"+40709{index % 1_000_000:06d}"


def landline(index: int) -> str:
    """A made-up Bucharest number, E.164; a million different ones."""
    return f"+40210{index % 1_000_000:06d}"


def population(seed: int, count: int, now: datetime) -> list[Person]:
    """`count` ordinary people, the same ones for the same `seed` and `now`.

    Two in three are Leads; about half are New, a third No Answer on Day 0 to Day 4, the rest stopped.
    """
    draw = random.Random(seed)  # noqa: S311 - a repeatable population, no secret
    return [_ordinary_person(draw, index, now) for index in range(count)]


def _ordinary_person(draw: random.Random, index: int, now: datetime) -> Person:
    module: Module = "Contacts" if index % 3 == 2 else "Leads"  # noqa: PLR2004 - every third one
    status = draw.choices(("New", "No Answer", *STOP_STATUSES), weights=(50, 34, 4, 4, 4, 4))[0]
    started = now - timedelta(days=draw.randint(0, 4), minutes=draw.randint(1, 90)) if status == "No Answer" else None
    days = 0 if started is None else (now - started).days
    number = mobile(index)
    national = f"0{number[3:]}" if draw.random() < 0.5 else number  # noqa: PLR2004 - half of them
    in_phone = draw.random() < 0.8  # noqa: PLR2004 - most people have their number in Phone
    return Person(
        module=module,
        zoho_id=zoho_id(module, index),
        first_name=draw.choice(FIRST_NAMES),
        last_name=draw.choice(LAST_NAMES),
        status=status,
        call_attempts=min(7, 1 + 2 * days) if started is not None else draw.choice((None, 0)),
        first_no_answer_at=started,
        phone=national if in_phone else None,
        mobile=None if in_phone else national,
        created_time=now - timedelta(days=5 + draw.randint(0, 60), seconds=draw.randint(0, 86399)),
        number=number,
    )
