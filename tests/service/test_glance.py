"""One look at the present moment: what it says, and that it costs the same however many look."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import StoreError
from autodialer.domain.placing import Placed, Refused, Scope, Throttled
from autodialer.ports.figures import Figure
from autodialer.ports.ledger import Store
from autodialer.ports.rows import RunKind, RunState
from autodialer.rules.policy import Policy
from autodialer.service.answer_rates import answer_rates
from autodialer.service.control import pause, resume
from autodialer.service.glance import Glance, Glancer, Standing
from autodialer.service.holding import hold
from autodialer.service.schedule import remember_start
from autodialer.service.sharing import Shared
from autodialer.service.upstreams import BOUNDS, Upstream, outage
from autodialer.telephony_http.noting import note_outcome
from service.fakes import ProcessStore, zoho_down
from service.virtual_time import ManualClock, pass_time
from service.world import MONDAY, World, lead, person

T = TypeVar("T")
SECOND = timedelta(seconds=1)


async def look(world: World) -> Glance:
    """Anew, whatever was seen before."""
    world.services.glancer.forget()
    return await world.services.glancer.look()


async def test_before_the_first_run_nothing_is_going_on(world: World) -> None:
    glance = await look(world)
    assert (glance.standing, glance.run, glance.runs, glance.calls) == (Standing.IDLE, None, [], [])
    assert (glance.lines_in_use, glance.lines) == (0, 50)
    assert glance.next_run == MONDAY + timedelta(hours=4)
    assert glance.is_sending


async def test_a_run_that_is_over_shows_its_totals_and_how_its_calls_ended(world: World) -> None:
    world.crm.add(*(person(lead(number), number) for number in range(6)), person(lead(7), 7, phone="no number"))
    world.all_end(Disposition.BUSY)
    async with world.working():
        run = await world.run()
        await world.settle()
    glance = await look(world)
    assert glance.run is not None
    found = glance.run
    assert (found.run.run_id, found.run.is_open, found.called, found.skipped, found.left) == (
        run.run_id,
        False,
        6,
        1,
        0,
    )
    assert found.ends == {"busy": 6}
    assert glance.figures.today["by_disposition"] == {"busy": 6}
    assert {row.key for row in glance.calls} == {lead(number) for number in range(6)}
    ended = [row.ended_at for row in glance.calls if row.ended_at]
    assert ended == sorted(ended, reverse=True)


async def test_a_run_in_progress_says_how_far_it_is_how_fast_and_until_when(world: World) -> None:
    world.crm.add(*(person(lead(number), number) for number in range(600)))
    opened = await world.services.runs.open(RunKind.MANUAL, None)
    going = asyncio.create_task(world.services.runs.conduct(opened))
    await world.clock.sleep(30)
    glance = await look(world)
    progress = glance.run
    assert glance.standing is Standing.RUNNING
    assert progress is not None
    assert progress.records == progress.to_call == 600
    assert progress.called + progress.left == 600
    assert progress.rate == pytest.approx(60 * progress.called / 30, rel=0.25)
    assert progress.expected_end is not None
    left = (progress.expected_end - glance.at).total_seconds()
    assert left == pytest.approx(progress.left * 60 / progress.rate, rel=0.01)
    world.services.stopping.set()
    await going
    world.services.stopping.clear()


async def test_it_says_why_nobody_is_called(world: World) -> None:
    await world.write(lambda ledger: pause(ledger, world.clock.now(), "ana"))
    glance = await look(world)
    assert (glance.standing, glance.is_sending) == (Standing.PAUSED, False)
    assert glance.pause is not None
    assert (glance.pause.who, glance.pause.at) == ("ana", world.clock.now())
    await world.write(lambda ledger: hold(ledger, "an older state was put back", None, world.clock.now()))
    held = await look(world)
    assert (held.standing, held.reason) == (Standing.HELD, "an older state was put back")
    world.telephony.missing = ["EIGHTX8_CALLER_ID is not set"]
    unready = await look(world)
    assert (unready.standing, unready.reason) == (
        Standing.UNREADY,
        "no calls can be placed: EIGHTX8_CALLER_ID is not set",
    )
    dry = world.boot("dry", dry_run=True)
    assert (await dry.services.glancer.look()).standing is Standing.DRY_RUN


async def test_after_resuming_nothing_is_said_of_the_pause(world: World) -> None:
    await world.write(lambda ledger: pause(ledger, world.clock.now(), "ana"))
    await world.write(lambda ledger: resume(ledger, world.clock.now(), "ana"))
    glance = await look(world)
    assert (glance.standing, glance.pause) == (Standing.IDLE, None)


async def test_a_skipped_slot_is_listed_and_is_not_the_run_of_interest(world: World) -> None:
    done = await world.run()
    skipped = world.services.runs.skipped(MONDAY, "paused")
    await world.write(lambda ledger: ledger.runs.skip_slot(skipped))
    glance = await look(world)
    assert {run.state for run in glance.runs} == {RunState.FINISHED, RunState.SKIPPED}
    assert glance.run is not None
    assert glance.run.run.run_id == done.run_id


class CountingStore:
    """Counts the readings that pass through."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.reads = 0

    async def write(self, work: Any) -> Any:
        return await self._inner.write(work)

    async def read(self, work: Any) -> Any:
        self.reads += 1
        return await self._inner.read(work)


async def test_a_run_that_is_due_and_can_t_start_yet_is_told_of_until_it_starts(world: World) -> None:
    await world.write(lambda ledger: remember_start(ledger, MONDAY - timedelta(days=1)))
    world.crm.add(person(lead(1), 1))
    prepare = world.crm.prepare

    async def fails() -> None:
        raise zoho_down()

    world.crm.prepare = fails  # type: ignore[method-assign]
    async with world.working(scheduled=True):
        await pass_time(5)
        glance = await look(world)
        assert (glance.standing, glance.is_late) == (Standing.IDLE, True)
        assert glance.reason.startswith("the run of 10:00 UTC can't start yet: ")
        world.crm.prepare = prepare  # type: ignore[method-assign]
        await pass_time(90)
        assert not (await look(world)).is_late
    assert world.telephony.rings


async def test_however_many_look_the_ledger_is_read_once_a_second(world: World) -> None:
    counting = CountingStore(ProcessStore(world.inner))
    services = world.services
    glancer = Glancer(replace(services.means, store=counting), services.lines, services.credits)
    await asyncio.gather(*(glancer.look() for _ in range(50)))
    once = counting.reads
    assert once == 2
    await asyncio.gather(*(glancer.look() for _ in range(50)))
    assert counting.reads == once
    await world.clock.sleep(1.1)
    await asyncio.gather(*(glancer.look() for _ in range(50)))
    assert counting.reads <= 2 * once


async def test_what_takes_long_to_read_is_read_less_often() -> None:
    clock = ManualClock(MONDAY)
    readings = 0

    async def slow() -> int:
        nonlocal readings
        readings += 1
        await clock.sleep(0.1)
        return readings

    shared = Shared(slow, clock, 1.0)
    for _ in range(24):
        await shared.get()
        await clock.sleep(1.0)
    assert 4 <= readings <= 6, "0.1 s of reading in every 5 s"


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    clock = ManualClock(MONDAY)
    gate = asyncio.Event()

    async def read() -> str:
        await gate.wait()
        return "here"

    shared = Shared(read, clock, 1.0)
    first, second = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == "here"


async def test_an_error_reaches_all_who_wait_and_is_forgotten() -> None:
    clock = ManualClock(MONDAY)
    answers: list[Exception | str] = [StoreError("gone", permanent=False), "back"]

    async def read() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared = Shared(read, clock, 1.0)
    both = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert [str(error) for error in both] == ["gone", "gone"]
    assert await shared.get() == "back"


async def test_what_was_being_read_when_something_changed_is_not_kept() -> None:
    clock = ManualClock(MONDAY)
    gates = [asyncio.Event(), asyncio.Event()]
    begun = 0

    async def read() -> int:
        nonlocal begun
        begun += 1
        mine = begun
        await gates[mine - 1].wait()
        return mine

    shared = Shared(read, clock, 1.0)
    old = asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    shared.forget()
    new = asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    gates[1].set()
    assert await new == 2
    gates[0].set()
    assert await old == 1
    assert await shared.get() == 2


@pytest.mark.parametrize(
    ("zone", "day", "hour", "local"),
    [
        ("America/Los_Angeles", "2026-03-08", 1, 18),  # on the 9th in UTC, in summer already
        ("America/Los_Angeles", "2026-11-01", 1, 17),
        ("Europe/Bucharest", "2026-03-29", 22, 0),  # on the 28th in UTC, still in winter
        ("Europe/Bucharest", "2026-03-29", 12, 15),
    ],
)
def test_on_the_day_on_which_clocks_change_a_call_counts_in_the_hour_that_they_showed(
    zone: str, day: str, hour: int, local: int
) -> None:
    on = date.fromisoformat(day)
    (rate,) = answer_rates([Figure(day, hour, 1, "answered", 1)], on, on, ZoneInfo(zone)).by_hour
    assert rate.at == local


def test_answer_rates_are_by_local_hour_and_number_of_the_call() -> None:
    policy = Policy(timezone="Europe/Bucharest")
    figures = [
        Figure("2026-01-15", 8, 1, "answered", 3),
        Figure("2026-01-15", 8, 1, "no_answer", 6),
        Figure("2026-07-15", 7, 2, "busy", 1),  # summer: the clocks show 10, as at 8 UTC in winter
        Figure("2026-07-15", 7, 2, "unknown", 9),
        Figure("2026-07-15", 7, 2, "no_result_yet", 9),
    ]
    first, last = policy.local_date(MONDAY), policy.local_date(MONDAY)
    rates = answer_rates(figures, first, last, policy.zone)
    assert [(rate.at, rate.calls, rate.answered) for rate in rates.by_hour] == [(10, 10, 3)]
    assert [(rate.at, rate.calls, rate.answered, rate.share) for rate in rates.by_attempt] == [
        (1, 9, 3, 3 / 9),
        (2, 1, 0, 0),
    ]


async def test_an_upstream_remembers_how_it_went_and_how_long_it_took() -> None:
    clock = ManualClock(MONDAY)
    upstream = Upstream(clock)
    asked = upstream.ask("place")
    await clock.sleep(0.3)
    asked.ends()
    assert (upstream.state.is_failing, upstream.state.last_success_at) == (False, clock.now())
    asked = upstream.ask("place")
    await clock.sleep(61)
    asked.ends("HTTP 503")
    upstream.pauses(10)
    state = upstream.state
    assert (state.is_failing, state.last_error, state.last_error_at) == (True, "HTTP 503", clock.now())
    assert state.paused_until == clock.now() + 10 * SECOND
    latency = state.latencies["place"]
    assert (latency.requests, latency.failed, round(latency.seconds, 1)) == (2, 1, 61.3)
    assert latency.counts[BOUNDS.index(0.5)] == latency.counts[-1] == 1
    upstream.ask("place").ends()
    assert not upstream.state.is_failing


async def test_an_outage_began_with_its_first_failure_however_many_follow() -> None:
    clock = ManualClock(MONDAY)
    upstream = Upstream(clock)
    for _ in range(2):
        began = clock.now()
        for problem in ("HTTP 503", "HTTP 503", "ReadTimeout"):
            upstream.ask("query").ends(problem)
            await clock.sleep(30)
        assert upstream.state.failing_since == began
        upstream.ask("query").ends()
        assert upstream.state.failing_since is None


async def test_an_outage_is_as_long_as_it_was_met_however_long_nothing_is_asked_afterwards() -> None:
    """Or the alert AutodialerUpstreamFailing would call somebody about one request that failed, hours after a run."""
    clock = ManualClock(MONDAY)
    upstream = Upstream(clock)
    assert upstream.state.failing_for == 0 * SECOND
    upstream.ask("query").ends("HTTP 503")
    await clock.sleep(1000)
    assert upstream.state.failing_for == 0 * SECOND
    upstream.ask("query").ends("HTTP 503")
    await clock.sleep(1000)
    assert upstream.state.failing_for == 1000 * SECOND
    upstream.ask("query").ends()
    assert upstream.state.failing_for == 0 * SECOND


def test_a_status_that_speaks_of_the_request_says_nothing_against_the_one_who_answers() -> None:
    assert [status for status in (200, 204, 304, 400, 404, 409, 412) if outage(status)] == []
    assert [status for status in (401, 403, 408, 429, 500, 503) if outage(status)] == [401, 403, 408, 429, 500, 503]


async def test_a_throttle_and_a_refusal_of_the_account_are_told_of_8x8_and_one_of_a_call_is_not() -> None:
    upstream = Upstream(ManualClock(MONDAY))
    for harmless in (Placed("s"), Refused("-1", "bad number", Scope.NUMBER)):
        note_outcome(upstream, harmless)
    assert not upstream.state.is_failing
    note_outcome(upstream, Throttled(7.0))
    assert upstream.state.paused_until == MONDAY + 7 * SECOND
    note_outcome(upstream, Refused("401", "wrong key", Scope.ACCOUNT, "Check EIGHTX8_API_KEY."))
    assert upstream.state.last_error == "8x8 refuses all calls: 401 wrong key Check EIGHTX8_API_KEY."


async def test_a_run_that_waits_for_an_agent_says_so_until_one_is_free(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.agents = 0
    async with world.working():
        running = asyncio.create_task(world.run())
        await world.clock.sleep(3)
        glance = await look(world)
        assert (glance.standing, glance.lacks_agent) == (Standing.RUNNING, True)
        world.telephony.agents = 1
        await running
        assert not (await look(world)).lacks_agent
