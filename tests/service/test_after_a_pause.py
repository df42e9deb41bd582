"""Slots that were skipped, as in a pause of a week, hide nothing of what the last run before them saw."""

from datetime import timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from autodialer.domain.disposition import Disposition
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Run, RunKind, RunState
from service.world import DAY, MONDAY, World, lead, person

SLOTS = 25  # more than a week has


def _skip(run: Run, ledger: Ledger) -> bool:
    return ledger.runs.skip_slot(run)


@pytest.fixture
async def paused(world: World) -> World:
    """Three people were called on Monday at ten; each hour since a slot was skipped."""
    world.crm.add(*(person(lead(number), number) for number in (1, 2, 3)))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    for hour in range(1, SLOTS + 1):
        at = MONDAY + timedelta(hours=hour)
        skipped = Run(
            f"skipped-{hour}",
            RunKind.SCHEDULED,
            at,
            RunState.SKIPPED,
            confirm=False,
            policy_hash="p",
            owner="",
            started_at=at,
        )
        await world.write(partial(_skip, skipped))
    world.clock.move_to(MONDAY + DAY + timedelta(hours=4))
    return world


async def test_a_ledger_that_is_behind_the_crm_calls_nobody(paused: World) -> None:
    changed = (paused.clock.now() - timedelta(minutes=2)).isoformat()
    for number in (1, 2, 3):
        known = paused.crm.records[lead(number)]
        paused.crm.records[lead(number)] = replace(known, call_attempts=3, modified_time=changed)
    run = await paused.run()
    assert (run.state, len(paused.telephony.rings)) == (RunState.STOPPED, 3)
    assert (run.stop_reason or "").startswith("Zoho counts calls of today to 3 records")


async def test_people_are_found_by_the_last_digits_of_their_number(paused: World) -> None:
    assert [one.key for one in (await paused.services.finder.find("0002")).found] == [lead(2)]


async def test_doctor_tells_what_a_day_needs(paused: World) -> None:
    (told,) = [one for one in await paused.services.doctor.examine() if one.subject == "Zoho credits"]
    assert told.message.startswith("this day will need about")


async def test_the_first_page_and_watch_show_it(paused: World) -> None:
    run = (await paused.services.glancer.look()).run
    assert run is not None
    assert (run.run.state, run.called) == (RunState.FINISHED, 3)
