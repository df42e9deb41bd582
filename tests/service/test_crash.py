"""A process dies at any commit of a run; the next one goes on: nobody is called twice, nobody is lost (invariants 1, 2, 5)."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous, Refused, Throttled
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import RunState
from autodialer.store.ledger import SqlStore
from autodialer.store.staging import SqlStaging
from service.fakes import Crashed, Ring
from service.virtual_time import pass_time
from service.world import ALL_OPEN, DAY, MONDAY, World, chasing, contact, lead, person, phone

_PEOPLE = 9
_STEP = 5  # each fifth commit; with all of them the same holds, but takes a minute


def build(store: SqlStore) -> World:
    world = World(store, calls_per_second=10.0, max_concurrent_calls=5, result_timeout=60.0)
    world.crm.page_size = 3
    world.crm.add(*(person(lead(n), n) for n in range(4)))
    world.crm.add(chasing(contact(4), 4, MONDAY - DAY), chasing(lead(5), 5, MONDAY - 5 * DAY))
    world.crm.add(person(contact(6), 6, phone=phone(0)), person(contact(7), 7, phone=None), person(contact(8), 8))
    world.telephony.rings_for = 0.3
    world.all_end(Disposition.NO_ANSWER)
    world.telephony.script[phone(1)] = deque([Throttled(0.3)])
    world.telephony.script[phone(2)] = deque([Ambiguous("timeout")])
    world.telephony.script[phone(3)] = deque([Refused("-1", "no")])
    return world


async def commits_of_a_whole_run(store: SqlStore) -> int:
    world = build(store)
    async with world.working():
        await world.run()
    return world.process.store.commits


async def die_in_a_run(world: World) -> None:
    """The first process opens its loops and a run, and is killed at the commit that was set."""
    try:
        async with world.working():
            await world.run()
    except (Crashed, BaseExceptionGroup):
        pass
    world.process.store.dead = True
    for task in asyncio.all_tasks() - {asyncio.current_task()} - world.telephony.tasks:
        task.cancel()
    await pass_time(0)


async def go_on(world: World) -> None:
    """The next process on the same ledger; a run is started if none was begun."""
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
        if not await world.read(lambda ledger: ledger.runs.recent(1)):
            await world.run()
        await asyncio.gather(*world.telephony.tasks, return_exceptions=True)
        await pass_time(5)


def _everything(ledger: Ledger) -> tuple[Any, Any]:
    return ledger.runs.recent(5), [row for key in _KEYS for row in ledger.attempts.of_record(key)]


def _rang(ring: Ring, released: set[str]) -> bool:
    """A call that may have rung, but whose quota was returned."""
    return ring.request.attempt_id in released and not isinstance(ring.outcome, Refused | Throttled)


_KEYS = [*(lead(n) for n in range(_PEOPLE)), *(contact(n) for n in range(_PEOPLE))]


async def check(world: World) -> None:
    (run,), attempts = await world.read(_everything)
    assert run.state is RunState.FINISHED
    totals = run.totals
    assert totals["processed"] == _PEOPLE == totals["called"] + totals["errors"] + totals["skipped"]
    assert totals["marked_dead"] == 1
    ids = Counter(ring.request.attempt_id for ring in world.telephony.rings)
    assert max(ids.values()) == 1, "an attempt was sent twice"
    rang = Counter(ring.number for ring in world.telephony.rings if not isinstance(ring.outcome, Refused | Throttled))
    assert max(rang.values()) == 1, "somebody was rung twice"
    assert set(ids) <= {row.attempt_id for row in attempts}, "a call was placed that the ledger does not know"
    released = {row.attempt_id for row in attempts if row.state is AttemptState.RELEASED}
    assert not [ring for ring in world.telephony.rings if _rang(ring, released)]
    lost = [row for row in attempts if row.state in (AttemptState.RESERVED, AttemptState.SUBMITTING)]
    assert lost == [], "an attempt was left hanging"
    for row in attempts:
        if row.state is AttemptState.ENDED:
            assert world.crm.records[row.key].status == "No Answer"
    open_numbers = [row.number for row in attempts if row.state in ALL_OPEN]
    assert len(set(open_numbers)) == len(open_numbers)
    assert world.crm.records[lead(5)].status == "Dead"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_whichever_commit_a_process_dies_at_the_next_one_finishes_the_run_and_rings_nobody_twice(
    new_store: Callable[[], SqlStore], moment: str
) -> None:
    commits = await commits_of_a_whole_run(new_store())
    assert commits > 30
    died_dialing = 0
    for nth in range(2 if moment == "before" else 3, commits + 1, _STEP):
        world = build(new_store())
        setattr(world.process.store, f"dies_{moment}", nth)
        await die_in_a_run(world)
        died_dialing += bool(world.telephony.rings)
        await go_on(world)
        await check(world)
    assert died_dialing > 3


async def test_whichever_commits_answer_is_lost_nobody_is_rung_twice_and_no_call_stands_as_unknown(
    new_store: Callable[[], SqlStore],
) -> None:
    """It was committed, and whoever asks again finds what it did itself."""

    async def run(nth: int | None) -> World:
        world = World(new_store(), calls_per_second=10.0, max_concurrent_calls=20)
        world.crm.add(*(person(lead(n), n) for n in range(3)))
        world.process.store.breaks_after = nth
        await world.run()
        return world

    commits = (await run(None)).process.store.commits
    for nth in range(2, commits + 1):
        world = await run(nth)
        assert len(set(world.telephony.numbers())) == len(world.telephony.numbers()), nth
        states = [row.state for n in range(3) for row in await world.attempts(lead(n))]
        assert set(states) <= {AttemptState.PLACED, AttemptState.RELEASED}, (nth, states)


async def test_who_was_claimed_by_a_commit_whose_answer_got_lost_is_called_in_the_same_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, claim = world.process.store, SqlStaging.claim

    def claim_and_lose(staging: SqlStaging, *arguments: Any) -> Any:
        if store.breaks_after is None:
            store.breaks_after = store.commits
        return claim(staging, *arguments)

    monkeypatch.setattr(SqlStaging, "claim", claim_and_lose)
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    await world.run()
    assert sorted(world.telephony.numbers()) == [phone(n) for n in range(3)]
