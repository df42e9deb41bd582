"""rules.md rows 19, 20 and 30: which slot gets a run, and what happens to one that can't."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.service.control import pause
from autodialer.service.schedule import latest_slot, next_slot, remember_start
from service.conftest import MakeWorld
from service.fakes import zoho_down
from service.world import DAY, MONDAY, World, lead, person

MINUTE = timedelta(minutes=1)


async def since(world: World, start: datetime, *hours: int) -> None:
    await world.write(lambda ledger: remember_start(ledger, start, hours))


async def recent(world: World) -> list[Run]:
    return list(await world.read(lambda ledger: ledger.runs.recent(20)))


@pytest.mark.parametrize(
    ("now", "latest", "upcoming"),
    [
        ("2026-03-02T10:00:00", "2026-03-02T10:00:00", "2026-03-02T14:00:00"),
        ("2026-03-02T09:59:59", "2026-03-01T18:00:00", "2026-03-02T10:00:00"),
        ("2026-03-02T18:00:00", "2026-03-02T18:00:00", "2026-03-03T10:00:00"),
        ("2026-03-02T23:59:59", "2026-03-02T18:00:00", "2026-03-03T10:00:00"),
        ("2026-03-02T00:00:00", "2026-03-01T18:00:00", "2026-03-02T10:00:00"),
        ("2026-12-31T23:00:00", "2026-12-31T18:00:00", "2027-01-01T10:00:00"),
    ],
)
def test_slots_are_utc_and_go_across_midnight(now: str, latest: str, upcoming: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert latest_slot((10, 14, 18), at) == datetime.fromisoformat(latest).replace(tzinfo=UTC)
    assert next_slot((10, 14, 18), at) == datetime.fromisoformat(upcoming).replace(tzinfo=UTC)


def test_slots_are_utc_whatever_zone_the_clock_shows() -> None:
    at = datetime.fromisoformat("2026-03-02T12:30:00+02:00")
    assert latest_slot((10, 14), at) == MONDAY


async def test_the_ledger_is_not_asked_again_and_again_about_a_slot_that_is_over(world: World) -> None:
    await since(world, MONDAY - DAY)
    assert await world.services.scheduler.take_due() is not None
    assert await world.services.scheduler.take_due() is None
    before = world.process.store.reads
    assert await world.services.scheduler.take_due() is None
    assert world.process.store.reads == before


async def test_a_slot_is_taken_once(world: World) -> None:
    await since(world, MONDAY - DAY)
    run = await world.services.scheduler.take_due()
    assert run is not None
    assert (run.kind, run.slot) == (RunKind.SCHEDULED, MONDAY)
    await world.services.runs.conduct(run)
    assert await world.services.scheduler.take_due() is None
    world.clock.move_to(MONDAY + timedelta(hours=4))
    second = await world.services.scheduler.take_due()
    assert second is not None
    assert second.slot == MONDAY + timedelta(hours=4)


async def test_row_20_of_two_replicas_one_takes_the_slot(world: World) -> None:
    await since(world, MONDAY - DAY)
    other = world.boot("second")
    schedulers = (world.services.scheduler, other.services.scheduler)
    taken = await asyncio.gather(*(scheduler.take_due() for scheduler in schedulers))
    assert sum(run is not None for run in taken) == 1
    assert [run.state for run in await recent(world)] == [RunState.STAGING]


async def test_row_19_a_slot_that_comes_while_a_run_is_going_is_skipped_and_recorded(world: World) -> None:
    await since(world, MONDAY - DAY)
    going = await world.services.runs.open(RunKind.MANUAL, None)
    assert await world.services.scheduler.take_due() is None
    skipped = next(run for run in await recent(world) if run.state is RunState.SKIPPED)
    assert (skipped.slot, skipped.stop_reason) == (MONDAY, f"run {going.run_id} was still going")
    await world.services.runs.conduct(going)
    assert await world.services.scheduler.take_due() is None
    assert len(await recent(world)) == 2


async def test_a_slot_that_comes_while_paused_is_skipped_and_recorded(world: World) -> None:
    await since(world, MONDAY - DAY)
    await world.write(lambda ledger: pause(ledger, MONDAY))
    assert await world.services.scheduler.take_due() is None
    assert [(run.state, run.stop_reason) for run in await recent(world)] == [(RunState.SKIPPED, "paused")]


@pytest.mark.parametrize(("late", "taken"), [(29, True), (30, True), (31, False), (239, False)])
async def test_row_30_a_missed_slot_is_made_up_for_within_half_an_hour(world: World, late: int, taken: bool) -> None:
    await since(world, MONDAY - DAY)
    world.clock.move_to(MONDAY + late * MINUTE)
    assert (await world.services.scheduler.take_due() is not None) == taken


async def test_row_30_slots_from_before_the_first_start_were_never_missed(world: World) -> None:
    world.clock.move_to(MONDAY + 5 * MINUTE)
    await since(world, world.clock.now())
    assert await world.services.scheduler.take_due() is None
    assert await recent(world) == []
    await since(world, world.clock.now() + DAY)  # a later start changes nothing
    world.clock.move_to(MONDAY + timedelta(hours=4))
    assert await world.services.scheduler.take_due() is not None


@pytest.mark.parametrize("late", [5, 120])
async def test_a_slot_of_an_hour_that_was_set_after_it_was_never_missed(world: World, late: int) -> None:
    """CRON_HOURS was changed, and 10 is one of them since: neither made up for nor recorded as skipped, until tomorrow."""
    await since(world, MONDAY - DAY, 8, 14)
    world.clock.move_to(MONDAY + late * MINUTE)
    await since(world, world.clock.now(), 10, 14)
    assert await world.services.scheduler.take_due() is None
    assert await recent(world) == []
    await since(world, world.clock.now() + MINUTE, 10, 14)  # started again with the same hours
    world.clock.move_to(MONDAY + DAY)
    assert await world.services.scheduler.take_due() is not None


async def test_a_slot_that_is_missed_while_another_hour_is_added_is_made_up_for(world: World) -> None:
    await since(world, MONDAY - DAY, 10, 14)
    world.clock.move_to(MONDAY + 5 * MINUTE)
    await since(world, world.clock.now(), 8, 10, 14)
    assert await world.services.scheduler.take_due() is not None


async def test_a_slot_that_is_missed_while_an_earlier_version_is_updated_is_made_up_for(world: World) -> None:
    await since(world, MONDAY - DAY)  # which kept no hours
    world.clock.move_to(MONDAY + 5 * MINUTE)
    await since(world, world.clock.now(), 10, 14)
    assert await world.services.scheduler.take_due() is not None


async def test_a_slot_that_zoho_keeps_from_starting_is_tried_each_minute(world: World) -> None:
    await since(world, MONDAY - DAY)
    world.crm.down = zoho_down()
    for seconds in (0, 1, 59):
        world.clock.move_to(MONDAY + timedelta(seconds=seconds))
        assert await world.services.scheduler.take_due() is None
    assert world.log.events().count("slot can't start yet") == 1
    world.crm.down = None
    world.clock.move_to(MONDAY + timedelta(seconds=61))
    assert await world.services.scheduler.take_due() is not None


async def test_a_slot_that_could_not_start_until_it_was_too_late_is_recorded_as_skipped(world: World) -> None:
    await since(world, MONDAY - DAY)
    world.telephony.missing = ["EIGHTX8_CALLER_ID is not set"]
    for minute in range(32):
        world.clock.move_to(MONDAY + minute * MINUTE + timedelta(seconds=1))
        assert await world.services.scheduler.take_due() is None
    (run,) = await recent(world)
    assert run.state is RunState.SKIPPED
    assert run.stop_reason is not None
    assert "EIGHTX8_CALLER_ID" in run.stop_reason


async def test_the_worker_runs_each_slot_of_a_day_when_it_is_due(make_world: MakeWorld) -> None:
    world = make_world(start=MONDAY - timedelta(seconds=3))
    world.crm.add(person(lead(1), 1))
    async with world.working(scheduled=True):
        await asyncio.sleep(6)
    (run,) = await recent(world)
    assert (run.slot, run.state) == (MONDAY, RunState.FINISHED)
    assert len(world.telephony.rings) == 1
