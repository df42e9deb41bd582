"""A pull that is interrupted goes on where it was: after what Zoho or the network did, and after the death of the process."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.rows import RunKind, RunState
from autodialer.rules.policy import Policy
from autodialer.service.staging import PATIENCE
from autodialer.store.ledger import SqlStore
from service.conftest import MakeWorld
from service.fakes import Crashed, zoho_down
from service.virtual_time import pass_time
from service.world import World, contact, lead, person

LEADS, CONTACTS, PAGE = 25, 17, 4


def build(store: SqlStore) -> World:
    world = World(store, max_concurrent_calls=100, calls_per_second=50.0)
    world.crm.page_size = PAGE
    world.crm.latency = 0.5
    people = [person(lead(n), n) for n in range(LEADS)] + [person(contact(n), 50 + n) for n in range(CONTACTS)]
    # The CRM keeps them in no order, and their ids have different lengths.
    people += [person(RecordKey(RecordType.LEAD, str(n)), 200 + n) for n in (9, 10, 99, 100)]
    world.crm.add(*reversed(people))
    return world


async def check(world: World, run_id: str) -> None:
    """Each record stands once, and each was called once."""
    run = await world.read(lambda ledger: ledger.runs.get(run_id))
    assert run is not None
    assert (run.state, run.totals["processed"], run.totals["called"]) == (RunState.FINISHED, 46, 46)
    called = [ring.request.key for ring in world.telephony.rings]
    assert sorted(called, key=str) == sorted(world.crm.records, key=str)


@pytest.mark.parametrize("failing", [[1], [2], [5], [3, 4, 6, 7, 9]])
async def test_a_page_that_fails_for_the_moment_is_asked_for_again_from_the_same_place(
    sqlite_store: SqlStore, failing: list[int]
) -> None:
    world = build(sqlite_store)
    world.crm.page_fails = {page: zoho_down() for page in failing}
    run = await world.run()
    await check(world, run.run_id)
    assert world.crm.pages == 8 + 5 + len(failing), "no page that stands already is asked for again"
    assert world.log.events("warning").count("pull interrupted, goes on") == len(failing)


def test_the_patience_of_a_run_is_a_quarter_of_an_hour() -> None:
    assert PATIENCE == 900


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> float:
    """A tenth of it, and of the waits: each second of the lease costs real time."""
    monkeypatch.setattr("autodialer.service.runs.PATIENCE", PATIENCE / 10)
    monkeypatch.setattr("autodialer.service.staging._LONGEST_WAIT", 6.0)
    return PATIENCE / 10


async def test_an_outage_is_waited_out_and_one_that_outlasts_the_patience_ends_the_run(
    sqlite_store: SqlStore, patience: float
) -> None:
    world = build(sqlite_store)
    opened = await world.services.runs.open(RunKind.MANUAL, None)
    world.crm.down = zoho_down()
    running = asyncio.create_task(world.services.runs.conduct(opened))
    await pass_time(patience - 10)
    assert not running.done()
    world.crm.down = None
    await check(world, (await running).run_id)
    second = await world.services.runs.open(RunKind.MANUAL, None)
    world.crm.down = zoho_down()
    began = world.clock.now()
    stopped = await world.services.runs.conduct(second)
    assert (stopped.state, stopped.stop_reason) == (RunState.STOPPED, "Zoho: Zoho is out of reach")
    assert timedelta(seconds=patience) <= world.clock.now() - began < timedelta(seconds=patience + 10)


async def test_patience_begins_anew_with_each_page(sqlite_store: SqlStore, patience: float) -> None:
    world = build(sqlite_store)
    world.crm.latency = 2
    loop = asyncio.get_running_loop()
    for at, down in ((5, zoho_down()), (65, None), (75, zoho_down()), (135, None)):
        loop.call_later(at, setattr, world.crm, "down", down)
    began = world.clock.now()
    run = await world.run()
    await check(world, run.run_id)
    assert world.clock.now() - began > timedelta(seconds=patience + 30)


@pytest.mark.parametrize(
    "error",
    [
        CrmError("the scope is missing", permanent=True, code="OAUTH_SCOPE_MISMATCH", stops_run=True),
        CrmError("a fresh token is refused", permanent=False, code="INVALID_TOKEN", stops_run=True),
        CrmError("no such field", permanent=True, code="INVALID_QUERY"),
    ],
)
async def test_what_another_try_cannot_help_ends_the_run_at_once_with_its_reason(
    sqlite_store: SqlStore, error: CrmError
) -> None:
    world = build(sqlite_store)
    world.crm.page_fails = {3: error}
    began = world.clock.now()
    run = await world.run()
    assert (run.state, run.stop_reason) == (RunState.STOPPED, f"Zoho: {error.message}")
    assert world.clock.now() - began < timedelta(seconds=5)
    assert not world.telephony.rings


async def test_a_plan_does_not_wait_for_zoho(sqlite_store: SqlStore) -> None:
    world = build(sqlite_store)
    world.crm.page_fails = {3: zoho_down()}
    began = world.clock.now()
    with pytest.raises(CrmError, match="out of reach"):
        async with world.services.planner.plan():
            pass
    assert world.clock.now() - began < timedelta(seconds=5)


async def test_a_process_that_is_told_to_stop_while_it_waits_for_zoho_leaves_the_run_to_the_next_one(
    sqlite_store: SqlStore,
) -> None:
    world = build(sqlite_store)
    opened = await world.services.runs.open(RunKind.MANUAL, None)
    running = asyncio.create_task(world.services.runs.conduct(opened))
    await pass_time(1.8)
    world.crm.down = zoho_down()
    await pass_time(60)
    world.services.stopping.set()
    began = world.clock.now()
    left = await running
    assert world.clock.now() - began < timedelta(seconds=3)
    assert left.is_open
    assert not world.telephony.rings
    world.crm.down = None
    await go_on(world, opened.run_id)


async def die_at(world: World, nth: int, moment: str) -> bool:
    """Whether the process died while it staged; the run was opened by commit 1."""
    setattr(world.process.store, f"dies_{moment}", nth)
    with suppress(Crashed, BaseExceptionGroup):
        await world.run()
    world.process.store.dead = True
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await pass_time(0)
    run = await world.read(lambda ledger: ledger.runs.current())
    return run is not None and run.state is RunState.STAGING


async def go_on(world: World, run_id: str) -> None:
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
    await check(world, run_id)


EVERY_DEATH = [(nth, moment) for nth in range(2, 17) for moment in ("before", "after")]


@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param([(2, "after"), (5, "before"), (8, "after"), (13, "before")], id="some"),
        pytest.param(EVERY_DEATH, id="all", marks=pytest.mark.soak),
    ],
)
async def test_a_process_killed_while_staging_is_followed_by_one_that_pulls_only_what_does_not_stand_yet(
    new_store: Callable[[], SqlStore], deaths: list[tuple[int, str]]
) -> None:
    for nth, moment in deaths:
        world = build(new_store())
        assert await die_at(world, nth, moment)
        # In the writer's queue, behind what the dead process had put there: the database may still commit it.
        run = await world.write(lambda ledger: ledger.runs.current())
        assert run is not None
        rows = await world.staged(run)
        world.crm.afters.clear()
        first, world.crm.pages = world.crm.pages, 0
        await go_on(world, run.run_id)
        found = {kind: [int(key.zoho_id) for key in rows if key.record_type is kind] for kind in RecordType}
        assert sorted(world.crm.afters) == sorted(str(max(ids)) if ids else "" for ids in found.values())
        left = (29 - len(found[RecordType.LEAD]), 17 - len(found[RecordType.CONTACT]))
        assert world.crm.pages == sum(-(-count // PAGE) for count in left)
        assert first + world.crm.pages <= 8 + 5 + 2, "at most the page of each module that was on its way, again"


async def test_rows_that_another_policy_decided_are_not_kept(sqlite_store: SqlStore) -> None:
    world = build(sqlite_store)
    assert await die_at(world, 6, "after")
    run = await world.read(lambda ledger: ledger.runs.current())
    assert run is not None
    assert await world.staged(run)
    world.crm.afters.clear()
    world.policy = Policy(hold_after_answer=False)
    await go_on(world, run.run_id)
    assert world.crm.afters == ["", ""]


async def test_after_a_crash_the_limit_on_records_made_dead_is_that_of_all_records(make_world: MakeWorld) -> None:
    """25 % of 400 are 100: with the last page's four records alone it would be 50."""
    world = make_world()
    world.crm.page_size = 100
    old = (world.clock.now() - timedelta(days=5)).isoformat()
    for n in range(90):
        world.crm.add(person(lead(n), n, "No Answer", call_attempts=1, first_no_answer_at=old))
    world.crm.add(*(person(lead(n), n, phone=None) for n in range(90, 400)))
    assert await die_at(world, 5, "after")
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.totals["processed"], run.totals["marked_dead"]) == (400, 90)


async def test_what_was_written_while_a_page_was_on_its_way_is_no_flaw_of_the_record(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    world.crm.latency = 2.0
    running = asyncio.ensure_future(world.run())
    await pass_time(1)
    world.crm.latency = 0.1
    await world.drain()  # Zoho has read its page already
    run = await running
    assert (await world.staged(run))[lead(1)].reason != "new_already_called"
    assert len(world.telephony.rings) == 2
