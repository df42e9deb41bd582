"""rules.md rows 21 to 23 and 25: how calls end, in whatever order one hears of it."""

from collections import deque
from datetime import timedelta

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous, CallRequest, Placed, PlaceOutcome
from service.conftest import MakeWorld
from service.fakes import summary
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, lead, person, phone

YESTERDAY = MONDAY - DAY
HOUR = timedelta(hours=1)
UNANSWERED = [Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED]


async def called(world: World, *, new: bool = True) -> str:
    """One person, just called; the session."""
    world.crm.add(person(lead(1), 1) if new else chasing(lead(1), 1, YESTERDAY, attempts=2))
    await world.run()
    return world.session(lead(1))


@pytest.mark.parametrize("disposition", UNANSWERED)
async def test_a_new_record_that_did_not_answer_becomes_no_answer_with_the_time_of_the_call(
    world: World, disposition: Disposition
) -> None:
    session = await called(world)
    await pass_time(30)
    await world.hear(session, disposition)
    await world.drain()
    record = world.crm.records[lead(1)]
    attempt = await world.attempt(lead(1))
    assert (record.status, record.call_attempts) == ("No Answer", 1)
    assert attempt.submitted_at is not None
    assert record.first_no_answer_at == attempt.submitted_at.isoformat()
    assert attempt.disposition is disposition


@pytest.mark.parametrize("new", [True, False])
async def test_an_answer_counts_and_leaves_the_status_to_a_person(world: World, new: bool) -> None:
    await world.hear(await called(world, new=new), Disposition.ANSWERED)
    before = world.crm.records[lead(1)]
    await world.drain()
    after = world.crm.records[lead(1)]
    assert after.call_attempts == (1 if new else 3)
    assert after.status == before.status
    assert after.first_no_answer_at == before.first_no_answer_at


async def test_row_21_a_result_delivered_twice_is_applied_once(world: World) -> None:
    session = await called(world)
    for extra in ({}, {}, {"retry": 1}):
        await world.hear(session, Disposition.NO_ANSWER, **extra)
    assert len(await world.updates(lead(1))) == 1
    callbacks = await world.inbox((await world.attempt(lead(1))).attempt_id)
    assert [(row.deliveries, row.state, row.note) for row in callbacks] == [
        (2, "applied", "no_answer"),
        (1, "applied", "repeated"),
    ]


@pytest.mark.parametrize(("first", "second"), [("no_answer", "busy"), ("answered", "no_answer"), ("failed", "busy")])
async def test_row_21_the_first_end_stands(world: World, first: str, second: str) -> None:
    session = await called(world)
    await world.hear(session, Disposition(first))
    await world.hear(session, Disposition(second))
    attempt = await world.attempt(lead(1))
    assert attempt.disposition == first
    assert await world.inbox_count("conflict") == 1
    assert len(await world.updates(lead(1))) == 1


@pytest.mark.parametrize("first", UNANSWERED)
async def test_row_21_answered_wins_and_a_status_that_still_waits_is_not_written(
    world: World, first: Disposition
) -> None:
    session = await called(world)
    await world.hear(session, first)
    await world.hear(session, Disposition.ANSWERED)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("New", 1)
    assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


async def test_row_21_answered_wins_and_no_first_no_answer_of_that_call_is_written(world: World) -> None:
    session = await called(world)
    await world.hear(session, Disposition.BUSY)
    await world.hear(session, Disposition.ANSWERED)
    await world.drain()
    assert world.crm.records[lead(1)].first_no_answer_at is None


async def test_row_21_answered_wins_what_was_written_stays_and_nothing_is_counted_twice(world: World) -> None:
    session = await called(world)
    await world.hear(session, Disposition.NO_ANSWER)
    await world.drain()
    await world.hear(session, Disposition.ANSWERED)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 1)
    assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


@pytest.mark.parametrize("by", ["session", "attempt"])
async def test_row_22_a_result_before_the_api_s_own_answer_is_matched(world: World, by: str) -> None:
    world.crm.add(person(lead(1), 1))

    async def ring(request: CallRequest) -> PlaceOutcome:
        own = {"attemptId": request.attempt_id} if by == "attempt" else {}
        await world.services.callbacks.take(summary("early", Disposition.BUSY, **own))
        await pass_time(3)
        return Placed("early")

    world.telephony.always = ring
    async with world.working():
        run = await world.run()
        await pass_time(1)
    attempt = await world.attempt(lead(1))
    assert (attempt.disposition, attempt.session_id) == (Disposition.BUSY, "early")
    assert run.totals["called"] == 1
    assert await world.inbox_count("orphan") == 0
    assert world.crm.records[lead(1)].status == "No Answer"


async def test_row_23_a_result_for_an_unknown_session_changes_nothing_and_is_kept(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.hear("nobody-knows", Disposition.ANSWERED)
    assert await world.inbox_count("orphan") == 1
    assert await world.attempts(lead(1)) == []
    assert await world.updates(lead(1)) == []


async def test_row_23_an_orphan_is_matched_when_its_session_becomes_known(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.hear("s-77", Disposition.NO_ANSWER)
    world.telephony.always = Placed("s-77")
    await world.run()
    assert (await world.attempt(lead(1))).state is AttemptState.PLACED
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER
    assert await world.inbox_count("orphan") == 0


async def test_a_person_who_asks_not_to_be_called_again_is_not(world: World) -> None:
    session = await called(world, new=False)
    await world.hear(session, Disposition.NO_ANSWER, doNotCall=True)
    assert await world.reason(await world.run(), lead(1)) == "do_not_call"


async def test_a_callback_that_nobody_can_read_is_kept_and_holds_up_no_other(world: World) -> None:
    session = await called(world)
    await world.services.callbacks.take(summary("x", Disposition.BUSY, boom=True))
    await world.services.callbacks.take({**summary("x", Disposition.BUSY), "payload": {"sessionId": "y"}})
    await world.hear(session, Disposition.BUSY)
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY
    assert (await world.inbox_count("conflict"), await world.inbox_count("ignored")) == (1, 1)
    assert await world.inbox_count("new") == 0


async def test_row_25_without_a_result_the_call_is_unknown_and_a_late_result_still_applies(world: World) -> None:
    session = await called(world)
    await pass_time(899)
    await world.services.reconciler.sweep()
    assert (await world.attempt(lead(1))).state is AttemptState.PLACED
    await pass_time(2)
    await world.services.reconciler.sweep()
    assert (await world.attempt(lead(1))).state is AttemptState.UNKNOWN
    assert await world.updates(lead(1)) == []
    await world.hear(session, Disposition.NO_ANSWER)
    await world.drain()
    assert world.crm.records[lead(1)].status == "No Answer"
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER


@pytest.mark.parametrize("new", [True, False])
async def test_row_25_an_unknown_call_closes_at_the_end_of_its_day_and_nothing_is_written(
    world: World, new: bool
) -> None:
    session = await called(world, new=new)
    before = world.crm.records[lead(1)]
    world.clock.move_to(MONDAY + timedelta(hours=13, minutes=59))
    await world.services.reconciler.sweep()
    assert await world.reason(await world.run(), lead(1)) == "open_attempt"
    world.clock.move_to(MONDAY + timedelta(hours=14, minutes=1))
    await world.services.reconciler.sweep()
    attempt = await world.attempt(lead(1))
    assert (attempt.state, attempt.disposition) == (AttemptState.ENDED, Disposition.UNKNOWN)
    await world.drain()
    assert world.crm.records[lead(1)] == before
    await world.hear(session, Disposition.BUSY)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 1 if new else 3)


async def test_row_25_a_new_record_whose_call_closed_as_unknown_is_listed_and_not_called_again(world: World) -> None:
    await called(world)
    await pass_time(901)
    await world.services.reconciler.sweep()
    world.clock.move_to(MONDAY + DAY)
    await world.services.reconciler.sweep()
    run = await world.run()
    assert await world.reason(run, lead(1)) == "new_already_called"
    assert [row.key for row in await world.read(lambda ledger: ledger.attempts.unknown())] == [lead(1)]


async def test_row_25_an_unknown_call_of_a_no_answer_record_counts_in_its_total_and_the_next_day_it_is_called(
    world: World,
) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=3))
    world.telephony.script[phone(1)] = deque([Ambiguous("timeout")])
    await world.run()
    world.clock.move_to(MONDAY + DAY)
    await world.services.reconciler.sweep()
    await world.run()
    rows = await world.attempts(lead(1))
    assert [row.attempts_before for row in rows] == [3, 3]
    assert [row.state for row in rows] == [AttemptState.ENDED, AttemptState.PLACED]


@pytest.mark.parametrize("late_first", [True, False])
async def test_row_25_a_late_result_and_that_of_the_next_call_both_count_where_zoho_knew_of_more_calls_than_we(
    world: World, late_first: bool
) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=3))
    await world.run()
    sessions = [world.session(lead(1))]
    for later in (8 * HOUR, DAY):
        world.clock.move_to(MONDAY + later)
        await world.services.reconciler.sweep()
    await world.run()
    sessions.append(world.session(lead(1)))
    for session in sessions if late_first else reversed(sessions):
        await world.hear(session, Disposition.NO_ANSWER)
        await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 5
    world.crm.change(lead(1), call_attempts=0)
    world.clock.move_to(MONDAY + DAY + 4 * HOUR)
    assert (await world.explained(lead(1)))["now"]["detail"].startswith("call 6 of 7"), "though somebody lowered it"
    assert await world.breaches() == []


async def test_row_25_the_day_s_quota_counts_unknown_calls_that_are_settled_the_same_day(make_world: MakeWorld) -> None:
    world = make_world(result_timeout=60.0)
    session = await called(world, new=False)
    await pass_time(61)
    await world.services.reconciler.sweep()
    await world.hear(session, Disposition.NO_ANSWER)
    assert (await world.run()).totals["called"] == 1
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    assert await world.reason(await world.run(), lead(1)) == "day_quota"
