"""Callbacks are stored durably before they are answered, many in one transaction, each with its own answer."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.ports.ledger import Ledger, Store
from autodialer.ports.rows import Arrival
from autodialer.service.callbacks import CallbackDesk, read_callback
from autodialer.service.signals import Signal
from service.fakes import Crashed, summary
from service.virtual_time import thread_at_work
from service.world import MONDAY, World

T = TypeVar("T")


class Picky:
    """A ledger that refuses a group in which one session is, as a database refuses what it can't hold; `hold` keeps it waiting."""

    def __init__(self, inner: Store, refused: str | None = None) -> None:
        self._inner = inner
        self._refused = refused
        self.hold = asyncio.Event()
        self.hold.set()
        self.commits = 0

    async def write(self, work: Callable[[Ledger], T]) -> T:
        await self.hold.wait()
        with thread_at_work():
            result = await self._inner.write(lambda ledger: self._checked(ledger, work))
        self.commits += 1
        return result

    def _checked(self, ledger: Ledger, work: Callable[[Ledger], T]) -> T:
        result = work(ledger)
        if any(row.session_id == self._refused for row in ledger.inbox.waiting(1000)):
            raise LedgerRefusal("it does not fit", permanent=True)
        return result

    async def read(self, work: Callable[[Ledger], T]) -> T:
        return await self._inner.read(work)


def desk_on(world: World, store: Store) -> CallbackDesk:
    return CallbackDesk(store, world.clock, Signal())


def event(session: str) -> dict[str, object]:
    return summary(session, Disposition.BUSY)


async def test_nobody_is_answered_before_the_callback_is_committed(world: World) -> None:
    store = Picky(world.inner)
    desk = desk_on(world, store)
    store.hold.clear()
    waiting = [desk.take_soon(event(f"s-{number}")) for number in range(3)]
    await asyncio.sleep(0.1)
    assert not any(done.done() for done in waiting)
    assert await world.inbox_count("new") == 0
    store.hold.set()
    await asyncio.gather(*waiting)
    assert await world.inbox_count("new") == 3


async def test_callbacks_that_come_while_others_are_stored_are_stored_together_in_their_order(world: World) -> None:
    store = Picky(world.inner)
    desk = desk_on(world, store)
    await asyncio.gather(*(desk.take(event(f"s-{number:03}")) for number in range(100)))
    assert store.commits <= 2
    rows = await world.read(lambda ledger: ledger.inbox.waiting(1000))
    assert [row.session_id for row in rows] == [f"s-{number:03}" for number in range(100)]


async def test_who_sends_the_next_one_when_answered_is_stored_with_those_that_waited_meanwhile(world: World) -> None:
    store = Picky(world.inner)
    desk = desk_on(world, store)

    async def send(sender: int) -> None:
        for number in range(10):
            await desk.take(event(f"s-{sender}-{number}"))

    store.hold.clear()
    first = [asyncio.create_task(send(sender)) for sender in range(4)]
    await asyncio.sleep(0.1)
    others = [asyncio.create_task(send(sender)) for sender in range(4, 8)]
    await asyncio.sleep(0.1)
    store.hold.set()
    await asyncio.gather(*first, *others)
    assert store.commits <= 12, "one for each round of all, not one for each half of them"


async def test_the_same_callback_twice_in_one_group_is_stored_once_and_counted(world: World) -> None:
    desk = desk_on(world, world.process.store)
    await asyncio.gather(desk.take(event("s")), desk.take(event("s")), desk.take(event("t")), desk.take(event("s")))
    rows = await world.read(lambda ledger: ledger.inbox.waiting(1000))
    assert [(row.session_id, row.deliveries) for row in rows] == [("s", 3), ("t", 1)]


async def test_one_callback_that_the_ledger_can_not_hold_harms_no_other_of_its_group(world: World) -> None:
    desk = desk_on(world, Picky(world.inner, refused="bad"))
    sessions = ["a", "bad", "b", "c"]
    answers = await asyncio.gather(*(desk.take(event(session)) for session in sessions), return_exceptions=True)
    assert [isinstance(answer, StoreError) for answer in answers] == [False, True, False, False]
    rows = await world.read(lambda ledger: ledger.inbox.waiting(1000))
    assert {row.session_id for row in rows} == {"a", "b", "c"}


async def test_while_the_database_is_gone_every_sender_is_told_and_afterwards_callbacks_are_taken(world: World) -> None:
    desk = world.services.callbacks
    world.process.store.fails = lambda: StoreError("gone", permanent=False)
    answers = await asyncio.gather(*(desk.take(event(f"s-{n}")) for n in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreError] * 5
    world.process.store.fails = None
    await desk.take(event("s-1"))
    assert await world.inbox_count("new") == 1


async def test_a_sender_who_hangs_up_takes_nobody_s_answer_away(world: World) -> None:
    store = Picky(world.inner)
    desk = desk_on(world, store)
    store.hold.clear()
    gone, stays = (asyncio.ensure_future(desk.take(event(session))) for session in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    store.hold.set()
    await stays
    assert gone.cancelled()
    assert await world.inbox_count("new") == 2


async def test_a_process_that_dies_answers_nobody(world: World) -> None:
    world.process.store.dead = True
    with pytest.raises(Crashed):
        await world.services.callbacks.take(event("s"))


def keys(*bodies: dict[str, object]) -> set[str]:
    return {read_callback(body, MONDAY).dedupe_key for body in bodies}


def test_the_same_content_has_the_same_key_in_whatever_order_it_is_written() -> None:
    payload = {"sessionId": "s", "status": "busy", "list": [1, 2.5, None], "ș": {"b": True, "a": 10**25}}
    one: dict[str, object] = {"namespace": "VOICE", "eventType": "X", "payload": payload}
    other: dict[str, object] = {"payload": dict(reversed(payload.items())), "eventType": "X", "namespace": "VOICE"}
    assert len(keys(one, other)) == 1
    assert len(keys(one, {**one, "payload": {**payload, "list": [2.5, 1, None]}})) == 2


def test_what_is_stored_says_everything_that_was_sent() -> None:
    arrival = read_callback(event("s"), MONDAY)
    assert arrival == Arrival(
        dedupe_key=arrival.dedupe_key,
        source="provider",
        event_type="SESSION_SUMMARY",
        session_id="s",
        body='{"eventType":"SESSION_SUMMARY","namespace":"VOICE","payload":{"sessionId":"s","status":"busy"}}',
        received_at=MONDAY,
    )


async def test_while_the_ledger_does_not_answer_a_sender_is_told_so_and_does_not_hang(world: World) -> None:
    store = Picky(world.inner)
    desk = desk_on(world, store)
    store.hold.clear()
    began = world.clock.monotonic()
    with pytest.raises(StoreError, match="does not answer") as refusal:
        await desk.take(event("s-1"))
    assert not refusal.value.permanent
    assert world.clock.monotonic() - began < 10
    store.hold.set()
    await desk.take(event("s-2"))
    assert await world.inbox_count("new") == 1
