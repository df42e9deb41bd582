"""The golden table of drift: what Zoho shows, what the ledger holds, and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autodialer.domain.record import CrmStatus, Record, RecordKey, RecordType
from autodialer.rules.drift import LedgerSide, Values, compare
from autodialer.rules.policy import Policy

FIRST = datetime(2026, 3, 2, 10, 0, 7, 654321, tzinfo=UTC)
SHOWN = FIRST.replace(microsecond=0).isoformat()
LATER = (FIRST + timedelta(hours=1)).isoformat()
TWO = Values(CrmStatus.NO_ANSWER, 2, FIRST)  # what we last wrote, unless a line says otherwise
NEXT = Values(None, 3, None)  # what waits
REFUSED = "INVALID_DATA: invalid data (api_name Call_Attempts)"
POLICY = Policy()


def shown(status: str | None = "No Answer", attempts: object = 2, first: object = SHOWN) -> Record:
    return Record(RecordKey(RecordType.LEAD, "1"), status=status, call_attempts=attempts, first_no_answer_at=first)


def ledger(**changes: Any) -> LedgerSide:
    return replace(LedgerSide(written=TWO, written_over=("New",), calls=2), **changes)


TABLE: dict[str, tuple[Record | None, LedgerSide, list[tuple[str, str]]]] = {
    "both agree": (shown(), ledger(), []),
    "another spelling and another offset are the same": (
        shown(" no  ANSWER", 2.0, "2026-03-02T12:00:07+02:00"),
        ledger(),
        [],
    ),
    "nothing was ever written and nothing is shown": (shown("New", None, None), LedgerSide(), []),
    "Zoho counts more": (shown(attempts=4), ledger(), [("drift", "attempts_above")]),
    "Zoho counts more than what waits to be written too": (
        shown(attempts=4),
        ledger(queued=NEXT, calls=3),
        [("drift", "attempts_above")],
    ),
    "what Zoho counted when we decided is known": (
        shown(attempts=5),
        ledger(calls=6, unknown=1),
        [("note", "unknown_calls")],
    ),
    "Zoho counts less than it took": (shown(attempts=1), ledger(), [("drift", "attempts_below")]),
    "the count was cleared": (shown(attempts=None), ledger(), [("drift", "attempts_below")]),
    "the count is no number": (shown(attempts="two"), ledger(), [("drift", "attempts_unreadable")]),
    "the count is beyond all reason": (shown(attempts=51), ledger(), [("drift", "attempts_unreadable")]),
    "an update waits": (shown(), ledger(queued=NEXT, calls=3), [("waiting", "attempts_waiting")]),
    "an update waits that mends what was lowered": (
        shown(attempts=0),
        ledger(queued=NEXT, calls=3),
        [("waiting", "attempts_waiting")],
    ),
    "an update is parked": (
        shown(),
        ledger(queued=NEXT, refused=REFUSED, calls=3),
        [("drift", "attempts_parked")],
    ),
    "an update is parked whose values stand in Zoho all the same": (
        shown(attempts=3),
        ledger(queued=NEXT, refused=REFUSED, calls=3),
        [],
    ),
    "a result is awaited": (shown(), ledger(calls=3, awaited=1), [("waiting", "result_awaited")]),
    "a result is unknown": (shown(), ledger(calls=3, unknown=1), [("note", "unknown_calls")]),
    "a call is known and nothing will be written of it": (shown(), ledger(calls=3), [("drift", "attempts_below")]),
    "the first time differs": (shown(first=LATER), ledger(), [("drift", "first_no_answer_differs")]),
    "the first time was cleared": (shown(first=None), ledger(), [("drift", "first_no_answer_differs")]),
    "the first time is garbage": (shown(first="soon"), ledger(), [("drift", "first_no_answer_unreadable")]),
    "the first time waits to be written": (
        shown("New", None, None),
        LedgerSide(queued=TWO, calls=1),
        [("waiting", "attempts_waiting"), ("waiting", "first_no_answer_waiting"), ("waiting", "status_waiting")],
    ),
    "the first call's update is parked": (
        shown("New", None, None),
        LedgerSide(queued=TWO, refused=REFUSED, calls=1),
        [("drift", "attempts_parked"), ("drift", "first_no_answer_parked"), ("drift", "status_parked")],
    ),
    "a person changed the status": (shown("Onboarding"), ledger(), [("note", "status_changed")]),
    "a person emptied the status": (shown(None), ledger(), [("note", "status_changed")]),
    "the status is as before we wrote it": (shown("new"), ledger(), [("drift", "status_set_back")]),
    "the status waits over a person's": (
        shown("Recruiting"),
        ledger(queued=Values(CrmStatus.DEAD)),
        [("waiting", "status_waiting")],
    ),
    "the written status was a person's, who may change it": (
        shown("Onboarding"),
        ledger(written=replace(TWO, status=None)),
        [],
    ),
    "the record is gone": (None, ledger(), [("note", "gone")]),
    "the record is gone and an update waits": (None, ledger(queued=NEXT), [("waiting", "gone")]),
    "the record is gone and its update is parked": (
        None,
        ledger(queued=NEXT, refused="the record is not in the CRM any more"),
        [("drift", "gone")],
    ),
    "the lead was converted": (
        shown(),
        ledger(queued=NEXT, refused="CONVERTED_RECORD: can't update the converted record"),
        [("drift", "converted")],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_said_when_zoho_and_the_ledger_are_compared(name: str) -> None:
    record, side, expected = TABLE[name]
    found = compare(record, side, POLICY)
    assert [(one.weight.value, one.reason) for one in found] == expected
    assert all(one.detail for one in found)


def test_both_values_and_zoho_s_reason_are_shown() -> None:
    (one,) = compare(shown(), ledger(queued=NEXT, refused=REFUSED, calls=3), POLICY)
    assert (one.in_crm, one.in_ledger) == (2, 3)
    assert REFUSED in one.detail


def test_statuses_are_compared_as_the_policy_spells_them() -> None:
    policy = replace(POLICY, no_answer_status="Nu raspunde")
    assert compare(shown("nu  raspunde"), ledger(), policy) == ()
    (one,) = compare(shown("No Answer"), ledger(), policy)
    assert (one.reason, one.in_ledger) == ("status_changed", "Nu raspunde")
