"""A status that was renamed in Zoho, and in POLICY_FILE as the runbook says, is no change that a person made to a record."""

import asyncio
from dataclasses import replace

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import CrmStatus, RecordKey
from service.conftest import MakeWorld
from service.world import DAY, MONDAY, NEW, NO_ANSWER, World, chasing, lead, person

RENAMED = {NEW: "Nou", NO_ANSWER: "Fără răspuns"}


def rename(world: World) -> None:
    """In Zoho, which changes each record that has the status; then in the policy, with a restart."""
    for key, record in world.crm.records.items():
        if record.status in RENAMED:
            world.crm.change(key, status=RENAMED[record.status])
    world.crm.pulled = {name.casefold() for name in RENAMED.values()}
    policy = replace(world.policy, new_status=RENAMED[NEW], no_answer_status=RENAMED[NO_ANSWER])
    world.process = world.boot("after", policy=policy)


async def reason(world: World, key: RecordKey) -> str:
    return str((await world.explained(key))["now"]["reason"])


async def test_who_answered_stays_held_also_where_their_status_was_never_written_by_us(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(chasing(lead(1), 1, MONDAY), person(lead(2), 2))
    world.all_end(Disposition.ANSWERED)
    await world.run()
    await world.settle()
    rename(world)
    world.clock.move_to(MONDAY + DAY)
    await world.run()
    assert len(world.telephony.rings) == 2
    assert [await reason(world, key) for key in (lead(1), lead(2))] == ["answered_waiting"] * 2


async def test_what_a_person_sets_afterwards_lifts_the_hold_as_ever(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.ANSWERED)
    await world.run()
    await world.settle()
    rename(world)
    world.crm.change(lead(1), status=RENAMED[NO_ANSWER])
    world.clock.move_to(MONDAY + DAY)
    await world.run()
    assert len(world.telephony.rings) == 2


async def test_an_update_that_waited_meanwhile_goes_over_the_status_under_its_new_name(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await asyncio.gather(*world.telephony.tasks)
    await world.apply()
    world.crm.change(lead(2), status="Recruiting")
    rename(world)
    await world.drain()
    written = [world.crm.status_writes(key, CrmStatus.NO_ANSWER) for key in (lead(1), lead(2))]
    assert written == [1, 0]
    assert [(await world.updates(key))[-1].status_kept for key in (lead(1), lead(2))] == [None, "Recruiting"]
