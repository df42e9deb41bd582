"""Updates that Zoho refused for good: sent again on demand, or given up, after which the ledger goes on deciding."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta

import pytest

from autodialer.domain.access import Action
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import NotWaiting
from autodialer.domain.update import NotWritten, Refusal
from autodialer.ports.rows import OutboxRow
from service.test_orphans import trail
from service.world import DAY, MONDAY, World, chasing, contact, lead, person

REFUSED = NotWritten("RECORD_IN_BLUEPRINT", "a Blueprint owns this field", Refusal.NEVER)


async def parked(world: World) -> Sequence[OutboxRow]:
    return await world.read(lambda ledger: ledger.work_lists.parked(None, 1000))


async def refused(world: World, *ones: int, new: bool = True) -> None:
    """Called, nobody answered, and Zoho does not take the update."""
    for one in ones:
        world.crm.add(person(lead(one), one) if new else chasing(lead(one), one, MONDAY - DAY))
        world.crm.refusals[lead(one)] = deque([REFUSED])
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    assert len(await parked(world)) == len(ones)


async def test_one_update_is_sent_again(world: World) -> None:
    await refused(world, 1, 2)
    first, second = await parked(world)
    await world.services.parked.retry(first.outbox_id, "ana")
    await world.drain()
    assert [row.outbox_id for row in await parked(world)] == [second.outbox_id]
    assert world.crm.records[first.key].call_attempts == 1
    assert await trail(world) == [("ana", Action.RETRY_UPDATE, str(first.outbox_id), "")]
    with pytest.raises(NotWaiting):
        await world.services.parked.retry(first.outbox_id)
    assert len(await trail(world)) == 1


async def test_all_are_sent_again_each_once_and_what_is_refused_again_comes_back(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    monkeypatch.setattr("autodialer.service.parked._AT_ONCE", 2)
    await refused(world, 1, 2, 3, 4, 5)
    world.crm.refusals[lead(3)] = deque([REFUSED])
    ids = [row.outbox_id for row in await parked(world)]
    assert await world.services.parked.retry_all("ana") == ids
    await world.drain()
    assert [row.key for row in await parked(world)] == [lead(3)]
    assert [row[:2] for row in await trail(world)] == [("ana", Action.RETRY_UPDATE)] * 3
    assert len(await world.services.parked.retry_all()) == 1
    assert await world.services.parked.retry_all() == []


async def test_what_was_given_up_is_never_written_and_the_ledger_still_decides(world: World) -> None:
    await refused(world, 1)
    (row,) = await parked(world)
    given = await world.services.parked.give_up(row.outbox_id, "the record is Dana's", "ana")
    assert given == row
    assert await parked(world) == []
    assert await world.drain() == 0
    assert await trail(world) == [
        ("ana", Action.GIVE_UP_UPDATE, str(row.outbox_id), f"{lead(1)}: the record is Dana's")
    ]
    assert world.crm.records[lead(1)].status == "New"
    assert await world.reason(await world.run(), lead(1)) == "new_already_called"
    assert await world.breaches() == []
    with pytest.raises(NotWaiting):
        await world.services.parked.give_up(row.outbox_id, "again")


async def test_after_giving_up_the_day_s_quota_still_holds_and_the_next_update_counts_all_calls(world: World) -> None:
    await refused(world, 1, new=False)
    (row,) = await parked(world)
    await world.services.parked.give_up(row.outbox_id, "why not")
    await world.run()
    await world.settle()
    assert world.crm.records[lead(1)].call_attempts == 3
    assert await world.reason(await world.run(), lead(1)) == "day_quota"
    assert await world.breaches() == []


async def test_row_15_what_a_person_says_when_giving_an_update_up_makes_no_lead_of_a_contact(world: World) -> None:
    world.crm.add(person(contact(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    world.crm.refusals[contact(1)] = deque(
        [NotWritten("RECORD_IN_BLUEPRINT", "a Blueprint owns this field", Refusal.NEVER)]
    )
    await world.run()
    await world.settle()
    (row,) = [row for row in await world.updates(contact(1)) if row.state == "parked"]
    await world.services.parked.give_up(row.outbox_id, "set by hand, it was converted from a lead only today")
    first = world.clock.now().isoformat()
    world.crm.change(contact(1), status="No Answer", call_attempts=1, first_no_answer_at=first)
    world.clock._start += timedelta(hours=4)
    run = await world.run()
    assert (await world.staged(run))[contact(1)].reason != "record_gone"
    assert len(world.telephony.rings) == 2
