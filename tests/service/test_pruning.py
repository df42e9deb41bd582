"""The ledger is kept small beside live dialing: when it is done, by whom, and how it gives way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.ports.pruning import Detail
from autodialer.service.pruning import AT_ONCE, KEEP_AT_LEAST, Pruner
from autodialer.worker import Worker
from service.world import World, lead, person

DAY = timedelta(days=1)


@pytest.fixture
async def aged(world: World) -> World:
    """Three people were called, nobody answered; in the next run nobody was there; two months have gone by."""
    for number in (1, 2, 3):
        world.crm.add(person(lead(number), number))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    everybody, world.crm.records = world.crm.records, {}
    await world.run()
    world.crm.records = everybody
    world.clock.move_to(world.clock.now() + 60 * DAY)
    return world


def pruner(world: World, days: int = 30) -> Pruner:
    return Pruner(world.services.means, days)


async def test_what_nobody_reads_any_more_goes_and_the_calls_stay(aged: World) -> None:
    before = await aged.attempts(lead(1))
    progress = await pruner(aged).some(KEEP_AT_LEAST, "", 3600, dry_run=False)
    assert progress.removed == {Detail.STAGED: 3, Detail.CALLBACKS: 3, Detail.UPDATES: 0, Detail.RELEASED: 0}
    assert progress.after == ""
    assert await aged.attempts(lead(1)) == before
    assert await aged.inbox_count("applied") == 0
    assert await aged.breaches() == []


async def test_a_dry_run_counts_the_same_and_removes_nothing(aged: World) -> None:
    progress = await pruner(aged).some(KEEP_AT_LEAST, "", 3600, dry_run=True)
    assert progress.removed == {Detail.STAGED: 3, Detail.CALLBACKS: 3, Detail.UPDATES: 0, Detail.RELEASED: 0}
    assert await aged.inbox_count("applied") == 3


async def test_it_tells_how_far_it_is_and_goes_on_from_there(aged: World) -> None:
    """No time at all: one step at most, then it answers."""
    after, removed, answers = "", 0, 0
    while True:
        progress = await pruner(aged).some(KEEP_AT_LEAST, after, 0.001, dry_run=False)
        removed, after, answers = removed + sum(progress.removed.values()), progress.after, answers + 1
        if not after:
            break
    assert (removed, answers > 3) == (6, True)


async def test_what_somebody_had_removed_is_told_in_the_trail_and_a_dry_run_is_not(aged: World) -> None:
    for dry_run in (True, False):
        await pruner(aged).some(KEEP_AT_LEAST, "", 3600, dry_run=dry_run, by="ana")
    rows = await aged.read(lambda ledger: ledger.audit.newest_first(None, 10, action="prune"))
    assert [(row.who, row.detail) for row in rows] == [
        ("ana", "kept 30 days; removed: staged 3, callbacks 3, updates 0, released 0")
    ]


async def test_each_step_is_followed_by_a_longer_rest(aged: World) -> None:
    """On a clock that stands still while the ledger works, a step takes no time: the shortest rest remains."""
    began = aged.clock.monotonic()
    await pruner(aged).some(KEEP_AT_LEAST, "", 3600, dry_run=False)
    steps = 5  # a run, no further run, callbacks, updates, released
    assert aged.clock.monotonic() - began >= (steps - 1) * 0.02
    assert AT_ONCE <= 200, "for each of which calls and callbacks wait"


@pytest.mark.parametrize("after", ["4~", "x", "-1~"])
async def test_a_place_that_was_never_told_is_refused(aged: World, after: str) -> None:
    with pytest.raises(ValueError, match="no such place"):
        await pruner(aged).some(KEEP_AT_LEAST, after, 1, dry_run=True)


async def test_fewer_days_than_the_rules_and_late_results_need_are_refused(aged: World) -> None:
    with pytest.raises(ValueError, match="at least 30 days"):
        await pruner(aged).some(KEEP_AT_LEAST - 1, "", 1, dry_run=False)


async def test_without_a_retention_nothing_is_ever_removed(aged: World) -> None:
    assert not await pruner(aged, 0).daily()
    assert await aged.inbox_count("applied") == 3


async def test_of_two_processes_one_does_it_and_tells_what_went(aged: World) -> None:
    other = aged.boot("second")
    assert [await pruner(aged).daily(), await Pruner(other.services.means, 30).daily()] == [True, False]
    assert await aged.inbox_count("applied") == 0
    (told,) = [fields for _, event, fields in aged.log.lines if event == "old details removed"]
    assert (told["keep_days"], told["staged"], told["callbacks"]) == (30, 3, 3)


async def test_a_process_at_work_does_it_by_itself(aged: World) -> None:
    worker = Worker(replace(aged.services, pruner=pruner(aged)), scheduled=False)
    await worker.start()
    await aged.clock.sleep(5)
    await worker.stop(30)
    assert await aged.inbox_count("applied") == 0


async def test_who_was_called_is_not_called_again_after_it(aged: World) -> None:
    """The same verdicts, from explain, before and after."""
    before = [await aged.explained(lead(number)) for number in (1, 2, 3)]
    await pruner(aged).daily()
    after = [await aged.explained(lead(number)) for number in (1, 2, 3)]
    assert all(one is not None for one in before)
    assert [one["now"] for one in after if one] == [one["now"] for one in before if one]
    assert [one["attempts"] for one in after if one] == [one["attempts"] for one in before if one]
    assert [one["last_run"] for one in after if one] == [None] * 3
