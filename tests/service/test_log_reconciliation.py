"""rules.md row 25: what 8x8's own log says of calls whose result never came; what it does not say is not guessed."""

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.errors import LedgerRefusal, StoreError, TelephonyError
from autodialer.domain.placing import Ambiguous, Placed
from autodialer.domain.result import LoggedCall
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow
from autodialer.rules.policy import Policy
from autodialer.service.call_log import EVERY
from autodialer.service.ending import Ending, end_attempt
from service.conftest import MakeWorld
from service.virtual_time import pass_time
from service.world import DAY, MONDAY, World, chasing, lead, person, phone

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def lost(world: World, *numbers: int) -> list[AttemptRow]:
    """Calls to these people whose requests were never answered, ten minutes ago."""
    world.crm.add(*(person(lead(number), number) for number in numbers))
    world.telephony.always = Ambiguous("timeout")
    await world.run()
    world.telephony.always = None
    await pass_time(600)
    return [await world.attempt(lead(number)) for number in numbers]


async def unheard(world: World) -> AttemptRow:
    """A call that was placed and of which nothing was heard in time."""
    world.crm.add(person(lead(1), 1))
    world.telephony.always = Placed("s-1")
    await world.run()
    await pass_time(901)
    await world.services.reconciler.sweep()
    row = await world.attempt(lead(1))
    assert (row.state, row.session_id) == (AttemptState.UNKNOWN, "s-1")
    return row


def logged(row: AttemptRow, session: str = "s-1", **changes: Any) -> LoggedCall:
    assert row.submitted_at is not None
    assert row.number is not None
    call = LoggedCall(
        session_id=session,
        destination=row.number,
        started_at=row.submitted_at + 2 * SECOND,
        ended_at=row.submitted_at + 30 * SECOND,
        disposition=Disposition.BUSY,
        call_status="BUSY",
        session_status="BUSY",
        duration_seconds=0,
    )
    return replace(call, **changes)


async def reconcile(world: World) -> int:
    return await world.services.call_log.reconcile()


async def assert_unknown(world: World, number: int = 1) -> None:
    row = await world.attempt(lead(number))
    assert row.state is AttemptState.UNKNOWN
    assert await world.updates(lead(number)) == []


async def test_a_call_that_the_log_knows_by_its_session_ends_as_a_callback_would_end_it(world: World) -> None:
    row = await unheard(world)
    world.telephony.log = [logged(row)]
    assert await reconcile(world) == 1
    after = await world.attempt(lead(1))
    assert (after.disposition, after.call_status, after.reason) == (Disposition.BUSY, "BUSY", "from 8x8's log")
    await world.drain()
    record = world.crm.records[lead(1)]
    assert (record.status, record.call_attempts) == ("No Answer", 1)
    assert row.submitted_at is not None
    assert record.first_no_answer_at == row.submitted_at.isoformat()
    assert await world.breaches() == []


async def test_the_leg_to_the_person_decides_not_another_one_of_the_session(world: World) -> None:
    row = await unheard(world)
    agent = logged(row, destination=phone(99), disposition=Disposition.NO_ANSWER, call_status="NO_ANSWER")
    answered = logged(
        row, disposition=Disposition.ANSWERED, call_status="COMPLETED", agent_unreached=True, duration_seconds=9
    )
    world.telephony.log = [agent]
    assert await reconcile(world) == 0
    await assert_unknown(world)
    await pass_time(EVERY)
    world.telephony.log = [agent, answered]
    assert await reconcile(world) == 1
    after = await world.attempt(lead(1))
    assert (after.disposition, after.agent_unreached, after.duration_seconds) == (Disposition.ANSWERED, True, 9)


@pytest.mark.parametrize("seconds", [-60, 0, 180])
async def test_without_a_session_the_only_call_to_that_number_at_that_time_is_it(world: World, seconds: int) -> None:
    (row,) = await lost(world, 1)
    assert row.submitted_at is not None
    world.telephony.log = [logged(row, "s-7", started_at=row.submitted_at + seconds * SECOND)]
    assert await reconcile(world) == 1
    after = await world.attempt(lead(1))
    assert (after.disposition, after.session_id) == (Disposition.BUSY, "s-7")


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [{"started_at": None}],
        [{"started_at": MONDAY - 2 * MINUTE}],
        [{"started_at": MONDAY + 4 * MINUTE}],
        [{"destination": phone(2)}],
        [{"disposition": None, "call_status": "PARKED"}],
        [{}, {"session_id": "s-8"}],
        [{}, {"session_id": "s-8", "disposition": None}],
    ],
    ids=[
        "nothing",
        "no time",
        "too early",
        "too late",
        "somebody else",
        "no word that is known",
        "two",
        "two, one open",
    ],
)
async def test_what_the_log_does_not_say_clearly_changes_nothing(world: World, changes: list[dict[str, Any]]) -> None:
    (row,) = await lost(world, 1)
    world.telephony.log = [replace(logged(row, "s-7"), **change) for change in changes]
    assert await reconcile(world) == 0
    await assert_unknown(world)


async def test_a_session_that_another_attempt_owns_is_not_taken_from_it(world: World) -> None:
    """The other call to this number, minutes before, was heard of; the log shows it alone."""
    world.crm.add(chasing(lead(1), 1, MONDAY, attempts=1))
    world.telephony.always = Placed("s-1")
    await world.run()
    await world.hear("s-1", Disposition.NO_ANSWER)
    world.telephony.always = Ambiguous("reset")
    await world.run()
    await pass_time(600)
    first, second = await world.attempts(lead(1))
    assert second.state is AttemptState.UNKNOWN
    world.telephony.log = [logged(first, "s-1", disposition=Disposition.NO_ANSWER)]
    assert await reconcile(world) == 0
    assert (await world.attempts(lead(1)))[1] == second
    await pass_time(EVERY)
    world.telephony.log.append(logged(second, "s-2"))
    assert await reconcile(world) == 1
    assert (await world.attempts(lead(1)))[1].session_id == "s-2"


async def test_two_calls_without_session_to_one_number_are_not_told_apart(world: World) -> None:
    """The first was closed at midnight, the second made just after it."""
    world.clock.move_to(MONDAY.replace(hour=23, minute=59))
    world.crm.add(chasing(lead(1), 1, MONDAY, attempts=1))
    world.telephony.always = Ambiguous("reset")
    await world.run()
    world.clock.move_to(MONDAY.replace(hour=0) + DAY + SECOND)
    await world.services.reconciler.sweep()
    await world.run()
    await pass_time(600)
    first, second = await world.attempts(lead(1))
    assert (first.disposition, second.state) == (Disposition.UNKNOWN, AttemptState.UNKNOWN)
    world.telephony.log = [logged(second, "s-7")]
    assert await reconcile(world) == 0
    assert (await world.attempts(lead(1)))[1] == second


async def test_who_asked_not_to_be_called_in_that_call_is_not(world: World) -> None:
    (row,) = await lost(world, 1)
    world.telephony.log = [logged(row, do_not_call=True)]
    await reconcile(world)
    assert await world.read(lambda ledger: ledger.do_not_call.has([phone(1)])) == {phone(1)}


async def test_a_callback_that_came_before_the_log_told_whose_session_it_is_is_applied_then(world: World) -> None:
    (row,) = await lost(world, 1)
    await world.hear("s-7", Disposition.ANSWERED)
    assert await world.inbox_count("orphan") == 1
    world.telephony.log = [logged(row, "s-7")]
    assert await reconcile(world) == 1
    await world.apply()
    assert (await world.attempt(lead(1))).disposition is Disposition.ANSWERED
    assert await world.inbox_count("orphan") == 0
    assert await world.breaches() == []


async def test_a_result_or_a_person_who_was_faster_stands(world: World) -> None:
    rows = await lost(world, 1, 2)

    async def meanwhile() -> None:
        await world.services.settler.settle(rows[0].attempt_id, Settlement.ANSWERED)
        await world.hear("s-2", Disposition.FAILED, attemptId=rows[1].attempt_id)

    world.telephony.on_export = meanwhile
    world.telephony.log = [logged(row, f"s-{number}") for number, row in enumerate(rows, start=1)]
    assert await reconcile(world) == 0
    ends = [(await world.attempt(lead(number))).disposition for number in (1, 2)]
    assert ends == [Disposition.ANSWERED, Disposition.FAILED]


@pytest.mark.parametrize(
    "trouble", [LedgerRefusal("changed in this moment", permanent=False), RuntimeError("a row that nobody expected")]
)
async def test_one_call_that_can_not_be_settled_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    rows = await lost(world, 1, 2, 3)
    world.telephony.log = [logged(row, f"s-{number}") for number, row in enumerate(rows, start=1)]

    def end(ledger: Ledger, policy: Policy, row: AttemptRow, *more: Any) -> Ending:
        if row.key == lead(2):
            raise trouble
        return end_attempt(ledger, policy, row, *more)

    with monkeypatch.context() as patch:
        patch.setattr("autodialer.service.call_log.end_attempt", end)
        assert await reconcile(world) == 2
    await assert_unknown(world, 2)
    await pass_time(EVERY)
    assert await reconcile(world) == 1


async def test_while_the_ledger_is_gone_the_log_waits(world: World) -> None:
    (row,) = await lost(world, 1)
    world.telephony.log = [logged(row)]

    async def gone() -> None:
        world.process.store.fails = lambda: StoreError("gone", permanent=False)

    world.telephony.on_export = gone
    with pytest.raises(StoreError, match="gone"):
        await reconcile(world)


async def test_a_new_record_whose_call_was_closed_as_unknown_is_looked_up_for_two_days(world: World) -> None:
    (row,) = await lost(world, 1)
    world.clock.move_to(MONDAY + DAY)
    await world.services.reconciler.sweep()
    assert (await world.attempt(lead(1))).disposition is Disposition.UNKNOWN
    world.telephony.log = [logged(row, disposition=Disposition.NO_ANSWER)]
    assert await reconcile(world) == 1
    assert (await world.attempt(lead(1))).disposition is Disposition.NO_ANSWER


async def test_a_call_late_in_the_evening_to_who_had_not_answered_before_is_looked_up_after_its_day_as_well(
    world: World,
) -> None:
    world.clock.move_to(MONDAY.replace(hour=23, minute=50))
    world.crm.add(chasing(lead(1), 1, MONDAY - DAY))
    world.telephony.always = Placed("s-1")
    await world.run()
    await pass_time(901)
    for _ in range(2):  # unknown after RESULT_TIMEOUT, and its day is over by then
        await world.services.reconciler.sweep()
    row = await world.attempt(lead(1))
    assert row.disposition is Disposition.UNKNOWN
    world.telephony.log = [logged(row, disposition=Disposition.ANSWERED)]
    assert await reconcile(world) == 1
    assert (await world.attempt(lead(1))).disposition is Disposition.ANSWERED
    await world.drain()
    assert world.crm.records[lead(1)].call_attempts == 2
    await world.run()
    assert len(world.telephony.rings) == 1, "who answered waits for a person"


async def test_after_two_days_nobody_asks_any_more(world: World) -> None:
    await lost(world, 1)
    world.clock.move_to(MONDAY + 2 * DAY + MINUTE)
    await reconcile(world)
    assert world.telephony.exports == []


async def test_one_export_serves_all_and_none_comes_within_ten_minutes_even_if_it_failed(world: World) -> None:
    rows = await lost(world, 1, 2, 3)
    world.telephony.log = TelephonyError("8x8 is out of reach", permanent=False)
    with pytest.raises(TelephonyError):
        await reconcile(world)
    world.telephony.log = [logged(row, f"s-{number}") for number, row in enumerate(rows)]
    await pass_time(EVERY - 1)
    assert await reconcile(world) == 0
    assert len(world.telephony.exports) == 1
    await pass_time(2)
    assert await reconcile(world) == 3
    since, until = world.telephony.exports[1]
    first = min(row.submitted_at for row in rows if row.submitted_at)
    assert since == first - MINUTE
    assert until == world.clock.now() - timedelta(seconds=world.telephony.latency)


async def test_nobody_asks_8x8_while_nothing_is_unknown_long_enough_or_no_call_can_be_placed(world: World) -> None:
    await reconcile(world)
    world.crm.add(person(lead(1), 1))
    world.telephony.always = Ambiguous("timeout")
    await world.run()
    await pass_time(240)
    await reconcile(world)
    world.telephony.missing = ["EIGHTX8_SUBACCOUNT_ID is missing"]
    await pass_time(600)
    await reconcile(world)
    assert world.telephony.exports == []
    world.telephony.missing = []
    await reconcile(world)
    assert len(world.telephony.exports) == 1


async def test_the_log_is_asked_in_the_time_of_the_world_where_a_trial_has_another(make_world: MakeWorld) -> None:
    world = make_world()
    shifted = replace(world.services.means, wall_clock=_Ahead(world.clock, timedelta(days=250)))
    world.services.call_log._m = shifted
    (row,) = await lost(world, 1)
    assert row.submitted_at is not None
    world.telephony.log = [logged(row, started_at=row.submitted_at + timedelta(days=250))]
    assert await reconcile(world) == 1


class _Ahead:
    """A clock that shows a later time than another."""

    def __init__(self, clock: Any, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead

    def now(self) -> Any:
        return self._clock.now() + self._ahead

    def monotonic(self) -> float:
        return float(self._clock.monotonic())

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


async def test_the_worker_asks_by_itself_and_a_log_that_can_not_be_had_disturbs_nothing(world: World) -> None:
    world.crm.add(person(lead(1), 1), person(lead(2), 2))
    world.telephony.script[phone(1)] = deque([Ambiguous("timeout")])
    world.telephony.log = TelephonyError("8x8 is out of reach", permanent=False)
    async with world.working():
        await world.run()
        await pass_time(420)
        assert len(world.telephony.exports) == 1
        await world.services.callbacks.take(
            {"zoho_id": lead(2).zoho_id, "record_type": "Lead", "call_status": "no_answer"}
        )
        await pass_time(10)
        assert world.crm.records[lead(2)].status == "No Answer"
        world.telephony.log = [logged(await world.attempt(lead(1)))]
        await pass_time(EVERY + 60)
        assert len(world.telephony.exports) == 2
        await pass_time(10)
    assert world.crm.records[lead(1)].status == "No Answer"
    assert "loop failed, goes on" in world.log.events("error")
