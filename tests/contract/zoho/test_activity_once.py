"""From the ledger to Zoho: each call is told of exactly once, whatever becomes of the answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from autodialer.domain.activity import LogCalls
from autodialer.domain.attempt import PlacedCall
from autodialer.domain.disposition import Disposition
from autodialer.domain.result import CallResult
from autodialer.rules.policy import Policy
from autodialer.service.activities import ActivityService
from autodialer.service.ending import end_attempt
from autodialer.service.means import Means
from autodialer.simulators.zoho_activities import ACTIVITY_SCOPES
from autodialer.simulators.zoho_tokens import SCOPES
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.zoho.client import ZohoCrm
from contract.zoho.world import NOW, QuickClock, World, key_of, person
from service.fakes import FakeTelephony, MemoryLog
from store.made import open_runs, phone, placed, reservation

OpenWorld = Callable[..., World]
PEOPLE = [person(1), person(2, module="Contacts")]
ANSWERED = CallResult(Disposition.ANSWERED, "ANSWERED", duration_seconds=61)
BUSY = CallResult(Disposition.BUSY, "BUSY")


def heard(store: SqlStore, result: CallResult, log_calls: LogCalls) -> None:
    """Each person's call ended so."""
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number, someone in enumerate(PEOPLE):
            call: PlacedCall = placed(ledger, reservation(f"a-{number}", key=key_of(someone), number=phone(number)))
            row = ledger.attempts.row(call.intent.attempt_id)
            assert row is not None
            end_attempt(ledger, Policy(), row, result, NOW, log_calls=log_calls)

    store.database.submit(lambda connection: unit(SqlLedger(connection))).result()


def service(crm: ZohoCrm, store: SqlStore, clock: QuickClock, log_calls: LogCalls) -> ActivityService:
    means = Means(
        crm=crm,
        telephony=FakeTelephony(clock),
        store=store,
        policy=Policy(),
        clock=clock,
        wall_clock=clock,
        log=MemoryLog(),
        owner="here",
        new_id=lambda: "id",
        calls_per_second=1,
        max_concurrent_calls=1,
        result_timeout=900,
        log_calls=log_calls,
        activity_log=crm.activities,
    )
    return ActivityService(means)


async def tell_all(world: World, store: SqlStore, log_calls: LogCalls, **config: Any) -> int:
    """Until nothing waits; how many rounds it took."""
    clock, rounds = world.quick_clock, 0
    async with world.open_client(clock, **config) as crm:
        telling = service(crm, store, clock, log_calls)
        while store.database.submit(lambda c: SqlLedger(c).activities.count("pending")).result():
            rounds += await telling.send_some()
            world.clock.advance(60)
            assert rounds < 20
    return rounds


def told(world: World) -> dict[str, list[str]]:
    """The attempts that are told of, as notes and as calls."""
    activities = world.sim.activities
    subjects = {
        "notes": [note["Note_Title"] for note in activities.notes],
        "calls": [record.values["Subject"] for record in activities.calls.by_id()],
    }
    return {kind: sorted(subject[-4:-1] for subject in found) for kind, found in subjects.items()}


@pytest.fixture
def world(open_world: OpenWorld) -> World:
    opened = open_world(*PEOPLE)
    opened.sim.accounts.scopes = (*SCOPES, *ACTIVITY_SCOPES)
    return opened


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *((kind, LogCalls.NOTES) for kind in ("drop_after_commit", "slow", "reset")),
        *((kind, LogCalls.CALLS) for kind in ("drop_after_commit", "torn", "timeout", "html")),
    ],
)
async def test_whatever_becomes_of_the_answer_each_call_is_told_of_once(
    world: World, sqlite_store: SqlStore, kind: str, mode: LogCalls
) -> None:
    heard(sqlite_store, ANSWERED, mode)
    for path in ("/crm/v8/Notes", "/crm/v8/Calls"):
        world.fault(kind=kind, match={"method": "POST", "path_contains": path}, times=2, delay_seconds=0.6)
    rounds = await tell_all(world, sqlite_store, mode, read_timeout=0.2)
    assert told(world) == {"notes": [], "calls": [], mode.value: ["a-0", "a-1"]}
    assert rounds > 1


async def test_a_call_that_nobody_answered_is_a_note_also_among_calls(world: World, sqlite_store: SqlStore) -> None:
    """Zoho knows no completed call of zero length."""
    heard(sqlite_store, BUSY, LogCalls.CALLS)
    assert await tell_all(world, sqlite_store, LogCalls.CALLS) == 1
    assert told(world) == {"notes": ["a-0", "a-1"], "calls": []}


@pytest.mark.parametrize("mode", [LogCalls.NOTES, LogCalls.CALLS])
async def test_no_phone_number_and_no_name_is_told(world: World, sqlite_store: SqlStore, mode: LogCalls) -> None:
    heard(sqlite_store, ANSWERED, mode)
    await tell_all(world, sqlite_store, mode)
    sent = [
        exchange.body.decode() for exchange in world.exchanges if exchange.path in ("/crm/v8/Notes", "/crm/v8/Calls")
    ]
    assert sent
    for someone in PEOPLE:
        secrets = (someone.phone or "", phone(0), phone(1), someone.last_name)
        assert not [body for body in sent for secret in secrets if secret in body]
        assert (someone.phone or "")[-9:] not in "".join(sent)


async def test_a_process_that_dies_after_zoho_took_it_leaves_the_next_one_to_find_it(
    world: World, sqlite_store: SqlStore
) -> None:
    heard(sqlite_store, ANSWERED, LogCalls.NOTES)
    clock = world.quick_clock
    async with world.open_client(clock) as crm:
        await crm.prepare()
        world.sim.gate.latency_seconds = 0.3
        dying = asyncio.create_task(service(crm, sqlite_store, clock, LogCalls.NOTES).send_some())
        await asyncio.sleep(0.15)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        world.sim.gate.latency_seconds = 0
        await asyncio.sleep(0.3)
        assert len(world.sim.activities.notes) == 2, "Zoho got it all the same"
        assert not await service(crm, sqlite_store, clock, LogCalls.NOTES).send_some(), "it may still be on its way"
    world.clock.advance(3600)
    await tell_all(world, sqlite_store, LogCalls.NOTES)
    assert told(world)["notes"] == ["a-0", "a-1"]
