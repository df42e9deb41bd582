"""A change by a person between our look and our write: If-Unmodified-Since, as far as Zoho documents it."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from autodialer.domain.record import CrmStatus, Record
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, Written
from autodialer.simulators.common import Exchange
from autodialer.simulators.people import Person
from autodialer.simulators.zoho_update import BatchGuard
from autodialer.zoho.answers import Answer
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.freshness import changed_just_now, read_at
from contract.zoho.world import NOW, World, key_of, person

OpenWorld = Callable[..., World]
GUARD = "if-unmodified-since"


def edit(world: World, someone: Person, status: str) -> None:
    """A person sets the status."""
    records = world.sim.records["Leads"]
    record = records.get(int(someone.zoho_id))
    assert record is not None
    records.change(record, {"Lead_Status": status}, "human")


async def look(crm: ZohoCrm, people: Sequence[Person]) -> list[Record]:
    found = await crm.look([key_of(someone) for someone in people])
    return [found[key_of(someone)] for someone in people]


def guarded(record: Record, status: CrmStatus | None = CrmStatus.NO_ANSWER) -> CrmUpdate:
    return CrmUpdate(record.key, status, 1, unless_modified_since=record.modified_time)


def puts(world: World) -> list[Exchange]:
    return world.sent("PUT", "/crm/v8/Leads")


def sizes(world: World) -> list[int]:
    return [len(json.loads(exchange.body)["data"]) for exchange in puts(world)]


async def test_few_guarded_updates_go_one_by_one_each_with_the_version_that_was_seen(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(20)]
    world = open_world(*people)
    async with world.open_client() as crm:
        records = await look(crm, people)
        world.clock.advance(30)
        edit(world, people[7], "Onboarding")
        results = await crm.write([guarded(record) for record in records])
    assert sizes(world) == [1] * 20
    assert {exchange.headers[GUARD] for exchange in puts(world)} == {"2026-02-27T10:00:00+00:00"}
    refused = [place for place, result in enumerate(results) if isinstance(result, NotWritten)]
    assert refused == [7]
    assert isinstance(results[7], NotWritten)
    assert (results[7].code, results[7].refusal) == ("ALREADY_MODIFIED", Refusal.REREAD)
    assert world.stored(key_of(people[7]))["Lead_Status"] == "Onboarding"


async def test_updates_without_a_guard_keep_to_their_batches_beside_guarded_ones(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(25)]
    world = open_world(*people)
    async with world.open_client() as crm:
        records = await look(crm, people)
        await crm.write([guarded(records[0]), *(CrmUpdate(record.key, None, 1) for record in records[1:])])
    assert sorted(sizes(world)) == [1, 4, 10, 10]
    assert [GUARD in exchange.headers for exchange in puts(world)].count(True) == 1


@pytest.mark.parametrize("count", [60, 210])
@pytest.mark.parametrize("reading", ["per_record", "whole"])
async def test_many_guarded_updates_share_a_guard_and_no_edit_is_overwritten_where_zoho_keeps_to_it(
    open_world: OpenWorld, reading: BatchGuard, count: int
) -> None:
    people = [person(i) for i in range(count)]
    world = open_world(*people)
    world.sim.batch_guard = reading
    async with world.open_client() as crm:
        records = await look(crm, people)
        world.clock.advance(30)
        edit(world, people[7], "Onboarding")
        results = await crm.write([guarded(record) for record in records])
    assert [place for place, result in enumerate(results) if not isinstance(result, Written)] == [7]
    assert world.stored(key_of(people[7]))["Lead_Status"] == "Onboarding"
    assert world.stored(key_of(people[8]))["Lead_Status"] == "No Answer"
    size = 10 if count == 60 else 100
    assert sizes(world).count(size) == count // size
    assert sizes(world).count(1) == (size if reading == "whole" else 0), "the refused batch goes one by one"


async def test_where_zoho_ignores_the_guard_of_a_batch_it_is_no_worse_than_without(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(60)]
    world = open_world(*people)
    world.sim.batch_guard = "ignored"
    async with world.open_client() as crm:
        records = await look(crm, people)
        world.clock.advance(30)
        edit(world, people[7], "Onboarding")
        results = await crm.write([guarded(record) for record in records])
    assert all(isinstance(result, Written) for result in results)
    assert sizes(world) == [10] * 6


async def test_a_batch_is_guarded_by_its_newest_version_with_neighbours_of_about_the_same_age(
    open_world: OpenWorld,
) -> None:
    people = [person(i) for i in range(60)]
    world = open_world(*people)
    async with world.open_client() as crm:
        for nth in range(40, 60):
            world.clock.advance(60)
            edit(world, people[nth], "New")
        world.clock.advance(60)
        records = await look(crm, [*people[1::2], *people[::2]])
        await crm.write([guarded(record) for record in records])
    found = sorted(exchange.headers[GUARD] for exchange in puts(world))
    assert found == [
        "2026-02-27T10:00:00+00:00",
        "2026-02-27T10:00:00+00:00",
        "2026-02-27T10:00:00+00:00",
        "2026-02-27T10:00:00+00:00",
        "2026-03-02T10:10:00+00:00",
        "2026-03-02T10:20:00+00:00",
    ]


@pytest.mark.parametrize(
    ("age", "is_sure"), [(0.0, False), (0.9, False), (1.1, False), (2.1, True), (60, True)], ids=str
)
async def test_a_record_that_was_changed_just_now_says_so_by_zoho_s_own_clock(
    open_world: OpenWorld, age: float, is_sure: bool
) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        edit(world, person(1), "New")
        world.clock.advance(age)
        (record,) = await look(crm, [person(1)])
    assert record.changed_just_now == (not is_sure)


@pytest.mark.parametrize(
    ("date", "seconds", "read"),
    [
        ("Mon, 02 Mar 2026 10:00:09 GMT", 0.0, 8),
        ("Mon, 02 Mar 2026 10:00:09 GMT", 4.2, 4),
        ("", 0.2, 29),
        ("yesterday", 0.2, 29),
    ],
)
def test_when_zoho_read_is_reckoned_from_its_date_back_to_our_request_or_from_our_own_clock(
    date: str, seconds: float, read: int
) -> None:
    answer = Answer(200, {"Date": date} if date else {}, b"", seconds)
    assert read_at(answer, NOW + timedelta(seconds=30.7)) == NOW + timedelta(seconds=read)


@pytest.mark.parametrize("text", [None, "", "soon", "2026-03-02T10:00:00"])
def test_of_a_record_without_a_readable_version_nothing_is_claimed(text: str | None) -> None:
    assert not changed_just_now(text, NOW)


async def test_the_same_update_sent_again_after_a_lost_answer_is_refused_by_its_own_guard_and_told_as_such(
    open_world: OpenWorld,
) -> None:
    """Whoever asked for it looks again and finds everything in its place: the values are absolute."""
    world = open_world(person(1))
    async with world.open_client() as crm:
        (record,) = await look(crm, [person(1)])
        world.clock.advance(timedelta(minutes=1).total_seconds())
        world.fault(kind="drop_after_commit", match={"method": "PUT"})
        (result,) = await crm.write([guarded(record)])
        (after,) = await look(crm, [person(1)])
    assert isinstance(result, NotWritten)
    assert result.refusal is Refusal.REREAD
    assert (after.status, after.call_attempts) == ("No Answer", 1)
