"""`explain` says what a run would decide: over the same attempts, the same updates and the same look at the CRM."""

from collections import deque
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Refused, Scope
from autodialer.rules.calendars import Window
from autodialer.rules.policy import Policy
from autodialer.service.holding import hold
from service.conftest import MakeWorld
from service.test_explain import HOUR, texts
from service.test_parked import REFUSED, parked
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

YESTERDAY = MONDAY - DAY
FRIDAY = MONDAY + 4 * DAY


async def test_the_calls_of_an_update_that_was_given_up_count_for_explain_as_for_a_run(world: World) -> None:
    world.all_end(Disposition.NO_ANSWER)
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=6))
    world.crm.refusals[lead(1)] = deque([REFUSED])
    await world.run()
    await world.settle()
    (row,) = await parked(world)
    await world.services.parked.give_up(row.outbox_id, "never mind")
    now = (await world.explained(lead(1)))["now"]
    assert await world.reason(await world.run(), lead(1)) == "attempts_used"
    assert now["reason"] == "attempts_used"


async def test_calls_to_the_number_that_a_record_had_once_say_nothing_of_it_now(world: World) -> None:
    world.all_end(Disposition.ANSWERED)
    world.crm.add(chasing(lead(1), 1, YESTERDAY), chasing(contact(2), 2, YESTERDAY, phone=phone(1)))
    await world.run()
    await world.settle()
    world.crm.change(contact(2), phone="12", mobile="")
    world.clock.move_to(MONDAY + 4 * HOUR)
    before = (await world.explained(contact(2)))["now"]
    run = await world.run()
    assert (before["reason"], await world.reason(run, contact(2))) == ("no_valid_phone", "no_valid_phone")
    world.crm.change(contact(2), phone=phone(1))
    then = (await world.explained(contact(2), world.clock.now()))["now"]
    assert then["reason"] == "answered_waiting"
    world.clock.move_to(MONDAY + 5 * HOUR)
    moment = (await world.explained(contact(2), MONDAY + 4 * HOUR + timedelta(minutes=1)))["moment"]
    assert moment["then"]["reason"] == "no_valid_phone"
    assert moment["then"]["detail"] == moment["recorded"]["detail"]


async def test_an_update_that_zoho_took_while_it_was_asked_is_not_taken_for_seen(world: World) -> None:
    """The look may last; what was written meanwhile may not show in it."""
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    look = world.crm.look

    async def slow(keys: Any) -> Any:
        seen = await look(keys)
        world.crm.look = look  # type: ignore[method-assign]
        world.clock.move_to(world.clock.now() + timedelta(seconds=5))
        await world.drain()
        world.clock.move_to(world.clock.now() + timedelta(seconds=5))
        return seen

    world.crm.look = slow  # type: ignore[method-assign]
    now = (await world.explained(lead(1)))["now"]
    assert now["reason"] == "no_answer"
    assert now == (await world.explained(lead(1)))["now"]


async def test_a_number_that_8x8_refused_for_another_record_was_not_called(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY), chasing(contact(2), 2, YESTERDAY, phone=phone(1)))
    world.telephony.script[phone(1)] = deque([Refused("-1017", "cannot be dialled", Scope.NUMBER)])
    await world.run()
    found = await world.explained(contact(2))
    assert found["now"]["reason"] == "number_refused"
    assert texts(found, "placed") == []
    (told,) = texts(found, "released")
    assert told == f"8x8 refused the number when {lead(1)}, who has it too, was to be called; nobody's phone rang."


async def test_a_field_that_holds_a_list_is_told_as_no_count_and_breaks_nothing(world: World) -> None:
    world.crm.add(person(lead(1), 1, call_attempts=["2"]))
    await world.run()
    world.crm.change(lead(1), call_attempts=["3"])
    found = await world.explained(lead(1))
    assert found["now"]["reason"] == "bad_call_attempts"
    assert any("Call Attempts in Zoho was" in text for text in texts(found, "edited"))


async def test_on_the_last_day_nobody_is_promised_a_day_of_its_own(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - 2 * DAY, attempts=3), chasing(lead(2), 2, YESTERDAY, attempts=3))
    world.all_end(Disposition.NO_ANSWER)
    for slot in (MONDAY, MONDAY + 4 * HOUR):
        world.clock.move_to(slot)
        await world.run()
        await world.settle()
    last, other = await world.explained(lead(1)), await world.explained(lead(2))
    assert last["now"]["reason"] == other["now"]["reason"] == "day_quota"
    assert other["now"]["why"] == "All calls of this day are made."
    assert other["now"]["would_change"] == ["Nothing is needed: the next day begins at 2026-03-03 00:00 UTC."]
    assert last["now"]["why"] == "All calls of this day are made, and it was the last one that allows any."
    (change,) = last["now"]["would_change"]
    assert change.endswith("else it becomes Dead at the first run after 2026-03-03 00:00 UTC.")
    assert last["next"]["dead_at"] == MONDAY + DAY


@pytest.mark.parametrize(
    ("first", "at", "reason", "why"),
    [
        pytest.param(
            FRIDAY,
            FRIDAY + 8 * HOUR,
            "day_quota",
            "All calls of this day are made, and it was the last one that allows any.",
            id="all days that are left are a weekend",
        ),
        pytest.param(
            FRIDAY - 2 * DAY,
            FRIDAY + 8 * HOUR,
            "calling_hours",
            "It is outside of the calling hours that the policy sets, and its days are over before they begin again.",
            id="the hours begin again on Monday, its days end on Saturday",
        ),
    ],
)
async def test_whose_days_are_over_before_the_next_call_could_be_is_promised_none(
    make_world: MakeWorld, first: datetime, at: datetime, reason: str, why: str
) -> None:
    hours = (Window(time(9), time(17) if reason == "calling_hours" else None),)
    world = make_world(policy=Policy(skip_weekdays=(5, 6), team_windows=hours), start=at)
    world.crm.add(chasing(lead(1), 1, first, attempts=3))
    over = (first + 3 * DAY).replace(hour=0)
    found = await world.explained(lead(1))
    assert (found["now"]["reason"], found["now"]["why"], found["now"]["next_at"]) == (reason, why, over)
    assert found["now"]["would_change"] == [
        f"A person sets another status in Zoho; else it becomes Dead at the first run after {over:%Y-%m-%d} 00:00 UTC."
    ]
    assert (found["next"]["call_at"], found["next"]["dead_at"]) == (None, over + 10 * HOUR)
    run = await world.run()
    assert (await world.staged(run))[lead(1)].next_at == over


async def test_who_is_new_is_promised_the_hours_although_they_begin_three_days_later(make_world: MakeWorld) -> None:
    mornings = (Window(time(0), time(17)),)
    world = make_world(policy=Policy(skip_weekdays=(5, 6), team_windows=mornings), start=FRIDAY + 8 * HOUR)
    world.crm.add(person(lead(1), 1))
    found = await world.explained(lead(1))
    assert found["now"]["would_change"] == ["Nothing is needed: the hours begin at 2026-03-09 00:00 UTC."]
    assert found["next"]["call_at"] == FRIDAY + 3 * DAY


async def test_while_no_call_may_be_sent_the_next_call_is_said_to_wait_for_that(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.write(lambda ledger: hold(ledger, "an older state was put back", None, MONDAY))
    (provided,) = (await world.explained(lead(1)))["next"]["provided"]
    assert provided == "No call is sent until this is settled: an older state was put back."
