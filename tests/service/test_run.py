"""rules.md, "Order of a run" and "How a run counts"; rows 14 and 20."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError, RunRefused
from autodialer.domain.placing import Ambiguous, Refused
from autodialer.domain.record import Record, RecordType
from autodialer.ports.rows import RunKind, RunState
from autodialer.store.ledger import SqlStore
from service.conftest import MakeWorld
from service.fakes import zoho_down
from service.virtual_time import VirtualLoop
from service.world import DAY, MONDAY, World, chasing, contact, lead, person, phone

YESTERDAY = MONDAY - DAY


async def test_all_new_of_both_modules_are_called_before_no_answer_by_created_time_then_id(world: World) -> None:
    same_minute = "2026-01-01T00:05:00+00:00"
    world.crm.add(
        chasing(lead(1), 1, YESTERDAY),
        person(contact(2), 9),
        chasing(contact(3), 0, YESTERDAY),
        person(lead(4), 8),
        person(lead(60), 6, created_time=same_minute),
        person(lead(5), 5, created_time=same_minute),
        person(lead(7), 7, created_time=None),
    )
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        run = await world.run()
    assert world.telephony.numbers() == [phone(n) for n in (5, 6, 8, 9, 7, 0, 1)]
    assert run.totals["called"] == run.totals["processed"] == 7


async def test_no_call_is_placed_before_both_modules_are_staged(world: World) -> None:
    world.crm.page_size, world.crm.latency = 2, 1.0
    world.crm.add(*(person(lead(n), n) for n in range(20)), person(contact(1), 99, created_time="2020-01-01T00:00:00Z"))
    await world.run()
    assert world.telephony.numbers()[0] == phone(99)
    assert len(world.telephony.rings) == 21


async def test_one_record_is_called_once_in_a_run_even_when_it_rings_out_at_once(world: World) -> None:
    world.crm.add(chasing(lead(1), 1, YESTERDAY), chasing(lead(2), 2, YESTERDAY))
    world.telephony.rings_for = 0
    world.all_end(Disposition.NO_ANSWER)
    async with world.working():
        run = await world.run()
    assert sorted(world.telephony.numbers()) == [phone(1), phone(2)]
    assert run.state is RunState.FINISHED


async def test_row_14_of_records_with_one_number_in_any_module_or_page_no_answer_wins_then_new_then_the_oldest(
    world: World,
) -> None:
    world.crm.page_size = 1
    world.crm.add(
        person(lead(1), 1),
        chasing(contact(2), 2, YESTERDAY, phone=phone(1)),
        person(contact(3), 3, phone="0040 " + phone(1)[3:]),
        person(contact(11), 11),
        person(lead(10), 10, phone=None, mobile=phone(11)),
        chasing(lead(21), 21, YESTERDAY),
        chasing(contact(20), 20, YESTERDAY, phone=phone(21)),
    )
    run = await world.run()
    called = {ring.request.key for ring in world.telephony.rings}
    assert called == {contact(2), lead(10), contact(20)}
    assert run.totals["reasons"] == {"same_phone_as": 4}
    assert run.totals["skipped"] == 4
    assert str(contact(20)) in (await world.staged(run))[lead(21)].detail


async def test_row_14_a_record_that_may_not_be_called_does_not_hold_back_the_other_with_its_number(
    world: World,
) -> None:
    world.crm.add(
        person(lead(1), 1, call_attempts=4),
        person(lead(2), 2, phone=phone(1)),
        chasing(lead(3), 3, MONDAY - 9 * DAY),
        person(lead(4), 4, phone=phone(3)),
    )
    run = await world.run()
    assert {ring.request.key for ring in world.telephony.rings} == {lead(2), lead(4)}
    assert run.totals["marked_dead"] == 1


async def test_a_page_of_garbage_loses_nobody(world: World) -> None:
    garbage: list[Any] = [[], {}, "x" * 5000, -1, float("nan"), float("inf"), True, "2026-13-45", 10**30, "\x00", b"x"]
    world.crm.page_size = 7
    for number, value in enumerate(garbage):
        world.crm.add(
            person(lead(number), 100 + number, call_attempts=value),
            person(contact(number), 200 + number, "No Answer", first_no_answer_at=value),
            person(lead(50 + number), 300 + number, created_time=value),
            person(lead(90 + number), 400 + number, phone=str(value), mobile=str(value) * 90),
        )
    world.crm.add(person(lead(999), 1))
    run = await world.run()
    assert run.state is RunState.FINISHED
    assert run.totals["processed"] == len(world.crm.records)
    assert phone(1) in world.telephony.numbers()
    assert await world.reason(run, lead(0)) == "bad_call_attempts"
    assert await world.reason(run, contact(0)) == "bad_first_no_answer"


async def test_a_record_whose_decision_fails_unexpectedly_is_an_error_and_the_rest_is_called(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autodialer.service import people  # noqa: PLC0415 - what is broken on purpose

    world.crm.add(*(person(lead(n), n) for n in range(1, 6)))
    summarise: Callable[..., Any] = vars(people)["summarise"]

    def broken(record: Record, *rest: Any) -> Any:
        if record.key == lead(3):
            raise ZeroDivisionError
        return summarise(record, *rest)

    monkeypatch.setattr(people, "summarise", broken)
    run = await world.run()
    assert world.telephony.numbers() == [phone(n) for n in (1, 2, 4, 5)]
    assert run.totals["errors"] == 1
    assert run.totals["processed"] == 5


async def test_a_pull_that_breaks_off_calls_nobody_and_says_why(world: World) -> None:
    world.crm.add(*(person(lead(n), n) for n in range(5)))
    world.crm.pull_fails[RecordType.CONTACT] = zoho_down()
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason == "Zoho: Zoho is out of reach"
    assert not world.telephony.rings


async def test_a_run_that_fails_unexpectedly_is_closed_so_that_the_next_one_can_start(world: World) -> None:
    world.crm.add(person(lead(1), 1))
    world.crm.pull_fails[RecordType.LEAD] = KeyError("a bug of ours")
    run = await world.run()
    assert run.state is RunState.STOPPED
    assert run.stop_reason
    world.crm.pull_fails.clear()
    assert (await world.run()).state is RunState.FINISHED


async def test_row_20_one_slot_has_one_run_and_two_runs_never_go_at_once(world: World) -> None:
    first = await world.services.runs.open(RunKind.SCHEDULED, MONDAY)
    with pytest.raises(RunRefused, match="a run is going") as refused:
        await world.services.runs.open(RunKind.MANUAL, None)
    assert refused.value.running == first.run_id
    await world.services.runs.conduct(first)
    with pytest.raises(RunRefused, match="the slot 2026-03-02 10:00 has had its run"):
        await world.services.runs.open(RunKind.SCHEDULED, MONDAY)
    assert (await world.run()).kind is RunKind.MANUAL


async def test_a_run_is_refused_while_calls_cannot_be_placed_at_all(world: World) -> None:
    world.telephony.missing = ["EIGHTX8_CALLER_ID is not set"]
    world.crm.down = zoho_down()
    with pytest.raises(RunRefused, match=r"EIGHTX8_CALLER_ID.*out of reach") as refused:
        await world.run()
    assert refused.value.permanent
    assert refused.value.running is None
    assert await world.read(lambda ledger: ledger.runs.recent(10)) == []


async def test_each_run_asks_anew_for_zoho_s_fields_and_is_refused_once_they_do_not_fit_any_more(world: World) -> None:
    await world.run()
    reason = "Leads: the picklist Lead_Status has no value No Answer"
    world.crm.down = CrmError(reason, permanent=True, code="FIELDS", stops_run=True)
    with pytest.raises(RunRefused, match=f"no calls can be placed: {reason}"):
        await world.run()
    world.crm.down = zoho_down()
    assert (await world.run()).stop_reason == "Zoho: Zoho is out of reach"
    world.crm.down = None
    assert (await world.run()).stop_reason is None


_numbers = st.integers(1, 12).map(phone) | st.sampled_from([None, "", "112", "abc", "+40 21 12"])
_firsts = st.sampled_from([None, *((MONDAY - n * DAY).isoformat() for n in range(-1, 6)), "garbage"])
_people = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["New", "No Answer", "no  answer", "Dead", "Recruiting", None]),
        "phone": _numbers,
        "mobile": _numbers,
        "call_attempts": st.sampled_from([None, 0, 1, 2, 3, 6, 7, 8, -1, 99, "3"]),
        "first_no_answer_at": _firsts,
        "created_time": st.sampled_from([None, "2026-01-01T10:00:00Z", "2025-01-01T10:00:00+02:00", 7]),
    }
)
_outcomes = st.sampled_from([None, None, Refused("-1", "no"), Ambiguous("timeout"), RuntimeError("bug")])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    people=st.lists(st.tuples(st.booleans(), _people), max_size=25),
    outcomes=st.lists(_outcomes, max_size=25),
    page_size=st.integers(1, 9),
)
def test_processed_is_called_plus_errors_plus_skipped_and_nobody_is_called_twice(
    new_store: Callable[[], SqlStore],
    people: list[tuple[bool, dict[str, Any]]],
    outcomes: list[Any],
    page_size: int,
) -> None:
    async def story() -> None:
        world = World(new_store())
        world.crm.page_size = page_size
        for number, (is_lead, fields) in enumerate(people):
            world.crm.add(Record((lead if is_lead else contact)(number), **fields))
        left = list(outcomes)
        world.telephony.on_place = lambda _: setattr(world.telephony, "always", left.pop() if left else None)
        run = await world.run()
        totals: dict[str, Any] = dict(run.totals)
        eligible = [fields for _, fields in people if fields["status"] in ("New", "No Answer", "no  answer")]
        assert totals["processed"] == len(eligible)
        assert totals["processed"] == totals["called"] + totals["errors"] + totals["skipped"]
        assert totals["marked_dead"] <= totals["skipped"]
        assert sum(totals["reasons"].values()) == totals["errors"] + totals["skipped"]
        assert len(world.telephony.rings) == totals["called"] + totals["errors"]
        keys = [ring.request.key for ring in world.telephony.rings]
        assert len(set(keys)) == len(keys)
        rang = [ring.number for ring in world.telephony.rings if not isinstance(ring.outcome, Refused)]
        assert len(set(rang)) == len(rang)

    loop = VirtualLoop()
    try:
        loop.run_until_complete(story())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def test_a_run_counts_made_dead_within_skipped_and_again_alone(make_world: MakeWorld) -> None:
    world = make_world()
    world.crm.add(
        chasing(lead(1), 1, MONDAY - 3 * DAY),
        chasing(lead(2), 2, MONDAY - 2 * DAY),
        person(lead(3), 3, phone="nothing"),
        person(lead(4), 4),
    )
    world.telephony.script[phone(4)] = deque([Refused("-1", "no")])
    run = await world.run()
    assert run.totals == {
        "processed": 4,
        "called": 1,
        "errors": 1,
        "skipped": 2,
        "marked_dead": 1,
        "reasons": {"no_valid_phone": 1, "refused": 1, "window_over": 1},
    }
