"""`explain` says what a run would decide: over the same attempts, the same updates and the same look at the CRM."""

from collections import deque
from datetime import timedelta
from typing import Any

from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Refused, Scope
from autodialer.service.holding import hold
from service.test_explain import HOUR, texts
from service.test_parked import REFUSED, parked
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

YESTERDAY = MONDAY - DAY


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


async def test_while_no_call_may_be_sent_the_next_call_is_said_to_wait_for_that(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.write(lambda ledger: hold(ledger, "an older state was put back", None, MONDAY))
    (provided,) = (await world.explained(lead(1)))["next"]["provided"]
    assert provided == "No call is sent until this is settled: an older state was put back."
