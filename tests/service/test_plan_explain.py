"""`plan` says what the run will do and leaves no trace; `explain` says what the rules say of one person."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.store.engine import Database
from autodialer.store.tables import metadata
from service.fakes import zoho_down
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

WOULD = {"due": "call", "dead": "mark_dead", "skip": "skip"}


def mixed(world: World) -> None:
    """Somebody for each verdict."""
    world.crm.add(
        person(lead(1), 1),
        person(contact(2), 2, phone=phone(1)),
        chasing(lead(3), 3, MONDAY - DAY, attempts=3),
        chasing(lead(4), 4, MONDAY - 4 * DAY),
        chasing(contact(5), 5, MONDAY - DAY, attempts=7),
        chasing(contact(6), 6, MONDAY + DAY),
        person(lead(7), 7, call_attempts=1),
        person(lead(8), 8, phone="+"),
        person(lead(9), 9, call_attempts="x"),
        chasing(lead(10), 10, MONDAY - timedelta(hours=3), attempts=3),
        person(lead(11), 11, "Recruiting"),
    )


async def counts(world: World) -> dict[str, int]:
    database = getattr(world.inner, "database", None)
    assert isinstance(database, Database)
    return await database.read(
        lambda db: {
            table.name: db.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    )


async def test_a_plan_has_the_verdicts_of_the_run_and_changes_nothing(world: World) -> None:
    mixed(world)
    before = await counts(world)
    async with world.services.planner.plan() as plan:
        planned = [row async for row in plan.rows()]
    assert await counts(world) == {**before, "audit": 1}, "but that somebody asked for it"
    assert not world.telephony.rings
    assert not world.crm.writes
    run = await world.run()
    staged = await world.staged(run)
    assert [row.key for row in planned] == list(staged)
    for row in planned:
        done = staged[row.key]
        assert (row.reason, row.detail, row.next_at) == (done.reason, done.detail, done.next_at)
        assert (row.state.value, done.state.value) in {("due", "called"), ("skip", "skip"), ("dead", "dead")}
    assert plan.totals == {
        "processed": 10,
        "would_call": run.totals["called"],
        "errors": 0,
        "skipped": run.totals["skipped"],
        "marked_dead": 1,
        "reasons": plan.totals["reasons"],
        "zoho_credits": 2 * 3 + 2 * 3 + 2,
    }


async def test_a_plan_knows_what_the_ledger_knows(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    async with world.services.planner.plan() as plan:
        reasons = {row.key: row.reason async for row in plan.rows()}
    assert reasons == {lead(1): "answered_waiting", lead(2): "open_attempt"}


async def test_a_plan_says_so_when_zoho_can_not_be_read(world: World) -> None:
    world.crm.down = zoho_down()
    with pytest.raises(CrmError):
        async with world.services.planner.plan():
            pass


async def test_explain_agrees_with_the_plan_for_everybody(world: World) -> None:
    mixed(world)
    async with world.services.planner.plan() as plan:
        planned = {row.key: row async for row in plan.rows()}
    for key, row in planned.items():
        if row.reason == "same_phone_as":
            continue  # before the first run the ledger knows of no other record with that number
        answer = await world.explained(key)
        assert answer is not None
        verdict: Any = answer["now"]
        assert (verdict["would"], verdict["reason"], verdict["detail"], verdict["next_at"]) == (
            WOULD[row.state.value],
            row.reason,
            row.detail,
            row.next_at,
        )


async def test_once_a_run_has_seen_both_explain_knows_who_else_has_the_number(world: World) -> None:
    world.all_end(Disposition.NO_ANSWER)
    yesterday = MONDAY - DAY
    world.crm.add(chasing(lead(1), 1, yesterday), chasing(contact(2), 2, yesterday, phone=phone(1)))
    run = await world.run()
    await world.settle()
    assert await world.reason(run, contact(2)) == "same_phone_as"
    now = (await world.explained(contact(2)))["now"]
    assert (now["would"], now["reason"]) == ("skip", "same_phone_as")
    assert str(lead(1)) in now["why"]
    world.crm.change(lead(1), status="Recruiting")
    assert (await world.explained(contact(2)))["now"]["would"] == "call"


async def test_explain_tells_the_whole_history_without_the_number_or_the_name(world: World) -> None:
    world.crm.add(person(lead(1), 1, name="Ana Pop"))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    await world.drain()
    answer: Any = await world.explained(lead(1))
    assert answer["now"]["reason"] == "no_answer"
    assert answer["in_crm"]["status"] == "No Answer"
    assert [attempt["disposition"] for attempt in answer["attempts"]] == ["busy"]
    assert [update["state"] for update in answer["updates"]] == ["sent"]
    assert [callback["state"] for callback in answer["callbacks"]] == ["applied"]
    assert answer["last_run"]["reason"] == "new"
    shown = str({**answer, "callbacks": None})
    assert phone(1)[1:] not in shown
    assert "Ana" not in shown


async def test_explain_of_a_record_that_nobody_knows_is_none_and_without_zoho_it_tells_what_the_ledger_knows(
    world: World,
) -> None:
    assert await world.explained(lead(404)) is None
    world.crm.add(person(lead(1), 1))
    await world.run()
    world.crm.look_fails = zoho_down()
    answer: Any = await world.explained(lead(1))
    assert answer["crm_error"] == "Zoho is out of reach"
    assert answer["now"] is None
    assert len(answer["attempts"]) == 1
