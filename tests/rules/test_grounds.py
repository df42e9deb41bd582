"""What a plan says that a verdict rests on is what `decide` counted."""

from datetime import UTC, datetime, timedelta

from autodialer.domain.record import CrmStatus
from autodialer.rules.decide import decide
from autodialer.rules.facts import PendingUpdate
from autodialer.rules.grounds import Grounds, grounds_of
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call
from rules.people import called, person

POLICY = Policy()
NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


def test_the_greatest_of_crm_ledger_and_outbox_counts_and_the_day_has_its_quota() -> None:
    yesterday = (NOW - timedelta(days=1)).isoformat()
    facts = person(attempts=2, first=yesterday, history=called(3, today=1))
    assert grounds_of(facts, POLICY, NOW) == Grounds(3, 1, 7, 1, 2)
    waiting = PendingUpdate("No Answer", CrmStatus.NO_ANSWER, 4, None)
    facts = person(attempts=2, first=yesterday, history=called(3, today=1), pending=waiting)
    assert grounds_of(facts, POLICY, NOW).attempts == 4


def test_new_has_one_call_and_no_day() -> None:
    assert grounds_of(person("New"), POLICY, NOW) == Grounds(0, 0, 1, None, None)


def test_nothing_is_said_of_data_that_can_not_be_trusted_or_of_a_status_that_is_not_called() -> None:
    assert grounds_of(person(attempts=-1), POLICY, NOW) == Grounds()
    assert grounds_of(person("Recruiting", attempts=2), POLICY, NOW) == Grounds()


def test_a_call_is_the_next_one_after_what_was_counted() -> None:
    for days in range(3):
        for made in range(3):
            first = (NOW - timedelta(days=days)).isoformat()
            facts = person(attempts=1 + made, first=first, history=called(1 + made, today=made))
            verdict, grounds = decide(facts, POLICY, NOW), grounds_of(facts, POLICY, NOW)
            if isinstance(verdict, Call):
                assert (grounds.attempts, grounds.attempts_today) == (
                    verdict.attempt_number - 1,
                    verdict.day_attempt_number - 1,
                )
                assert (grounds.total_quota, grounds.day_index, grounds.day_quota) == (
                    verdict.total_quota,
                    verdict.day_index,
                    verdict.day_quota,
                )
