"""rules.md row 26: a limit of 8x8's that is lower than ours is found and kept to, at the price of few requests and little time."""

import asyncio
from collections.abc import Callable

import pytest

from autodialer.ports.replicas import PaceRow
from autodialer.service.control import HEADWAY
from autodialer.service.pacing import Pacer, Pacing
from autodialer.service.shared_pacing import SharedPacer
from autodialer.store.ledger import SqlStore
from service.fakes import ProcessStore
from service.slowed import LATENCY, LIMITERS, Sliding, Slowed
from service.virtual_time import ManualClock, pass_time
from service.world import MONDAY, World

MakePacer = Callable[[float], tuple[Pacing, ManualClock]]
PER_SECOND = 50


@pytest.fixture(params=["alone", "shared"])
def make_pacer(request: pytest.FixtureRequest, new_store: Callable[[], SqlStore]) -> MakePacer:
    """To be called inside the test; `shared`: the pacer of one process of several, over a ledger."""

    def make(per_second: float) -> tuple[Pacing, ManualClock]:
        if request.param == "alone":
            clock = ManualClock(MONDAY)
            return Pacer(per_second, clock), clock
        world = World(new_store(), alone=False)
        return SharedPacer(per_second, world.process.store, world.clock), world.clock

    return make


def halved_after(seconds: float, until: float = 1e9) -> Callable[[float], float]:
    return lambda now: PER_SECOND / 2 if seconds <= now < until else PER_SECOND


@pytest.mark.parametrize("limiter", LIMITERS)
async def test_a_limit_that_is_halved_midway_costs_few_requests_and_little_time(
    make_pacer: MakePacer, limiter: str
) -> None:
    pacer, clock = make_pacer(PER_SECOND)
    run = Slowed(pacer, clock, halved_after(10.0), LIMITERS[limiter]())
    await run.run(1000)
    before = sum(at < 10 for at in run.placed)
    least = before / PER_SECOND + (1000 - before) / (PER_SECOND / 2) + LATENCY
    assert len(run.placed) == 1000
    assert len(run.left) / 1000 <= 1.04
    assert run.placed[-1] / least <= 1.07
    assert len(run.rounds()) == 1 or limiter == "bucket", "that nearly all in flight were refused says enough"
    assert len(run.rounds()) <= 2, "no step is tried so soon"


async def test_where_too_few_are_in_flight_to_tell_a_halved_limit_from_jitter_a_second_round_tells(
    make_pacer: MakePacer,
) -> None:
    pacer, clock = make_pacer(10)
    run = Slowed(pacer, clock, lambda now: 10 if now < 5 else 5, Sliding())
    await run.run(100)
    first, second = run.rounds()
    assert second - first > 1.0
    assert run.rate(second + 1.5, 5) == pytest.approx(4.95, abs=0.3)


async def test_jitter_at_the_limit_costs_a_pause_and_a_fiftieth_of_the_pace(make_pacer: MakePacer) -> None:
    pacer, clock = make_pacer(PER_SECOND)
    run = Slowed(pacer, clock, lambda _: PER_SECOND, Sliding(), jitter=0.01)
    await run.run(500)
    assert len(run.left) / 500 <= 1.01
    assert run.placed[-1] <= 10 * 1.02 + 1.4


async def test_that_the_first_calls_open_their_connections_draws_no_complaint(make_pacer: MakePacer) -> None:
    pacer, clock = make_pacer(PER_SECOND)
    run = Slowed(pacer, clock, lambda _: PER_SECOND, Sliding(), opening=0.025)
    await run.run(500)
    assert run.refused == []
    assert run.placed[-1] <= 10 * 1.005 + 0.06 + 0.3, "it costs the run less than a tenth of a second"


async def test_the_pause_that_8x8_asks_for_is_kept_by_all_though_the_pace_is_lowered_once(
    make_pacer: MakePacer,
) -> None:
    pacer, clock = make_pacer(PER_SECOND)
    run = Slowed(pacer, clock, halved_after(2.0), Sliding(), retry_after=3.0)
    await run.run(200)
    told, last = run.refused[0], max(at for at in run.refused if at < run.refused[0] + 1)
    assert len(run.refused) > 3
    assert [at for at in run.left if told + 0.2 < at < last + 2.99] == [], (
        "0.2 seconds: turns that were given out before"
    )
    assert run.refused[-1] == last
    assert run.rate(last + 3.0, 1.0) == pytest.approx(24.8, abs=1)


async def test_the_usual_pace_is_back_within_two_minutes_of_a_minute_with_half_the_limit(
    make_pacer: MakePacer,
) -> None:
    pacer, clock = make_pacer(10)
    run = Slowed(pacer, clock, lambda now: 5 if 10 <= now < 70 else 11, Sliding())
    await run.run(100_000, until=200.0)
    assert run.rate(60, 10) <= 5.1
    assert run.rate(190, 10) == pytest.approx(10, abs=0.2)
    assert len(run.rounds()) <= 4


async def test_no_two_calls_leave_faster_than_the_lowered_pace_allows(make_pacer: MakePacer) -> None:
    pacer, clock = make_pacer(PER_SECOND)
    run = Slowed(pacer, clock, halved_after(1.0), Sliding(), jitter=0.004)
    await run.run(600)
    slow = [at for at in run.left if run.refused[0] + 4 <= at < run.refused[0] + 14]
    for limit, left in ((PER_SECOND, run.left), (25, slow)):
        assert max(sum(start <= other < start + 1 for other in left) for start in left) <= limit


async def test_late_calls_are_made_up_for_within_the_lowered_pace_too() -> None:
    clock = ManualClock(MONDAY)
    pacer = Pacer(PER_SECOND, clock)
    await pacer.slow_down(await pacer.turn(), of_all=True)
    await pass_time(1)
    left = []
    for n in range(150):
        turn = await pacer.turn()
        await pass_time(0.1 if n % 9 == 0 else 0.0)
        assert await pacer.departure(turn, lambda _: True)
        left.append(clock.monotonic())
    assert max(sum(start <= other < start + 1 for other in left) for start in left) <= 25
    assert left[-1] - left[0] == pytest.approx(149 / 24.8, abs=0.3)


@pytest.fixture
def shared(new_store: Callable[[], SqlStore]) -> Callable[[], World]:
    return lambda: World(new_store(), alone=False)


async def test_what_one_process_is_told_slows_the_others_and_what_was_learnt_outlives_it(
    shared: Callable[[], World],
) -> None:
    world = shared()
    first, second = (SharedPacer(10.0, ProcessStore(world.inner), world.clock) for _ in range(2))
    turns = [await first.turn(), await second.turn(), await second.turn()]
    await pass_time(0.3)
    await first.slow_down(turns[0], of_all=True)
    for turn in turns[1:]:
        await second.slow_down(turn, of_all=True)
    await pass_time(2.0)
    at = [await pacer.turn() for pacer in (first, second, first)]
    assert at[2] - at[0] == pytest.approx(2 * 0.2024, abs=0.01), "three complaints of one round halve it once"
    await pass_time(10)
    step = await second.turn()
    await second.slow_down(step)
    await pass_time(1.2)
    third = SharedPacer(10.0, ProcessStore(world.inner), world.clock)
    at = [await third.turn(), await third.turn()]
    assert at[1] - at[0] == pytest.approx(0.2024, abs=0.01), "the step is taken back"
    await pass_time(17)
    at = [await third.turn(), await third.turn()]
    assert at[1] - at[0] == pytest.approx(0.2024, abs=0.001), "and the next one comes after twice the wait"
    await pass_time(3)
    await third.turn()
    at = [await third.turn(), await third.turn()]
    assert at[1] - at[0] == pytest.approx(0.2024 / 1.5**0.5, abs=0.001), "and is the root of it"


async def test_a_previous_release_that_changes_the_shared_pace_by_its_own_rules_is_believed(
    shared: Callable[[], World],
) -> None:
    world = shared()
    pacer = SharedPacer(10.0, world.process.store, world.clock)
    await pacer.slow_down(await pacer.turn(), of_all=True)
    assert await world.read(lambda ledger: ledger.switches.get(HEADWAY)) is not None
    row = await world.write(lambda ledger: ledger.pace.load())
    assert row is not None
    await world.write(lambda ledger: ledger.pace.save(PaceRow(row.due_at, row.interval * 2, ledger.shared_now())))
    await pass_time(2)
    at = [await pacer.turn(), await pacer.turn()]
    assert at[1] - at[0] == pytest.approx(0.405, abs=0.01)
    await pass_time(10)
    await pacer.turn()
    at = [await pacer.turn(), await pacer.turn()]
    assert at[1] - at[0] == pytest.approx(0.405 / 1.5, abs=0.01)


async def test_an_hour_that_8x8_asked_for_is_kept_though_other_replicas_had_turns_given_out_behind_it(
    new_store: Callable[[], SqlStore],
) -> None:
    world = World(new_store(), alone=False)
    first, second, third = (SharedPacer(10, world.process.store, world.clock) for _ in range(3))
    turn = await first.turn()
    await first.pause(3600)
    waiting = [asyncio.create_task(second.turn())]
    await pass_time(0.01)
    await first.slow_down(turn)
    waiting.append(asyncio.create_task(third.turn()))
    await pass_time(3500)
    assert not any(task.done() for task in waiting)
    await pass_time(110)
    assert all(task.done() for task in waiting)
