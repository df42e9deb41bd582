"""rules.md row 26, after the fact: what 8x8 took and then could not make is no attempt, unless a phone may have rung."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Throttled
from autodialer.ports.rows import RunKind, RunState, StagedState
from autodialer.rules.policy import Policy
from autodialer.service.pacing import Pacer
from autodialer.service.preparing import Stop
from autodialer.service.troubles import Watch
from service.conftest import MakeWorld
from service.eightx8_words import AGENT, called, error_of, hear, leg, live, make_voice, speaking, vss
from service.virtual_time import ManualClock, pass_time
from service.world import DAY, MONDAY, World, lead, person, phone

NOT_RUNG = [-2003, -2010]  # all of them: tests/contract/eightx8/test_actions.py


@pytest.fixture
async def world(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    return speaking(make_world, monkeypatch, make_voice())


@pytest.mark.parametrize("code", NOT_RUNG)
async def test_row_26_a_call_that_rang_nobody_returns_its_quota_and_writes_nothing(world: World, code: int) -> None:
    attempt = await called(world)
    await hear(world, error_of(attempt, code), error_of(attempt, code) | {"version": 5})
    after = (await world.attempts(lead(1)))[0]
    assert (after.state, after.disposition) == (AttemptState.RELEASED, None)
    assert after.reason.startswith("8x8 could not make the call: ")
    assert str(code) in after.reason
    assert await world.updates(lead(1)) == []
    assert [row.note for row in await world.inbox(attempt.attempt_id)][1:] == ["repeated"]
    assert await world.breaches() == []


async def test_a_person_whose_phone_never_rang_is_called_in_the_next_run_as_if_for_the_first_time(world: World) -> None:
    await hear(world, error_of(await called(world), -2010))
    await world.run()
    (again,) = [row for row in await world.attempts(lead(1)) if row.state is AttemptState.PLACED]
    assert (again.is_new, again.attempts_before) == (True, 0)
    assert await world.breaches() == []


@pytest.mark.parametrize("code", [-2001, -9999])
async def test_an_error_that_may_have_rung_somebody_counts(world: World, code: int) -> None:
    attempt = await called(world)
    await hear(world, error_of(attempt, code))
    assert (await world.attempt(lead(1))).disposition is Disposition.FAILED
    assert len(await world.updates(lead(1))) == 1


async def test_an_error_after_seconds_of_ringing_counts_whatever_its_code(world: World) -> None:
    await hear(world, error_of(await called(world), -2010, seconds=12))
    assert (await world.attempt(lead(1))).disposition is Disposition.FAILED


async def test_an_error_after_somebody_was_seen_to_pick_up_counts_whatever_its_code(world: World) -> None:
    attempt = await called(world)
    await hear(world, live(attempt, "CALL_STATUS", "CALL_CONNECTED", sipCode=200), error_of(attempt, -2008))
    after = await world.attempt(lead(1))
    assert after.disposition is Disposition.FAILED
    assert "SIP 200" in after.reason


async def test_the_persons_own_word_is_no_technical_failure_though_the_session_ended_with_an_error(
    world: World,
) -> None:
    attempt = await called(world)
    person_leg = leg(attempt.number or "", "COMPLETED", seconds=9)
    await hear(world, vss(attempt, "ERROR", person_leg, leg(AGENT, "ERROR"), error=-2010))
    after = await world.attempt(lead(1))
    assert (after.disposition, after.agent_unreached) == (Disposition.ANSWERED, True)


async def test_the_policy_can_count_technical_failures(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = speaking(make_world, monkeypatch, make_voice(), policy=Policy(technical_failures="counted"))
    await hear(world, error_of(await called(world), -2010))
    after = await world.attempt(lead(1))
    assert (after.disposition, "-2010" in after.reason) == (Disposition.FAILED, True)
    assert len(await world.updates(lead(1))) == 1


async def test_a_call_closed_as_unknown_is_given_back_when_8x8_says_late_that_it_rang_nobody(world: World) -> None:
    attempt = await called(world)
    world.clock.move_to(MONDAY + DAY)
    for _ in range(2):  # unknown after RESULT_TIMEOUT, closed when its day is over
        await world.services.reconciler.sweep()
    assert (await world.attempt(lead(1))).disposition is Disposition.UNKNOWN
    await hear(world, error_of(attempt, -2007))
    assert (await world.attempts(lead(1)))[0].state is AttemptState.RELEASED
    assert await world.breaches() == []


async def test_an_end_that_stands_is_not_taken_back(world: World) -> None:
    attempt = await called(world)
    busy = vss(attempt, "BUSY", leg(attempt.number or "", "BUSY"))
    await hear(world, busy, error_of(attempt, -2008))
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY
    assert await world.inbox_count("conflict") == 1


async def _with_errors(world: World, codes: list[int], people: int = 8) -> tuple[RunState, str | None]:
    """A run in which the nth call ends at once with the nth error, over and over; 0 is a busy phone."""
    world.crm.add(*(person(lead(n), n) for n in range(people)))
    world.telephony.ends = None
    running = await world.services.runs.open(RunKind.MANUAL, None)

    task = asyncio.create_task(world.services.runs.conduct(running))
    heard = 0
    while not task.done():
        await pass_time(0.4)
        rows = [row for n in range(people) for row in await world.attempts(lead(n))]
        for row in sorted((row for row in rows if row.state is AttemptState.PLACED), key=lambda row: row.attempt_id):
            code = codes[heard % len(codes)]
            body = error_of(row, code) if code else vss(row, "BUSY", leg(row.number or "", "BUSY"))
            await hear(world, body)
            heard += 1
    run = await task
    return run.state, run.stop_reason


@pytest.mark.parametrize(("code", "remedy"), [(-2008, "EIGHTX8_CALLER_ID")])
async def test_three_calls_in_a_row_that_fail_for_the_same_reason_of_the_account_stop_the_run(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    world = speaking(make_world, monkeypatch, make_voice(), calls_per_second=1.0)
    state, reason = await _with_errors(world, [code])
    assert state is RunState.STOPPED
    assert str(code) in (reason or "")
    assert remedy in (reason or "")
    assert 3 <= len(world.telephony.rings) < 8


@pytest.mark.parametrize("codes", [[-2008, -2008, 0, -2004]])
async def test_other_ends_in_between_break_the_row(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, codes: list[int]
) -> None:
    world = speaking(make_world, monkeypatch, make_voice(), calls_per_second=1.0)
    state, _ = await _with_errors(world, codes, people=7)
    assert state is RunState.FINISHED
    assert len(world.telephony.rings) == 7


async def test_a_call_that_rang_nobody_is_an_error_of_its_run_not_a_call(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = speaking(make_world, monkeypatch, make_voice(), calls_per_second=1.0)
    await _with_errors(world, [-2007, 0], people=8)
    run = (await world.read(lambda ledger: ledger.runs.recent(1)))[0]
    rows = await world.staged(run)
    not_rung = [row for row in rows.values() if row.reason == "not_rung"]
    assert not_rung
    assert {row.state for row in not_rung} == {StagedState.ERROR}
    assert run.totals["errors"] == len(not_rung)
    assert run.totals["called"] == 8 - len(not_rung)


async def test_calls_per_second_fall_when_8x8_has_no_lines_and_come_back_when_it_has(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = speaking(make_world, monkeypatch, make_voice(), calls_per_second=4.0, max_concurrent_calls=1000)
    crowd = 110
    world.crm.add(*(person(lead(n), n) for n in range(crowd)))
    told: list[float] = []

    async def deliver(body: Mapping[str, object]) -> None:
        row = await world.read(lambda ledger: ledger.attempts.find_session(str(body["session"])))
        assert row is not None
        if not told:
            told.append(world.clock.monotonic())
            await hear(world, error_of(row, -2010))
        else:
            await hear(world, vss(row, "BUSY", leg(row.number or "", "BUSY")))

    monkeypatch.setattr("service.fakes.summary", lambda session, _end: {"session": session})
    world.telephony.deliver = deliver
    world.telephony.rings_for = 5.0
    world.all_end(Disposition.BUSY)
    await world.run()
    at = [ring.at - world.telephony.rings[0].at for ring in world.telephony.rings]
    rates = [sum(start <= moment < start + 5 for moment in at) / 5 for start in range(int(at[-1]) - 4)]
    first = int(told[0] - world.telephony.rings[0].at)
    assert rates[0] >= 3.5
    assert max(rates[first + 1 : first + 4]) <= 2.4
    assert rates[-1] >= 3.5


async def test_calls_that_were_in_flight_when_8x8_had_no_lines_halve_the_pace_once(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(5)))
    world.telephony.ends = None
    run = await world.run()
    pacer = Pacer(4.0, world.clock)
    watch = Watch(world.process.store, world.clock, pacer)
    await watch.look(run, Stop())
    for n in range(5):
        await hear(world, error_of(await world.attempt(lead(n)), -2010))
        await pass_time(0.6)
        await watch.look(run, Stop())
    turns = [await pacer.turn() for _ in range(7)]
    assert turns[6] - turns[5] == pytest.approx(0.506, abs=0.01)


@pytest.mark.soak
async def test_a_429_hardly_slows_and_another_one_after_its_pause_halves_the_pace_which_comes_back(
    make_world: MakeWorld,
) -> None:
    world = make_world(calls_per_second=4.0, max_concurrent_calls=1000)
    world.crm.add(*(person(lead(n), n) for n in range(300)))
    world.telephony.script[phone(8)] = deque([Throttled(3.0)])
    world.telephony.script[phone(30)] = deque([Throttled(3.0)])
    world.telephony.script[phone(34)] = deque([Throttled(3.0)])
    await world.run()
    at = {ring.number: ring.at for ring in world.telephony.rings}
    last = max(at.values())

    def calls(start: float, seconds: float) -> int:
        return sum(start <= ring.at < start + seconds for ring in world.telephony.rings)

    assert calls(at[phone(20)], 2.0) == 8
    assert calls(at[phone(34)] + 5, 10) == pytest.approx(20, abs=1)
    assert calls(last - 10, 10) >= 39


async def test_the_pace_never_falls_below_a_sixteenth_and_returns_to_exactly_the_usual() -> None:
    clock = ManualClock(MONDAY)
    pacer = Pacer(10.0, clock)
    await pacer.turn()
    for _ in range(20):
        await pacer.slow_down(await pacer.turn())
        await pass_time(1)
    began = clock.monotonic()
    await pacer.turn()
    await pacer.turn()
    assert 1.5 < clock.monotonic() - began < 3.5
    for _ in range(60):
        await pass_time(5)
        await pacer.turn()
    began = clock.monotonic()
    for _ in range(20):
        await pacer.turn()
    assert clock.monotonic() - began == pytest.approx(2.0, abs=0.4)


async def test_the_agents_that_are_not_reached_are_an_alarm_above_the_policys_share(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = speaking(make_world, monkeypatch, make_voice(), policy=replace(Policy(), agent_unreached_alarm=0.5))
    world.crm.add(*(person(lead(n), n) for n in range(3)))
    await world.run()
    alarms: list[bool] = []
    for n, agent in enumerate(("COMPLETED", "NO_ANSWER", "BUSY")):
        row = await world.attempt(lead(n))
        await hear(world, vss(row, agent, leg(row.number or "", "COMPLETED", seconds=9), leg(AGENT, agent)))
        findings = await world.services.doctor.examine()
        alarms.append(any(finding.subject == "agents" for finding in findings))
    assert alarms == [False, False, True]
    assert (await world.attempt(lead(2))).agent_unreached
