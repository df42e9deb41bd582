"""rules.md rows 26 and 27: what 8x8's answer means for the attempt, the record and the run."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import StoreError
from autodialer.domain.placing import Ambiguous, CallRequest, NotSent, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.domain.record import RecordKey
from autodialer.ports.rows import RunKind, RunState
from service.conftest import MakeWorld
from service.world import DAY, MONDAY, World, chasing, lead, person, phone

YESTERDAY = MONDAY - DAY


async def test_the_request_carries_our_own_id_the_number_and_an_end_of_validity(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    (ring,) = world.telephony.rings
    attempt = await world.attempt(lead(1))
    assert ring.request.attempt_id == attempt.attempt_id
    assert ring.request.number == phone(1)
    assert timedelta(0) < ring.request.valid_until - MONDAY < timedelta(minutes=5)
    assert attempt.state is AttemptState.PLACED
    assert attempt.session_id == world.session(lead(1))


async def test_design_4_the_intent_is_committed_before_the_request_leaves(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    seen: list[AttemptState] = []

    async def look_inside(_: CallRequest) -> Placed:
        seen.append((await world.attempt(lead(1))).state)
        return Placed("s")

    world.telephony.always = look_inside
    await world.run()
    assert seen == [AttemptState.SUBMITTING]


async def test_row_26_a_refused_call_is_no_attempt_and_may_be_tried_in_the_next_run(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=2), person(lead(2), 2))
    world.telephony.script[phone(1)] = deque([Refused("-1", "not now"), Refused("-1", "not now")])
    for _ in range(2):
        run = await world.run()
        assert run.state is RunState.FINISHED
        assert run.totals["errors"] == 1
        assert (await world.staged(run))[lead(1)].detail == "8x8 refused: -1 not now"
    assert (await world.run()).totals["called"] == 1
    states = sorted((row.state, row.attempts_before) for row in await world.attempts(lead(1)))
    assert states == [(AttemptState.PLACED, 2), (AttemptState.RELEASED, 2), (AttemptState.RELEASED, 2)]
    assert await world.updates(lead(1)) == []


async def test_row_26_a_refused_number_is_not_dialled_again_until_it_changes(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.script[phone(1)] = deque([Refused("-1017", "bad number", Scope.NUMBER)])
    assert (await world.run()).totals["errors"] == 1
    second = await world.run()
    assert await world.reason(second, lead(1)) == "number_refused"
    world.crm.change(lead(1), phone=phone(8))
    assert (await world.run()).totals["called"] == 1
    assert world.telephony.numbers() == [phone(1), phone(8)]


async def test_row_26_an_account_wide_refusal_ends_the_run_with_its_remedy_and_the_next_run_tries_again(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=2.0)
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    refusal = Refused("401", "Unauthorised", Scope.ACCOUNT, "Set EIGHTX8_API_KEY.")
    world.telephony.script[phone(3)] = deque([refusal])
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason == "8x8 refuses all calls (401 Unauthorised). Set EIGHTX8_API_KEY."
    called = run.totals["called"]
    assert called == 3
    assert run.totals["reasons"] == {"refused": 1, "run_stopped": 26}
    assert await world.read(lambda ledger: ledger.attempts.lines_in_use(YESTERDAY)) == called
    assert (await world.run()).totals["called"] == 27
    assert sorted(world.telephony.numbers()) == sorted([*(phone(n) for n in range(30)), phone(3)])


async def test_a_run_that_ends_while_the_next_calls_are_being_reserved_leaves_none_of_them_reserved(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=10.0, max_concurrent_calls=200)
    world.crm.add(*(person(lead(n), n) for n in range(120)))
    second_look = asyncio.Event()

    def seen(_: Sequence[RecordKey]) -> None:
        if len(world.crm.looks) == 2:
            world.process.store.slowness = 0.3
            second_look.set()

    async def refuse(_: CallRequest) -> PlaceOutcome:
        await second_look.wait()
        return Refused("404", "no sub-account", Scope.ACCOUNT)

    world.crm.on_look = seen
    world.telephony.script[phone(0)] = deque([refuse])
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert len(world.crm.looks) == 2
    assert await world.read(lambda ledger: ledger.attempts.open_of_owner("first")) == []
    assert run.totals["reasons"] == {"refused": 1, "run_stopped": 120 - len(world.telephony.rings)}


async def test_row_26_throttling_pauses_all_callers_and_the_same_record_is_tried_again(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=5.0)
    world.crm.add(*(person(lead(n), n) for n in range(10)))
    world.telephony.script[phone(4)] = deque([Throttled(6.0)])
    run = await world.run()
    assert run.totals["called"] == 10
    assert run.totals["errors"] == 0
    told = next(ring.at for ring in world.telephony.rings if ring.number == phone(4)) + world.telephony.latency
    assert [ring for ring in world.telephony.rings if told < ring.at < told + 6] == []
    assert sum(number == phone(4) for number in world.telephony.numbers()) == 2


@pytest.mark.parametrize("throttles", [1, 4, 5])
async def test_row_26_the_last_record_of_a_run_is_tried_again_too_but_five_times_at_most(
    world: World, throttles: int
) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.script[phone(1)] = deque([Throttled(1.0)] * throttles)
    run = await world.run()
    assert run.totals["called"] == (throttles < 5)
    assert run.totals["errors"] == (throttles == 5)
    assert len(world.telephony.rings) == min(throttles + 1, 5)
    assert run.state is RunState.FINISHED


async def test_row_27_what_was_not_sent_is_released_and_tried_again(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.telephony.script[phone(1)] = deque([NotSent("connection refused"), NotSent("connection refused")])
    run = await world.run()
    assert run.totals["called"] == 2
    states = sorted(row.state for row in await world.attempts(lead(1)))
    assert states == [AttemptState.PLACED, AttemptState.RELEASED, AttemptState.RELEASED]
    assert len({ring.request.attempt_id for ring in world.telephony.rings}) == len(world.telephony.rings)


async def test_row_27_five_calls_in_a_row_that_could_not_be_sent_end_the_run_with_nobody_counted(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    world.telephony.always = NotSent("connection refused")
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason == "8x8 can't be reached: connection refused (5 calls in a row)"
    assert run.totals["called"] == 0
    assert await world.read(lambda ledger: ledger.attempts.lines_in_use(YESTERDAY)) == 0
    world.telephony.always = None
    assert (await world.run()).totals["called"] == 30


@pytest.mark.parametrize("outcome", [Ambiguous("timeout"), RuntimeError("a bug of the adapter")])
async def test_row_27_an_ambiguous_answer_is_unknown_counts_blocks_and_is_never_sent_again(
    world: World, outcome: Ambiguous | Exception
) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY), person(lead(2), 2))
    world.telephony.script[phone(1)] = deque([outcome])
    run = await world.run()
    assert run.totals["called"] == 2
    assert run.state is RunState.FINISHED
    attempt = await world.attempt(lead(1))
    assert attempt.state is AttemptState.UNKNOWN
    assert await world.read(lambda ledger: ledger.attempts.unknown()) == [attempt]
    second = await world.run()
    assert await world.reason(second, lead(1)) == "open_attempt"
    assert world.telephony.numbers().count(phone(1)) == 1
    assert await world.updates(lead(1)) == []


async def test_row_27_five_ambiguous_answers_in_a_row_end_the_run_and_a_good_one_in_between_does_not(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=2.0)
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    for n in (0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14):
        world.telephony.script[phone(n)] = deque([Ambiguous("HTTP 502")])
    run = await world.run()
    assert run.stop_reason == "8x8 gives no usable answer: HTTP 502 (5 calls in a row)"
    assert run.totals["called"] == 15
    assert run.totals["reasons"] == {"run_stopped": 15}


async def test_the_quota_of_a_released_call_is_returned(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - timedelta(hours=4), attempts=2))
    world.telephony.script[phone(1)] = deque([NotSent("x"), Throttled(1.0), NotSent("x")])
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        assert (await world.run()).totals["called"] == 1
        await world.settle()
        assert await world.reason(await world.run(), lead(1)) == "day_quota"
    assert world.crm.records[lead(1)].call_attempts == 3


async def test_an_outcome_is_recorded_when_the_database_comes_back(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    broken_until: list[float] = []

    def fails() -> StoreError | None:
        if world.telephony.rings and not broken_until:
            broken_until.append(world.clock.monotonic() + 40)
        down = bool(broken_until) and world.clock.monotonic() < broken_until[0]
        return StoreError("the disk is full", permanent=False) if down else None

    world.process.store.fails = fails
    run = await world.run()
    assert run.totals["called"] == 2
    assert sorted(world.telephony.numbers()) == [phone(1), phone(2)]
    assert (await world.attempt(lead(1))).state is AttemptState.PLACED


async def test_a_run_whose_database_fails_while_staging_goes_on_as_soon_as_it_is_back(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    opened = await world.services.runs.open(RunKind.MANUAL, None)
    back = world.clock.monotonic() + 30
    world.process.store.fails = lambda: (
        StoreError("the disk is full", permanent=False) if world.clock.monotonic() < back else None
    )
    run = await world.services.runs.conduct(opened)
    assert (run.state, run.totals["called"]) == (RunState.FINISHED, 1)
    assert await world.read(lambda ledger: ledger.runs.current()) is None
