"""Several processes on one ledger: all of them dial, who dies or stands still is taken over from, and limits hold over all."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import StoreError
from autodialer.domain.placing import CallRequest, NotSent, PlaceOutcome
from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.worker import Worker
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import Process, World, lead, person, phone

SOON = 10.0  # seconds within which a dead process's work must go on


@asynccontextmanager
async def at_work(*processes: Process) -> AsyncIterator[None]:
    workers = [Worker(process.services, scheduled=False) for process in processes]
    for worker in workers:
        await worker.start()
    try:
        yield
    finally:
        for worker, process in zip(workers, processes, strict=True):
            if not process.store.dead:
                await worker.stop(30)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    for _ in range(int(seconds / 0.1)):
        if condition():
            return
        await pass_time(0.1)
    raise AssertionError("this never came")


async def senders(world: World) -> Sequence[str]:
    """Who sent each ring."""
    rows = [row for ring in world.telephony.rings for row in await world.attempts(ring.request.key)]
    owners = {row.number: row.owner for row in reversed(rows)}  # of each number the first
    return [owners[ring.number] for ring in world.telephony.rings]


async def newest(world: World) -> Run:
    (run,) = await world.read(lambda ledger: ledger.runs.recent(2))
    return run


def most_in_a_second(moments: Sequence[float]) -> int:
    return max(sum(start <= other < start + 1 for other in moments) for start in moments)


def everybody_once(world: World, people: int) -> bool:
    return sorted(world.telephony.numbers()) == sorted(phone(n) for n in range(people))


@pytest.fixture
async def town(make_world: MakeWorld) -> World:
    """`first` and `second` share the ledger."""
    world = make_world(calls_per_second=4.0, max_concurrent_calls=1000, alone=False)
    world.telephony.latency = 0.2
    world.crm.add(*(person(lead(n), n) for n in range(60)))
    return world


async def test_every_process_dials_and_each_person_is_called_once(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        run, task = await first.services.run_desk.start(RunKind.MANUAL)
        closed = await task
    assert (closed.run_id, closed.state, closed.totals["called"]) == (run.run_id, RunState.FINISHED, 60)
    assert everybody_once(town, 60)
    shares = await senders(town)
    assert min(shares.count(owner) for owner in ("first", "second")) >= 10
    assert await town.breaches() == []


async def test_calls_per_second_hold_over_all_processes_and_are_used_to_the_full(town: World) -> None:
    first, others = town.process, [town.boot(f"other-{n}") for n in range(3)]
    async with at_work(first, *others):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await task
    at = [ring.at for ring in town.telephony.rings]
    assert most_in_a_second(at) <= 5
    assert at[-1] - at[0] == pytest.approx(59 / 4.0, rel=0.1)
    assert min(after - before for before, after in pairwise(sorted(at))) > 0.2


async def test_the_lines_hold_over_all_processes(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=20.0, max_concurrent_calls=3, alone=False)
    world.telephony.rings_for = 2.0
    world.all_end(Disposition.BUSY)
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    first, second = world.process, world.boot("second")
    for process in (first, second):
        process.store.slowness = 0.2  # so that both have seen the same free lines before either takes them
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await task
    assert everybody_once(world, 20)
    began = sorted(ring.at for ring in world.telephony.rings)
    assert max(sum(start - 2.0 < other <= start for other in began) for start in began) <= 3


async def test_one_answer_that_all_is_too_much_slows_every_process(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 8)
        await town.write(lambda ledger: ledger.switches.set("slowed_by", "x", town.clock.now()))
        at = town.clock.monotonic()
        await task
    soon = [ring.at for ring in town.telephony.rings if at + 1.5 < ring.at < at + 8.5]
    assert 10 <= len(soon) <= 16, "four a second would be 28"


async def test_who_dies_while_it_conducts_is_taken_over_from_within_ten_seconds(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 12)
        first.store.dead = True
        died = town.clock.monotonic()
        await asyncio.gather(task, return_exceptions=True)
        town.process = second
        await until(lambda: second.services.run_desk.is_idle and not _open(town), 120)
        assert (await newest(town)).owner == "second"
    run = await newest(town)
    assert run.state is RunState.FINISHED
    attempts = [row for n in range(60) for row in await town.attempts(lead(n))]
    assert {row.state for row in attempts} <= {AttemptState.PLACED, AttemptState.UNKNOWN, AttemptState.RELEASED}
    lost = [row for row in attempts if row.state is AttemptState.UNKNOWN]
    assert len(lost) <= 3
    assert len(set(town.telephony.numbers())) == len(town.telephony.numbers())
    assert "run taken over" in second.log.events("warning")
    after = [ring.at - died for ring in town.telephony.rings if ring.at > died]
    assert max(later - sooner for sooner, later in pairwise([0.0, *sorted(after)])) < SOON


def _open(world: World) -> bool:
    return len(world.telephony.rings) < 60 - 3


async def test_what_a_dead_dialer_had_reserved_is_called_by_others_within_ten_seconds(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 12)
        held = await town.read(lambda ledger: ledger.attempts.open_of_owner("second"))
        reserved = {row.number for row in held if row.state is AttemptState.RESERVED}
        assert reserved
        second.store.dead = True
        died = town.clock.monotonic()
        closed = await task
    late = [ring for ring in town.telephony.rings if ring.number in reserved and ring.at > died]
    assert late
    assert min(ring.at for ring in late) - died < SOON
    assert closed.state is RunState.FINISHED
    assert len(set(town.telephony.numbers())) == len(town.telephony.numbers()) >= 58


async def test_who_stood_still_and_comes_back_sends_nothing_that_was_taken_over(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 12)
        second.store.fails = lambda: StoreError("cut off", permanent=False)
        await pass_time(20)
        second.store.fails = None
        closed = await task
        await pass_time(5)
        assert "this process stood still for too long: others have taken over what it had in hand" in second.log.events(
            "error"
        )
        assert await town.read(lambda ledger: ledger.replicas.knows("second"))
    assert closed.totals["called"] == 60
    assert everybody_once(town, 60)
    assert await town.breaches() == []


async def test_nobody_is_buried_because_the_database_was_gone(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        _, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 8)
        back = town.clock.monotonic() + 30
        for process in (first, second):
            process.store.fails = lambda: StoreError("gone", permanent=False) if town.clock.monotonic() < back else None
        await pass_time(31)
        closed = await task
    assert closed.totals["called"] == 60
    for process in (first, second):
        assert not [event for event in process.log.events("error") if "taken over" in event]
    assert everybody_once(town, 60)


async def test_who_stops_cleanly_hands_its_run_over_at_once(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(second):
        leaving = Worker(first.services, scheduled=False)
        await leaving.start()
        run, _ = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 12)
        stopped = town.clock.monotonic()
        await leaving.stop(30)
        town.process = second
        await pass_time(2.5)
        assert (await newest(town)).owner == "second"
        await until(lambda: any(ring.at > stopped + 0.5 for ring in town.telephony.rings), SOON)
        await until(lambda: len(town.telephony.rings) == 60)
        await second.services.run_desk.finished()
    found = await newest(town)
    assert (found.run_id, found.owner, found.state, found.totals["called"]) == (
        run.run_id,
        "second",
        RunState.FINISHED,
        60,
    )
    assert everybody_once(town, 60)
    gaps = [after - before for before, after in pairwise(sorted(ring.at for ring in town.telephony.rings))]
    assert max(gaps) < 3.0


async def test_a_process_with_other_rules_does_not_dial_along(town: World) -> None:
    other = town.boot("second", policy=replace(town.policy, max_dead_share=0.5))
    assert other.services.means.policy.hash != town.policy.hash
    async with at_work(town.process, other):
        _, task = await town.services.run_desk.start(RunKind.MANUAL)
        await task
    assert set(await senders(town)) == {"first"}


async def test_who_can_not_reach_8x8_leaves_the_people_to_those_who_can(
    town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = town.boot("second")
    tried: list[str] = []

    async def cut_off(request: CallRequest) -> PlaceOutcome:
        tried.append(request.number)
        return NotSent("no route to host")

    monkeypatch.setattr(second.services.means.telephony, "place", cut_off)
    async with at_work(town.process, second):
        _, task = await town.services.run_desk.start(RunKind.MANUAL)
        closed = await task
    assert 1 <= len(tried) <= 8
    assert (closed.state, closed.totals["called"], closed.totals["errors"]) == (RunState.FINISHED, 60, 0)
    assert everybody_once(town, 60)


async def test_a_run_that_is_stopped_stops_for_every_process(town: World) -> None:
    first, second = town.process, town.boot("second")
    async with at_work(first, second):
        run, task = await first.services.run_desk.start(RunKind.MANUAL)
        await until(lambda: len(town.telephony.rings) >= 12)
        trouble = {"run_id": run.run_id, "code": "X", "calls": 9, "reason": "no money", "remedy": ""}
        await town.write(lambda ledger: ledger.switches.set("troubles", json.dumps(trouble), town.clock.now()))
        closed = await task
        at = town.clock.monotonic()
        await pass_time(10)
    assert closed.state is RunState.STOPPED
    assert [ring for ring in town.telephony.rings if ring.at > at] == []
    assert closed.totals["called"] == len(town.telephony.rings) < 30


async def test_who_fails_unexpectedly_while_dialing_along_says_so_once_in_a_minute_and_the_others_go_on(
    town: World,
) -> None:
    second = town.boot("second")
    tries: list[float] = []

    async def broken() -> int | None:
        tries.append(town.clock.monotonic())
        raise RuntimeError("a bug")

    second.services.means.telephony.free_agents = broken  # type: ignore[method-assign]
    async with at_work(town.process, second):
        _, task = await town.process.services.run_desk.start(RunKind.MANUAL)
        closed = await task
    assert closed.state is RunState.FINISHED
    assert everybody_once(town, 60)
    assert second.log.events("error") == ["dialing along failed unexpectedly"]
    assert len(tries) == 1


async def test_who_can_not_place_calls_looks_once_a_minute_whether_it_can_dial_along(town: World) -> None:
    """Each look costs credits of Zoho's."""
    second = town.boot("second")
    looks: list[float] = []

    async def problems() -> list[str]:
        looks.append(town.clock.monotonic())
        return ["Leads: the picklist Lead_Status has no value No Answer"]

    second.services.readiness.problems = problems  # type: ignore[method-assign]
    async with at_work(town.process, second):
        _, task = await town.process.services.run_desk.start(RunKind.MANUAL)
        closed = await task
    assert closed.state is RunState.FINISHED
    assert everybody_once(town, 60)
    assert len(looks) == 1
