"""Credits: when few are left nothing is read for dialing any more, and results are written back to the last one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError, StoreError
from autodialer.domain.record import RecordKey
from autodialer.ports import CrmUsage, Level
from autodialer.ports.boxes import UsageRow
from autodialer.ports.rows import RunState
from autodialer.service.budget import Budget
from autodialer.service.doctor import Doctor
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import World, lead, person


def spend(world: World, credits_used: int, **more: object) -> None:
    used = world.crm.usage
    world.crm.usage = replace(used, calls=used.calls + 1, credits=used.credits + credits_used, **more)  # type: ignore[arg-type]  # fields


def tell(world: World, remaining: int | None) -> None:
    """Zoho's header."""
    spend(world, 1, credits_remaining=remaining, told_at=world.clock.now())


@pytest.fixture
async def tight(make_world: MakeWorld) -> World:
    """1000 credits a day, 100 of them kept."""
    world = make_world(budget=Budget(1000, 10))
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    return world


async def test_below_the_reserve_a_run_stops_and_says_what_to_do_and_the_next_day_goes_on(tight: World) -> None:
    spend(tight, 901)
    await tight.services.credits.flush()
    run = await tight.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason is not None
    for said in (
        "credits run low",
        "99 of 1000 are left",
        "last 100",
        "the next run tries again",
        "ZOHO_DAILY_CREDITS",
    ):
        assert said in run.stop_reason
    assert not tight.telephony.rings
    await pass_time(24 * 3600 + 600)
    assert (await tight.run()).totals["called"] == 2


async def test_at_the_reserve_a_run_goes_on(tight: World) -> None:
    spend(tight, 900)
    assert (await tight.run()).totals["called"] == 2


async def test_what_other_processes_spent_counts(tight: World) -> None:
    await tight.write(lambda ledger: ledger.usage.add(UsageRow(5, 950), tight.clock.now()))
    assert (await tight.run()).state is RunState.STOPPED


async def test_what_a_dead_process_spent_counts_for_the_next_one(tight: World) -> None:
    async with tight.working():
        spend(tight, 950)
        await pass_time(10)
    tight.crm.usage = CrmUsage()
    tight.process = tight.boot("second")
    assert (await tight.run()).state is RunState.STOPPED


async def test_pulling_stops_between_two_pages(tight: World) -> None:
    tight.crm.add(*(person(lead(n), n) for n in range(3, 60)))
    tight.crm.page_size = 10
    spend(tight, 890)
    tight.crm.on_page = lambda: spend(tight, 3)
    run = await tight.run()
    assert (run.state, tight.crm.pages) == (RunState.STOPPED, 4)
    assert not tight.telephony.rings


async def test_a_last_look_is_not_taken_below_the_reserve_and_the_result_of_an_earlier_call_is_still_written(
    make_world: MakeWorld,
) -> None:
    world = make_world(budget=Budget(1000, 10), max_concurrent_calls=1)
    world.crm.add(*(person(lead(n), n) for n in range(1, 6)))
    world.all_end(Disposition.NO_ANSWER)

    def look(_: Sequence[RecordKey]) -> None:
        spend(world, 950 if not world.telephony.rings else 1)

    world.crm.on_look = look
    async with world.working():
        run = await world.run()
        await world.settle()
    assert run.state is RunState.STOPPED
    assert run.stop_reason is not None
    assert "last look" in run.stop_reason
    assert "credits run low" in run.stop_reason
    assert (run.totals["called"], run.totals["reasons"]) == (1, {"run_stopped": 4})
    assert [update.key for update in world.crm.writes] == [lead(1)]


async def test_what_zoho_says_remains_counts_more_than_our_own_count_and_is_asked_anew_before_a_run(
    tight: World,
) -> None:
    tell(tight, 50)
    tight.crm.on_prepare = lambda: tell(tight, 49)
    run = await tight.run()
    assert (run.state, "49 of 1000 are left" in str(run.stop_reason)) == (RunState.STOPPED, True)
    tight.crm.on_prepare = lambda: tell(tight, None)  # more were bought
    assert (await tight.run()).totals["called"] == 2


async def test_a_throttled_pull_of_an_account_without_credits_is_not_tried_for_minutes(tight: World) -> None:
    began = tight.clock.now()
    tight.crm.on_page = lambda: tell(tight, 0)
    tight.crm.page_fails[1] = CrmError("429", permanent=False, code="TOO_MANY_REQUESTS")
    run = await tight.run()
    assert "credits run low" in str(run.stop_reason)
    assert tight.clock.now() - began < timedelta(seconds=30)


async def test_a_429_on_a_write_back_waits_and_loses_nothing(tight: World) -> None:
    tight.all_end(Disposition.NO_ANSWER)
    tight.crm.write_fails = CrmError("429 too many requests", permanent=False, code="TOO_MANY_REQUESTS")
    async with tight.working():
        await tight.run()
        await pass_time(60)
        assert not tight.crm.writes
        tight.crm.write_fails = None
        await pass_time(200)
    assert sorted(update.key.zoho_id for update in tight.crm.writes) == [lead(1).zoho_id, lead(2).zoho_id]


async def test_while_the_ledger_cannot_be_read_what_is_known_goes_on_counting(tight: World) -> None:
    spend(tight, 950)
    await tight.services.credits.flush()
    await tight.services.credits.state()
    tight.process.store.fails = lambda: StoreError("gone", permanent=False)
    spend(tight, 10)
    state = await tight.services.credits.state()
    assert (state.used.credits, state.left, state.is_low) == (960, 40, True)


async def test_nothing_is_counted_twice_when_two_flush_at_once_and_nothing_is_lost_when_one_fails(tight: World) -> None:
    count = tight.services.credits
    spend(tight, 7, throttled=2)
    tight.process.store.fails = lambda: StoreError("gone", permanent=False)
    with pytest.raises(StoreError):
        await count.flush()
    tight.process.store.fails = None
    await count.flush()
    await count.flush()
    found = await tight.read(lambda ledger: ledger.usage.since(tight.clock.now()))
    assert (found.calls, found.credits, found.throttled) == (1, 7, 2)


async def findings(world: World) -> list[tuple[Level, str]]:
    doctor: Doctor = world.services.doctor
    return [(f.level, f.message) for f in await doctor.examine() if f.subject == "Zoho credits"]


async def test_the_doctor_says_what_a_day_needs_and_warns_when_it_is_more_than_may_be_spent(
    make_world: MakeWorld,
) -> None:
    world = make_world(budget=Budget(40, 10))
    world.crm.add(*(person(lead(n), n) for n in range(1, 4)))
    (unknown,) = await findings(world)
    assert unknown[0] is Level.OK
    assert "no run yet" in unknown[1]
    await world.run()
    needed = "this day will need about 24 credits of 40: 3 runs over 3 eligible records, 9 calls"
    assert await findings(world) == [(Level.OK, needed)]
    other = world.boot("second", budget=Budget(25, 10))
    world.process = other
    assert (await findings(world))[0][0] is Level.WARNING
    spend(world, 24)
    low, warning = await findings(world)
    assert (low[0], warning[0]) == (Level.WARNING, Level.WARNING)
    assert low[1].startswith("1 are left")
