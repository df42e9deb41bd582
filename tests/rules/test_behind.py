"""When the CRM's counts prove that a ledger has forgotten calls of today, and when they are somebody's hand."""

from datetime import UTC, datetime

import pytest

from autodialer.rules.behind import evidence_since, is_behind, may_be_ahead
from autodialer.rules.policy import Policy

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
SINCE = datetime(2026, 3, 3, 10, 1, tzinfo=UTC)
POLICY = Policy()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "called_today", "behind"),
    [
        (0, 0, False),
        (2, 0, False),
        (3, 0, True),
        (3, 27, True),
        (3, 28, False),
        (30, 271, False),
        (30, 270, True),
        (300, 300, True),
    ],
)
def test_three_records_and_a_tenth_of_those_called_today_are_no_hand(
    ahead: int, called_today: int, behind: bool
) -> None:
    assert is_behind(ahead, called_today) is behind


@pytest.mark.parametrize(
    ("call_attempts", "modified", "known", "ahead"),
    [
        (3, "2026-03-03T12:00:00+00:00", 2, True),
        (3, "2026-03-03T14:00:00+02:00", 2, True),
        (3, "2026-03-03T12:00:00+02:00", 2, False),
        (3, "2026-03-03T10:01:00+00:00", 2, False),
        (2, "2026-03-03T12:00:00+00:00", 2, False),
        (1, "2026-03-03T12:00:00+00:00", 2, False),
        (1, "2026-03-03T12:00:00+00:00", 0, True),
        (None, "2026-03-03T12:00:00+00:00", 0, False),
        ("many", "2026-03-03T12:00:00+00:00", 0, False),
        (99, "2026-03-03T12:00:00+00:00", 0, False),
        (3, None, 2, False),
        (3, "yesterday", 2, False),
    ],
)
def test_a_record_is_ahead_with_more_calls_than_known_by_a_later_change(
    call_attempts: object, modified: object, known: int, ahead: bool
) -> None:
    assert may_be_ahead(call_attempts, modified, known, SINCE, POLICY) is ahead


@pytest.mark.parametrize(
    ("last_look", "accepted", "since"),
    [
        (None, None, "2026-03-03T10:00:00"),
        ("2026-03-02T18:01:00", None, "2026-03-03T10:00:00"),
        ("2026-03-03T10:01:00", None, "2026-03-03T10:01:00"),
        ("2026-03-03T10:01:00", "2026-03-03T11:00:00", "2026-03-03T11:00:00"),
        ("2026-03-03T10:01:00", "2026-03-01T11:00:00", "2026-03-03T10:01:00"),
    ],
)
def test_only_what_changed_today_after_the_last_look_and_the_last_word_of_a_person_counts(
    last_look: str | None, accepted: str | None, since: str
) -> None:
    found = evidence_since(POLICY, at(last_look) if last_look else None, at(accepted) if accepted else None, NOW)
    assert found == at(since)


def test_before_the_first_slot_of_the_day_nothing_is_evidence() -> None:
    early = at("2026-03-03T09:00:00")
    assert evidence_since(POLICY, at("2026-03-02T18:00:00"), None, early) > early


@pytest.mark.parametrize(
    ("zone", "run_hours", "now", "since"),
    [
        # 9:00, 13:00 and 17:00 in Los Angeles: the last slot of a day has the next date in UTC
        ("America/Los_Angeles", (17, 21, 1), "2026-03-04T01:00:00", "2026-03-03T17:00:00"),
        ("America/Los_Angeles", (17, 21, 1), "2026-03-03T21:00:00", "2026-03-03T17:00:00"),
        # 7:00, 11:00 and 15:00 in Tokyo: the first slot of a day has the date before in UTC
        ("Asia/Tokyo", (22, 2, 6), "2026-03-04T02:00:00", "2026-03-03T22:00:00"),
        ("Asia/Tokyo", (22, 2, 6), "2026-03-04T22:30:00", "2026-03-04T22:00:00"),
        ("Asia/Tokyo", (0, 14, 20), "2026-03-03T21:00:00", "2026-03-03T20:00:00"),
        ("Asia/Tokyo", (15,), "2026-03-03T16:00:00", "2026-03-03T15:00:00"),
    ],
)
def test_the_first_slot_is_that_of_the_day_of_the_rules_whatever_date_it_has_in_utc(
    zone: str, run_hours: tuple[int, ...], now: str, since: str
) -> None:
    policy = Policy(timezone=zone, run_hours=run_hours)
    assert evidence_since(policy, None, None, at(now)) == at(since)
