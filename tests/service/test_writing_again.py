"""What Zoho has lost of what it took from us is written again on demand, one field at a time and never a status."""

from collections import deque

import pytest

from autodialer.domain.access import Action
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import NotWaiting
from autodialer.service.writing_again import AGAIN, Field
from service.test_orphans import trail
from service.test_parked import REFUSED
from service.world import World, lead, person


@pytest.fixture
async def written(world: World) -> World:
    """Lead 1 was called once, nobody answered, Zoho took it."""
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    return world


async def again(world: World, field: Field) -> None:
    await world.services.rewriter.write_again(lead(1), field, "ana")


async def drift(world: World) -> list[str]:
    page = await world.services.drift.page(7, 200)
    return [each.reason for one in page.records for each in one.differences]


@pytest.mark.parametrize(
    ("lost", "reason"),
    [({"call_attempts": None}, "attempts_below"), ({"first_no_answer_at": None}, "first_no_answer_differs")],
)
async def test_a_field_that_was_emptied_is_written_again_and_nothing_else(
    written: World, lost: dict[str, None], reason: str
) -> None:
    before = written.crm.records[lead(1)]
    written.crm.change(lead(1), **lost)
    assert await drift(written) == [reason]
    await again(written, AGAIN[reason])
    assert await written.drain() == 1
    after = written.crm.records[lead(1)]
    assert (after.call_attempts, after.first_no_answer_at, after.status) == (
        before.call_attempts,
        before.first_no_answer_at,
        before.status,
    )
    (field,) = lost
    update = written.crm.writes[-1]
    assert update.status is None
    assert (update.call_attempts is None) == (field != "call_attempts")
    assert await drift(written) == []
    deeds = [row[:3] for row in await trail(written) if row[1] != Action.FIND_DRIFT]
    assert deeds == [("ana", Action.WRITE_AGAIN, str(lead(1)))]


async def test_a_status_that_a_person_set_stays(written: World) -> None:
    written.crm.change(lead(1), status="Onboarding", call_attempts=0)
    await again(written, Field.CALL_ATTEMPTS)
    await written.drain()
    record = written.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("Onboarding", 1)


async def test_a_greater_count_in_zoho_stays(written: World) -> None:
    written.crm.change(lead(1), call_attempts=5)
    await again(written, Field.CALL_ATTEMPTS)
    await written.drain()
    assert written.crm.records[lead(1)].call_attempts == 5


async def test_while_an_update_waits_nothing_is_queued_beside_it(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.refusals[lead(1)] = deque([REFUSED])
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    with pytest.raises(NotWaiting, match="an update of this record waits already"):
        await again(world, Field.CALL_ATTEMPTS)
    assert len(await world.updates(lead(1))) == 1
    assert await trail(world) == []


async def test_what_was_given_up_can_be_written_after_all(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.refusals[lead(1)] = deque([REFUSED])
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    (row,) = await world.updates(lead(1))
    await world.services.parked.give_up(row.outbox_id, "why not")
    assert await drift(world) == ["attempts_below"]
    await again(world, Field.CALL_ATTEMPTS)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1
    with pytest.raises(NotWaiting, match="nothing to write"):
        await again(world, Field.FIRST_NO_ANSWER_AT)


async def test_of_a_record_that_was_never_written_to_nothing_can_be_written_again(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    with pytest.raises(NotWaiting, match="nothing to write"):
        await again(world, Field.CALL_ATTEMPTS)


async def test_a_time_that_was_overruled_by_an_answer_never_comes_back(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.apply()
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    await world.drain()
    assert world.crm.records[lead(1)].first_no_answer_at is None
    with pytest.raises(NotWaiting, match="nothing to write"):
        await again(world, Field.FIRST_NO_ANSWER_AT)
