"""rules.md row 29: records become Dead by the passing of time, within a limit."""

from collections import deque
from datetime import timedelta

import pytest

from autodialer.domain.record import CrmStatus
from autodialer.domain.update import NotWritten, Refusal
from autodialer.rules.policy import Policy
from service.conftest import MakeWorld
from service.world import DAY, MONDAY, World, chasing, lead, person

LONG_AGO = MONDAY - 30 * DAY


async def test_row_29_a_record_on_day_3_becomes_dead_once_and_is_not_called(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - 3 * DAY), chasing(lead(2), 2, MONDAY - 2 * DAY))
    await world.run()
    await world.drain()
    assert world.crm.records[lead(1)].status == "Dead"
    assert world.crm.records[lead(1)].call_attempts == 1
    assert {ring.request.key for ring in world.telephony.rings} == {lead(2)}
    await world.run()
    await world.drain()
    assert world.crm.status_writes(lead(1), CrmStatus.DEAD) == 1
    assert len(await world.updates(lead(1))) == 1


async def test_row_29_while_the_update_waits_the_record_counts_as_dead_already(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, LONG_AGO))
    assert (await world.run()).totals["marked_dead"] == 1
    second = await world.run()
    assert second.totals["marked_dead"] == 0
    assert await world.reason(second, lead(1)) == "status"
    assert [row.state for row in await world.updates(lead(1))] == ["pending"]


async def test_row_29_dead_is_not_written_over_the_status_that_a_person_set_meanwhile(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, LONG_AGO))
    await world.run()
    world.crm.change(lead(1), status="Recruiting")
    await world.drain()
    assert world.crm.records[lead(1)].status == "Recruiting"
    (row,) = await world.updates(lead(1))
    assert (row.state, row.status_kept) == ("sent", "Recruiting")


async def test_row_29_whom_a_person_gave_days_anew_meanwhile_is_not_made_dead_and_called_by_the_next_run(
    world: World,
) -> None:
    world.crm.add(chasing(lead(1), 1, LONG_AGO))
    world.crm.refusals[lead(1)] = deque([NotWritten("RECORD_LOCKED", "somebody edits it", Refusal.BLOCKED)])
    await world.run()
    await world.drain()
    world.crm.change(lead(1), first_no_answer_at=MONDAY.isoformat())
    world.clock.move_to(MONDAY + timedelta(minutes=5))
    await world.drain()
    assert world.crm.records[lead(1)].status == "No Answer"
    assert [(row.state, row.status_kept) for row in await world.updates(lead(1))] == [("sent", "No Answer")]
    told = [event["text"] for event in (await world.explained(lead(1)))["timeline"] if event["kind"] == "status_kept"]
    assert told == ["The status stayed No Answer, because a person had set First No Answer At; Dead was not written."]
    world.clock.move_to(MONDAY + timedelta(hours=4))
    run = await world.run()
    assert (run.totals["called"], run.totals["marked_dead"]) == (1, 0)
    assert await world.breaches() == []


async def test_row_29_a_dead_end_has_no_need_of_a_phone(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, LONG_AGO, phone="none"))
    assert (await world.run()).totals["marked_dead"] == 1


@pytest.mark.parametrize(("pulled", "dead"), [(60, 50), (400, 100)])
async def test_row_29_a_run_makes_at_most_a_quarter_or_50_dead_and_the_next_one_goes_on(
    make_world: MakeWorld, pulled: int, dead: int
) -> None:
    world = make_world()
    old = dead + 7
    world.crm.add(*(chasing(lead(n), n, LONG_AGO) for n in range(old)))
    world.crm.add(*(person(lead(1000 + n), 1000 + n, phone=None) for n in range(pulled - old)))
    run = await world.run()
    assert run.totals["marked_dead"] == dead
    assert run.totals["reasons"] == {"dead_limit": 7, "no_valid_phone": pulled - old, "window_over": dead}
    assert run.totals["processed"] == pulled
    assert await world.drain() == dead
    assert (await world.run()).totals["marked_dead"] == 7


async def test_row_29_confirm_lifts_the_limit(make_world: MakeWorld) -> None:
    world = make_world(policy=Policy(max_dead_floor=2))
    world.crm.add(*(chasing(lead(n), n, LONG_AGO) for n in range(9)))
    assert (await world.run()).totals["marked_dead"] == 2
    run = await world.run(confirm=True)
    assert run.totals["marked_dead"] == 7
    await world.drain()
    assert {record.status for record in world.crm.records.values()} == {"Dead"}


async def test_a_day_is_a_date_of_the_policy_zone_not_24_hours(make_world: MakeWorld) -> None:
    world = make_world(policy=Policy(timezone="Europe/Bucharest"))
    late = MONDAY.replace(hour=22, minute=30) - 3 * DAY  # half past midnight in Bucharest: the next day
    world.crm.add(chasing(lead(1), 1, late), chasing(lead(2), 2, late - timedelta(hours=1)))
    run = await world.run()
    assert {ring.request.key for ring in world.telephony.rings} == {lead(1)}
    assert await world.reason(run, lead(2)) == "window_over"
