"""Two replicas on one PostgreSQL share results, updates and duties: nothing twice, nothing lost, nothing out of its order."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError, StoreError
from autodialer.domain.record import RecordKey
from autodialer.domain.update import CrmUpdate
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import Projection
from autodialer.service import results
from autodialer.service.results import ResultService
from autodialer.store.ledger import SqlLedger, SqlStore
from service.couple import Couple, Stores, couple, stores
from service.fakes import summary
from service.virtual_time import pass_time
from service.world import World, lead, person

T = TypeVar("T")
__all__ = ["couple", "stores"]  # fixtures
SETTLED, MOVED = "callback settled", "attempt moved on"


async def queue(world: World, count: int, attempts: int = 1) -> None:
    """An update for each of as many people."""

    def put(ledger: Ledger) -> None:
        for n in range(count):
            ledger.outbox.put(Projection(lead(n), None, "result", None, None, attempts, None), world.clock.now())

    await world.write(put)


async def states(world: World, key: RecordKey) -> list[str]:
    return [row.state for row in await world.updates(key)]


async def claims(world: World, count: int) -> set[str | None]:
    return {row.claimed_by for n in range(count) for row in await world.updates(lead(n))}


async def test_a_backlog_is_drained_by_two_replicas_with_the_requests_of_one(couple: Couple) -> None:
    world, second = couple
    world.crm.latency = 1.0
    world.crm.add(*(person(lead(n), n) for n in range(1000)))
    await queue(world, 1000)
    mine, theirs = await asyncio.gather(world.drain(), second.services.write_back.drain())
    assert mine + theirs == 1000
    assert min(mine, theirs) >= 300
    assert sorted(update.key for update in world.crm.writes) == sorted(lead(n) for n in range(1000))
    assert len(world.crm.batches) == len(world.crm.looks) == 4
    assert await claims(world, 1000) == {None}


async def test_the_next_update_of_a_record_waits_while_another_replica_has_an_earlier_one_on_its_way(
    couple: Couple,
) -> None:
    world, second = couple
    world.crm.add(person(lead(0), 0))
    await queue(world, 1)

    async def meanwhile(_: Sequence[CrmUpdate]) -> None:
        world.crm.on_write = None
        await queue(world, 1, attempts=2)
        assert await second.services.write_back.drain() == 0

    world.crm.on_write = meanwhile
    assert await world.drain() == 2, "and the newer one, which was due by then"
    assert [update.call_attempts for update in world.crm.writes] == [1, 2]
    assert await states(world, lead(0)) == ["superseded", "sent"]


async def test_what_a_replica_that_was_taken_for_dead_overwrites_is_written_again(couple: Couple) -> None:
    """It was stopped between its look and its write; meanwhile a newer count was written by another."""
    world, second = couple
    world.crm.add(person(lead(0), 0))
    await queue(world, 1)

    async def stopped(_: Sequence[CrmUpdate]) -> None:
        world.crm.on_write = None
        await world.abandon("first")
        await queue(world, 1, attempts=2)
        assert await second.services.write_back.drain() == 1
        assert world.crm.records[lead(0)].call_attempts == 2

    world.crm.on_write = stopped
    assert await world.drain() == 0
    assert world.crm.records[lead(0)].call_attempts == 1
    assert await world.drain() == 1
    assert world.crm.records[lead(0)].call_attempts == 2
    assert "written back late" in world.log.events("warning")
    assert await states(world, lead(0)) == ["superseded", "sent", "sent"]


@pytest.mark.parametrize("how", ["cancelled", "the ledger fails"])
async def test_a_replica_that_gives_up_leaves_its_updates_to_the_others_at_once(couple: Couple, how: str) -> None:
    world, second = couple
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    await queue(world, 30)
    draining = asyncio.create_task(world.drain())

    async def stop(_: Sequence[CrmUpdate]) -> None:
        world.crm.on_write = None
        if how == "cancelled":
            draining.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(1)
        failures = [StoreError("the ledger is gone", permanent=False)]
        world.process.store.fails = lambda: failures.pop() if failures else None

    world.crm.on_write = stop
    with suppress(asyncio.CancelledError, StoreError):
        await draining
        raise AssertionError("it gave up")
    assert await claims(world, 30) == {None}
    assert await second.services.write_back.drain() == 30


async def test_a_replica_that_could_not_even_let_go_takes_its_own_updates_up_again(couple: Couple) -> None:
    world, second = couple
    world.crm.add(person(lead(0), 0))
    await queue(world, 1)

    async def cut(_: Sequence[CrmUpdate]) -> None:
        world.process.store.fails = lambda: StoreError("the ledger is gone", permanent=False)

    world.crm.on_write = cut
    with pytest.raises(StoreError):
        await world.drain()
    world.process.store.fails = world.crm.on_write = None
    assert await second.services.write_back.drain() == 0
    assert await world.drain() == 1


async def test_what_zoho_refuses_is_nobody_s_until_it_is_due_again(couple: Couple) -> None:
    world, second = couple
    world.crm.add(person(lead(0), 0))
    await queue(world, 1)
    world.crm.write_fails = CrmError("busy", permanent=False)
    await world.drain()
    assert await claims(world, 1) == {None}
    world.crm.write_fails = None
    await pass_time(6)
    assert await second.services.write_back.drain() == 1


async def test_callbacks_are_applied_once_each_by_whichever_replica_comes_upon_them(couple: Couple) -> None:
    world, second = couple
    people = range(40)
    world.crm.add(*(person(lead(n), n) for n in people))
    await world.run()
    for n in people:
        await world.services.callbacks.take(summary(world.session(lead(n)), Disposition.BUSY))
    both = (world.services.results, second.services.results)
    settled = await asyncio.gather(*(each.apply_waiting() for each in both))
    assert sum(settled) == 40
    lines = [
        fields["inbox_id"] for log in (world.log, second.log) for _, event, fields in log.lines if event == SETTLED
    ]
    assert sorted(map(str, lines)) == sorted(set(map(str, lines)))
    assert (len(lines), await world.inbox_count("applied")) == (40, 40)
    assert [(await world.attempt(lead(n))).disposition for n in people] == [Disposition.BUSY] * 40
    assert await world.breaches() == []


async def test_contradicting_ends_of_one_call_are_applied_in_their_order_whoever_applies_them(
    couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first replica is in the middle of the first one when the second takes the next."""
    world, second = couple
    world.crm.add(person(lead(0), 0))
    await world.run()
    session = world.session(lead(0))
    await world.services.callbacks.take(summary(session, Disposition.NO_ANSWER))
    end = ResultService._end
    others: list[asyncio.Future[int]] = []
    loop = asyncio.get_running_loop()

    def slow(self: ResultService, ledger: Ledger, *rest: object) -> object:
        applied = end(self, ledger, *rest)  # type: ignore[arg-type]  # as it was called
        if self is world.services.results and not others:
            others.append(asyncio.run_coroutine_threadsafe(others_turn(), loop))  # type: ignore[arg-type]  # a future of threads
            others[0].result()
        return applied

    async def others_turn() -> int:
        await second.services.callbacks.take(summary(session, Disposition.FAILED))
        return await second.services.results.apply_waiting()

    monkeypatch.setattr(ResultService, "_end", slow)
    monkeypatch.setattr(results, "_LOOKS", 0)  # time stands still while the first is in the middle of it
    await world.services.results.apply_waiting()
    await second.services.results.apply_waiting()
    attempt = await world.attempt(lead(0))
    notes = [row.note for row in await world.inbox(attempt.attempt_id)]
    assert others[0].result() == 0, "it waits for the first one"
    assert notes == ["no_answer", "says failed, but no_answer stands"]


async def test_two_replicas_that_sweep_at_once_move_each_attempt_on_once_and_say_so_once(couple: Couple) -> None:
    world, second = couple
    world.all_end(None)
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    await world.run()
    await pass_time(1000)
    moved = await asyncio.gather(world.services.reconciler.sweep(), second.services.reconciler.sweep())
    assert sum(moved) + await world.services.reconciler.sweep() == 20
    lines = [
        fields["attempt_id"] for log in (world.log, second.log) for _, event, fields in log.lines if event == MOVED
    ]
    assert len(lines) == len(set(map(str, lines))) == 20


class Twice(SqlStore):
    """Each transaction is run twice, as when another of its group fails; only the second is committed."""

    async def write(self, work: Callable[[Ledger], T]) -> T:
        def rehearse(connection: object) -> None:
            work(SqlLedger(connection))  # type: ignore[arg-type]  # as the database gives it
            raise KeyError

        with suppress(KeyError):
            await self.database.write(rehearse)
        return await super().write(work)


async def test_a_transaction_that_is_run_twice_is_told_of_once(stores: Stores) -> None:
    world = World(Twice(stores[0].database))
    world.crm.add(person(lead(0), 0), person(lead(1), 1))
    world.all_end(None)
    await world.run()
    await world.hear(world.session(lead(0)), Disposition.BUSY)
    await pass_time(1000)
    await world.services.reconciler.sweep()
    await world.drain()
    events = world.log.events()
    assert [events.count(event) for event in (SETTLED, MOVED, "written back")] == [1, 1, 1]
