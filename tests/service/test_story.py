"""The rules as a story over days: runs at 10, 14 and 18, results and write-backs in between."""

from collections import deque
from datetime import datetime, timedelta

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous, CallRequest
from autodialer.domain.record import RecordKey
from autodialer.ports.rows import Run
from autodialer.rules.policy import Policy
from service.fakes import zoho_down
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

HOURS = (10, 14, 18)


async def day_of_runs(world: World, day: int) -> list[Run]:
    """The three runs of a day, each with its results heard and written back."""
    runs = []
    for hour in HOURS:
        at = (MONDAY + day * DAY).replace(hour=hour)
        world.clock.move_to(max(at, world.clock.now()))
        await world.services.reconciler.sweep()
        runs.append(await world.run(slot=at))
        await world.settle()
    return runs


def calls_by_day(world: World, start: datetime, number: str) -> list[int]:
    zero = world.clock.monotonic() - (world.clock.now() - start).total_seconds()
    days = [int((ring.at - zero + 10 * 3600) // 86400) for ring in world.telephony.rings if ring.number == number]
    return [days.count(day) for day in range(max(days, default=-1) + 1)]


async def test_rows_1_and_4_a_new_record_that_never_answers_is_called_3_2_2_times_and_then_dead(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1), person(contact(2), 2))
    ends = [Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED]
    world.telephony.ends = lambda _: ends[len(world.telephony.rings) % 3]
    for day in range(3):
        await day_of_runs(world, day)
        assert world.crm.records[lead(1)].call_attempts == (3, 5, 7)[day]
        assert world.crm.records[lead(1)].status == "No Answer"
    assert calls_by_day(world, MONDAY, phone(1)) == calls_by_day(world, MONDAY, phone(2)) == [3, 2, 2]
    first, *rest = await day_of_runs(world, 3)
    assert first.totals["marked_dead"] == 2
    assert all(run.totals["processed"] == 0 for run in rest)
    for key in (lead(1), contact(2)):
        record = world.crm.records[key]
        assert (record.status, record.call_attempts) == ("Dead", 7)
        assert datetime.fromisoformat(str(record.first_no_answer_at)).date() == MONDAY.date()


async def test_row_4_an_unused_quota_of_a_day_is_not_carried_over(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    world.clock.move_to(MONDAY.replace(hour=18))
    await world.run()
    await world.settle()
    await day_of_runs(world, 1)
    await day_of_runs(world, 2)
    await day_of_runs(world, 3)
    assert calls_by_day(world, MONDAY, phone(1)) == [1, 2, 2]
    assert world.crm.records[lead(1)].status == "Dead"


async def test_row_11_a_new_record_that_answered_is_held_until_a_person_changes_its_status(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.ANSWERED)
    for day in range(5):
        await day_of_runs(world, day)
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts, record.first_no_answer_at) == ("New", 1, None)
    assert world.telephony.numbers() == [phone(1)]
    lists = await world.read(lambda ledger: ledger.stats.work_lists())
    assert lists["answered_waiting"] == 1
    world.crm.change(lead(1), status="Recruiting")
    await world.run()
    assert (await world.read(lambda ledger: ledger.stats.work_lists()))["answered_waiting"] == 0


async def test_row_11_a_held_no_answer_record_is_not_made_dead_and_is_called_again_after_it_left_the_pull(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - 2 * DAY, attempts=5))
    world.all_end(Disposition.ANSWERED)
    await world.run()
    await world.settle()
    world.clock.move_to(MONDAY + 9 * DAY)
    run = await world.run()
    assert await world.reason(run, lead(1)) == "answered_waiting"
    world.crm.change(lead(1), status="Onboarding")
    await world.run()
    now = world.clock.now()
    world.crm.change(lead(1), status="No Answer", first_no_answer_at=(now - DAY).isoformat())
    assert (await world.run()).totals["called"] == 1


async def test_row_11_a_status_that_we_wrote_ourselves_is_no_change_by_a_person(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    await world.run()
    session = world.session(lead(1))
    await world.hear(session, Disposition.NO_ANSWER)
    await world.drain()
    await world.hear(session, Disposition.ANSWERED)
    await world.drain()
    assert world.crm.records[lead(1)].status == "No Answer"
    for _ in range(2):
        assert await world.reason(await world.run(), lead(1)) == "answered_waiting"


async def test_rows_11_and_15_an_answer_holds_every_record_with_that_number(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    await world.run()
    await world.hear(world.session(lead(1)), Disposition.ANSWERED)
    world.crm.add(chasing(contact(1), 1, MONDAY - 4 * DAY))
    run = await world.run()
    assert await world.reason(run, contact(1)) == "answered_waiting"
    assert run.totals["marked_dead"] == 0
    world.crm.change(lead(1), status="Recruiting")
    world.crm.change(contact(1), first_no_answer_at=(MONDAY - DAY).isoformat())
    await world.run()
    assert (await world.run()).totals["called"] == 1


async def test_row_15_history_follows_the_number_when_a_lead_becomes_a_contact(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    await day_of_runs(world, 0)
    was = world.crm.records.pop(lead(1))
    world.crm.add(
        person(contact(1), 1, was.status or "", first_no_answer_at=was.first_no_answer_at),
        person(contact(2), 2, phone=phone(1)),
    )
    runs = await day_of_runs(world, 1)
    assert [run.totals["called"] for run in runs] == [1, 1, 0]
    assert world.crm.records[contact(1)].call_attempts == 5
    assert await world.reason(runs[0], contact(2)) == "new_already_called"


@pytest.mark.parametrize(("in_crm", "calls"), [(1, 2), (2, 1), (3, 0), (6, 0)])
async def test_row_9_on_day_0_the_crm_s_count_bounds_today_s_calls(
    sqlite_world: World, in_crm: int, calls: int
) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - timedelta(hours=2), attempts=in_crm))
    world.all_end(Disposition.BUSY)
    runs = await day_of_runs(world, 0)
    assert sum(int(str(run.totals["called"])) for run in runs) == calls
    assert world.crm.records[lead(1)].call_attempts == in_crm + calls


@pytest.mark.parametrize(("in_crm", "calls"), [(4, 2), (6, 1), (7, 0), (9, 0)])
async def test_row_9_a_count_in_the_crm_that_is_greater_than_the_ledger_s_bounds_the_total(
    sqlite_world: World, in_crm: int, calls: int
) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=in_crm))
    world.all_end(Disposition.BUSY)
    runs = await day_of_runs(world, 0)
    assert sum(int(str(run.totals["called"])) for run in runs) == calls
    assert world.crm.records[lead(1)].call_attempts == in_crm + calls


async def test_row_9_a_count_in_the_crm_that_went_down_does_not_bring_calls_back(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=3))
    world.all_end(Disposition.BUSY)
    await day_of_runs(world, 0)
    world.crm.change(lead(1), call_attempts=0)
    assert await world.reason(await world.run(), lead(1)) == "day_quota"


@pytest.mark.parametrize("old", [4, 0, None])
async def test_row_9_calls_of_before_this_ledger_go_on_counting_when_somebody_puts_the_crm_s_old_count_back(
    sqlite_world: World, old: int | None
) -> None:
    """Four calls of another dialer, two of ours; then an old export is imported."""
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=4))
    world.all_end(Disposition.BUSY)
    runs = await day_of_runs(world, 0)
    assert sum(int(str(run.totals["called"])) for run in runs) == 2
    world.crm.change(lead(1), call_attempts=old)
    world.clock.move_to(MONDAY + DAY)
    now = (await world.explained(lead(1)))["now"]
    assert (now["detail"], now["ledger_attempts"]) == ("call 7 of 7; Day 2, 1 of 2 today", 2)
    runs = await day_of_runs(world, 1)
    assert sum(int(str(run.totals["called"])) for run in runs) == 1
    assert await world.reason(runs[-1], lead(1)) == "attempts_used"
    assert world.crm.records[lead(1)].call_attempts == 7


async def test_row_25_an_unknown_call_uses_up_one_of_the_seven_also_where_zoho_counts_calls_of_before_this_ledger(
    world: World,
) -> None:
    """Five calls of another dialer, one of ours of which nobody heard, and one more: Zoho counts six of the seven."""
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=5))
    world.all_end(Disposition.BUSY)
    world.telephony.script[phone(1)] = deque([Ambiguous("timeout")])
    await day_of_runs(world, 0)
    first, second, _ = await day_of_runs(world, 1)
    assert (first.totals["called"], second.totals["called"]) == (1, 0)
    row, now = (await world.staged(second))[lead(1)], (await world.explained(lead(1)))["now"]
    assert row.reason == now["reason"] == "attempts_used"
    assert row.detail == now["detail"] == "7 of 7 calls made; becomes Dead when its days are over"
    assert world.crm.records[lead(1)].call_attempts == 6


async def test_row_15_the_calls_of_before_this_ledger_to_a_lead_are_used_up_for_the_contact_with_its_number_too(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=5))
    world.all_end(Disposition.BUSY)
    await day_of_runs(world, 0)
    world.crm.remove(lead(1))
    world.crm.add(chasing(contact(1), 1, MONDAY, attempts=5))
    world.clock.move_to(MONDAY + DAY)
    now = (await world.explained(contact(1)))["now"]
    run = await world.run()
    row = (await world.staged(run))[contact(1)]
    assert (now["would"], now["reason"]) == (row.state.value, row.reason) == ("skip", "attempts_used")


async def test_row_2_the_quota_of_a_day_holds_also_where_the_zone_of_the_days_was_changed_in_its_middle(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY, attempts=1))
    world.all_end(Disposition.BUSY)
    auckland = Policy(timezone="Pacific/Auckland")  # 14:00 UTC is 3:00 of the next day there
    await day_of_runs(world, 0)
    assert [row.policy_day for row in await world.attempts(lead(1))] == ["2026-03-02"] * 2
    world.process = world.boot("first", policy=auckland)
    await world.run()
    await world.settle()
    await day_of_runs(world, 1)
    tuesday = [
        row for row in await world.attempts(lead(1)) if auckland.local_date(row.reserved_at) == MONDAY.date() + DAY
    ]
    assert [row.reserved_at.hour for row in tuesday] == [14, 18]


async def test_row_6_an_empty_first_no_answer_is_day_0_and_is_written_after_the_call(sqlite_world: World) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1, "No Answer", call_attempts=2))
    world.all_end(Disposition.NO_ANSWER)
    run = await world.run()
    assert "inferred" in (await world.staged(run))[lead(1)].detail
    await world.settle()
    first = world.crm.records[lead(1)].first_no_answer_at
    assert str(first).startswith("2026-03-02T10:00")
    assert world.crm.records[lead(1)].call_attempts == 3


async def test_row_28_while_updates_fail_for_three_days_the_ledger_decides_and_afterwards_every_record_is_right(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    people: dict[RecordKey, Disposition] = {lead(n): Disposition.NO_ANSWER for n in range(4)}
    people |= {contact(n): Disposition.ANSWERED for n in range(4, 6)}
    world.crm.add(*(person(key, int(key.zoho_id[-1])) for key in people))
    by_number = {phone(int(key.zoho_id[-1])): end for key, end in people.items()}

    def ends(request: CallRequest) -> Disposition:
        return by_number[request.number]

    world.telephony.ends = ends
    world.crm.write_fails = zoho_down()
    for day in range(3):
        await day_of_runs(world, day)
    assert {record.status for record in world.crm.records.values()} == {"New"}
    assert calls_by_day(world, MONDAY, phone(0)) == [3, 2, 2]
    assert calls_by_day(world, MONDAY, phone(4)) == [1]
    fourth = (await day_of_runs(world, 3))[0]
    assert fourth.totals["marked_dead"] == 4
    world.crm.write_fails = None
    await pass_time(1000)
    await world.drain()
    for key, end in people.items():
        record = world.crm.records[key]
        if end is Disposition.ANSWERED:
            assert (record.status, record.call_attempts, record.first_no_answer_at) == ("New", 1, None)
        else:
            assert (record.status, record.call_attempts) == ("Dead", 7)
            assert str(record.first_no_answer_at).startswith("2026-03-02T10:00")
        assert sum(update.key == key for update in world.crm.writes) == 1, "the newest projection only"
    assert await world.read(lambda ledger: ledger.outbox.count("pending")) == 0


async def test_row_28_while_zoho_is_down_altogether_runs_stop_with_the_reason_and_nobody_is_called(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.crm.add(person(lead(1), 1))
    world.all_end(Disposition.NO_ANSWER)
    await world.run()
    world.crm.down = zoho_down()
    await world.settle()
    for hour in (14, 18):
        world.clock.move_to(MONDAY.replace(hour=hour))
        run = await world.run()
        assert run.stop_reason == "Zoho: Zoho is out of reach"
    world.crm.down = None
    world.clock.move_to(MONDAY + 2 * DAY)
    await world.run()
    await world.settle()
    assert calls_by_day(world, MONDAY, phone(1)) == [1, 0, 1]
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 2)
    assert str(record.first_no_answer_at).startswith("2026-03-02T10:00")
