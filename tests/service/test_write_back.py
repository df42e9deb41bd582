"""The outbox reaches the CRM: rules.md rows 13 and 28, design.md invariants 4, 6 and 7."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal
from autodialer.ports.rows import OutboxRow, Projection
from service.fakes import zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, contact, lead, person


async def queue(world: World, key: RecordKey, **fields: Any) -> None:
    values: dict[str, Any] = {
        "attempt_id": None,
        "cause": "result",
        "expected_status": "New",
        "status": None,
        "call_attempts": None,
        "first_no_answer_at": None,
        **fields,
    }
    await world.write(lambda ledger: ledger.outbox.put(Projection(key=key, **values), world.clock.now()))


async def states(world: World, key: RecordKey) -> list[str]:
    return [row.state for row in await world.updates(key)]


async def parked(world: World) -> Sequence[OutboxRow]:
    return await world.read(lambda ledger: ledger.outbox.parked())


async def test_absolute_values_are_written_in_one_batch(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(30)))
    for n in range(30):
        await queue(world, lead(n), status=CrmStatus.NO_ANSWER, call_attempts=1, first_no_answer_at=MONDAY)
    assert await world.drain() == 30
    assert world.crm.batches == [30]
    assert world.crm.writes[7] == CrmUpdate(lead(7), CrmStatus.NO_ANSWER, 1, MONDAY)


async def test_more_than_a_batch_is_drained_in_several(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodialer.service.write_back.BATCH", 10)
    world.crm.add(*(person(lead(n), n) for n in range(25)))
    for n in range(25):
        await queue(world, lead(n), call_attempts=1)
    assert await world.drain() == 25
    assert world.crm.batches == [10, 10, 5]


async def test_what_zoho_shows_already_is_done_with_though_others_can_t_be_written(world: World) -> None:
    """As after an update whose answer was lost: else a person's change since then would be written over, with old values."""
    world.crm.add(person(lead(1), 1, call_attempts=1), person(lead(2), 2))
    await queue(world, lead(1), call_attempts=1)
    await queue(world, lead(2), call_attempts=1)
    world.crm.write_fails = zoho_down(permanent=True)
    assert await world.drain() == 1
    assert (await states(world, lead(1)), await states(world, lead(2))) == (["sent"], ["pending"])


@pytest.mark.parametrize("status", ["Recruiting", "Dead", "Not interested / Rejected", None])
async def test_row_13_the_status_that_a_person_set_while_the_phone_rang_stays_and_the_call_is_counted(
    world: World, status: str | None
) -> None:
    world.crm.add(person(lead(1), 1))
    await world.run()
    world.crm.change(lead(1), status=status)
    await world.hear(world.session(lead(1)), Disposition.NO_ANSWER)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == (status, 1)
    (row,) = await world.updates(lead(1))
    assert (row.state, row.status_kept) == ("sent", status or "")
    assert "a person's status was kept" in world.log.events("warning")


async def test_row_31_the_same_status_in_other_case_and_spaces_is_not_a_person_s_change(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await queue(world, lead(1), status=CrmStatus.NO_ANSWER, call_attempts=1)
    world.crm.change(lead(1), status="  nEW ")
    await world.drain()
    assert world.crm.records[lead(1)].status == "No Answer"
    assert (await world.updates(lead(1)))[0].status_kept is None


@pytest.mark.parametrize(
    ("in_crm", "written"), [(9, 9), (2, 3), (None, 3), ("x", 3), (-4, 3), (4000, 4000), (7.5, 7.5)]
)
async def test_invariant_4_call_attempts_never_goes_down(world: World, in_crm: object, written: float) -> None:
    world.crm.add(person(lead(1), 1, call_attempts=in_crm))
    await queue(world, lead(1), call_attempts=3)
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == written


async def test_a_refusal_for_now_is_tried_again_later_and_later(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.crm.refusals[lead(1)] = deque([NotWritten("LOCKED", "is locked", Refusal.RETRY)] * 3)
    await queue(world, lead(1), call_attempts=1)
    await queue(world, lead(2), call_attempts=1)
    await world.drain()
    assert (await states(world, lead(1)), await states(world, lead(2))) == (["pending"], ["sent"])
    tries: list[datetime] = []
    while (await states(world, lead(1))) == ["pending"]:
        (row,) = await world.updates(lead(1))
        assert row.last_error == "LOCKED: is locked"
        await pass_time(max(0.0, (row.next_try_at - world.clock.now()).total_seconds() + 0.01))
        tries.append(world.clock.now())
        await world.drain()
    assert [round((tried - MONDAY).total_seconds()) for tried in tries] == [5, 15, 35]
    assert world.crm.records[lead(1)].call_attempts == 1


async def test_what_can_never_succeed_is_parked_with_zoho_s_reason_and_sent_when_a_person_unparks_it(
    world: World,
) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.refusals[lead(1)] = deque([NotWritten("INVALID_DATA", "a validation rule", Refusal.NEVER)])
    await queue(world, lead(1), call_attempts=1)
    await world.drain()
    (row,) = await parked(world)
    assert row.last_error == "INVALID_DATA: a validation rule"
    await pass_time(10_000)
    assert await world.drain() == 0
    assert await world.write(lambda ledger: ledger.outbox.unparked(row.outbox_id, world.clock.now()))
    assert await world.drain() == 1


async def test_a_parked_update_is_taken_along_by_the_next_one(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.refusals[lead(1)] = deque([NotWritten("INVALID_DATA", "no", Refusal.NEVER)])
    await queue(world, lead(1), status=CrmStatus.NO_ANSWER, call_attempts=1, first_no_answer_at=MONDAY)
    await world.drain()
    await queue(world, lead(1), call_attempts=2)
    await world.drain()
    assert await states(world, lead(1)) == ["superseded", "sent"]
    assert world.crm.writes == [CrmUpdate(lead(1), CrmStatus.NO_ANSWER, 2, MONDAY)]


async def test_a_module_that_can_t_be_looked_at_keeps_back_no_update_of_the_other(world: World) -> None:
    """As when a value of its picklist was renamed: the run stops, and what calls came to is written where it can be."""
    world.crm.add(person(lead(1), 1), person(contact(2), 2))
    broken = CrmError("Contacts: the picklist Status has no value New", permanent=True, code="FIELDS", stops_run=True)
    world.crm.on_look = lambda keys: setattr(world.crm, "look_fails", broken if contact(2) in keys else None)
    for key in (lead(1), contact(2)):
        await queue(world, key, call_attempts=1)
    assert await world.drain() == 1
    assert (await states(world, lead(1)), await states(world, contact(2))) == (["sent"], ["pending"])
    (row,) = await world.updates(contact(2))
    assert (row.last_error, row.next_try_at - world.clock.now()) == (broken.message, timedelta(minutes=5))


async def test_an_update_of_a_record_that_is_gone_is_parked(world: World) -> None:
    await queue(world, lead(404), call_attempts=1)
    await world.drain()
    assert [row.last_error for row in await parked(world)] == ["the record is not in the CRM any more"]


async def test_a_missing_right_keeps_the_update_for_minutes(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.refusals[lead(1)] = deque([NotWritten("NO_PERMISSION", "x", Refusal.STOP)])
    await queue(world, lead(1), call_attempts=1)
    await world.drain()
    (row,) = await world.updates(lead(1))
    assert row.state == "pending"
    assert (row.next_try_at - world.clock.now()).total_seconds() == 300


async def test_doctor_tells_of_updates_that_zoho_has_refused_for_an_hour_and_why(world: World) -> None:
    async def told() -> list[str]:
        return [found.message for found in await world.services.doctor.examine() if found.subject == "write-back"]

    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    for key, code in ((lead(1), "NO_PERMISSION"), (lead(2), "ALREADY_MODIFIED")):
        refusal = Refusal.STOP if code == "NO_PERMISSION" else Refusal.REREAD
        world.crm.refusals[key] = deque([NotWritten(code, "not now", refusal)] * 1000)
        await queue(world, key, call_attempts=1)
        await world.drain()
    assert await told() == []
    for _ in range(15):
        await pass_time(301)
        await world.drain()
    assert await told() == [
        "2 updates wait for Zoho, the oldest since 2026-03-02 10:00 UTC; its last answer: NO_PERMISSION: not now"
    ]


@pytest.mark.parametrize("failing", ["look", "write"])
async def test_row_28_when_zoho_fails_every_update_is_kept_and_nothing_is_half_settled(
    world: World, failing: str
) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(5)))
    for n in range(5):
        await queue(world, lead(n), call_attempts=1)
    setattr(world.crm, f"{failing}_fails", zoho_down())
    assert await world.drain() == 0
    assert await world.read(lambda ledger: ledger.outbox.count("pending")) == 5
    setattr(world.crm, f"{failing}_fails", None)
    assert await world.drain() == 0, "not before its time"
    await pass_time(6)
    assert await world.drain() == 5


async def test_only_the_newest_projection_is_written(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await queue(world, lead(1), status=CrmStatus.NO_ANSWER, call_attempts=1, first_no_answer_at=MONDAY)
    await queue(world, lead(1), call_attempts=2, expected_status="New")
    await queue(world, lead(1), status=CrmStatus.DEAD, expected_status="New", cause="dead")
    await world.drain()
    assert world.crm.writes == [CrmUpdate(lead(1), CrmStatus.DEAD, 2, MONDAY)]


async def test_an_update_queued_while_the_one_before_is_on_its_way_is_written_after_it(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    await queue(world, lead(1), status=CrmStatus.NO_ANSWER, call_attempts=1)

    async def meanwhile(_: Sequence[CrmUpdate]) -> None:
        world.crm.on_write = None
        await queue(world, lead(1), call_attempts=2)

    world.crm.on_write = meanwhile
    await world.drain()
    assert [update.call_attempts for update in world.crm.writes] == [1, 2]
    assert world.crm.records[lead(1)].call_attempts == 2
    assert await states(world, lead(1)) == ["superseded", "sent"]


async def test_row_21_an_answer_that_wins_after_the_update_left_takes_nothing_back(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=2))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.BUSY)
    await world.drain()
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 3)


@pytest.mark.parametrize("given_up", [False, True])
async def test_row_15_a_lead_of_which_zoho_said_that_it_was_converted_is_not_called_again(
    world: World, given_up: bool
) -> None:
    """COQL may go on showing it with its status, and nothing of what is called can be written."""
    world.crm.add(chasing(lead(1), 1, MONDAY, attempts=1), chasing(lead(2), 2, MONDAY, attempts=1))
    world.all_end(Disposition.NO_ANSWER)
    world.crm.refusals[lead(1)] = deque([NotWritten("CONVERTED_RECORD", "the lead was converted", Refusal.NEVER)])
    async with world.working():
        await world.run()
        await pass_time(60)
    assert await states(world, lead(1)) == ["parked"]
    if given_up:
        (row,) = await parked(world)
        await world.write(lambda ledger: ledger.work_lists.give_up(row.outbox_id, "ana", "is a client", MONDAY))
    run = await world.run()
    assert await world.reason(run, lead(1)) == "record_gone"
    assert len(await world.attempts(lead(1))) == 1
    assert len(await world.attempts(lead(2))) == 2
