"""Results that are fetched instead of posted, calls that never reached the person's phone, and agents who are not free."""

import asyncio
from collections import deque
from datetime import timedelta
from itertools import pairwise

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.placing import Ambiguous, CallRequest, NobodyFree, PlaceOutcome
from autodialer.ports import Take
from autodialer.ports.rows import RunState
from service.conftest import MakeWorld
from service.fakes import summary
from service.world import World, chasing, lead, person, phone

BUSY, ANSWERED = Disposition.BUSY, Disposition.ANSWERED


def not_dialled(session: str | None, **more: object) -> dict[str, object]:
    return {"namespace": "STREAM", "eventType": "NOT_DIALLED", "payload": {"sessionId": session, **more}}


async def test_what_the_stream_tells_ends_the_call_as_a_callback_would(world: World) -> None:
    world.crm.add(person(lead(1), 1))

    async def stream(take: Take) -> None:
        while not world.telephony.rings:
            await world.clock.sleep(0.1)
        await world.clock.sleep(1.0)
        await take(summary(world.session(lead(1)), BUSY))

    world.telephony.stream = stream
    async with world.working():
        await world.run()
        await world.clock.sleep(2)
    assert (await world.attempt(lead(1))).disposition is BUSY
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_a_stream_that_breaks_unexpectedly_is_listened_to_again(world: World) -> None:
    times: list[float] = []

    async def stream(_: Take) -> None:
        times.append(world.clock.monotonic())
        if len(times) < 3:
            raise RuntimeError("the adapter has a bug")

    world.telephony.stream = stream
    async with world.working():
        await world.clock.sleep(11)
    assert [round(after - before) for before, after in pairwise(times)] == [5, 5]
    assert world.log.events("error").count("listening failed unexpectedly, goes on") == 2


async def kept(world: World, body: dict[str, object]) -> bool:
    """Whether an event of the stream is stored."""
    before = await world.inbox_count("new")

    async def stream(take: Take) -> None:
        await take(body)

    world.telephony.stream = stream
    await world.services.listener.listen()
    return await world.inbox_count("new") > before


async def test_events_of_other_peoples_calls_are_not_kept(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    assert not await kept(world, summary("somebody-else", BUSY))
    await world.run()
    assert not await kept(world, summary("somebody-else", BUSY))
    assert await kept(world, summary(world.session(lead(1)), BUSY))


async def test_as_long_as_a_call_waits_for_its_session_every_event_may_be_its(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    seen: list[bool] = []

    async def tell(_: CallRequest) -> PlaceOutcome:
        seen.append(await kept(world, summary("perhaps-ours", BUSY)))
        return Ambiguous("no answer")

    world.telephony.always = tell
    await world.run()
    assert seen == [True]
    assert await kept(world, summary("perhaps-ours-too", BUSY))


async def test_an_event_with_our_own_id_is_kept_long_after_its_call_was_closed_as_unknown(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.always = Ambiguous("no answer")
    await world.run()
    world.clock.move_to(world.clock.now() + timedelta(days=1))
    await world.services.reconciler.sweep()
    attempt = await world.attempt(lead(1))
    assert attempt.disposition is Disposition.UNKNOWN
    assert not await kept(world, summary("no-id", BUSY))
    assert await kept(world, summary("ours", BUSY, attemptId=attempt.attempt_id))
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is BUSY


async def test_what_the_desk_cannot_read_is_the_listeners_to_hear(world: World) -> None:
    with pytest.raises(MalformedCallback):
        await kept(world, {"namespace": "STREAM", "eventType": "X"})


async def test_a_call_that_never_reached_the_phone_is_no_attempt_and_may_be_placed_in_the_next_run(
    world: World,
) -> None:
    world.crm.add(chasing(lead(1), 1, world.clock.now() - timedelta(days=1), attempts=3))
    await world.run()
    session = world.session(lead(1))
    for _ in range(2):
        await world.services.callbacks.take(not_dialled(session))
        await world.apply()
    (released,) = await world.attempts(lead(1))
    assert (released.state, released.reason) == (AttemptState.RELEASED, "not dialled: the agent declined")
    assert await world.updates(lead(1)) == []
    assert (await world.run()).totals["called"] == 1
    assert len(world.telephony.rings) == 2
    assert await world.breaches() == []


async def test_not_dialled_is_believed_of_an_unknown_call_and_of_one_closed_as_unknown(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.telephony.always = Ambiguous("no answer")
    await world.run()
    for number in (1, 2):
        attempt = await world.attempt(lead(number))
        await world.services.callbacks.take(not_dialled(f"s-{number}", attemptId=attempt.attempt_id))
        await world.apply()
        (row,) = await world.attempts(lead(number))
        assert (row.state, row.session_id) == (AttemptState.RELEASED, f"s-{number}")
        world.clock.move_to(world.clock.now() + timedelta(days=1))
        await world.services.reconciler.sweep()
    assert await world.breaches() == []


@pytest.mark.parametrize("end", [ANSWERED, BUSY])
async def test_an_end_that_is_known_stands_against_not_dialled(world: World, end: Disposition) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.hear(world.session(lead(1)), end)
    await world.services.callbacks.take(not_dialled(world.session(lead(1))))
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is end
    assert await world.inbox_count("conflict") == 1


async def test_not_dialled_before_8x8s_own_answer_is_matched_as_soon_as_the_session_is_known(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.services.callbacks.take(not_dialled("session-1"))
    await world.apply()
    await world.run()
    await world.apply()
    (row,) = await world.attempts(lead(1))
    assert row.state is AttemptState.RELEASED


async def test_without_a_free_agent_the_run_waits_reserves_nothing_and_goes_on_with_the_first_who_is(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=10.0)
    world.crm.add(*(person(lead(n), n) for n in range(1, 4)))
    world.telephony.agents = 0
    running = asyncio.create_task(world.run())
    await world.clock.sleep(12)
    assert not running.done()
    assert world.crm.looks == []
    assert world.log.events("info").count("no agent is free, the run waits") == 1
    world.telephony.agents = 1
    await world.clock.sleep(11)
    run = await running
    assert (run.state, run.totals["called"]) == (RunState.FINISHED, 3)


async def test_an_agent_who_was_just_taken_costs_no_try_and_no_quota(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=10.0)
    world.crm.add(person(lead(1), 1))
    world.telephony.script[phone(1)] = deque([NobodyFree(2.0, "no agent is free")] * 6)
    run = await world.run()
    assert (run.totals["called"], run.totals["errors"]) == (1, 0)
    assert len(world.telephony.rings) == 7
    waits = [after.at - before.at for before, after in pairwise(world.telephony.rings)]
    assert min(waits) >= 2.0
    assert (await world.attempt(lead(1))).state is AttemptState.PLACED
    assert await world.breaches() == []


async def test_a_run_does_not_reserve_more_calls_than_agents_are_free(make_world: MakeWorld) -> None:
    world = make_world(calls_per_second=10.0)
    world.crm.add(*(person(lead(n), n) for n in range(1, 21)))
    world.telephony.agents = 2
    await world.run()
    assert max(len(keys) for _, keys in world.crm.looks) <= 2
    assert len(world.telephony.rings) == 20
