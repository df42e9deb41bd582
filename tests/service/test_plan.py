"""What a plan tells besides the verdicts: the facts behind each, when next, what the run costs, and what to look at first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.rules.policy import Policy
from autodialer.service.costing import DEFAULT_CALL_SECONDS, CallLength, Cost, Pace
from autodialer.service.plan_warnings import Outlook, warnings_about
from autodialer.service.staging import Pulled
from service.fakes import zoho_down
from service.world import DAY, MONDAY, World, chasing, contact, lead, person


async def planned(world: World) -> dict[Any, dict[str, Any]]:
    async with world.services.planner.plan() as plan:
        return {row.key: plan.fields(row) async for row in plan.rows()}


async def test_each_record_comes_with_the_figures_of_zoho_and_of_the_ledger(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1), chasing(contact(2), 2, MONDAY - DAY, attempts=3))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    found = await planned(world)
    facts = found[lead(1)]["facts"]
    assert (facts["call_attempts"], facts["ledger_attempts"], facts["attempts"], facts["attempts_today"]) == (
        None,
        1,
        1,
        1,
    )
    assert (facts["total_quota"], facts["day_index"], facts["day_quota"]) == (7, 0, 3)
    assert facts["pending"] == {
        "status": "No Answer",
        "call_attempts": 1,
        "first_no_answer_at": MONDAY.isoformat(),
    }
    await world.drain()
    assert (await planned(world))[lead(1)]["facts"]["call_attempts"] == 1


async def test_each_record_says_at_which_run_something_may_happen_to_it_next(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(
        person(lead(1), 1),
        chasing(lead(2), 2, MONDAY - timedelta(hours=3), attempts=3),
        person(lead(3), 3, call_attempts="x"),
        person(lead(4), 1, phone=person(lead(1), 1).phone),
    )
    found = await planned(world)
    assert found[lead(1)]["next_run_at"] == datetime(2026, 3, 2, 14, tzinfo=UTC)
    assert (found[lead(2)]["reason"], found[lead(2)]["next_run_at"]) == (
        "day_quota",
        datetime(2026, 3, 3, 10, tzinfo=UTC),
    )
    assert found[lead(3)]["next_run_at"] is None
    assert (found[lead(4)]["reason"], found[lead(4)]["next_run_at"]) == (
        "same_phone_as",
        datetime(2026, 3, 2, 14, tzinfo=UTC),
    )


async def test_the_length_of_a_call_is_assumed_until_there_are_enough_and_then_measured(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(*(person(lead(n), n) for n in range(40)))
    async with world.services.planner.plan() as plan:
        cost = plan.cost.fields()
    assert (cost["call_seconds"], cost["call_seconds_from"], cost["bound_by"]) == (
        DEFAULT_CALL_SECONDS,
        "default",
        "lines",
    )
    await world.run()
    await world.clock.sleep(60)
    for n in range(40):
        await world.hear(world.session(lead(n)), Disposition.BUSY)
    async with world.services.planner.plan() as plan:
        length = plan.cost.pace.length
    assert length.calls == 40
    assert 60 <= length.seconds < 70


def test_the_lines_or_the_pace_hold_calls_back() -> None:
    slow = Pace(1.0, 100, CallLength(30.0))
    assert (slow.bound_by, slow.dialing(61)) == ("pace", timedelta(seconds=60))
    few = Pace(10.0, 2, CallLength(30.0))
    assert (few.bound_by, few.dialing(5)) == ("lines", timedelta(seconds=60))
    assert few.whole(5) == timedelta(seconds=90)
    assert few.whole(0) == timedelta(0)


def outlook(**changes: Any) -> Outlook:
    cost = Cost(10, Pace(1.0, 50, CallLength(30.0)), 60, 6)
    values = {
        "now": MONDAY,
        "pulled": Pulled(400, 0, 0),
        "totals": {"marked_dead": 0, "reasons": {"new": 10}},
        "cost": cost,
        "credits_left": 50_000,
        "credits_kept": 5000,
        "confirm": False,
        **changes,
    }
    return Outlook(**values)


def said(**changes: Any) -> list[str]:
    return [str(sentence) for sentence in warnings_about(outlook(**changes), Policy())]


def test_an_ordinary_run_has_no_warning() -> None:
    assert said() == []


def test_records_held_back_by_the_limit_of_dead_are_warned_of_and_so_is_lifting_it() -> None:
    (held,) = said(pulled=Pulled(400, 0, 7))
    assert "107 records would become Dead" in held
    assert "at most 100 so: 7 are held back" in held
    (lifted,) = said(confirm=True, totals={"marked_dead": 107, "reasons": {}})
    assert "107 records would become Dead, more than the 100" in lifted


def test_a_run_that_lasts_into_the_next_one_or_the_next_day_is_warned_of() -> None:
    long = Cost(20_000, Pace(1.0, 500, CallLength(30.0)), 60, 6)
    (slot,) = said(cost=long)
    assert "333 minutes, until after the next run at 2026-03-02 14:00 UTC" in slot
    (midnight,) = said(cost=Cost(30_000, long.pace, 60, 6), now=MONDAY + timedelta(hours=8))
    assert "beyond midnight in UTC, when the run ends: the last of them are not made" in midnight


def test_credits_that_do_not_reach_and_data_to_repair_are_warned_of() -> None:
    (spent,) = said(credits_left=5030)
    assert "about 60 of Zoho's credits and 30 are left for runs" in spent
    (repair,) = said(totals={"marked_dead": 0, "reasons": {"no_valid_phone": 30, "bad_call_attempts": 11}})
    assert repair.startswith("41 of 400 records")


def test_a_plan_outside_of_the_calling_hours_says_that_nobody_would_be_called() -> None:
    nobody = Cost(0, Pace(1.0, 50, CallLength(30.0)), 6, 6)
    (closed,) = said(cost=nobody, totals={"marked_dead": 0, "reasons": {"calling_hours": 30}})
    assert "outside the calling hours of all 30" in closed


async def test_a_plan_that_can_not_be_made_leaves_nothing_open(sqlite_world: World) -> None:
    sqlite_world.crm.down = zoho_down()
    for _ in range(3):
        with pytest.raises(CrmError):
            async with sqlite_world.services.planner.plan():
                raise AssertionError("there is no plan")


async def test_each_plan_stands_in_the_audit_trail_even_if_zoho_did_not_answer(sqlite_world: World) -> None:
    world = sqlite_world
    async with world.services.planner.plan(confirm=True, by="oana"):
        pass
    world.crm.down = zoho_down()
    with pytest.raises(CrmError):
        async with world.services.planner.plan():
            raise AssertionError("there is no plan")
    rows = await world.read(lambda ledger: ledger.audit.newest_first(None, 10))
    assert [(row.who, row.action, row.detail) for row in rows] == [
        ("API", "make_plan", ""),
        ("oana", "make_plan", "without the limit on records made Dead"),
    ]
