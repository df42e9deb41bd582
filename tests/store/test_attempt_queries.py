"""What the ledger answers about attempts."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.ports.rows import AttemptRow
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    TODAY,
    contact,
    elsewhere,
    ended,
    lead,
    open_runs,
    person,
    phone,
    placed,
    released,
    reservation,
    submitted,
    work,
)

OTHER = "host:2:bbbb"
EVER = NOW - timedelta(days=400)


@pytest.fixture(autouse=True)
def _runs(store: SqlStore) -> None:
    open_runs(store, "run-1", "run-2", "run-3")


def ids(rows: object) -> list[str]:
    assert isinstance(rows, list)
    return sorted(row.attempt_id for row in rows if isinstance(row, AttemptRow))


def lost(ledger: SqlLedger, number: int, **changes: Any) -> None:
    before = submitted(ledger, person(number, **changes))
    assert ledger.attempts.lose(before, before.lose("x", NOW))


def test_all_attempts_of_a_record_or_a_number_are_found_once(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1))
        ended(ledger, person(1, "other number", number=phone(8), run_id="run-2", attempts_before=1))
        ended(ledger, person(2, "other record", number=phone(1)))
        ended(ledger, person(3))
        ledger.attempts.add_elsewhere(elsewhere("elsewhere", number=None))

    work(store, unit)
    found = work(store, lambda ledger: ledger.attempts.of_people([lead(1)], [phone(1)]))
    assert ids(found) == ["a-1", "elsewhere", "other number", "other record"]
    assert ids(work(store, lambda ledger: ledger.attempts.of_people([lead(1)], []))) == [
        "a-1",
        "elsewhere",
        "other number",
    ]
    assert ids(work(store, lambda ledger: ledger.attempts.of_people([], [phone(1)]))) == ["a-1", "other record"]
    assert work(store, lambda ledger: ledger.attempts.of_people([], [])) == []


def test_the_calls_to_a_number_are_found_whoever_has_it_the_oldest_first(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1, "later"), at=NOW + MINUTE)
        ended(ledger, person(2, "other"))
        released(ledger, person(3, "refused", number=phone(1)), number_refused=True)
        released(ledger, person(3, "released", number=phone(1)))

    work(store, unit)
    assert ids(work(store, lambda ledger: ledger.attempts.of_number(phone(1)))) == ["later", "refused"]
    assert len(work(store, lambda ledger: ledger.attempts.of_number(phone(1), 1))) == 1


def test_a_contact_with_the_id_of_a_lead_is_somebody_else(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1, key=contact(1)))
        ended(ledger, person(2))

    work(store, unit)
    assert work(store, lambda ledger: ledger.attempts.of_people([lead(1)], [])) == []
    assert ids(work(store, lambda ledger: ledger.attempts.of_people([contact(1)], [phone(2)]))) == ["a-1", "a-2"]


def test_a_released_attempt_is_left_out_unless_its_number_was_refused(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        released(ledger, person(1))
        released(ledger, person(1, "refused"), number_refused=True)

    work(store, unit)
    assert ids(work(store, lambda ledger: ledger.attempts.of_people([lead(1)], [phone(1)]))) == ["refused"]


def test_more_people_than_a_database_takes_parameters_are_found(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        for number in (1, 700, 1500):
            ended(ledger, person(number))

    work(store, unit)
    keys = [lead(number) for number in range(1, 1501)]
    assert ids(work(store, lambda ledger: ledger.attempts.of_people(keys, []))) == ["a-1", "a-1500", "a-700"]


def test_the_open_attempt_of_a_record_is_found_in_every_open_state(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.attempts.find_open(lead(1))) is None

    def unit(ledger: SqlLedger) -> list[str | None]:
        seen = []
        reserved = ledger.attempts.reserve(person(1))
        seen.append(ledger.attempts.find_open(lead(1)))
        ledger.attempts.submit(reserved, sent := reserved.submit(NOW), NOW)
        seen.append(ledger.attempts.find_open(lead(1)))
        ledger.attempts.place(sent, taken := sent.place("s", NOW))
        seen.append(ledger.attempts.find_open(lead(1)))
        ledger.attempts.lose(taken, gone := taken.lose("x", NOW))
        seen.append(ledger.attempts.find_open(lead(1)))
        ledger.attempts.end(gone, gone.end(Disposition.BUSY, NOW), None)
        seen.append(ledger.attempts.find_open(lead(1)))
        return [row.state.value if row else None for row in seen]

    assert work(store, unit) == ["reserved", "submitting", "placed", "unknown", None]
    assert work(store, lambda ledger: ledger.attempts.find_open(contact(1))) is None


def test_the_history_of_a_record_is_told_oldest_first(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1, "second", reserved_at=NOW + MINUTE))
        released(ledger, person(1, "first", run_id="run-2"))
        ended(ledger, person(1, "third", run_id="run-3", reserved_at=NOW + 2 * MINUTE))
        ended(ledger, person(2))

    work(store, unit)
    rows = work(store, lambda ledger: ledger.attempts.of_record(lead(1)))
    assert [row.attempt_id for row in rows] == ["first", "second", "third"]
    assert [row.attempt_id for row in work(store, lambda ledger: ledger.attempts.of_record(lead(1), 2))] == [
        "first",
        "second",
    ]


def test_lines_are_taken_by_calls_in_progress_and_by_unknown_ones_that_may_still_ring(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ledger.attempts.reserve(person(1))
        submitted(ledger, person(2))
        placed(ledger, person(3))
        lost(ledger, 4)
        ended(ledger, person(5))
        released(ledger, person(6))

    work(store, unit)
    assert work(store, lambda ledger: ledger.attempts.lines_in_use(NOW - MINUTE)) == 4
    assert work(store, lambda ledger: ledger.attempts.lines_in_use(NOW)) == 3
    assert work(store, lambda ledger: ledger.attempts.lines_in_use(EVER)) == 4


def test_attempts_that_wait_in_vain_are_overdue_and_no_others(store: SqlStore) -> None:
    lease = NOW + 3 * MINUTE

    def unit(ledger: SqlLedger) -> None:
        ledger.attempts.reserve(person(1, "reserved", reserved_at=NOW))
        submitted(ledger, person(2, "submitting", reserved_at=NOW + 1 * MINUTE))
        placed(ledger, person(3, "placed", reserved_at=NOW + 2 * MINUTE))
        lost(ledger, 4, reserved_at=NOW + 3 * MINUTE)
        ended(ledger, person(5))
        released(ledger, person(6))

    work(store, unit)

    def overdue(**changes: Any) -> list[str]:
        asked: dict[str, Any] = {"placed_before": EVER, "now": NOW, "today": TODAY, **changes}
        return sorted(row.attempt_id for row in work(store, lambda ledger: ledger.attempts.overdue(**asked)))

    assert overdue() == []
    assert overdue(now=lease) == []
    assert overdue(now=lease + timedelta(milliseconds=1)) == ["reserved", "submitting"]
    assert overdue(placed_before=NOW) == ["placed"]
    assert overdue(today="2026-01-14") == ["a-4"]
    assert overdue(today="2026-01-14", placed_before=NOW, now=lease + MINUTE) == sorted(
        [
            "reserved",
            "submitting",
            "placed",
            "a-4",
        ]
    )


def test_what_a_dead_process_held_before_its_calls_were_placed_is_found(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ledger.attempts.reserve(person(1))
        submitted(ledger, person(2, reserved_at=NOW + MINUTE))
        ledger.attempts.reserve(person(3, owner=OTHER, reserved_at=NOW + 2 * MINUTE))
        placed(ledger, person(4))
        lost(ledger, 5)
        ended(ledger, person(6))

    work(store, unit)
    assert [row.attempt_id for row in work(store, lambda ledger: ledger.attempts.open_of_owner(OWNER))] == [
        "a-1",
        "a-2",
    ]
    assert [row.attempt_id for row in work(store, lambda ledger: ledger.attempts.open_of_owner(OTHER))] == ["a-3"]
    assert ids(work(store, lambda ledger: ledger.attempts.open_of_owner(""))) == ["a-1", "a-2", "a-3"]


def test_the_work_list_holds_unknown_calls_and_new_records_that_closed_as_unknown(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        lost(ledger, 1)
        for number, is_new in ((2, True), (3, False)):
            before = submitted(ledger, person(number, is_new=is_new), at=NOW + number * MINUTE)
            ledger.attempts.end(before, before.end(Disposition.UNKNOWN, NOW), None)
        placed(ledger, person(4))
        ended(ledger, person(5, is_new=True))

    work(store, unit)
    rows = work(store, lambda ledger: ledger.attempts.unknown())
    assert [row.attempt_id for row in rows] == ["a-2", "a-1"]
    assert len(work(store, lambda ledger: ledger.attempts.unknown(1))) == 1
    assert work(store, lambda ledger: ledger.stats.work_lists())["unknown_calls"] == 2


def test_the_latest_submitted_call_is_one_of_ours_whatever_became_of_it(store: SqlStore) -> None:
    def latest() -> datetime | None:
        return work(store, lambda ledger: ledger.attempts.latest_submitted())

    work(store, lambda ledger: ledger.attempts.add_elsewhere(elsewhere(key=lead(9), happened_at=NOW + 9 * MINUTE)))
    assert latest() is None
    work(store, lambda ledger: ledger.attempts.reserve(person(1)))
    assert latest() is None
    work(store, lambda ledger: submitted(ledger, person(2), at=NOW + 2 * MINUTE))
    work(store, lambda ledger: ended(ledger, person(3), at=NOW + MINUTE))
    assert latest() == NOW + 2 * MINUTE


def test_a_hold_is_lifted_for_the_records_named_and_once(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1), Disposition.ANSWERED)
        ended(ledger, person(2, key=contact(1)), Disposition.ANSWERED)
        ended(ledger, person(3), Disposition.NO_ANSWER)

    work(store, unit)
    assert work(store, lambda ledger: ledger.attempts.lift_holds([lead(1), lead(3), lead(9)], NOW)) == 1
    assert work(store, lambda ledger: ledger.attempts.lift_holds([lead(1)], NOW + MINUTE)) == 0
    lifted = {row.attempt_id: row.hold_lifted_at for row in work(store, everybody)}
    assert lifted == {"a-1": NOW, "a-2": None, "a-3": None}
    assert work(store, lambda ledger: ledger.attempts.lift_holds([], NOW)) == 0


def everybody(ledger: SqlLedger) -> list[AttemptRow]:
    return list(ledger.attempts.of_people([lead(1), contact(1), lead(3)], []))


def test_a_row_tells_what_was_reserved(store: SqlStore) -> None:
    wanted = reservation(is_new=True, attempts_before=2, day_attempts_before=1, first_no_answer_at=NOW - MINUTE)
    work(store, lambda ledger: ledger.attempts.reserve(wanted))
    row = work(store, lambda ledger: ledger.attempts.row("a-1"))
    assert row is not None
    assert row.state is AttemptState.RESERVED
    assert (row.run_id, row.key, row.number, row.owner) == ("run-1", lead(1), phone(1), OWNER)
    assert (row.attempts_before, row.day_index, row.policy_day) == (2, 0, TODAY)
    assert (row.is_new, row.record_status, row.first_no_answer_at) == (True, "No Answer", NOW - MINUTE)
    assert (row.reserved_at, row.lease_until, row.submitted_at) == (NOW, NOW + 3 * MINUTE, None)
    assert (row.disposition, row.session_id, row.hold_lifted_at) == (None, None, None)


def test_calls_are_walked_latest_first_in_pages_that_neither_repeat_nor_leave_out(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        for one in range(1, 6):
            submitted(ledger, person(one), at=NOW + (one // 2) * MINUTE)  # 1 | 2, 3 | 4, 5 at the same instant
        ledger.attempts.add_elsewhere(elsewhere(key=lead(9), happened_at=NOW + 9 * MINUTE))
        ledger.attempts.reserve(person(7))
        before = submitted(ledger, person(8), at=NOW + 3 * MINUTE)
        assert ledger.attempts.release(before, before.release("refused", NOW + 3 * MINUTE))

    work(store, unit)

    def page(before: tuple[datetime, str] | None, since: datetime = NOW) -> list[AttemptRow]:
        return list(work(store, lambda ledger: ledger.attempts.sent_since(since, before, 2)))

    walked: list[str] = []
    before = None
    while rows := page(before):
        walked += [row.attempt_id for row in rows]
        assert rows[-1].submitted_at is not None
        before = (rows[-1].submitted_at, rows[-1].attempt_id)
    assert walked == ["e-1", "a-5", "a-4", "a-3", "a-2", "a-1"]
    assert [row.attempt_id for row in page((NOW + MINUTE, "a-3"), NOW + MINUTE)] == ["a-2"]
