"""Somebody changes a record between our look and our write, or holds it: rules.md row 13, docs/zoho/writing.md."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal
from autodialer.ports.rows import OutboxRow, Projection
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, NEW, NO_ANSWER, World, lead, person

HOUR = timedelta(hours=1)


async def queue(world: World, number: int = 1, **fields: Any) -> None:
    """A first call that nobody answered."""
    values: dict[str, Any] = {"attempt_id": None, "cause": "result", "expected_status": "New", **fields}
    first = {"status": CrmStatus.NO_ANSWER, "call_attempts": 1, "first_no_answer_at": MONDAY}
    projection = Projection(key=lead(number), **{**first, **values})
    await world.write(lambda ledger: ledger.outbox.put(projection, world.clock.now()))


async def newest(world: World, number: int = 1) -> OutboxRow:
    return (await world.updates(lead(number)))[-1]


def between_look_and_write(world: World, *edits: dict[str, Any]) -> None:
    """Each time we are about to write, a person is faster, as often as there are edits."""
    left = deque(edits)

    async def edit(_: Sequence[CrmUpdate]) -> None:
        if left:
            world.crm.change(lead(1), **left.popleft())

    world.crm.on_write = edit


@pytest.fixture
def seen(world: World) -> World:
    """A record with a version, as every record of Zoho's has."""
    world.crm.add(person(lead(1), 1, modified_time="version 0"))
    return world


async def test_row_13_a_status_set_between_our_look_and_our_write_stays_and_the_call_is_counted(seen: World) -> None:
    between_look_and_write(seen, {"status": "Onboarding"})
    await queue(seen)
    assert await seen.drain() == 1
    record = seen.crm.records[lead(1)]
    assert (record.status, record.call_attempts, record.first_no_answer_at) == ("Onboarding", 1, MONDAY.isoformat())
    row = await newest(seen)
    assert (row.state, row.status_kept, row.tries) == ("sent", "Onboarding", 0)
    assert "a person's status was kept" in seen.log.events("warning")


async def test_another_field_changed_meanwhile_is_looked_at_again_and_the_status_written(seen: World) -> None:
    between_look_and_write(seen, {"phone": "+40722000000"})
    await queue(seen)
    assert await seen.drain() == 1
    assert (seen.crm.records[lead(1)].status, len(seen.crm.looks)) == ("No Answer", 2)


async def test_call_attempts_that_a_person_raised_meanwhile_do_not_go_down(seen: World) -> None:
    between_look_and_write(seen, {"call_attempts": 4})
    await queue(seen)
    await seen.drain()
    assert seen.crm.records[lead(1)].call_attempts == 4


async def test_who_is_to_get_no_more_calls_by_a_count_that_a_person_set_while_the_phone_rang_gets_none(
    world: World,
) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    world.crm.change(lead(1), call_attempts=99)
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    await world.drain()
    assert (world.crm.records[lead(1)].status, world.crm.records[lead(1)].call_attempts) == ("No Answer", 99)
    world.clock.move_to(MONDAY + DAY)
    await world.run()
    assert len(world.telephony.rings) == 1


@pytest.mark.parametrize("status", [NEW, NO_ANSWER])
async def test_a_first_no_answer_at_that_a_person_set_while_the_phone_rang_stays(world: World, status: str) -> None:
    world.crm.add(person(lead(1), 1, status))
    await world.run()
    theirs = (MONDAY - DAY).isoformat()
    world.crm.change(lead(1), first_no_answer_at=theirs)
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts, record.first_no_answer_at) == (NO_ANSWER, 1, theirs)
    assert (await newest(world)).first_no_answer_at is None, "Zoho did not take ours"
    assert "a person's First No Answer At was kept" in world.log.events("warning")
    assert (await world.services.drift.page(7, 200)).records == ()
    world.clock.move_to(MONDAY + HOUR)
    assert "Day 1" in (await world.explained(lead(1)))["now"]["detail"]


async def test_a_first_no_answer_at_set_between_our_look_and_our_write_stays_beside_the_status(seen: World) -> None:
    theirs = (MONDAY - DAY).isoformat()
    between_look_and_write(seen, {"first_no_answer_at": theirs})
    await queue(seen)
    assert await seen.drain() == 1
    record = seen.crm.records[lead(1)]
    assert (record.status, record.call_attempts, record.first_no_answer_at) == (NO_ANSWER, 1, theirs)


async def test_only_an_update_with_a_status_names_the_version_that_was_seen(seen: World) -> None:
    await queue(seen, status=None)
    await seen.drain()
    seen.crm.change(lead(1), status="New", modified_time="version 7")
    await queue(seen, status=CrmStatus.DEAD)
    await seen.drain()
    assert [update.unless_modified_since for update in seen.crm.writes] == [None, "version 7"]


async def test_who_is_always_faster_makes_us_look_three_times_and_come_back_later(seen: World) -> None:
    between_look_and_write(seen, *({"phone": f"+4072200000{n}"} for n in range(3)))
    await queue(seen)
    assert await seen.drain() == 0
    row = await newest(seen)
    assert (row.state, row.tries, len(seen.crm.looks)) == ("pending", 1, 3)
    assert row.next_try_at > seen.clock.now()
    await pass_time(6)
    assert await seen.drain() == 1


async def test_one_that_was_outrun_holds_up_no_other(seen: World) -> None:
    seen.crm.add(person(lead(2), 2))
    between_look_and_write(seen, {"status": "Recruiting"})
    await queue(seen)
    await queue(seen, 2)
    assert await seen.drain() == 2
    assert [len(keys) for _, keys in seen.crm.looks] == [2, 1]


async def test_a_record_changed_in_the_second_of_our_look_waits_two_seconds_which_is_no_try(seen: World) -> None:
    seen.crm.change(lead(1), phone="+40722000000", changed_just_now=True)
    await queue(seen)
    assert await seen.drain() == 0
    row = await newest(seen)
    assert (row.state, row.tries, row.last_error, seen.crm.writes) == ("pending", 0, "", [])
    assert row.next_try_at - seen.clock.now() == timedelta(seconds=2)
    seen.crm.change(lead(1), changed_just_now=False)
    await pass_time(2.1)
    assert await seen.drain() == 1
    assert seen.crm.records[lead(1)].status == "No Answer"


async def test_without_a_status_to_set_nothing_waits_for_a_sure_version(seen: World) -> None:
    seen.crm.change(lead(1), changed_just_now=True)
    await queue(seen, status=None, first_no_answer_at=None)
    assert await seen.drain() == 1


async def test_what_the_crm_shows_already_is_not_written_again(seen: World) -> None:
    """As after an update whose answer was lost."""
    first = (MONDAY + timedelta(seconds=9)).isoformat()
    seen.crm.change(lead(1), status="no answer", call_attempts=1.0, first_no_answer_at=first)
    await queue(seen, first_no_answer_at=MONDAY + timedelta(seconds=9, milliseconds=750))
    assert await seen.drain() == 1
    row = await newest(seen)
    assert (row.state, row.status_kept, seen.crm.writes) == ("sent", None, [])


def blocked(world: World) -> None:
    world.crm.refusals[lead(1)] = deque([NotWritten("RECORD_LOCKED", "record is locked", Refusal.BLOCKED)] * 1000)


async def try_until(world: World, end: timedelta) -> list[timedelta]:
    """Drain whenever the row is due; when that was."""
    began, tries = world.clock.now(), []
    while (row := await newest(world)).state == "pending" and row.next_try_at - began < end:
        await pass_time(max(0.0, (row.next_try_at - world.clock.now()).total_seconds() + 0.01))
        tries.append(world.clock.now() - began)
        await world.drain()
    return tries


async def test_a_locked_record_is_tried_for_a_day_with_growing_waits_and_then_parked_with_the_reason(
    seen: World,
) -> None:
    blocked(seen)
    await queue(seen)
    await seen.drain()
    tries = await try_until(seen, 3 * DAY)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits == sorted(waits)
    assert timedelta(minutes=59) < waits[-1] < timedelta(minutes=61)
    assert DAY <= tries[-1] < DAY + 2 * HOUR
    row = await newest(seen)
    assert (row.state, row.last_error) == ("parked", "RECORD_LOCKED: record is locked (so for a day)")
    assert len(tries) < 40


async def test_days_in_which_zoho_was_out_of_order_do_not_count_as_days_of_a_lock(seen: World) -> None:
    seen.crm.refusals[lead(1)] = deque([NotWritten("INTERNAL_ERROR", "x", Refusal.RETRY)] * 200)
    await queue(seen)
    await seen.drain()
    await try_until(seen, DAY + HOUR)
    assert (await newest(seen)).state == "pending", "trouble inside Zoho never parks an update"
    blocked(seen)
    await try_until(seen, 20 * HOUR)
    assert (await newest(seen)).state == "pending"


async def test_the_day_of_a_lock_goes_on_through_later_results_and_begins_anew_when_a_person_sends_it_again(
    seen: World,
) -> None:
    blocked(seen)
    await queue(seen)
    await seen.drain()
    await try_until(seen, 20 * HOUR)
    await queue(seen, call_attempts=2)
    await seen.drain()
    await try_until(seen, 6 * HOUR)
    row = await newest(seen)
    assert (row.call_attempts, row.state) == (2, "parked")
    assert await seen.write(lambda ledger: ledger.outbox.unparked(row.outbox_id, seen.clock.now()))
    await seen.drain()
    assert (await newest(seen)).state == "pending"
    seen.crm.refusals.clear()
    await pass_time(6)
    assert await seen.drain() == 1
