"""A simulation of recorded days begins with the people as they were, lets their calls end as they did, and writes nothing."""

from collections import Counter
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordKey
from autodialer.ports.figures import Figure
from autodialer.rules.policy import Policy
from autodialer.service.costing import CallLength
from autodialer.service.simulation.answers import DEFAULT_BY_ATTEMPT, Rate, from_history
from autodialer.service.simulation.desk import Question, SimulationDesk
from autodialer.service.simulation.diff import differences
from autodialer.service.simulation.tally import Did, Tally
from service.test_plan_explain import counts
from service.world import DAY, MONDAY, World, chasing, contact, lead, person

ENDS = [Disposition.NO_ANSWER, Disposition.BUSY, Disposition.ANSWERED, Disposition.FAILED]
SINCE = MONDAY.replace(hour=0)


async def dialled(world: World, days: int) -> list[tuple[RecordKey, int, int, Disposition]]:
    """Runs as they are due; (record, day, hour, end) of each call."""
    made: list[tuple[RecordKey, int, int, Disposition]] = []
    for day in range(days):
        for hour in (10, 14, 18):
            slot = SINCE + day * DAY + timedelta(hours=hour)
            await world.clock.sleep((slot - world.clock.now()).total_seconds())
            run = await world.run(slot=slot)
            for key, row in (await world.staged(run)).items():
                if row.state.value == "called":
                    # Numbers 4, 8 … never answer; the others answer some day.
                    choices = ENDS if int(key.zoho_id) % 4 else [Disposition.NO_ANSWER, Disposition.BUSY]
                    end = choices[(int(key.zoho_id) + len(await world.attempts(key))) % len(choices)]
                    made.append((key, day, hour, end))
                    await world.hear((await world.attempts(key))[-1].session_id, end)
            await world.drain()
    return made


def crowd(world: World) -> None:
    world.crm.add(
        *(person(lead(n), n) for n in range(1, 9)),
        chasing(contact(20), 20, MONDAY - DAY, attempts=3),
        chasing(contact(21), 21, MONDAY - timedelta(hours=2), attempts=1),
    )


def calls_of(tally: Tally) -> list[tuple[RecordKey, int, int, Disposition]]:
    found = [(key, entry) for key, entry in tally.entries() if entry.did is Did.CALL]
    return [
        (key, (entry.slot - SINCE).days, entry.slot.hour, entry.end) for key, entry in found if entry.end is not None
    ]


async def test_the_policy_in_force_repeats_the_recorded_days_call_by_call(sqlite_world: World) -> None:
    world = sqlite_world
    crowd(world)
    made = await dialled(world, 4)
    assert len(made) > 30
    await world.clock.sleep(8 * 3600)
    before = await counts(world)
    setting = await world.services.simulation.prepare(Question(days=4, from_ledger=True), SINCE + 4 * DAY)
    assert await counts(world) == before
    assert len(setting.people) == 10
    tally = setting.live(Policy())
    assert sorted(calls_of(tally)) == sorted(made)
    assert list(differences(tally, setting.live(Policy()))) == []


async def test_another_policy_over_the_same_days_changes_those_whom_it_is_about(sqlite_world: World) -> None:
    world = sqlite_world
    crowd(world)
    made = await dialled(world, 2)
    setting = await world.services.simulation.prepare(Question(days=2, from_ledger=True), SINCE + 2 * DAY)
    fewer = setting.live(Policy(day_quotas=(2, 2, 2), total_quota=6))
    per_day = Counter((key, day) for key, day, _, _ in calls_of(fewer))
    assert max(per_day.values()) == 2
    changed = {one.key for one in differences(setting.live(Policy()), fewer)}
    most = Counter((key, day) for key, day, _, _ in made)
    assert {key for (key, _), count in most.items() if count == 3} <= changed


async def test_people_are_no_more_than_asked_for_and_without_history_there_are_none(sqlite_world: World) -> None:
    world = sqlite_world
    desk = world.services.simulation
    assert list((await desk.prepare(Question(from_ledger=True), MONDAY)).people) == []
    crowd(world)
    await dialled(world, 1)
    assert len((await desk.prepare(Question(people=3, days=1, from_ledger=True), SINCE + DAY)).people) == 3


async def test_recorded_days_long_ago_are_about_those_who_were_called_then(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(*(person(lead(n), n) for n in range(1, 4)))
    made = await dialled(world, 2)
    then = {lead(n) for n in range(1, 4)}
    for key in then:
        world.crm.change(key, status="Recruiting")
    world.crm.add(*(person(lead(n), n) for n in range(11, 16)))
    await world.clock.sleep(3 * DAY.total_seconds())
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    await world.settle()
    asked = Question(people=3, days=2, from_ledger=True, start=SINCE.date())
    setting = await world.services.simulation.prepare(asked, world.clock.now())
    assert {start.key for start in setting.people} == then
    assert sorted(calls_of(setting.live(Policy()))) == sorted(made)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Auckland", "Pacific/Pago_Pago", "Europe/Bucharest"])
async def test_the_first_simulated_date_is_the_one_that_was_asked_for_wherever_the_team_is(zone: str) -> None:
    desk = SimulationDesk(None, Policy(timezone=zone), 1.0, 5, 900.0)
    setting = await desk.prepare(Question(people=1, start=SINCE.date()), MONDAY)
    assert setting.world.start.astimezone(ZoneInfo(zone)) == SINCE.replace(tzinfo=ZoneInfo(zone))


async def test_made_up_people_are_the_same_wherever_they_are_asked_for(sqlite_world: World) -> None:
    desk = sqlite_world.services.simulation
    one, other = [await desk.prepare(Question(people=50, seed=7), MONDAY) for _ in range(2)]
    assert one.people == other.people
    assert one.people != (await desk.prepare(Question(people=50, seed=8), MONDAY)).people
    said: Any = one.assumptions()
    assert (said["people_from"], said["call_seconds_sample"], said["starts_at"]) == ("seed", 0, SINCE)
    assert one.world.pace.length == CallLength()


def figures(*rows: tuple[int, int, str, int]) -> list[Figure]:
    return [Figure("2026-03-02", hour, attempt, end, calls) for attempt, hour, end, calls in rows]


def test_too_few_recorded_calls_leave_everything_assumed() -> None:
    model = from_history(figures((1, 10, "answered", 20), (1, 10, "no_answer", 70), (1, 10, "no_result_yet", 500)))
    assert model.by_attempt == tuple(Rate(value) for value in DEFAULT_BY_ATTEMPT)
    assert model.others_calls == 0


def test_recorded_calls_give_rates_with_their_numbers_and_the_rest_stays_assumed_in_proportion() -> None:
    model = from_history(
        figures(
            (1, 10, "answered", 40),
            (1, 10, "no_answer", 60),
            (2, 18, "answered", 10),
            (2, 18, "busy", 90),
            (3, 14, "busy", 5),
        )
    )
    assert model.by_attempt[:2] == (Rate(0.4, 100), Rate(0.1, 100))
    overall = 50 / 205
    assert model.by_attempt[2].calls == 0
    usual = sum(DEFAULT_BY_ATTEMPT) / len(DEFAULT_BY_ATTEMPT)
    assert model.by_attempt[2].value == pytest.approx(DEFAULT_BY_ATTEMPT[2] * overall / usual)
    assert model.by_hour[10] == Rate(0.4 / overall, 100)
    assert model.by_hour[14] == Rate(1.0)
    assert model.others == {Disposition.NO_ANSWER: 60 / 155, Disposition.BUSY: 95 / 155}
    assert model.others_calls == 155
    assert model.chance(1, 10) <= 1.0
