"""rules.md row 25: a person settles what nobody heard of."""

from collections import deque

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.errors import NoSuchAttempt, NotUnknown
from autodialer.domain.placing import Ambiguous
from autodialer.ports.rows import AttemptRow
from service.world import DAY, MONDAY, World, chasing, lead, person, phone

YESTERDAY = MONDAY - DAY
ENDS = [settlement for settlement in Settlement if settlement is not Settlement.NOT_PLACED]


async def lost(world: World, *, new: bool = True) -> AttemptRow:
    """One call of which nobody knows whether it rang."""
    world.crm.add(person(lead(1), 1) if new else chasing(lead(1), 1, YESTERDAY, attempts=0))
    world.telephony.always = Ambiguous("timeout")
    await world.run()
    world.telephony.always = None
    return await world.attempt(lead(1))


async def closed(world: World, *, new: bool = True) -> AttemptRow:
    """The same, and its day is over."""
    await lost(world, new=new)
    world.clock.move_to(MONDAY + DAY)
    await world.services.reconciler.sweep()
    row = await world.attempt(lead(1))
    assert (row.state, row.disposition) == (AttemptState.ENDED, Disposition.UNKNOWN)
    return row


async def settle(world: World, row: AttemptRow, settlement: Settlement) -> AttemptRow:
    return await world.services.settler.settle(row.attempt_id, settlement)


@pytest.mark.parametrize("settlement", ENDS)
@pytest.mark.parametrize("over", [False, True], ids=["unknown", "closed"])
async def test_an_unknown_call_ends_as_a_person_says_and_the_crm_is_told(
    world: World, settlement: Settlement, over: bool
) -> None:
    row = await closed(world) if over else await lost(world)
    after = await settle(world, row, settlement)
    assert (after.state, after.disposition) == (AttemptState.ENDED, settlement.disposition)
    assert after.reason == f"a person settled it as {settlement}; before: timeout"
    (update,) = await world.updates(lead(1))
    assert (update.attempt_id, update.call_attempts) == (row.attempt_id, 1)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert record.call_attempts == 1
    assert record.status == ("New" if settlement is Settlement.ANSWERED else "No Answer")
    assert await world.breaches() == []


async def test_an_unanswered_call_begins_its_days_when_it_was_made_not_when_it_was_settled(world: World) -> None:
    row = await closed(world)
    await settle(world, row, Settlement.BUSY)
    await world.drain()
    assert row.submitted_at is not None
    assert world.crm.records[lead(1)].first_no_answer_at == row.submitted_at.isoformat()


@pytest.mark.parametrize("over", [False, True], ids=["unknown", "closed"])
async def test_a_call_that_was_never_placed_is_taken_back_and_may_be_made_again(world: World, over: bool) -> None:
    row = await closed(world) if over else await lost(world)
    before = world.crm.records[lead(1)]
    after = await settle(world, row, Settlement.NOT_PLACED)
    assert (after.state, after.disposition) == (AttemptState.RELEASED, None)
    assert after.reason.startswith("a person settled it as not_placed")
    assert await world.updates(lead(1)) == []
    assert await world.drain() == 0
    assert world.crm.records[lead(1)] == before
    run = await world.run()
    assert run.totals["called"] == 1
    assert (await world.attempt(lead(1))).attempts_before == 0
    assert await world.breaches() == []


async def test_answered_holds_until_a_person_changes_the_status(world: World) -> None:
    await settle(world, await lost(world, new=False), Settlement.ANSWERED)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1
    assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


async def test_who_was_settled_as_unanswered_may_be_called_again_the_same_day(world: World) -> None:
    row = await lost(world, new=False)
    assert await world.reason(await world.run(), lead(1)) == "open_attempt"
    await settle(world, row, Settlement.NO_ANSWER)
    assert (await world.run()).totals["called"] == 1


async def test_a_settled_call_is_on_no_work_list_any_more(world: World) -> None:
    row = await closed(world)
    assert [one.attempt_id for one in await world.read(lambda ledger: ledger.attempts.unknown())] == [row.attempt_id]
    await settle(world, row, Settlement.NO_ANSWER)
    assert await world.read(lambda ledger: ledger.attempts.unknown()) == []
    assert (await world.read(lambda ledger: ledger.stats.work_lists()))["unknown_calls"] == 0


@pytest.mark.parametrize("first", list(Settlement))
@pytest.mark.parametrize("second", list(Settlement))
async def test_what_was_settled_stands_and_says_how(sqlite_world: World, first: Settlement, second: Settlement) -> None:
    world = sqlite_world
    row = await lost(world)
    stands = await settle(world, row, first)
    updates = await world.updates(lead(1))
    with pytest.raises(NotUnknown, match=f"already settled.*{first}") as refusal:
        await settle(world, row, second)
    assert refusal.value.permanent
    assert await world.attempts(lead(1)) == [stands]
    assert await world.updates(lead(1)) == updates


async def test_a_call_whose_result_came_can_not_be_settled(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    row = await world.attempt(lead(1))
    with pytest.raises(NotUnknown, match="was placed and its result is still awaited"):
        await settle(world, row, Settlement.NO_ANSWER)
    assert await world.attempt(lead(1)) == row
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    with pytest.raises(NotUnknown, match="already settled: the call ended as busy"):
        await settle(world, row, Settlement.ANSWERED)
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY


async def test_an_attempt_that_nobody_knows_is_named_so(world: World) -> None:
    with pytest.raises(NoSuchAttempt, match="autodialer unknown"):
        await world.services.settler.settle("nothing", Settlement.NO_ANSWER)


async def test_answered_that_comes_later_wins_over_a_person_s_word_and_nothing_else_does(world: World) -> None:
    row = await lost(world)
    await settle(world, row, Settlement.NO_ANSWER)
    await world.hear("s-9", Disposition.BUSY, attemptId=row.attempt_id)
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER
    await world.hear("s-9", Disposition.ANSWERED, attemptId=row.attempt_id)
    assert (await world.attempt(lead(1))).disposition is Disposition.ANSWERED
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts, record.first_no_answer_at) == ("New", 1, None)


async def test_a_call_settled_after_the_next_one_never_lets_call_attempts_go_down(world: World) -> None:
    row = await closed(world, new=False)
    assert row.attempts_before == 0
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    assert world.crm.records[lead(1)].call_attempts == 2
    await settle(world, row, Settlement.NO_ANSWER)
    assert [update.call_attempts for update in await world.updates(lead(1))] == [2, 2]
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 2
    assert await world.breaches() == []


async def test_a_status_that_a_person_set_meanwhile_stays(world: World) -> None:
    row = await lost(world)
    world.crm.change(lead(1), status="Recruiting")
    await settle(world, row, Settlement.NO_ANSWER)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("Recruiting", 1)


async def test_doctor_says_how_many_calls_are_unknown(world: World) -> None:
    async def told() -> list[str]:
        return [found.message for found in await world.services.doctor.examine() if found.subject == "results"]

    world.telephony.script[phone(1)] = deque([Ambiguous("timeout")])
    world.telephony.script[phone(2)] = deque([Ambiguous("timeout")])
    world.crm.add(person(lead(1), 1))
    await world.run()
    assert await told() == ["1 call is unknown"]
    world.crm.add(person(lead(2), 2))
    await world.run()
    assert await told() == ["2 calls are unknown"]
