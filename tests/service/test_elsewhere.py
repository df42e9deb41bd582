"""rules.md row 24: results in our own format, of our calls and of calls that somebody else placed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError, MalformedCallback
from autodialer.domain.record import RecordKey
from autodialer.ports.ledger import Ledger
from service.fakes import summary, zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, contact, lead, person

YESTERDAY = MONDAY - DAY


async def test_row_24_an_open_attempt_takes_a_result_without_a_call_id(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.told(lead(1), "busy")
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY


async def test_row_24_an_open_attempt_takes_a_result_with_its_call_id(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.told(lead(1), "answered", call_id=world.session(lead(1)))
    assert (await world.attempt(lead(1))).disposition is Disposition.ANSWERED


async def test_row_24_another_call_id_is_a_call_placed_elsewhere_and_the_open_attempt_stays_open(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=2))
    await world.run()
    await world.told(lead(1), "busy", call_id="elsewhere-1")
    ours, other = sorted(await world.attempts(lead(1)), key=lambda row: row.run_id is None)
    assert ours.state is AttemptState.PLACED
    assert (other.run_id, other.disposition) == (None, Disposition.BUSY)
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 4


async def test_row_24_a_call_id_of_another_record_is_a_conflict(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    await world.run()
    await world.told(lead(2), "busy", call_id=world.session(lead(1)))
    assert await world.inbox_count("conflict") == 1
    assert (await world.attempt(lead(2))).state is AttemptState.PLACED


async def test_row_24_a_call_elsewhere_to_a_new_record_makes_it_no_answer(world: World) -> None:
    world.crm.add(person(contact(1), 1))
    at = "2026-03-02T08:15:00.000Z"
    await world.told(contact(1), "no_answer", timestamp=at, call_id="x")
    await world.drain()
    record = world.crm.records[contact(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 1)
    assert record.first_no_answer_at == "2026-03-02T08:15:00+00:00"
    assert not world.telephony.rings


async def test_row_24_a_call_elsewhere_to_a_new_record_begins_its_days_anew_whatever_an_earlier_cycle_left(
    world: World,
) -> None:
    world.crm.add(person(contact(1), 1, first_no_answer_at=(MONDAY - 9 * DAY).isoformat()))
    await world.told(contact(1), "no_answer", call_id="x")
    await world.drain()
    record = world.crm.records[contact(1)]
    assert (record.status, record.first_no_answer_at) == ("No Answer", MONDAY.isoformat())


async def test_row_24_calls_elsewhere_count_in_the_day_s_quota(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=3))
    for n in range(2):
        await world.told(lead(1), "no_answer", call_id=f"x{n}")
    assert await world.reason(await world.run(), lead(1)) == "day_quota"
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 5


async def test_row_24_an_answer_elsewhere_holds_the_record(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=1))
    await world.told(lead(1), "answered", call_id="x")
    assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


async def test_row_24_a_status_that_is_not_called_is_only_counted(world: World) -> None:
    world.crm.add(person(lead(1), 1, "Recruiting", call_attempts=4))
    await world.told(lead(1), "no_answer", call_id="x")
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts, record.first_no_answer_at) == ("Recruiting", 5, None)


async def test_row_24_an_unknown_record_is_an_orphan(world: World) -> None:
    await world.told(lead(404), "answered")
    assert await world.inbox_count("orphan") == 1
    assert await world.attempts(lead(404)) == []


async def test_row_24_the_same_words_about_the_next_call_are_its_result_and_not_a_repetition(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    for calls, hours in enumerate((0, 4, 8), 1):
        world.clock.move_to(MONDAY + timedelta(hours=hours))
        await world.run()
        for _ in range(3):  # and they are told more than once
            await world.told(lead(1), "no_answer")
        await world.drain()
        attempts = await world.attempts(lead(1))
        assert [attempt.disposition for attempt in attempts] == [Disposition.NO_ANSWER] * calls
        assert world.crm.records[lead(1)].call_attempts == calls


async def test_row_24_a_result_told_twice_is_one_though_the_clock_was_set_back_while_the_phone_rang(
    world: World,
) -> None:
    """As where the replica that takes callbacks is half a minute behind the one that dials."""
    world.crm.add(person(lead(1), 1))
    world.all_end(None)
    await world.run()
    world.clock._start -= timedelta(seconds=30)
    body = {"zoho_id": lead(1).zoho_id, "record_type": "Lead", "call_status": "no_answer"}
    await world.services.callbacks.take(body)
    world.clock._start += timedelta(seconds=1)
    await world.services.callbacks.take(body)  # its sender saw no answer and tries again
    await world.apply()
    await world.drain()
    assert len([row for row in await world.attempts(lead(1)) if row.state is not AttemptState.RELEASED]) == 1
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_row_24_a_result_with_its_own_time_that_is_told_again_later_does_not_end_the_next_call(
    world: World,
) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.told(lead(1), "no_answer", timestamp="2026-03-02T08:15:00.000Z")
    await world.drain()
    world.clock.move_to(MONDAY + timedelta(hours=4))
    await world.run()
    await world.told(lead(1), "no_answer", timestamp="2026-03-02T08:15:00.000Z")
    assert [attempt.disposition for attempt in await world.attempts(lead(1))] == [Disposition.NO_ANSWER, None]


@pytest.mark.parametrize("fields", [{"call_id": "x"}, {}, {"timestamp": "2026-03-02T08:15:00.000Z"}])
async def test_row_24_the_same_result_again_is_counted_once(world: World, fields: dict[str, Any]) -> None:
    world.crm.add(person(lead(1), 1))
    for _ in range(3):
        await world.told(lead(1), "no_answer", **fields)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1
    assert len(await world.attempts(lead(1))) == 1


async def test_row_24_the_same_call_id_with_another_time_is_the_same_call(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.told(lead(1), "no_answer", call_id="x", timestamp="2026-03-02T08:15:00.000Z")
    await world.told(lead(1), "no_answer", call_id="x", timestamp="2026-03-02T08:16:00.000Z")
    assert len(await world.attempts(lead(1))) == 1


async def test_row_24_a_result_from_the_future_counts_today(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.told(lead(1), "busy", timestamp="2031-01-01T00:00:00Z")
    assert (await world.attempt(lead(1))).policy_day == "2026-03-02"


async def test_row_24_where_a_person_has_to_act_first_zoho_is_asked_once_a_minute_and_no_oftener(world: World) -> None:
    """Each question has the fields read anew, which costs credits: within a day more than Zoho gives to a small edition."""
    world.crm.add(person(lead(1), 1))
    world.crm.look_fails = CrmError("no value New", permanent=True, code="FIELDS", stops_run=True)
    await world.told(lead(1), "no_answer", call_id="elsewhere")
    looks = len(world.crm.looks)
    for _ in range(6):
        await pass_time(9)
        await world.apply()
    assert (len(world.crm.looks), await world.inbox_count("new")) == (looks, 1)
    world.crm.look_fails = None
    await pass_time(9)
    await world.apply()
    assert await world.inbox_count("applied") == 1


async def test_row_24_while_zoho_is_down_a_call_elsewhere_waits_and_holds_up_no_result_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodialer.service.results.BATCH", 10)
    world.crm.add(person(lead(1), 1), person(lead(2), 2, "Recruiting"))
    await world.run()
    world.crm.look_fails = zoho_down()
    looks = len(world.crm.looks)
    for n in range(25):  # more than are read at once
        await world.services.callbacks.take(_told(lead(2), call_id=f"x{n}"))
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY
    assert await world.inbox_count("new") == 25
    assert len(world.crm.looks) - looks <= 2, "one question is enough to learn that Zoho is down"
    world.crm.look_fails = None
    await world.apply()
    assert await world.inbox_count("new") == 0
    assert len(await world.attempts(lead(2))) == 25


async def test_row_24_one_record_that_zoho_cannot_show_does_not_hold_up_the_others(world: World) -> None:
    world.crm.add(person(lead(2), 2))
    world.crm.on_look = lambda keys: setattr(
        world.crm, "look_fails", CrmError("no", permanent=True) if lead(1) in keys else None
    )
    await world.services.callbacks.take(_told(lead(1)))
    await world.told(lead(2), "busy")
    assert len(await world.attempts(lead(2))) == 1
    assert await world.inbox_count("new") == 1


async def test_row_24_two_processes_that_apply_the_same_call_elsewhere_count_it_once(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.latency = 1.0
    other = world.boot("second")
    await world.services.callbacks.take(_told(lead(1)))
    await world.services.results.apply_waiting()
    await asyncio.gather(world.services.asker.ask_waiting(), other.services.asker.ask_waiting())
    assert len(await world.attempts(lead(1))) == 1
    assert await world.inbox_count("applied") == 1
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_row_24_a_call_elsewhere_that_was_settled_while_zoho_was_asked_is_left_alone(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.crm.latency = 2.0
    for key in (lead(1), lead(2)):
        await world.services.callbacks.take(_told(key))
    applying = asyncio.ensure_future(world.apply())
    await pass_time(0.5)
    (_, second) = await world.read(lambda ledger: ledger.inbox.asking(9))
    await world.write(lambda ledger: ledger.inbox.settle(second.inbox_id, "ignored", at=world.clock.now()))
    await applying
    assert len(await world.attempts(lead(1))) == 1
    assert await world.attempts(lead(2)) == []
    assert (await world.inbox_count("ignored"), await world.inbox_count("new")) == (1, 0)


async def test_row_24_zoho_is_asked_about_many_calls_elsewhere_at_once(world: World) -> None:
    keys = [kind(n) for n in range(60) for kind in (lead, contact)]
    world.crm.add(*(person(key, n) for n, key in enumerate(keys)))
    for key in keys:
        await world.services.callbacks.take(_told(key))
    await world.apply()
    assert [len(asked) for _, asked in world.crm.looks] == [100, 20]
    assert await world.inbox_count("applied") == len(keys)


async def test_row_24_a_result_of_ours_is_applied_while_zoho_does_not_answer_at_all(world: World) -> None:
    world.crm.add(person(lead(1), 1), *(person(contact(n), 10 + n) for n in range(200)))
    await world.run()
    world.crm.latency = 10_000.0
    async with world.working():
        for n in range(200):
            await world.services.callbacks.take(_told(contact(n), call_id=f"x{n}"))
        await pass_time(10)
        await world.services.callbacks.take(summary(world.session(lead(1)), Disposition.BUSY))
        await pass_time(0.5)
        assert (await world.attempt(lead(1))).disposition is Disposition.BUSY
        assert len(await world.updates(lead(1))) == 1
        await world.services.callbacks.take(summary("nobody's", Disposition.BUSY))
        await pass_time(0.5)
        assert await world.inbox_count("orphan") == 1, "whatever needs no answer of Zoho's waits for none"
        assert await world.inbox_count("new") == 200


@pytest.mark.parametrize(("coming_in", "applied"), [(0, 300), (1000, 100)])
async def test_row_24_in_a_flood_those_that_wait_for_zoho_are_worked_on_at_leisure(
    world: World, monkeypatch: pytest.MonkeyPatch, coming_in: int, applied: int
) -> None:
    world.crm.add(*(person(contact(n), 10 + n) for n in range(300)))
    for n in range(300):
        await world.services.callbacks.take(_told(contact(n), call_id=f"x{n}"))
    await world.services.results.apply_waiting()
    assert await world.inbox_count("new") == 300, "all wait for Zoho"
    monkeypatch.setattr(world.services.results._leisure, "_coming_in", lambda: coming_in)
    world.process.store.slowness = 0.01
    asking = asyncio.ensure_future(world.services.asker.ask_waiting())
    await pass_time(6)
    assert await world.inbox_count("applied") == applied
    asking.cancel()


async def test_row_24_one_that_waits_for_zoho_and_can_not_be_read_any_more_holds_up_no_other(world: World) -> None:
    """As after an update to a version that is stricter."""
    world.crm.add(person(lead(1), 1))

    def store(ledger: Ledger) -> None:
        ledger.inbox.add(dedupe_key="k", source="mission", event_type="result", session_id=None, body="{}", at=MONDAY)
        ledger.inbox.ask(ledger.inbox.waiting(1)[0].inbox_id)

    await world.write(store)
    await world.told(lead(1), "busy")
    assert len(await world.attempts(lead(1))) == 1
    assert (await world.inbox_count("ignored"), await world.inbox_count("new")) == (1, 0)


async def test_row_24_who_stops_asks_about_what_waits_and_writes_what_comes_of_it(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    async with world.working():
        await world.services.callbacks.take(_told(lead(1)))
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_row_24_what_waits_for_zoho_is_asked_about_by_the_next_process_when_this_one_dies(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    for key in (lead(1), lead(2)):
        await world.services.callbacks.take(_told(key))
    world.crm.latency = 5.0
    asking = asyncio.ensure_future(world.apply())
    await pass_time(1)
    asking.cancel()
    world.crm.latency = 0.0
    world.process = world.boot("second")
    await world.apply()
    assert [len(await world.attempts(key)) for key in (lead(1), lead(2))] == [1, 1]
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_row_24_results_with_one_call_id_that_wait_for_zoho_together_are_one_call_and_answered_wins(
    world: World,
) -> None:
    world.crm.add(person(lead(1), 1))
    for minute, status in enumerate(("no_answer", "answered", "busy")):
        told = _told(lead(1), call_id="x", timestamp=f"2026-03-02T08:1{minute}:00.000Z", call_status=status)
        await world.services.callbacks.take(told)
    await world.apply()
    attempt = await world.attempt(lead(1))
    assert attempt.disposition is Disposition.ANSWERED
    notes = [row.note for row in await world.inbox(attempt.attempt_id)]
    assert notes == ["placed elsewhere: no_answer", "answered won over no_answer", "says busy, but answered stands"]
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_row_24_no_call_elsewhere_is_lost_in_the_count_when_zoho_answers_slowly(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=1))
    await world.told(lead(1), "busy", call_id="a")
    world.crm.latency = 6.0
    world.crm.on_look = None
    before = world.crm.records[lead(1)]
    await world.services.callbacks.take(_told(lead(1), call_id="b"))
    applying = asyncio.ensure_future(world.apply())
    await pass_time(1)
    world.crm.latency = 0.0
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 2
    world.crm.records[lead(1)] = before  # what Zoho had read when it was asked
    await applying
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 3


async def test_row_24_what_8x8_told_of_a_call_elsewhere_before_anybody_knew_it_is_matched_with_it(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await world.hear("x", Disposition.ANSWERED)
    assert await world.inbox_count("orphan") == 1
    await world.told(lead(1), "no_answer", call_id="x")
    assert await world.inbox_count("orphan") == 0
    assert (await world.attempt(lead(1))).disposition is Disposition.ANSWERED


async def test_row_24_records_that_zoho_refuses_to_look_at_do_not_hold_up_those_asked_about_with_them(
    world: World,
) -> None:
    bad = {lead(3), lead(17)}
    world.crm.add(*(person(lead(n), n) for n in range(40)))

    def refuse(keys: Sequence[RecordKey]) -> None:
        world.crm.look_fails = CrmError("no such id", permanent=True) if bad & set(keys) else None

    world.crm.on_look = refuse
    for n in range(40):
        await world.services.callbacks.take(_told(lead(n)))
    await world.apply()
    assert (await world.inbox_count("applied"), await world.inbox_count("new")) == (38, 2)
    assert len(world.crm.looks) < 25
    asked = len(world.crm.looks)
    await world.apply()
    assert len(world.crm.looks) == asked, "they are left alone for a while"
    bad.clear()
    await pass_time(6)
    await world.apply()
    assert await world.inbox_count("new") == 0


@pytest.mark.parametrize("call_id", [{}, {"call_id": "x"}])
async def test_row_24_a_result_that_came_before_our_call_was_made_is_none_of_it(
    world: World, call_id: dict[str, str]
) -> None:
    """It waited in the inbox, behind many others or while the service stood still."""
    world.crm.add(chasing(lead(1), 1, YESTERDAY, attempts=2))
    await world.services.callbacks.take(_told(lead(1), **call_id))
    await pass_time(120)
    world.all_end(None)
    await world.run()
    await world.apply()
    ours, other = sorted(await world.attempts(lead(1)), key=lambda row: row.run_id is None)
    assert ours.state is AttemptState.PLACED
    assert other.disposition is Disposition.NO_ANSWER
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 4


async def test_row_24_an_orphan_that_is_matched_again_does_not_end_a_call_that_was_made_since(world: World) -> None:
    await world.told(lead(1), "busy")
    (orphan,) = await world.services.orphans.page(None, 9)
    await pass_time(3600)
    world.crm.add(person(lead(1), 1))
    world.all_end(None)
    await world.run()
    await world.services.orphans.match_again(orphan.row.inbox_id)
    ours = next(row for row in await world.attempts(lead(1)) if row.run_id is not None)
    assert ours.state is AttemptState.PLACED


async def test_row_24_a_result_with_a_call_id_waits_for_the_answer_that_will_tell_the_session(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.telephony.latency = 2.0
    running = asyncio.ensure_future(world.run())
    await pass_time(1)
    await world.told(lead(1), "busy", call_id="session-1")
    assert await world.inbox_count("new") == 1
    await running
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is Disposition.BUSY


def _told(key: RecordKey, **more: object) -> dict[str, object]:
    return {"zoho_id": key.zoho_id, "record_type": key.record_type.value, "call_status": "no_answer", **more}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"zoho_id": "12a"}, "zoho_id"),
        ({"zoho_id": None}, "zoho_id"),
        ({"record_type": "Deal"}, "record_type"),
        ({"call_status": "ringing"}, "call_status"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"call_id": 7}, "call_id"),
    ],
)
async def test_what_is_malformed_is_refused_by_name_and_not_stored(
    world: World, change: dict[str, object], named: str
) -> None:
    with pytest.raises(MalformedCallback, match=named):
        await world.services.callbacks.take({**_told(lead(1)), **change})
    assert await world.inbox_count("new") == 0
