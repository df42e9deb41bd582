"""What happens while a run is going, or stands still: people answer and change records, the day ends, a number moves."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import cast

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import RunRefused, StoreError
from autodialer.domain.placing import CallRequest, Placed, PlaceOutcome, Throttled
from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.domain.result import CallResult
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import InboxRow, OutboxRow, Projection, RunKind, RunState
from autodialer.rules.calendars import Window
from autodialer.rules.policy import Policy
from autodialer.service import unseen
from autodialer.service.control import pause, resume
from autodialer.service.ending import end_attempt
from autodialer.service.holding import BACKUP_MADE_AT
from autodialer.store.ledger import SqlLedger
from autodialer.store.outbox import SqlOutbox
from service.conftest import MakeWorld
from service.couple import Couple, Stores, couple, stores
from service.fakes import summary, zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

__all__ = ["couple", "stores"]

HOUR = timedelta(hours=1)
BUCHAREST = Policy(timezone="Europe/Bucharest")


def left_at(world: World, start: datetime) -> list[datetime]:
    """When each call left, in the policy's zone."""
    zero = world.clock._zero
    return [(start + timedelta(seconds=ring.at - zero)).astimezone(world.policy.zone) for ring in world.telephony.rings]


async def not_answered_for_days(world: World) -> str:
    """Lead 1 is at the end of their days; their last call was heard of no more. Its session."""
    world.crm.add(chasing(lead(1), 1, MONDAY - 2 * DAY, attempts=6))
    world.all_end(None)
    await world.run()
    session = world.session(lead(1))
    world.clock.move_to(MONDAY + DAY)
    for _ in range(2):  # unknown, then closed as unknown
        await world.services.reconciler.sweep()
    return session


# Dead


async def test_whom_a_person_gives_another_chance_is_not_made_dead_again_when_the_run_goes_on_after_a_restart(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(chasing(lead(99), 99, MONDAY - 30 * DAY), *(person(lead(n), n) for n in range(30)))
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        await world.services.run_desk.start(RunKind.MANUAL)
        while len(world.telephony.rings) < 5:
            await pass_time(1)
    assert world.crm.records[lead(99)].status == "Dead"
    world.crm.change(lead(99), status="No Answer", first_no_answer_at=None)
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
        await pass_time(20)
    assert world.crm.records[lead(99)].status == "No Answer"
    assert len(world.telephony.rings) == 30
    assert [row.cause for row in await world.updates(lead(99))] == ["dead"]
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.state, run.totals["marked_dead"]) == (RunState.FINISHED, 1)


async def test_a_run_of_a_ledger_that_was_put_back_makes_nobody_dead(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(chasing(lead(99), 99, MONDAY - 30 * DAY), *(person(lead(n), n) for n in range(30)))
    async with world.working():
        await world.services.run_desk.start(RunKind.MANUAL)
        while len(world.telephony.rings) < 5:
            await pass_time(1)
    now = world.clock.now()
    await world.write(lambda ledger: ledger.switches.set(BACKUP_MADE_AT, now.isoformat(), now))
    world.crm.change(lead(99), status="No Answer", first_no_answer_at=None)
    world.clock.move_to(MONDAY + 2 * HOUR)
    world.process = world.boot("second")
    async with world.working():
        await world.services.run_desk.finished()
        await pass_time(20)
    assert world.crm.records[lead(99)].status == "No Answer"
    (run,) = await world.read(lambda ledger: ledger.runs.recent(5))
    assert (run.state, len(world.telephony.rings)) == (RunState.STOPPED, 5)
    assert (run.stop_reason or "").startswith("interrupted, and this ledger is a backup of")


@pytest.mark.parametrize("call_id", [{}, {"call_id": "theirs"}])
async def test_row_11_an_answer_told_in_our_format_while_dead_waits_keeps_the_record_from_it(
    world: World, call_id: dict[str, str]
) -> None:
    """A call placed elsewhere; or ours, which was closed as unknown when its day ended."""
    await not_answered_for_days(world)
    run = await world.run()
    assert await world.reason(run, lead(1)) == "window_over"
    await world.told(lead(1), "answered", **call_id)
    await world.drain()
    assert world.crm.records[lead(1)].status == "No Answer"


async def test_row_11_an_answer_heard_while_dead_waits_to_be_written_keeps_the_record_from_it(world: World) -> None:
    session = await not_answered_for_days(world)
    run = await world.run()
    assert await world.reason(run, lead(1)) == "window_over"
    await world.hear(session, Disposition.ANSWERED)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 7)
    again = await world.run()
    assert await world.reason(again, lead(1)) == "answered_waiting"


async def test_who_does_not_answer_late_is_made_dead_all_the_same(world: World) -> None:
    session = await not_answered_for_days(world)
    await world.run()
    await world.hear(session, Disposition.NO_ANSWER)
    await world.drain()
    assert world.crm.records[lead(1)].status == "Dead"


async def test_row_11_an_answer_heard_while_the_rest_is_pulled_keeps_the_record_from_dead(world: World) -> None:
    session = await not_answered_for_days(world)
    world.crm.add(*(person(lead(n), n) for n in range(2, 9)))
    world.crm.page_size, world.crm.latency = 1, 2.0
    async with world.working():
        _, task = await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(6)
        await world.hear(session, Disposition.ANSWERED)
        closed = await task
        await pass_time(30)
    assert world.crm.records[lead(1)].status == "No Answer"
    assert await world.reason(closed, lead(1)) == "answered_waiting"
    assert closed.totals["marked_dead"] == 0


async def test_a_run_that_ends_before_it_makes_anybody_dead_does_not_say_so(world: World) -> None:
    world.crm.add(chasing(lead(99), 99, MONDAY - 30 * DAY), *(person(contact(n), n) for n in range(2)))
    world.crm.page_size, world.crm.latency = 1, 1.0
    world.crm.page_fails = {
        3: zoho_down(permanent=True)
    }  # the second one of the contacts, when the lead has been staged
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.totals["marked_dead"] == 0
    assert await world.reason(run, lead(99)) == "run_stopped"


# Held after an answer


async def answered(world: World, count: int) -> None:
    world.crm.add(*(chasing(lead(n), n, MONDAY - 2 * HOUR) for n in range(count)))
    world.all_end(Disposition.ANSWERED)
    async with world.working():
        await world.run()
        await pass_time(20)
    world.clock.move_to(MONDAY + 4 * HOUR)
    assert len(world.telephony.rings) == count


async def test_row_11_who_answered_and_is_hidden_from_us_for_a_run_stays_held(world: World) -> None:
    await answered(world, 5)
    hidden, world.crm.records = world.crm.records, {}
    await world.run()
    world.crm.records = hidden
    run = await world.run()
    assert run.totals["reasons"] == {"answered_waiting": 5}
    assert len(world.telephony.rings) == 5


async def test_row_11_our_own_dead_is_no_change_by_a_person(world: World) -> None:
    session = await not_answered_for_days(world)
    await world.run()
    await world.drain()
    assert world.crm.records[lead(1)].status == "Dead"
    await world.hear(session, Disposition.ANSWERED)
    assert len(await world.read(lambda ledger: ledger.work_lists.answered(None, 9))) == 1
    world.clock.move_to(world.clock.now() + timedelta(hours=4))
    await world.run()
    assert len(await world.read(lambda ledger: ledger.work_lists.answered(None, 9))) == 1


async def test_row_11_our_own_dead_lets_nobody_with_the_same_number_be_called(world: World) -> None:
    """The lead answered, as was heard late, when we had made it Dead; nobody has touched anything since."""
    session = await not_answered_for_days(world)
    await world.run()
    await world.drain()
    assert world.crm.records[lead(1)].status == "Dead"
    await world.hear(session, Disposition.ANSWERED)
    await world.drain()
    rung = len(world.telephony.rings)
    world.crm.add(chasing(contact(2), 2, world.clock.now(), phone=phone(1)))
    reasons = []
    for _ in range(3):
        world.clock.move_to(world.clock.now() + timedelta(hours=4))
        reasons.append(await world.reason(await world.run(), contact(2)))
    assert reasons == ["answered_waiting"] * 3
    assert len(world.telephony.rings) == rung


async def test_row_11_who_answered_stays_held_when_they_can_t_be_looked_at(world: World) -> None:
    await answered(world, 2)
    world.crm.change(lead(0), status="Recruiting")
    world.crm.look_fails = zoho_down()
    run = await world.run()
    assert run.state is RunState.FINISHED
    assert len(await world.read(lambda ledger: ledger.staging.unseen_holds(run.run_id, 9))) == 1
    world.crm.look_fails = None
    after = await world.run()
    assert await world.read(lambda ledger: ledger.staging.unseen_holds(after.run_id, 9)) == []


async def test_those_who_are_gone_keep_nobody_held_whose_status_a_person_has_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run looks at few of them; in some of the next runs everybody's turn comes."""
    monkeypatch.setattr(unseen, "_LOOKED_AT", 4)
    await answered(world, 12)
    for n in range(1, 12):
        world.crm.remove(lead(n))
    world.crm.change(lead(0), status="Recruiting")  # who answered first
    world.crm.looks.clear()
    held = 12
    for _ in range(30):
        run = await world.run()
        held = len(await world.read(partial(_unseen, run.run_id)))
        if held < 12:
            break
    assert held == 11
    assert {len(keys) for _, keys in world.crm.looks} == {4}


def _unseen(run_id: str, ledger: Ledger) -> Sequence[RecordKey]:
    return ledger.staging.unseen_holds(run_id, 99)


async def test_row_15_who_answered_and_was_converted_to_a_contact_is_not_called_as_one(world: World) -> None:
    await answered(world, 1)
    world.crm.remove(lead(0))
    world.crm.add(chasing(contact(0), 0, MONDAY - 2 * HOUR, attempts=2))
    for later in (4, 8):
        world.clock.move_to(MONDAY + later * HOUR)
        run = await world.run()
        assert await world.reason(run, contact(0)) == "answered_waiting"
    assert len(world.telephony.rings) == 1


# Numbers


async def test_row_14_a_number_that_a_record_is_given_while_the_run_goes_on_is_called_once_in_it(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=1.0, max_concurrent_calls=1)
    people = [lead(1), lead(2), contact(3)]
    world.crm.add(*(chasing(key, n, MONDAY - DAY) for n, key in enumerate(people, 1)))
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        run, task = await world.services.run_desk.start(RunKind.MANUAL)
        while not world.telephony.rings:
            await pass_time(0.1)
        world.crm.change(contact(3), phone=phone(1))
        await task
        assert sorted(world.telephony.numbers()) == sorted([phone(1), phone(2)])
        assert await world.reason(run, contact(3)) == "same_phone_as"
        await pass_time(60)
        await world.run()
    # The next run decides on both together, as row 14 has it.
    assert world.telephony.numbers().count(phone(1)) == 2


# Days and hours


async def test_a_run_that_the_database_held_up_ends_with_its_day(make_world: MakeWorld) -> None:
    start = datetime(2026, 3, 2, 21, 55, tzinfo=UTC)  # five minutes before midnight
    world = make_world(start=start, policy=BUCHAREST, calls_per_second=1.0)
    world.crm.add(*(chasing(lead(n), n, MONDAY - DAY) for n in range(30)))
    world.all_end(None)  # 8x8 would be answered 503 all night
    back = start + 9 * HOUR  # five in the morning

    def fails() -> StoreError | None:
        gone = start + timedelta(seconds=10) <= world.clock.now() < back
        return StoreError("the server closed the connection", permanent=False) if gone else None

    async with world.working():
        _, task = await world.services.run_desk.start(RunKind.MANUAL)
        world.process.store.fails = fails
        closed = await task
    assert {at.day for at in left_at(world, start)} == {2}
    assert (closed.state, closed.stop_reason) == (RunState.STOPPED, "its day is over")


async def test_a_run_that_waits_for_an_agent_ends_with_its_day(make_world: MakeWorld) -> None:
    start = datetime(2026, 3, 2, 21, 55, tzinfo=UTC)  # five minutes before midnight
    world = make_world(start=start, policy=BUCHAREST, calls_per_second=1.0)
    world.crm.add(*(chasing(lead(n), n, MONDAY - DAY) for n in range(5)))
    world.telephony.agents = 0
    async with world.working():
        _, task = await world.services.run_desk.start(RunKind.MANUAL)
        await pass_time(330)
        assert task.done()
        world.telephony.agents = 3
        await pass_time(60)
    assert world.telephony.rings == []
    assert (await task).stop_reason == "its day is over"


async def test_row_4_calls_that_wait_for_their_turn_at_midnight_are_not_made_on_the_next_day(
    make_world: MakeWorld,
) -> None:
    start = datetime(2026, 3, 2, 23, 59, 40, tzinfo=UTC)
    world = make_world(start=start, calls_per_second=0.2)
    world.crm.add(*(chasing(lead(n), n, MONDAY - DAY, attempts=2) for n in range(8)))  # Day 1, then Day 2: 2 calls
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        for _ in range(4):
            await world.run()
            await pass_time(60)
    made: Mapping[str, list[int]] = {number: [] for number in world.telephony.numbers()}
    for ring, at in zip(world.telephony.rings, left_at(world, start), strict=True):
        made[ring.number].append(at.day)
    assert len(made) == 8
    assert max(days.count(3) for days in made.values()) == 2
    for n in range(8):
        for row in await world.attempts(lead(n)):
            assert row.submitted_at is None or row.policy_day == row.submitted_at.date().isoformat()


@pytest.mark.parametrize("paused", [False, True])
async def test_check_12_no_call_leaves_after_the_hours_in_which_it_was_decided(
    make_world: MakeWorld, paused: bool
) -> None:
    policy = Policy(timezone="Europe/Bucharest", team_windows=(Window(time(9, 0), time(20, 0)),))
    start = datetime(2026, 3, 2, 17, 59, 50, tzinfo=UTC)  # ten seconds before they end
    world = make_world(start=start, policy=policy, calls_per_second=1.0 if paused else 0.2)
    world.crm.add(*(person(lead(n), n) for n in range(20)))
    if paused:
        world.telephony.script[phone(5)] = deque([Throttled(20.0)])
    async with world.working():
        run = await world.run()
    times = left_at(world, start)
    assert times
    assert max(times).hour < 20
    assert run.state is RunState.FINISHED
    called = cast(int, run.totals["called"])
    assert run.totals["reasons"] == {"calling_hours": 20 - called}


# The database


async def test_a_database_that_is_away_for_seconds_while_a_run_pulls_costs_it_nobody(world: World) -> None:
    world.crm.page_size, world.crm.latency = 2, 1.0
    world.crm.add(*(person(lead(n), n) for n in range(20)), chasing(contact(30), 30, MONDAY - 30 * DAY))
    start = world.clock.now()

    def fails() -> StoreError | None:
        gone = 3 < (world.clock.now() - start).total_seconds() < 5
        return StoreError("connection refused", permanent=False) if gone else None

    world.process.store.fails = fails
    run = await world.run()
    assert (run.state, run.totals["called"], run.totals["marked_dead"]) == (RunState.FINISHED, 20, 1)


# A pause


@pytest.mark.parametrize("people", [0, 3])
async def test_a_run_with_nobody_left_to_call_ends_while_calls_are_paused(world: World, people: int) -> None:
    """Of those who were pulled nobody is due: they have a status that is not called, or no number."""
    world.crm.add(*(person(lead(n), n, phone=None) for n in range(people)))
    await world.write(lambda ledger: pause(ledger, MONDAY))
    began = world.clock.monotonic()
    run = await world.run()
    assert (run.state, run.totals["called"]) == (RunState.FINISHED, 0)
    assert world.clock.monotonic() - began < 30


async def test_a_pause_holds_everybody_who_is_due_and_a_run_in_its_way_is_told_of_it(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.write(lambda ledger: pause(ledger, MONDAY))
    started, task = await world.services.run_desk.start(RunKind.MANUAL)
    await pass_time(600)
    assert (task.done(), world.telephony.rings) == (False, [])
    with pytest.raises(RunRefused, match="paused: it goes on after somebody resumes") as refused:
        await world.run()
    assert refused.value.running == started.run_id
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    assert (await task).totals["called"] == 1


async def test_a_pause_that_comes_while_calls_leave_holds_those_who_were_reserved(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(*(person(lead(n), n) for n in range(6)))
    _, task = await world.services.run_desk.start(RunKind.MANUAL)
    while len(world.telephony.rings) < 4:  # all six have been claimed by then
        await pass_time(0.1)
    await world.write(lambda ledger: pause(ledger, world.clock.now()))
    await pass_time(120)
    rung = len(world.telephony.rings)
    assert (task.done(), rung < 6) == (False, True)
    await world.write(lambda ledger: resume(ledger, world.clock.now()))
    assert (await task).totals["called"] == 6
    assert sorted(world.telephony.numbers()) == sorted(phone(n) for n in range(6))


# Two replicas


async def test_an_update_that_another_replica_queues_in_the_same_moment_keeps_nobody_from_being_made_dead(
    couple: Couple, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = couple
    world.crm.add(*(chasing(lead(n), n, MONDAY - 30 * DAY) for n in range(3)), person(lead(10), 10))
    put, of_record = SqlOutbox.put, SqlOutbox.of_record
    theirs: list[OutboxRow] = []

    def between(outbox: SqlOutbox, projection: Projection, at: datetime) -> None:
        """The other one's update is committed after ours has looked what waits."""
        if projection.key != lead(1) or theirs:
            return put(outbox, projection, at)
        seen = of_record(outbox, lead(1))
        other = Projection(lead(1), None, "result", "No Answer", None, 2, None)
        stores[1].database.submit(lambda connection: put(SqlOutbox(connection), other, at)).result(5)
        theirs.extend(of_record(outbox, lead(1)))
        with monkeypatch.context() as patch:
            patch.setattr(SqlOutbox, "of_record", lambda _self, _key: seen)
            return put(outbox, projection, at)

    monkeypatch.setattr(SqlOutbox, "put", between)
    run = await world.run()
    assert theirs
    assert (run.stop_reason, run.totals["marked_dead"]) == (None, 3)
    for n in range(3):
        assert [row.status for row in await world.updates(lead(n)) if row.state == "pending"] == [CrmStatus.DEAD]


async def test_row_11_an_answer_that_another_replica_hears_while_a_page_is_made_dead_keeps_the_record_from_it(
    couple: Couple, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = couple
    session = await not_answered_for_days(world)
    put = SqlOutbox.put
    heard: list[str] = []

    def hear(connection: object) -> str:
        ledger = SqlLedger(connection, world.shared_now)  # type: ignore[arg-type]
        attempt = ledger.attempts.find_session(session)
        assert attempt is not None
        result = CallResult(Disposition.ANSWERED, "ANSWERED", session_id=session)
        return end_attempt(ledger, world.policy, attempt, result, world.clock.now()).note

    def between(outbox: SqlOutbox, projection: Projection, at: datetime) -> None:
        """This page has been decided; its updates are queued one after the other."""
        if projection.cause == "dead" and not heard:
            heard.append("")
            heard[0] = stores[1].database.submit(hear).result(5)
        put(outbox, projection, at)

    monkeypatch.setattr(SqlOutbox, "put", between)
    world.clock.move_to(world.clock.now() + timedelta(hours=1))
    await world.run()
    assert heard == ["answered won over unknown"]
    await world.drain()
    assert world.crm.records[lead(1)].status == "No Answer"


async def test_a_result_that_one_replica_puts_aside_while_another_learns_its_session_is_not_lost(
    couple: Couple, stores: Stores
) -> None:
    """Neither sees what the other is about to commit; 8x8 echoed no id of ours."""
    world, second = couple
    world.crm.add(person(lead(1), 1))
    matched, go_on = threading.Event(), threading.Event()
    applying = []

    async def answer(request: CallRequest) -> PlaceOutcome:  # noqa: ARG001 - as Ask has it
        await world.services.callbacks.take(summary("S", Disposition.BUSY))
        (row,) = await world.read(lambda ledger: ledger.inbox.waiting(9))

        def apply(connection: object, row: InboxRow = row) -> str:
            ledger = SqlLedger(connection, world.shared_now)  # type: ignore[arg-type]
            done = world.services.results._apply_in(row, set(), ledger)
            matched.set()
            go_on.wait(1.5)
            return done.state

        applying.append(stores[0].database.submit(apply))
        assert matched.wait(5)
        return Placed("S")

    world.telephony.script[phone(1)] = deque([answer])
    run = await second.services.runs.open(RunKind.MANUAL, None)
    await second.services.runs.conduct(run)
    go_on.set()
    assert applying[0].result(5) == "orphan"
    assert (await world.attempt(lead(1))).disposition is None
    await world.services.reconciler.sweep()
    await world.services.results.apply_waiting()
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY
    assert await world.inbox_count("orphan") == 0
    assert (await world.updates(lead(1)))[-1].status is CrmStatus.NO_ANSWER
