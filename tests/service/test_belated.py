"""rules.md row 21: a call that was taken as not placed, and of which 8x8 tells afterwards how it ended."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from autodialer.domain.activity import LogCalls
from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.placing import Ambiguous, CallRequest, Refused
from autodialer.ports.rows import AttemptRow
from service.world import MONDAY, World, chasing, lead, person, phone

MakeWorld = Callable[..., World]
RANG = [Disposition.ANSWERED, Disposition.NO_ANSWER, Disposition.BUSY]


async def not_placed(world: World, *, new: bool = True) -> AttemptRow:
    """A call of which nobody heard, and of which a person said that it was never made."""
    world.crm.add(person(lead(1), 1) if new else chasing(lead(1), 1, MONDAY, attempts=1))
    world.telephony.script[phone(1)] = deque([Ambiguous("timeout")])
    await world.run()
    lost = await world.attempt(lead(1))
    return await world.services.settler.settle(lost.attempt_id, Settlement.NOT_PLACED)


async def hear(world: World, released: AttemptRow, disposition: Disposition, session: str = "s-late") -> None:
    await world.hear(session, disposition, attemptId=released.attempt_id)


@pytest.mark.parametrize("disposition", RANG)
async def test_it_counts_and_the_crm_is_told_and_the_first_word_stays_as_it_was(
    world: World, disposition: Disposition
) -> None:
    released = await not_placed(world)
    await hear(world, released, disposition)
    first, after = await world.attempts(lead(1))
    assert (first.attempt_id, first.state) == (released.attempt_id, AttemptState.RELEASED)
    assert (after.state, after.disposition) == (AttemptState.ENDED, disposition)
    assert (after.submitted_at, after.number) == (released.submitted_at, phone(1))
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.call_attempts, record.status) == (1, "New" if disposition is Disposition.ANSWERED else "No Answer")
    assert await world.inbox_count("conflict") == 0
    assert await world.breaches() == []


async def test_whom_it_reached_is_held_for_a_person_and_not_called_again(world: World) -> None:
    await hear(world, await not_placed(world), Disposition.ANSWERED)
    run = await world.run()
    assert (run.totals["called"], await world.reason(run, lead(1))) == (0, "answered_waiting")


async def test_a_call_that_8x8_had_refused_counts_too_when_8x8_tells_of_its_end(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.script[phone(1)] = deque([Refused("-1", "no")])
    await world.run()
    (released,) = await world.attempts(lead(1))
    await hear(world, released, Disposition.ANSWERED)
    assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


async def test_what_is_told_twice_is_written_down_once_and_answered_wins(world: World) -> None:
    released = await not_placed(world)
    for disposition in (Disposition.NO_ANSWER, Disposition.NO_ANSWER, Disposition.ANSWERED, Disposition.BUSY):
        await hear(world, released, disposition, session=f"s-{disposition}")
    _, after = await world.attempts(lead(1))
    assert after.disposition is Disposition.ANSWERED
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.call_attempts, record.status) == (1, "New")
    assert await world.inbox_count("conflict") == 1  # busy: answered stands


async def test_it_counts_beside_the_call_that_was_made_meanwhile(world: World) -> None:
    released = await not_placed(world, new=False)
    await world.run()
    await hear(world, released, Disposition.NO_ANSWER)
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 3
    assert await world.breaches() == []


async def test_the_day_s_quota_counts_it(world: World) -> None:
    released = await not_placed(world, new=False)
    await hear(world, released, Disposition.NO_ANSWER)
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    assert await world.reason(await world.run(), lead(1)) == "day_quota"


async def test_a_call_that_failed_proves_no_ringing_and_is_a_conflict_for_a_person_to_see(world: World) -> None:
    released = await not_placed(world)
    await hear(world, released, Disposition.FAILED)
    assert await world.inbox_count("conflict") == 1
    assert [row.state for row in await world.attempts(lead(1))] == [AttemptState.RELEASED]
    assert await world.updates(lead(1)) == []


async def test_what_never_left_can_not_have_rung(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=1.0)
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    suppressed: list[Any] = []

    def first_ring(_: CallRequest) -> None:
        adding = world.write(lambda ledger: ledger.do_not_call.add(phone(2), "asked", world.clock.now()))
        suppressed.append(asyncio.ensure_future(adding))

    world.telephony.on_place = first_ring
    await world.run()
    (released,) = await world.attempts(lead(2))
    assert (released.state, released.submitted_at) == (AttemptState.RELEASED, None)
    await hear(world, released, Disposition.ANSWERED)
    assert len(await world.attempts(lead(2))) == 1
    assert await world.inbox_count("conflict") == 1


async def test_its_story_says_so_also_after_answered_has_won(world: World) -> None:
    released = await not_placed(world)
    for disposition in (Disposition.NO_ANSWER, Disposition.ANSWERED):
        await hear(world, released, disposition)
        told = [event["text"] for event in (await world.explained(lead(1)))["timeline"]]
        assert f"A call that had been taken as not placed rang after all: {disposition}." in told


async def test_zoho_s_log_of_calls_is_told_of_it_once(make_world: MakeWorld) -> None:
    world = make_world(log_calls=LogCalls.NOTES)
    released = await not_placed(world)
    for _ in range(2):
        await hear(world, released, Disposition.NO_ANSWER)
    _, after = await world.attempts(lead(1))
    rows = await world.read(lambda ledger: ledger.activities.of_attempts([after.attempt_id, released.attempt_id]))
    assert [row.attempt_id for row in rows] == [after.attempt_id]
