"""Waiting callbacks are applied in their order, many in one commit; one that can't be applied holds up no other."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import InboxRow
from autodialer.service import ending, results
from autodialer.store.inbox import SqlInbox
from autodialer.store.transitions import SqlTransitions
from service.fakes import summary
from service.virtual_time import pass_time
from service.world import World, lead, person

PEOPLE = 8
Fail = Callable[[], Exception]


async def waiting(world: World) -> None:
    """One callback for each of eight people, none applied yet."""
    world.crm.add(*(person(lead(n), n) for n in range(PEOPLE)))
    await world.run()
    for n in range(PEOPLE):
        await world.services.callbacks.take(summary(world.session(lead(n)), Disposition.BUSY))


def failing(monkeypatch: pytest.MonkeyPatch, attempt_id: str, error: Fail, times: int = 10**6) -> list[str]:
    """The transaction that applies a result to this attempt fails; how often it was tried."""
    tried: list[str] = []

    def end_attempt(ledger: Any, policy: Any, attempt: Any, *rest: Any) -> Any:
        done = ending.end_attempt(ledger, policy, attempt, *rest)
        if attempt.attempt_id == attempt_id and len(tried) < times:
            tried.append(attempt_id)
            raise error()
        return done

    monkeypatch.setattr(results, "end_attempt", end_attempt)
    return tried


async def heard(world: World) -> list[int]:
    """Whose results were applied."""
    return [n for n in range(PEOPLE) if (await world.attempt(lead(n))).disposition is Disposition.BUSY]


async def test_waiting_callbacks_are_given_to_the_store_all_at_once(world: World) -> None:
    await waiting(world)
    world.process.store.slowness = 1.0
    began = world.clock.monotonic()
    assert await world.services.results.apply_waiting() == PEOPLE
    assert world.clock.monotonic() - began < 2.0
    assert await heard(world) == list(range(PEOPLE))


async def test_callbacks_of_one_call_are_applied_in_the_order_in_which_they_came(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    session = world.session(lead(1))
    for disposition in (Disposition.BUSY, Disposition.NO_ANSWER, Disposition.ANSWERED, Disposition.FAILED):
        await world.services.callbacks.take(summary(session, disposition))
    await world.apply()
    attempt = await world.attempt(lead(1))
    assert attempt.disposition is Disposition.ANSWERED
    notes = [row.note for row in await world.inbox(attempt.attempt_id)]
    assert notes == [
        "busy",
        "says no_answer, but busy stands",
        "answered won over busy",
        "says failed, but answered stands",
    ]


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (lambda: LedgerRefusal("the ledger refused the change: x", permanent=True), "the ledger refused the change: x"),
        (lambda: StoreError("the ledger can't be used: bad value", permanent=True), "can't be used: bad value"),
        (lambda: ZeroDivisionError("by 0"), "unexpected ZeroDivisionError, see the log"),
    ],
    ids=["refused", "hopeless", "unexpected"],
)
async def test_a_callback_that_always_fails_is_set_aside_and_the_later_ones_are_applied(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Fail, note: str
) -> None:
    await waiting(world)
    poison = await world.attempt(lead(2))
    failing(monkeypatch, poison.attempt_id, error)
    await world.apply()
    assert await heard(world) == [0, 1, 3, 4, 5, 6, 7]
    assert await world.attempt(lead(2)) == poison
    assert await world.updates(lead(2)) == []
    assert (await world.inbox_count("conflict"), await world.inbox_count("new")) == (1, 0)
    (logged,) = [fields for _, event, fields in world.log.lines if event == "callback can't be applied, set aside"]
    assert note in str(logged["problem"])
    assert await world.services.results.apply_waiting() == 0


async def test_a_refusal_that_does_not_come_again_costs_no_result(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(world)
    poison = await world.attempt(lead(2))
    # Each commit together is tried alone once more by the store itself.
    failing(monkeypatch, poison.attempt_id, lambda: LedgerRefusal("just taken", permanent=True), times=2)
    await world.apply()
    assert await heard(world) == list(range(PEOPLE))
    assert await world.inbox_count("conflict") == 0


async def test_while_the_database_is_away_a_callback_waits_and_the_others_do_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(world)
    poison = await world.attempt(lead(2))
    tried = failing(monkeypatch, poison.attempt_id, lambda: StoreError("the disk is full", permanent=False), times=2)
    with pytest.raises(StoreError, match="the disk is full"):
        await world.services.results.apply_waiting()
    assert tried
    assert await heard(world) == [0, 1, 3, 4, 5, 6, 7]
    assert await world.inbox_count("new") == 1
    await pass_time(1)
    await world.apply()
    assert await heard(world) == list(range(PEOPLE))


async def test_what_another_process_settled_first_keeps_its_note(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await waiting(world)
    poison = await world.attempt(lead(2))
    other = world.boot("second")
    await other.services.results.apply_waiting()
    (before,) = await world.inbox(poison.attempt_id)
    failing(monkeypatch, poison.attempt_id, lambda: LedgerRefusal("just taken", permanent=True))
    work = partial(world.services.results._apply_in, before, set())
    ((_, applied),) = await world.services.results._applier.apply_all([(before, work)])
    assert not applied.is_settled
    assert await world.inbox(poison.attempt_id) == [before]
    assert (before.state, before.note) == ("applied", "busy")


async def test_a_result_whose_attempt_another_process_moves_in_that_moment_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(world)
    moved = (await world.attempt(lead(2))).attempt_id
    end = SqlTransitions.end
    refused: list[str] = []

    def end_once_moved(self: Any, before: Any, *rest: Any) -> bool:
        """As if the row had changed between our reading it and our change."""
        if before.intent.attempt_id == moved and len(refused) < 2:
            refused.append(moved)
            return False
        return end(self, before, *rest)

    monkeypatch.setattr(SqlTransitions, "end", end_once_moved)
    await world.services.results.apply_waiting()
    assert refused
    assert await heard(world) == list(range(PEOPLE))
    assert await world.inbox_count("applied") == PEOPLE


@pytest.mark.parametrize("coming_in", [True, False])
async def test_while_callbacks_come_in_they_are_stored_first_and_else_nothing_waits(
    world: World, monkeypatch: pytest.MonkeyPatch, coming_in: bool
) -> None:
    monkeypatch.setattr(results, "BATCH", 2)
    for n in range(PEOPLE):
        await world.services.callbacks.take(summary(f"nobody's {n}", Disposition.BUSY))
    world.process.store.slowness = 1.0
    monkeypatch.setattr(world.services.results._leisure, "_coming_in", lambda: coming_in)
    began = world.clock.monotonic()
    assert await world.services.results.apply_waiting() == PEOPLE
    took = world.clock.monotonic() - began
    assert took > 40 if coming_in else took < 20


async def test_in_a_flood_results_of_our_calls_in_progress_overtake_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BATCH", 10)
    for n in range(100):
        await world.services.callbacks.take(summary(f"nobody's {n}", Disposition.BUSY))
    await waiting(world)
    world.process.store.slowness = 1.0
    monkeypatch.setattr(world.services.results._leisure, "_coming_in", lambda: 1000)
    applying = asyncio.ensure_future(world.services.results.apply_waiting())
    await pass_time(10)
    assert await heard(world) == list(range(PEOPLE))
    assert await world.inbox_count("new") == 90
    applying.cancel()


async def test_where_a_look_for_our_own_calls_takes_long_there_are_fewer_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BATCH", 2)
    looks: list[int] = []
    look = SqlInbox.of_open_calls

    def counted(inbox: SqlInbox, limit: int) -> Sequence[InboxRow]:
        looks.append(limit)
        return look(inbox, limit)

    monkeypatch.setattr(SqlInbox, "of_open_calls", counted)

    async def looks_at_pages(name: str) -> int:
        for n in range(40):
            await world.services.callbacks.take(summary(f"{name} {n}", Disposition.BUSY))
        looks.clear()
        assert await world.services.results.apply_waiting() == 40
        return len(looks)

    assert await looks_at_pages("at once") == 20
    store = world.process.store
    read = store.read

    async def slowly(work: Callable[[Ledger], Any]) -> object:
        await asyncio.sleep(1.0)
        return await read(work)

    monkeypatch.setattr(store, "read", slowly)
    assert 0 < await looks_at_pages("slowly") < 10
