"""Zoho is told of each call once, after the fields: docs/zoho/writing.md, "Telling Zoho of each call"."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autodialer.domain.activity import Activity, ActivityForm, ActivityResult, LogCalls, Logged, Unclear
from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.errors import CrmError
from autodialer.domain.record import CrmStatus, RecordKey
from autodialer.domain.update import NotWritten, Refusal
from autodialer.ports import Level
from autodialer.ports.activities import ActivityRow
from autodialer.service.activities import activity_of, form_of
from autodialer.service.holding import BACKUP_MADE_AT
from service.fakes import zoho_down
from service.virtual_time import pass_time
from service.world import MONDAY, World, lead, person

MakeWorld = Callable[..., World]
NOTE, CALL = ActivityForm.NOTE, ActivityForm.CALL


class FakeLog:
    """Implements ports.ActivityLog. `answers` come first; `there` is what stands in the CRM."""

    def __init__(self) -> None:
        self.there: dict[str, Activity] = {}
        self.answers: deque[ActivityResult] = deque()
        self.find_fails: CrmError | None = None
        self.hidden: set[RecordKey] = set()
        self.batches: list[int] = []
        self.looked_for: list[list[str]] = []
        self.hangs = False
        self.takes_unclear = False
        self.on_add: Callable[[], None] | None = None

    async def find(self, activities: Sequence[Activity]) -> Mapping[str, str]:
        self.looked_for.append([one.attempt_id for one in activities])
        if self.find_fails is not None:
            raise self.find_fails
        if any(one.key in self.hidden for one in activities):
            raise CrmError("NO_PERMISSION", permanent=True, code="NO_PERMISSION", stops_run=True)
        return {one.attempt_id: "found" for one in activities if one.attempt_id in self.there}

    async def add(self, activities: Sequence[Activity]) -> Sequence[ActivityResult]:
        self.batches.append(len(activities))
        if self.on_add is not None:
            self.on_add()
        if self.hangs:
            await asyncio.sleep(10_000)
        return [self._add(one) for one in activities]

    def _add(self, activity: Activity) -> ActivityResult:
        answer = self.answers.popleft() if self.answers else Logged(f"new {activity.attempt_id}")
        if isinstance(answer, Logged) or (isinstance(answer, Unclear) and self.takes_unclear):
            assert activity.attempt_id not in self.there, "told twice"
            self.there[activity.attempt_id] = activity
        return answer


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def telling(make_world: MakeWorld, log: FakeLog) -> Callable[..., World]:
    def make(mode: LogCalls = LogCalls.NOTES, **options: Any) -> World:
        return make_world(log_calls=mode, activity_log=log, **options)

    return make


async def called(world: World, *ends: Disposition, **more: object) -> None:
    """As many people were called, and their calls ended so."""
    world.crm.add(*(person(lead(n), n) for n in range(len(ends))))
    await world.run()
    for n, end in enumerate(ends):
        await world.hear(world.session(lead(n)), end, **more)


async def row(world: World, key: RecordKey) -> ActivityRow | None:
    attempt_id = (await world.attempt(key)).attempt_id
    return await world.read(lambda ledger: ledger.activities.row(attempt_id))


async def the_row(world: World, number: int = 0) -> ActivityRow:
    found = await row(world, lead(number))
    assert found is not None
    return found


async def send(world: World) -> int:
    """Until nothing is due; how many batches it took."""
    batches = 0
    while await world.services.activities.send_some():
        batches += 1
    return batches


async def test_by_default_nothing_is_queued(world: World) -> None:
    await called(world, Disposition.BUSY)
    assert await row(world, lead(0)) is None
    assert await send(world) == 0


async def test_each_end_is_queued_with_its_result_and_told_of_once(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    await called(world, Disposition.BUSY, Disposition.ANSWERED, Disposition.NO_ANSWER, Disposition.FAILED)
    assert (await the_row(world)).state == "pending"
    assert await send(world) == 1
    await world.hear(world.session(lead(0)), Disposition.BUSY)
    assert await send(world) == 0
    subjects = [activity.subject.split(" [")[0] for activity in log.there.values()]
    assert sorted(subjects) == [f"Automatic call 1: {end}" for end in ("answered", "busy", "failed", "no answer")]
    assert ((await the_row(world)).state, (await the_row(world)).activity_id) == ("sent", "new id-00002")


async def test_while_zoho_does_not_answer_to_what_is_told_fields_are_written_all_the_same(
    telling: MakeWorld, log: FakeLog
) -> None:
    world = telling()
    world.crm.add(*(person(lead(n), n) for n in range(2)))
    await world.run()
    log.hangs = True
    async with world.working():
        for n in range(2):
            await world.hear(world.session(lead(n)), Disposition.BUSY)
            await pass_time(10)
            assert world.crm.status_writes(lead(n), CrmStatus.NO_ANSWER) == 1
        assert log.batches == [1], "the first one is still waited for"


async def test_a_call_that_closed_as_unknown_is_told_of_once_a_person_settles_it(
    telling: MakeWorld, log: FakeLog
) -> None:
    world = telling()
    await called(world)
    world.crm.add(person(lead(0), 0))
    await world.run()
    await pass_time(1000)
    await world.services.reconciler.sweep()
    assert await row(world, lead(0)) is None
    attempt = await world.attempt(lead(0))
    await world.services.settler.settle(attempt.attempt_id, Settlement.NO_ANSWER)
    assert await send(world) == 1
    assert [activity.key for activity in log.there.values()] == [lead(0)]


async def test_a_call_placed_elsewhere_is_told_of_by_whoever_placed_it(telling: MakeWorld) -> None:
    world = telling()
    world.crm.add(person(lead(0), 0))
    await world.told(lead(0), "busy", call_id="x")
    assert len(await world.attempts(lead(0))) == 1
    assert await send(world) == 0
    await world.told(lead(0), "answered", call_id="x")
    assert (await world.attempt(lead(0))).disposition is Disposition.ANSWERED
    assert await send(world) == 0


async def test_answered_that_won_before_zoho_was_told_is_what_is_told(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    await called(world, Disposition.BUSY)
    await world.hear(world.session(lead(0)), Disposition.ANSWERED)
    await send(world)
    assert ["answered" in activity.subject for activity in log.there.values()] == [True]


async def test_it_goes_ten_at_a_time_and_after_the_fields(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    written: list[int] = []
    log.on_add = lambda: written.append(len(world.crm.writes))
    await called(world, *[Disposition.BUSY] * 25)
    async with world.working():
        await pass_time(10)
    assert log.batches == [10, 10, 5]
    assert written == [25, 25, 25]


async def test_fields_that_become_due_meanwhile_go_before_the_next_ten(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    order: list[str] = []
    log.on_add = lambda: order.append("told")

    async def on_write(_: object) -> None:
        order.append("fields")

    world.crm.on_write = on_write
    await called(world, *[Disposition.BUSY] * 12)
    world.crm.refusals = {lead(n): deque([NotWritten("ALREADY_MODIFIED", "", Refusal.REREAD)] * 3) for n in range(12)}
    original = world.services.activities._settle

    def settle(results: Any, ledger: Any) -> Any:
        told = original(results, ledger)
        for update in ledger.outbox.claim("first", world.clock.now() + timedelta(days=1), 99, ledger.shared_now()):
            ledger.outbox.postpone(update.outbox_id, "first", world.clock.now())
        return told

    world.services.activities._settle = settle  # type: ignore[method-assign]  # all fields are due again at once
    async with world.working():
        await pass_time(2)
    assert order == ["fields"] * 3 + ["told", "fields", "told"]


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_may_be_there_is_looked_for_before_it_is_sent_again_and_not_too_soon(
    telling: MakeWorld, log: FakeLog, *, is_there: bool
) -> None:
    world = telling()
    log.takes_unclear = is_there
    log.answers.append(Unclear("no answer"))
    await called(world, Disposition.BUSY)
    await send(world)
    assert ((await the_row(world)).form, (await the_row(world)).last_error) == (NOTE, "no answer")
    await pass_time(179)
    assert await send(world) == 0
    await pass_time(2)
    assert await send(world) == 1
    assert (len(log.looked_for), len(log.batches)) == (1, 1 if is_there else 2)
    assert ((await the_row(world)).state, len(log.there)) == ("sent", 1)


async def test_a_ledger_that_was_put_back_looks_for_what_it_may_have_told_since_the_backup(
    telling: MakeWorld, log: FakeLog
) -> None:
    world = telling()
    await called(world, Disposition.BUSY, Disposition.BUSY)
    attempt = await world.attempt(lead(0))
    log.there[attempt.attempt_id] = activity_of(attempt, NOTE)
    made_at = world.clock.now().isoformat()
    await world.write(lambda ledger: ledger.switches.set(BACKUP_MADE_AT, made_at, world.clock.now()))
    await send(world)
    assert [(await the_row(world, number)).state for number in (0, 1)] == ["sent", "sent"]
    assert (len(log.there), log.batches) == (2, [1])


async def test_a_record_whose_notes_may_not_be_looked_at_keeps_back_no_other(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    log.answers.extend([Unclear("no answer")] * 7)
    await called(world, *[Disposition.BUSY] * 7)
    await send(world)
    log.hidden = {lead(4)}
    await pass_time(200)
    await send(world)
    assert [(await the_row(world, number)).state for number in range(7)] == ["sent"] * 4 + ["pending"] + ["sent"] * 2
    assert (await the_row(world, 4)).last_error == "can't be looked for: NO_PERMISSION"


async def test_while_it_can_t_be_looked_for_it_is_not_sent_and_the_others_are(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    log.answers.append(Unclear("no answer"))
    await called(world, Disposition.BUSY)
    await send(world)
    log.find_fails = zoho_down()
    world.crm.change(lead(0), status="Recruiting")
    world.crm.add(person(lead(7), 7))
    await world.run()
    await world.hear(world.session(lead(7)), Disposition.BUSY)
    await pass_time(200)
    await send(world)
    assert [activity.key for activity in log.there.values()] == [lead(7)]
    assert (await the_row(world)).last_error == "can't be looked for: Zoho is out of reach"
    log.find_fails = None
    await pass_time(200)
    await send(world)
    assert len(log.there) == 2


async def test_a_request_without_end_is_given_up_and_left_open(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    log.hangs = True
    await called(world, Disposition.BUSY)
    await send(world)
    assert (await the_row(world)).form is NOTE
    assert world.clock.now() - MONDAY < timedelta(minutes=11)


async def test_what_zoho_refuses_for_good_is_parked_and_doctor_tells(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    log.answers.append(NotWritten("INVALID_DATA", "gone", Refusal.NEVER))
    await called(world, Disposition.BUSY)
    await send(world)
    assert ((await the_row(world)).state, (await the_row(world)).last_error) == ("parked", "INVALID_DATA: gone")
    findings = await world.services.doctor.examine()
    assert [found.message for found in findings if found.subject == "call log"] == ["Zoho refused 1 note or call"]
    assert all(found.level is Level.WARNING for found in findings if found.subject == "call log")


@pytest.mark.parametrize(("refusal", "wait"), [(Refusal.RETRY, 30), (Refusal.BLOCKED, 30), (Refusal.STOP, 900)])
async def test_what_zoho_refuses_for_now_certainly_is_not_there_and_comes_again(
    telling: MakeWorld, log: FakeLog, refusal: Refusal, wait: int
) -> None:
    world = telling()
    log.answers.append(NotWritten("X", "x", refusal))
    await called(world, Disposition.BUSY)
    await send(world)
    found = await the_row(world)
    assert (found.form, found.next_try_at - world.clock.now()) == (None, timedelta(seconds=wait))
    await pass_time(wait + 1)
    await send(world)
    assert (log.looked_for, len(log.there)) == ([], 1)


async def test_a_held_record_is_tried_for_a_day(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    log.answers.extend([NotWritten("RECORD_LOCKED", "x", Refusal.BLOCKED)] * 1000)
    await called(world, Disposition.BUSY)
    while (await the_row(world)).state == "pending":
        await send(world)
        await pass_time(1800)
    assert timedelta(hours=24) <= world.clock.now() - MONDAY < timedelta(hours=26)
    assert len(log.batches) < 40


async def test_only_a_conversation_whose_length_is_known_is_a_call_in_zoho(telling: MakeWorld) -> None:
    world = telling(LogCalls.CALLS)
    await called(world, Disposition.ANSWERED)
    attempt = await world.attempt(lead(0))
    lengths = {None: NOTE, 0: NOTE, 1: CALL, 75: CALL}
    for seconds, form in lengths.items():
        assert form_of(replace(attempt, duration_seconds=seconds), LogCalls.CALLS) is form
        assert form_of(replace(attempt, duration_seconds=seconds), LogCalls.NOTES) is NOTE
    unanswered = replace(attempt, disposition=Disposition.BUSY, duration_seconds=75)
    assert form_of(unanswered, LogCalls.CALLS) is NOTE


async def test_what_is_told_names_the_call_and_neither_the_number_nor_the_person(telling: MakeWorld) -> None:
    world = telling()
    await called(world, Disposition.BUSY)
    attempt = replace(await world.attempt(lead(0)), duration_seconds=75, attempts_before=2)
    told = activity_of(attempt, NOTE)
    assert told.subject == f"Automatic call 3: busy [{attempt.attempt_id}]"
    assert told.text.splitlines() == [
        "Automatic call of 2026-03-02 10:00 UTC: busy.",
        "Call 3 to this record. Length: 75 s.",
        f"Attempt {attempt.attempt_id}, 8x8 session {attempt.session_id}",
    ]
    assert attempt.number is not None
    assert attempt.number[1:] not in told.subject + told.text


async def test_turned_off_again_what_waits_waits_on(telling: MakeWorld, log: FakeLog) -> None:
    world = telling()
    await called(world, Disposition.BUSY)
    quiet = world.boot("second", log_calls=LogCalls.OFF, activity_log=None)
    assert not await quiet.services.activities.send_some()
    assert await send(world) == 1
    assert len(log.there) == 1
