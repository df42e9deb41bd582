"""`explain` says why in plain words, what would change it, when next, how it stood at any moment, and all that happened."""

from collections import deque
from datetime import time, timedelta
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.placing import Refused, Scope
from autodialer.domain.update import NotWritten, Refusal
from autodialer.rules.calendars import Window
from autodialer.rules.policy import Policy
from autodialer.service.control import pause
from autodialer.web.console.advice import on_flaw
from service.conftest import MakeWorld
from service.fakes import zoho_down
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

HOUR = timedelta(hours=1)
FIELDS = ("call_attempts", "first_no_answer_at")


def kinds(found: Any) -> list[str]:
    return [event["kind"] for event in found["timeline"]]


def texts(found: Any, kind: str) -> list[str]:
    return [event["text"] for event in found["timeline"] if event["kind"] == kind]


async def test_the_next_call_is_at_the_first_slot_at_which_the_rules_allow_one(world: World) -> None:
    world.crm.add(
        person(lead(1), 1),
        chasing(lead(2), 2, MONDAY - HOUR, attempts=3),
        chasing(lead(3), 3, MONDAY - DAY, attempts=7),
        person(lead(4), 4, "Recruiting"),
    )
    found = {number: await world.explained(lead(number)) for number in (1, 2, 3, 4)}
    assert found[1]["next"]["call_at"] == MONDAY + 4 * HOUR
    assert found[2]["now"]["reason"] == "day_quota"
    assert found[2]["now"]["would_change"] == ["Nothing is needed: the next day begins at 2026-03-03 00:00 UTC."]
    assert found[2]["next"]["call_at"] == MONDAY + DAY
    assert (found[3]["next"]["call_at"], found[3]["next"]["dead_at"]) == (None, MONDAY + 2 * DAY)
    assert (found[4]["next"]["call_at"], found[4]["next"]["dead_at"]) == (None, None)
    assert found[4]["now"]["why"] == "The status in Zoho is Recruiting, and only New and No Answer are called."
    assert found[4]["now"]["would_change"] == ["A person sets the status to New or No Answer in Zoho."]


async def test_calling_hours_move_the_next_call_to_a_slot_inside_of_them(make_world: MakeWorld) -> None:
    world = make_world(policy=Policy(team_windows=(Window(time(17), time(20)),), skip_weekdays=(0,)))
    world.crm.add(person(lead(1), 1))
    assert (await world.explained(lead(1)))["next"]["call_at"] == MONDAY + DAY + 8 * HOUR


async def test_an_open_call_is_expected_to_be_closed_as_unknown_when_its_day_ends(world: World) -> None:
    world.all_end(None)
    world.crm.add(person(lead(1), 1), chasing(lead(2), 2, MONDAY - HOUR))
    await world.run()
    new, chased = await world.explained(lead(1)), await world.explained(lead(2))
    attempt = await world.attempt(lead(1))
    assert new["now"]["reason"] == "open_attempt"
    assert attempt.attempt_id in new["now"]["would_change"][0]
    assert "2026-03-03 00:00 UTC" in new["now"]["would_change"][1]
    assert new["next"]["call_at"] is None
    assert chased["next"]["call_at"] == MONDAY + DAY
    world.clock.move_to(MONDAY + DAY + timedelta(minutes=1))
    await world.services.reconciler.sweep()
    await world.services.reconciler.sweep()
    closed = (await world.explained(lead(1)))["now"]
    assert closed["reason"] == "new_already_called"
    assert closed["would_change"][0] == "Somebody who knows how the call ended settles it (autodialer unknown)."
    assert (await world.explained(lead(2)))["now"]["would"] == "call"


@pytest.mark.parametrize("emptied", [False, True])
async def test_who_is_new_again_after_a_call_is_not_told_to_empty_fields_that_change_nothing(
    world: World, emptied: bool
) -> None:
    world.all_end(Disposition.NO_ANSWER)
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.settle()
    world.clock.move_to(MONDAY + HOUR)
    world.crm.change(lead(1), status="New", **(dict.fromkeys(FIELDS) if emptied else {}))
    await world.run()
    now = (await world.explained(lead(1)))["now"]
    assert now["reason"] == "new_already_called"
    assert now["would_change"] == ["A person sets the status that fits, No Answer if calls are to go on."]
    flawed = on_flaw(now["reason"], now["detail"])
    assert "No Answer if calls are to go on" in flawed.remedy
    assert "mpty" not in flawed.remedy


async def test_who_is_new_with_a_count_from_elsewhere_is_told_to_empty_it(world: World) -> None:
    world.crm.add(person(lead(1), 1, call_attempts=2))
    await world.run()
    now = (await world.explained(lead(1)))["now"]
    assert "If nobody was ever called: empty Call Attempts and First No Answer At in Zoho." in now["would_change"]
    assert "empty Call Attempts" in on_flaw(now["reason"], now["detail"]).remedy


async def test_while_calls_are_paused_the_next_call_is_said_to_wait_for_that(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.write(lambda ledger: pause(ledger, MONDAY))
    (provided,) = (await world.explained(lead(1)))["next"]["provided"]
    assert "paused" in provided


async def test_why_no_run_starts_is_said_beside_when_next(make_world: MakeWorld) -> None:
    world = make_world(dry_run=True)
    world.telephony.missing = ["EIGHTX8_CALLER_ID is not set"]
    world.crm.add(person(lead(1), 1))
    assert (await world.explained(lead(1)))["next"]["provided"] == [
        "DRY_RUN is set: no run starts, nobody is called and nobody is made Dead.",
        "No run starts until this is mended: EIGHTX8_CALLER_ID is not set.",
    ]


async def test_a_clock_that_jumped_back_is_said_to_keep_calls_from_being_sent(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2, "Recruiting"))
    await world.run()
    world.clock._start -= DAY
    (provided,) = (await world.explained(lead(2)))["next"]["provided"]
    assert "the clock jumped back" in provided


async def test_the_limit_of_a_run_is_said_where_it_may_keep_somebody_from_becoming_dead(make_world: MakeWorld) -> None:
    world = make_world(policy=Policy(max_dead_floor=1, max_dead_share=0))
    long_ago = MONDAY - 30 * DAY
    world.crm.add(*(chasing(lead(n), n, long_ago) for n in range(3)), person(lead(8), 8, "Recruiting"))
    waiting = await world.explained(lead(2))
    assert (waiting["next"]["dead_at"], waiting["next"]["provided"]) == (MONDAY + 4 * HOUR, [])
    await world.run()
    waiting = await world.explained(lead(2))
    (provided,) = waiting["next"]["provided"]
    assert provided.startswith("A run makes at most 1 records Dead by itself, and the latest one left 2 waiting")
    assert (await world.explained(lead(8)))["next"]["provided"] == [], "nothing is to happen to this one"


async def test_where_no_run_makes_anybody_dead_by_itself_it_is_said(make_world: MakeWorld) -> None:
    world = make_world(policy=Policy(max_dead_floor=0, max_dead_share=0))
    world.crm.add(chasing(lead(1), 1, MONDAY - 30 * DAY))
    (provided,) = (await world.explained(lead(1)))["next"]["provided"]
    assert (
        provided
        == "The policy lets no run make anybody Dead by itself: it happens in a run with autodialer run --confirm."
    )


async def test_the_timeline_holds_every_state_of_a_call_its_callback_and_zohos_answer(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    world.crm.refusals[lead(1)] = deque([NotWritten("RECORD_LOCKED", "in use", Refusal.RETRY)])
    await world.drain()
    waiting = await world.explained(lead(1))
    assert any("RECORD_LOCKED: in use" in event["note"] for event in waiting["timeline"] if event["kind"] == "queued")
    world.clock.move_to(world.clock.now() + HOUR)
    await world.drain()
    found = await world.explained(lead(1))
    states = ["pulled", "reserved", "submitting", "placed", "callback", "callback", "ended"]
    assert [kind for kind in kinds(found) if kind in states] == states
    assert kinds(found).count("queued") == 2
    assert kinds(found).count("superseded") == 1
    assert found["timeline"][-1]["kind"] == "written"
    assert "after 1 tries in vain" in found["timeline"][-1]["text"]
    assert [event["at"] for event in found["timeline"]] == sorted(event["at"] for event in found["timeline"])


async def test_a_persons_status_that_was_kept_and_their_edit_are_told(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    world.crm.change(lead(1), status="Recruiting")
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    await world.drain()
    found = await world.explained(lead(1))
    (kept,) = texts(found, "status_kept")
    assert kept == "The status stayed Recruiting, because a person had set it; No Answer was not written."
    (edit,) = texts(found, "edited")
    assert edit.startswith("Status in Zoho was New and is now Recruiting: somebody changed it after 2026-03-02 10:00")


async def test_a_parked_update_says_why_and_a_refused_number_what_to_do(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.telephony.script[phone(2)] = deque([Refused("-1017", "cannot be dialled", Scope.NUMBER)])
    world.crm.refusals[lead(1)] = deque([NotWritten("INVALID_DATA", "bad", Refusal.NEVER)])
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    await world.drain()
    parked = [event for event in (await world.explained(lead(1)))["timeline"] if event["kind"] == "parked"]
    assert parked[0]["note"] == "INVALID_DATA: bad"
    refused = await world.explained(lead(2))
    assert refused["now"]["reason"] == "number_refused"
    assert refused["now"]["would_change"] == ["Somebody corrects Phone or Mobile in Zoho."]
    assert "released" in kinds(refused)


async def test_a_settlement_by_a_person_stands_in_the_timeline(world: World) -> None:
    world.all_end(None)
    world.crm.add(person(lead(1), 1))
    await world.run()
    world.clock.move_to(world.clock.now() + HOUR)
    await world.services.reconciler.sweep()
    attempt = await world.attempt(lead(1))
    await world.services.settler.settle(attempt.attempt_id, Settlement.NO_ANSWER)
    found = await world.explained(lead(1))
    assert kinds(found)[-5:-1] == ["placed", "unknown", "ended", "deed"]
    assert any("a person settled it as no_answer" in event["note"] for event in found["timeline"])


async def test_a_call_to_another_record_with_the_number_is_told_for_both(world: World) -> None:
    world.all_end(Disposition.BUSY)
    yesterday = MONDAY - DAY
    world.crm.add(chasing(lead(1), 1, yesterday), chasing(contact(2), 2, yesterday, phone=phone(1)))
    await world.run()
    await world.settle()
    (told,) = texts(await world.explained(contact(2)), "placed")
    assert told == f"{lead(1)}, who has the same number, was called; it counts for both."


async def test_that_others_with_the_number_could_not_be_looked_at_is_told_beside_the_call_that_rests_on_it(
    world: World,
) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - HOUR, attempts=3), person(contact(2), 2, phone=phone(1)))
    await world.run()
    told = (
        "Other records with this number that were not looked at in Zoho: 1. If one of them is called, this one is not."
    )
    assert told not in (await world.explained(contact(2)))["next"]["provided"]
    world.crm.on_look = lambda keys: setattr(world.crm, "look_fails", zoho_down() if lead(1) in keys else None)
    found = await world.explained(contact(2))
    assert (found["now"]["would"], told in found["next"]["provided"]) == ("call", True)


async def test_a_record_that_a_run_did_not_find_any_more_is_told_of_once(world: World) -> None:
    world.all_end(Disposition.BUSY)
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    await world.run()
    await world.settle()
    world.crm.change(lead(1), status="Onboarding")
    for _ in range(2):
        world.clock.move_to(world.clock.now() + 4 * HOUR)
        await world.run()
        await world.settle()
    assert kinds(await world.explained(lead(1))).count("not_pulled") == 1
    assert "not_pulled" not in kinds(await world.explained(lead(2)))


async def test_at_an_instant_the_runs_own_decision_and_the_rules_over_what_the_ledger_held_are_told(
    world: World,
) -> None:
    world.all_end(Disposition.ANSWERED)
    world.crm.add(person(lead(1), 1))
    run = await world.run()
    called_at = (await world.attempt(lead(1))).submitted_at
    assert called_at is not None
    await world.settle()
    world.clock.move_to(MONDAY + 3 * HOUR)
    world.crm.change(lead(1), status="Onboarding")
    during = (await world.explained(lead(1), called_at))["moment"]
    assert (during["recorded"]["run_id"], during["recorded"]["was_going"]) == (run.run_id, True)
    assert during["then"]["reason"] == "open_attempt"
    after = (await world.explained(lead(1), MONDAY + HOUR))["moment"]
    assert (after["recorded"]["was_going"], after["then"]["reason"]) == (False, "answered_waiting")
    assert any("not known" in each for each in after["not_known"])
    before = (await world.explained(lead(1), MONDAY - HOUR))["moment"]
    assert (before["recorded"], before["then"]) == (None, None)


async def test_a_moment_to_come_is_what_the_rules_will_say_if_nothing_changes(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - HOUR, attempts=3))
    moment = (await world.explained(lead(1), MONDAY + DAY))["moment"]
    assert moment["then"]["would"] == "call"
    assert (await world.explained(lead(1), MONDAY + 5 * DAY))["moment"]["then"]["would"] == "mark_dead"


async def test_without_zoho_the_timeline_and_any_past_moment_are_told_all_the_same(world: World) -> None:
    world.all_end(Disposition.BUSY)
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.settle()
    world.clock.move_to(MONDAY + 2 * HOUR)
    world.crm.look_fails = zoho_down()
    found = await world.explained(lead(1), MONDAY + HOUR)
    assert (found["now"], found["next"], found["crm_error"]) == (None, None, "Zoho is out of reach")
    assert found["moment"]["then"]["would"] == "call"
    assert "written" in kinds(found)


@pytest.mark.parametrize("at", [None, MONDAY + HOUR])
async def test_nothing_that_is_shown_holds_a_number_or_a_name(world: World, at: Any) -> None:
    world.all_end(Disposition.BUSY)
    world.crm.add(person(lead(1), 1, name="Ana Pop"))
    await world.run()
    await world.settle()
    world.crm.change(lead(1), phone=phone(77))
    world.clock.move_to(MONDAY + 2 * HOUR)
    shown = await world.explained(lead(1), at)
    assert "edited" in kinds(shown)
    text = str({**shown, "callbacks": None})
    assert phone(1)[1:] not in text
    assert phone(77)[1:] not in text
    assert "Ana" not in text


async def test_explain_of_a_past_moment_knows_nothing_of_a_refusal_that_came_later(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    world.crm.write_fails = zoho_down()
    await world.settle()
    world.clock.move_to(MONDAY + timedelta(hours=2))
    at = world.clock.now()
    assert (await world.explained(lead(1)))["now"]["would"] == "call"
    world.clock.move_to(MONDAY + timedelta(hours=4))
    world.crm.write_fails = None
    world.crm.refusals[lead(1)] = deque([NotWritten("CONVERTED_RECORD", "the lead was converted", Refusal.NEVER)])
    await world.drain()
    then = (await world.explained(lead(1), at))["moment"]["then"]
    assert (then["would"], then["reason"]) == ("call", "no_answer")
