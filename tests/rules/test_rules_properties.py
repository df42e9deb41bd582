"""What must hold for every input and every history, not only for the examples."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autodialer.domain.disposition import Disposition
from autodialer.domain.phone import NoNumber, choose_number
from autodialer.domain.record import CrmStatus, Record
from autodialer.rules.calendars import DayCounting, HolidayCalendar, Window
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts, History, PendingUpdate
from autodialer.rules.order import run_order
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, DeadReason, MarkDead, Skip, SkipReason
from rules.people import CONTACT, LEAD, NOW, NUMBER, person, word
from rules.world import World

WORKDAYS = (0, 1, 2, 3, 4)
POLICIES = [
    Policy(),
    Policy(timezone="Europe/Bucharest", dead_when_exhausted=True),
    Policy(timezone="Pacific/Kiritimati", hold_after_answer=False, day_quotas=(0, 5, 0, 1), total_quota=3),
    Policy(
        timezone="America/New_York",
        team_timezone="Europe/Bucharest",
        day_counting=DayCounting.CALLING_DAYS,
        team_windows=(Window(time(9), time(20), WORKDAYS), Window(time(22), None, (5,))),
        callee_windows=(Window(time(8), time(21)),),
        holidays=(HolidayCalendar("RO"), HolidayCalendar("DE", "BY")),
    ),
]
quick = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
instants = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]))
dated = instants.map(datetime.isoformat) | st.datetimes().map(datetime.isoformat) | st.dates().map(date.isoformat)
near = st.integers(-400, 400).map(lambda hours: (NOW + timedelta(hours=hours)).isoformat(timespec="seconds"))
moments = json_values | dated | near
counts = json_values | st.integers(-2, 60) | st.integers(-2, 60).map(float) | st.integers(0, 9).map(str)
statuses = (
    st.sampled_from(["New", "No Answer", " no  ANSWER ", "Dead", "Onboarding"]) | st.none() | st.text(max_size=20)
)
phones = (
    st.none() | st.text(max_size=60) | st.sampled_from(["0712 345 678", "☎️ 0712345678 👋", "\u202e0712345678", "112"])
)
this_century = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31"), timezones=st.just(UTC)
)
now_instants = this_century | st.just(NOW)
maybe_instant = st.none() | this_century | st.integers(-100, 2).map(lambda hours: NOW + timedelta(hours=hours))
pending = st.none() | st.builds(
    PendingUpdate,
    statuses,
    st.none() | st.sampled_from(CrmStatus),
    st.none() | st.integers(0, 60),
    maybe_instant,
)
histories = st.builds(
    History,
    attempts=st.integers(0, 9),
    attempts_today=st.integers(0, 4),
    first_unanswered_at=maybe_instant,
    open_attempt=st.none() | st.just("a1"),
    answered_at=maybe_instant,
    refused_number=st.booleans(),
    closed_unknown=st.booleans(),
)
crm_records = st.builds(
    Record,
    key=st.sampled_from([LEAD, CONTACT]),
    status=statuses,
    call_attempts=counts,
    first_no_answer_at=moments,
    phone=phones,
    mobile=phones,
    created_time=moments,
    name=st.text(max_size=10),
)


@st.composite
def facts_of_any_record(draw: st.DrawFn) -> Facts:
    record = draw(crm_records)
    number = draw(st.just(NUMBER) | st.just(choose_number(record.phone, record.mobile, "RO")))
    healthy = draw(st.booleans())  # half of them without the obstacles that hide the later checks
    history = History() if healthy else draw(histories)
    other = None if healthy else draw(st.none() | st.just(CONTACT))
    return Facts(record, number, history, draw(pending), not healthy and draw(st.booleans()), other)


@quick
@given(facts_of_any_record(), st.sampled_from(POLICIES), now_instants)
@example(person("No Answer", 1, "2000-01-01T00:00:00+14:00"), POLICIES[3], NOW)
@example(person("No Answer", 1, "9998-12-31T23:59:59-12:00"), POLICIES[2], NOW)
def test_decide_gives_a_verdict_on_anything_a_crm_can_hold(facts: Facts, policy: Policy, now: datetime) -> None:
    verdict = decide(facts, policy, now)
    assert decide(facts, policy, now) == verdict
    match verdict:
        case Call():
            assert verdict.attempt_number <= verdict.total_quota
            assert verdict.day_attempt_number <= verdict.day_quota
            assert facts.history.open_attempt is None
            assert not isinstance(facts.number, NoNumber)
            assert not facts.do_not_call
        case Skip():
            assert verdict.reason in SkipReason
            assert verdict.detail
            assert verdict.until is None or (verdict.until > now and verdict.until.utcoffset() == timedelta(0))
        case MarkDead():
            assert verdict.reason in DeadReason


@quick
@given(facts_of_any_record(), st.sampled_from(POLICIES))
def test_no_reason_shows_what_a_field_of_the_person_held(facts: Facts, policy: Policy) -> None:
    verdict = decide(facts, policy, NOW)
    if isinstance(verdict, Skip):
        held = [facts.record.phone, facts.record.mobile, facts.record.name, facts.record.call_attempts]
        for value in held:
            if isinstance(value, str) and len(value) > 5 and any(char.isdigit() for char in value):
                assert value not in verdict.detail


@quick
@given(facts_of_any_record(), st.sampled_from(POLICIES), st.integers(0, 9), st.integers(0, 9))
def test_more_attempts_never_make_a_record_callable(facts: Facts, policy: Policy, ledger: int, more: int) -> None:
    def of_attempts(attempts: int) -> Facts:
        history = History(attempts=attempts, attempts_today=min(attempts, facts.history.attempts_today))
        return Facts(facts.record, facts.number, history, facts.pending)

    if not isinstance(decide(of_attempts(ledger), policy, NOW), Call):
        assert not isinstance(decide(of_attempts(ledger + more), policy, NOW), Call)


# -- whole lives ------------------------------------------------------------------------------------------------------

ENDS = list(Disposition)
steps = st.lists(
    st.one_of(
        st.integers(1, 60 * 30).map(lambda minutes: ("wait", minutes)),
        st.just(("run", 0)),
        st.sampled_from([("end", number) for number in range(len(ENDS))]),
        st.just(("deliver", 0)),
    ),
    min_size=5,
    max_size=60,
)
LABELS = ["New", "No Answer", "Onboarding", "Dead"]
people_too = st.lists(
    st.one_of(
        st.integers(1, 60 * 30).map(lambda minutes: ("wait", minutes)),
        st.just(("run", 0)),
        st.just(("run", 0)),
        st.sampled_from([("end", number) for number in range(len(ENDS))]),
        st.just(("deliver", 0)),
        st.sampled_from([("person", number) for number in range(len(LABELS))]),
    ),
    min_size=5,
    max_size=80,
)


def _live(policy: Policy, life: list[tuple[str, int]]) -> World:
    """Play the steps; what must hold at every moment is asserted on the way."""
    world, now = World(policy), NOW
    for step, value in life:
        before, counted = len(world.calls), world.written_attempts
        ringing = bool(world.calls) and world.calls[-1].disposition is None
        if step == "wait":
            now += timedelta(minutes=value)
        elif step == "run":
            world.run(now)
        elif step == "end":
            world.end(ENDS[value])
        elif step == "deliver":
            world.deliver()
        else:
            world.set_status(LABELS[value], now)
        assert len(world.calls) <= before + 1
        assert not ringing or len(world.calls) == before, "a call while another rings"
        assert world.written_attempts >= counted, "attempts went down"
    return world


def _calls_per_day(world: World) -> dict[date, int]:
    days = [world.policy.local_date(call.at) for call in world.calls]
    return {day: days.count(day) for day in days}


@quick
@given(steps, st.sampled_from([POLICIES[0], POLICIES[1]]))
def test_no_sequence_of_runs_and_results_goes_over_a_quota(life: list[tuple[str, int]], policy: Policy) -> None:
    world = _live(policy, life)
    assert len(world.calls) <= policy.total_quota
    assert sum(call.was is CrmStatus.NEW for call in world.calls) <= policy.new_quota
    unanswered = [call.at for call in world.calls if call.disposition and call.disposition.is_unanswered]
    first = policy.local_date(min(unanswered)) if unanswered else None
    for day, made in _calls_per_day(world).items():
        index = (day - first).days if first and day >= first else 0
        assert index < len(policy.day_quotas), "a call on a day that is no calling day any more"
        assert made <= policy.day_quotas[index]
    ends = [call.disposition for call in world.calls]
    assert Disposition.ANSWERED not in ends[:-1], "an answered person was called again"


@quick
@given(people_too, st.sampled_from([POLICIES[0], POLICIES[1], POLICIES[2]]))
def test_no_edit_by_people_brings_a_record_over_the_total_or_a_days_most(
    life: list[tuple[str, int]], policy: Policy
) -> None:
    world = _live(policy, life)
    assert len(world.calls) <= max(policy.total_quota, policy.new_quota)
    assert all(made <= max(policy.day_quotas) for made in _calls_per_day(world).values())
    assert sum(call.was is CrmStatus.NEW for call in world.calls) <= policy.new_quota


@quick
@given(
    st.lists(st.sampled_from([Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED]), min_size=21, max_size=21)
)
def test_nobody_answers_means_exactly_seven_calls_whatever_the_word_for_it(ends: list[Disposition]) -> None:
    world = World(Policy())
    for day in range(7):
        for slot, hour in enumerate((10, 14, 18)):
            world.run(datetime(2026, 5, 4 + day, hour, tzinfo=UTC))
            world.end(ends[day * 3 + slot])
            world.deliver()
    assert (len(world.calls), world.record.status, world.record.call_attempts) == (7, "Dead", 7)


# -- the order of a run -----------------------------------------------------------------------------------------------

ids = st.integers(1, 10**20 - 1).map(str)
kinds = st.sampled_from([CrmStatus.NEW, CrmStatus.NO_ANSWER])


@quick
@given(st.lists(st.tuples(kinds, moments, ids), max_size=30))
def test_new_comes_before_no_answer_whatever_their_created_times(entries: list[tuple[CrmStatus, object, str]]) -> None:
    ordered = sorted(entries, key=lambda entry: run_order(*entry))
    kinds_in_order = [kind for kind, _, _ in ordered]
    assert kinds_in_order == sorted(kinds_in_order, key=[CrmStatus.NEW, CrmStatus.NO_ANSWER].index)


@quick
@given(st.lists(st.tuples(kinds, instants | st.none(), ids), max_size=30))
def test_the_sort_key_orders_by_created_time_then_by_id_as_a_number(
    entries: list[tuple[CrmStatus, datetime | None, str]],
) -> None:
    readable = [(kind, at if at is None or 2000 <= at.year < 9999 else None, number) for kind, at, number in entries]

    def wanted(entry: tuple[CrmStatus, datetime | None, str]) -> tuple[bool, bool, datetime, int]:
        kind, at, number = entry
        return (kind is CrmStatus.NO_ANSWER, at is None, at or NOW, int(number))

    def key(entry: tuple[CrmStatus, datetime | None, str]) -> str:
        kind, at, number = entry
        return run_order(kind, None if at is None else at.isoformat(), number)

    assert [key(entry) for entry in sorted(readable, key=wanted)] == sorted(map(key, readable))
    assert all(key(entry).isascii() and key(entry).isdigit() and len(key(entry)) <= 64 for entry in readable)


@quick
@given(moments, st.text(max_size=20))
def test_the_sort_key_exists_for_any_value(created: object, zoho_id: str) -> None:
    assert run_order(CrmStatus.NEW, created, zoho_id) < run_order(CrmStatus.NO_ANSWER, created, zoho_id)


@pytest.mark.parametrize("value", ["🦊", {"a": [None, float("nan")]}, "2026-02-30", 10**400, "\ud800", "3\u0000"])
def test_decide_takes_what_json_can_say(value: object) -> None:
    json.dumps(value, allow_nan=True)
    for status in ("New", "No Answer"):
        assert word(decide(person(status, value, None), Policy(), NOW)) == "bad_call_attempts"
        assert word(decide(person(status, None, value), Policy(), NOW)) == "bad_first_no_answer"
        assert word(decide(person(status, None, None, created=value), Policy(), NOW)) == "call"
