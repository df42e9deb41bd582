"""Counts for Prometheus: they never fall, whatever is overruled, restarted, or asked of another process."""

from datetime import timedelta
from typing import Any

from autodialer.domain.disposition import Disposition
from autodialer.ports.rows import RunKind, RunState
from autodialer.service.counting import Counted, Counts
from autodialer.service.schedule import remember_start
from service.world import MONDAY, World, lead, person

ONE = lead(1)


def fresh(world: World) -> Counts:
    """As another process, or the same one after its restart, would count."""
    return Counts(world.process.store, world.clock, world.policy.run_hours)


async def counted(world: World, counts: Counts) -> Counted:
    await world.clock.sleep(20)
    return await counts.now()


async def one_unanswered_call(world: World) -> str:
    world.crm.add(person(ONE, 1))
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        await world.run()
        await world.settle()
    return world.session(ONE)


async def test_a_call_that_is_overruled_lets_no_count_fall(world: World) -> None:
    session = await one_unanswered_call(world)
    counts, beside = fresh(world), fresh(world)
    before = (await counted(world, counts)).attempts
    assert before == {"no_answer": 1}
    assert (await counted(world, beside)).attempts == before
    await world.hear(session, Disposition.ANSWERED)
    for one in (counts, beside, fresh(world), counts):
        assert (await counted(world, one)).attempts == {"no_answer": 1, "answered": 1}


async def test_a_later_call_still_counts_after_one_was_made_up_for(world: World) -> None:
    session = await one_unanswered_call(world)
    counts = fresh(world)
    await counted(world, counts)
    await world.hear(session, Disposition.ANSWERED)
    await counted(world, counts)
    world.crm.add(person(lead(2), 2))
    async with world.working():
        await world.run()
        await world.settle()
    assert (await counted(world, counts)).attempts == {"no_answer": 2, "answered": 1}


async def test_runs_are_added_up_once_each_and_their_records_by_what_became_of_them(world: World) -> None:
    counts = fresh(world)
    world.crm.add(person(ONE, 1), person(lead(2), 2, phone="none"), person(lead(3), 3, phone="none"))
    world.all_end(Disposition.BUSY)
    async with world.working():
        for _ in range(2):
            await world.run()
            await world.settle()
            await counted(world, counts)
    first = await counted(world, counts)
    skipped = world.services.runs.skipped(MONDAY, "paused")
    await world.write(lambda ledger: ledger.runs.skip_slot(skipped))
    after = await counted(world, counts)
    assert (first.runs, after.runs) == ({"finished": 2}, {"finished": 2, "skipped": 1})
    assert after.records == {"called": 2, "skipped": 4, "marked_dead": 0, "errors": 0}
    assert after.not_called == {"no_valid_phone": 4}
    assert (await counted(world, fresh(world))) == after, "another process counts the same from the beginning"


async def test_a_run_that_is_going_is_counted_when_it_ends_however_long_it_takes(world: World) -> None:
    counts = fresh(world)
    opened = await world.services.runs.open(RunKind.MANUAL, None)
    for number in range(3):
        slot = MONDAY + timedelta(hours=4 * number)
        skipped = world.services.runs.skipped(slot, "a run was still going")
        await world.write(lambda ledger, run=skipped: ledger.runs.skip_slot(run))  # type: ignore[misc]  # as the scheduler does
        await world.clock.sleep(4 * 3600)
        assert (await counted(world, counts)).runs == {"skipped": number + 1}
    await world.services.runs.close(opened, None)
    assert (await counted(world, counts)).runs == {"skipped": 3, "finished": 1}


async def test_the_slot_that_is_due_and_the_one_that_had_a_run_are_told_apart(world: World) -> None:
    counts: Any = fresh(world)
    assert (await counted(world, counts)).slot_due is None, "the ledger was not in use yet"
    async with world.working():
        pass
    await world.clock.sleep(4 * 3600)
    late = await counted(world, counts)
    afternoon = MONDAY + timedelta(hours=4)
    assert (late.slot_due, late.slot_run) == (afternoon, None)
    run = await world.run(slot=afternoon)
    assert run.state is RunState.FINISHED
    assert (await counted(world, counts)).slot_run == afternoon


async def test_a_slot_of_an_hour_that_was_set_after_it_is_not_due(world: World) -> None:
    """Or the alert AutodialerSlotWithoutRun would call somebody each time that CRON_HOURS is changed."""
    afternoon = MONDAY + timedelta(hours=5)
    await world.write(lambda ledger: remember_start(ledger, MONDAY - timedelta(days=1), (10, 18)))
    await world.write(lambda ledger: remember_start(ledger, afternoon, world.policy.run_hours))
    world.clock.move_to(afternoon)
    assert (await counted(world, fresh(world))).slot_due is None


async def test_a_run_that_a_person_starts_makes_up_for_the_slot_before_it(world: World) -> None:
    """Or the alert AutodialerSlotWithoutRun would go on until the next slot, although what it asks for was done."""
    async with world.working():
        pass
    await world.clock.sleep(4 * 3600)
    afternoon = MONDAY + timedelta(hours=4)
    skipped = world.services.runs.skipped(afternoon, "paused")
    await world.write(lambda ledger: ledger.runs.skip_slot(skipped))
    assert (await counted(world, fresh(world))).slot_run is None, "a slot that was skipped had no run"
    await world.run()
    assert (await counted(world, fresh(world))).slot_run == afternoon
