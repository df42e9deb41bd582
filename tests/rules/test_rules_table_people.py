"""The table of docs/rules.md, rows 12 to 32: changes by people, numbers, results, the outbox, statuses, clocks."""

from datetime import timedelta
from itertools import pairwise

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.phone import NoNumber, PhoneNumber, choose_number
from autodialer.domain.record import CrmStatus, RecordKey, RecordType
from autodialer.rules.after_call import update_after
from autodialer.rules.decide import decide
from autodialer.rules.duplicates import choose_one, contends
from autodialer.rules.facts import Facts, History, PendingUpdate
from autodialer.rules.policy import Policy
from rules.people import CONTACT, DEFAULT, LEAD, NOW, NUMBER, called, person, skipped, to_call, utc, verdict_word
from rules.world import World

DAY_0 = NOW.isoformat()
DAY_1 = (NOW - timedelta(days=1)).isoformat()
DAY_3 = (NOW - timedelta(days=3)).isoformat()


def test_row_12_a_stop_status_at_the_last_look_means_no_call() -> None:
    assert verdict_word(person("New")) == "call"
    assert verdict_word(person("Recruiting")) == "status"


def test_row_13_a_status_that_a_person_set_counts_over_the_one_that_waits_to_be_written() -> None:
    waits = PendingUpdate("New", CrmStatus.NO_ANSWER, 1, NOW)
    assert verdict_word(person("Onboarding", 0, pending=waits)) == "status"
    assert verdict_word(person("new ", 0, pending=waits, history=called(1, 1))) == "call"


def test_row_14_of_two_records_with_one_number_one_is_called_and_the_other_told_so() -> None:
    fresh = person("New", key=LEAD, created="2026-01-01T00:00:00Z")
    tried = person("No Answer", 1, DAY_1, key=CONTACT, created="2026-05-01T00:00:00Z")
    pairs = [(facts, decide(facts, DEFAULT, NOW)) for facts in (fresh, tried)]
    assert all(contends(verdict) for _, verdict in pairs)
    assert choose_one(pairs, DEFAULT) == choose_one(pairs[::-1], DEFAULT) == CONTACT
    assert "Contact" in skipped(person("New", same_phone_as=CONTACT)).detail


def test_row_14_among_records_of_one_kind_the_oldest_is_called() -> None:
    keys = [RecordKey(RecordType.LEAD, str(n)) for n in (30, 4, 200)]
    days = ["2026-05-03T00:00:00Z", "2026-05-02T00:00:00Z", "2026-05-02T00:00:00Z"]
    pairs = [(each, decide(each, DEFAULT, NOW)) for each in map(_new_record, keys, days)]
    assert choose_one(pairs, DEFAULT) == keys[1]


def _new_record(key: RecordKey, created: str) -> Facts:
    return person("New", key=key, created=created)


@pytest.mark.parametrize(
    ("facts", "claims"),
    [
        (person("New"), True),
        (person(attempts=7, first=DAY_1), True),
        (person(attempts=3, first=DAY_0), True),
        (person("Onboarding"), False),
        (person(attempts=1, first=DAY_3), False),
        (person("New", 1), False),
        (person("New", do_not_call=True), False),
        (person("New", history=History(open_attempt="a1")), False),
    ],
)
def test_row_14_only_a_record_that_could_be_called_some_day_claims_its_number(facts: Facts, claims: bool) -> None:
    assert contends(decide(facts, DEFAULT, NOW)) is claims


def test_row_15_the_history_of_a_number_follows_a_lead_that_became_a_contact() -> None:
    assert verdict_word(person("New", key=CONTACT, history=called(2))) == "new_already_called"
    assert to_call(person(attempts=0, first=DAY_1, key=CONTACT, history=called(2))).attempt_number == 3


def test_row_16_mobile_is_dialled_when_phone_is_unusable_and_both_bad_is_told() -> None:
    assert choose_number("n/a", "0712 345 678", "RO") == NUMBER
    assert choose_number("0212 345 678", "0712 345 678", "RO") == PhoneNumber("+40212345678", "RO")
    nothing = choose_number(None, "0712", "RO")
    assert nothing == NoNumber("Phone: empty; Mobile: too few digits")
    assert skipped(person("New", number=nothing)).detail == "Phone: empty; Mobile: too few digits"


@pytest.mark.parametrize(
    "written",
    [
        "0712345678",
        "712 345 678",
        "0040712345678",
        "+40 (0)712-345-678",
        "(0712) 345.678",
        "0712/345678",
        "0712 345 678 int. 12",
        "0712345678;ext=99",
        "0712345678 / 0722333444",
        "0712 345 678, 021 312 3456",
    ],
)
def test_row_17_however_a_number_is_written_the_first_valid_one_is_dialled(written: str) -> None:
    assert choose_number(written, None, "RO") == NUMBER


@pytest.mark.parametrize(
    "never", ["0900 123 456", "0801 123 456", "112", "911", "1221", "+1 900 234 5678", "+979 123456789"]
)
def test_row_18_premium_shared_cost_emergency_and_short_numbers_are_never_dialled(never: str) -> None:
    assert isinstance(choose_number(never, never, "RO"), NoNumber)


@pytest.mark.parametrize("later", [Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED, Disposition.UNKNOWN])
def test_row_21_answered_wins_over_a_non_answer_and_nothing_over_answered(later: Disposition) -> None:
    assert Disposition.ANSWERED.wins_over(later)
    assert not later.wins_over(Disposition.ANSWERED)
    assert not later.wins_over(later)


@pytest.mark.parametrize("was", [CrmStatus.NEW, CrmStatus.NO_ANSWER])
def test_row_24_a_call_placed_elsewhere_is_applied_by_the_same_rules(was: CrmStatus) -> None:
    facts = person(was.value, 2 if was is CrmStatus.NO_ANSWER else 0, DAY_1 if was is CrmStatus.NO_ANSWER else None)
    assert verdict_word(facts) == "call"
    assert update_after(LEAD, was, Disposition.NO_ANSWER, 2, NOW, NOW, DEFAULT) is not None
    assert update_after(LEAD, CrmStatus.DEAD, Disposition.NO_ANSWER, 2, NOW, NOW, DEFAULT) is None


def test_row_25_a_call_without_a_result_blocks_counts_and_is_never_written_as_no_answer() -> None:
    assert (
        verdict_word(person(attempts=1, first=DAY_1, history=History(attempts=2, open_attempt="a1"))) == "open_attempt"
    )
    closed = History(attempts=2, attempts_today=2, closed_unknown=True)
    assert verdict_word(person(attempts=1, first=DAY_1, history=closed)) == "day_quota"
    assert update_after(LEAD, CrmStatus.NO_ANSWER, Disposition.UNKNOWN, 1, NOW, NOW, DEFAULT) is None


def test_row_26_a_refused_call_returns_its_quota_and_a_refused_number_waits_for_another() -> None:
    assert verdict_word(person("New", history=History(attempts=0))) == "call"
    skip = skipped(person("New", history=History(refused_number=True)))
    assert (skip.reason, skip.reason.needs_repair) == ("number_refused", True)


def test_row_28_while_an_update_waits_the_ledger_decides_and_not_the_stale_crm() -> None:
    waits = PendingUpdate("New", CrmStatus.NO_ANSWER, 1, NOW)
    call = to_call(person("New", None, pending=waits, history=called(1, 1)))
    assert (call.is_new, call.attempt_number, call.first_no_answer_inferred) == (False, 2, False)
    dead = PendingUpdate("No Answer", CrmStatus.DEAD, None, None)
    assert verdict_word(person(attempts=7, first=DAY_1, pending=dead)) == "status"


def test_row_28_the_pending_count_and_time_are_used_when_the_crm_has_none_or_less() -> None:
    waits = PendingUpdate("No Answer", None, 6, NOW - timedelta(days=1))
    call = to_call(person(attempts=2, pending=waits))
    assert (call.attempt_number, call.day_index, call.first_no_answer_inferred) == (7, 1, False)
    later = PendingUpdate("No Answer", None, 6, NOW - timedelta(days=2))
    assert to_call(person(attempts=2, first=DAY_0, pending=later)).day_index == 2
    # a person set the status meanwhile: the CRM's own time is preferred
    shown = person(attempts=2, first=DAY_0, pending=PendingUpdate("New", CrmStatus.NO_ANSWER, 3, utc(5, 1)))
    assert verdict_word(shown) == "day_quota"


@pytest.mark.parametrize(("pulled", "limit"), [(0, 50), (199, 50), (200, 50), (204, 51), (10_000, 2500)])
def test_row_29_a_run_makes_at_most_a_quarter_or_fifty_dead(pulled: int, limit: int) -> None:
    assert DEFAULT.max_dead(pulled) == limit
    assert Policy(max_dead_share=0.29, max_dead_floor=0).max_dead(100) == 29
    assert verdict_word(person(attempts=1, first=DAY_3)) == "window_over"


@pytest.mark.parametrize("spelled", ["New", "new", "NEW", " New ", "\tnEw\n", "\u00a0New"])
def test_row_31_other_case_and_spaces_are_the_same_status(spelled: str) -> None:
    assert verdict_word(person(spelled)) == "call"
    assert DEFAULT.kind_of("No  answer") is CrmStatus.NO_ANSWER
    assert DEFAULT.kind_of("NoAnswer") is None


def test_row_31_the_crms_own_labels_are_what_counts() -> None:
    policy = Policy(new_status="Not Contacted", no_answer_status="Kein Anschluß")
    assert verdict_word(person("KEIN ANSCHLUSS", 1, DAY_1), policy) == "call"
    assert verdict_word(person("New"), policy) == "status"


@pytest.mark.parametrize("zone", ["Europe/Bucharest", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("change", [(3, 29), (10, 25), (3, 8), (11, 1)])
def test_row_32_a_record_lives_its_three_days_over_a_change_night(zone: str, change: tuple[int, int]) -> None:
    world, policy = World(Policy(timezone=zone)), Policy(timezone=zone)
    start = utc(*change) - timedelta(days=1)
    for hours in range(0, 24 * 5, 4):
        world.run(start + timedelta(hours=hours))
        world.end(Disposition.NO_ANSWER)
        world.deliver()
    dates = [policy.local_date(call.at) for call in world.calls]
    counts = [dates.count(day) for day in sorted(set(dates))]
    assert counts == [3, 2, 2]
    assert all(later - day == timedelta(days=1) for day, later in pairwise(sorted(set(dates))))
    assert world.record.status == "Dead"
