"""What waits for a person comes in its order, a page at a time, and leaves its list when it is settled."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import pytest

from autodialer.domain.attempt import Submitting
from autodialer.domain.record import CrmStatus, RecordKey, RecordType
from autodialer.ports.rows import InboxRow, RunState, StagedState
from autodialer.ports.work_lists import DISMISSED, Flaw
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    ended,
    lead,
    open_runs,
    person,
    phone,
    projection,
    raw_attempt,
    staged,
    submitted,
    work,
)

R = TypeVar("R")
INFERRED = "call 2 of 7; Day 0, 1 of 3 today; First No Answer At is empty in the CRM and was inferred"


def pages(next_page: Callable[[R | None], Sequence[R]]) -> list[R]:
    """All pages, one after the other; each row once, in the order in which they came."""
    found: list[R] = []
    while page := next_page(found[-1] if found else None):
        assert len(page) <= 2
        found += page
    return found


def lost(ledger: SqlLedger, one: int, at: datetime) -> Submitting:
    before = submitted(ledger, person(one), at)
    assert ledger.attempts.lose(before, before.lose("timeout", at))
    return before


def test_unknown_calls_come_newest_first_also_where_two_were_sent_at_once(store: SqlStore) -> None:
    open_runs(store, "run-1")
    minutes = {1: 3, 2: 1, 3: 3, 4: 0, 5: 3}

    def unit(ledger: SqlLedger) -> None:
        for one, minute in minutes.items():
            lost(ledger, one, NOW + minute * MINUTE)
        ended(ledger, person(6))

    work(store, unit)

    def page(last: str | None) -> list[str]:
        rows = {row.attempt_id: row for row in work(store, lambda ledger: ledger.attempts.unknown())}
        after = None if last is None else (rows[last].submitted_at or NOW, last)
        return [row.attempt_id for row in work(store, lambda ledger: ledger.work_lists.unknown(after, 2))]

    assert pages(page) == ["a-5", "a-3", "a-1", "a-2", "a-4"]


def arrive(store: SqlStore, key: str, session_id: str | None = "s-1", state: str = "orphan") -> int:
    def unit(ledger: SqlLedger) -> int:
        ledger.inbox.add(
            dedupe_key=key, source="provider", event_type="X", session_id=session_id, body=f'"{key}"', at=NOW
        )
        row = ledger.inbox.find(key)
        assert row is not None
        ledger.inbox.settle(row.inbox_id, state, note="why", at=NOW)
        return row.inbox_id

    return work(store, unit)


def orphans(store: SqlStore) -> list[int]:
    def page(last: int | None) -> list[int]:
        return [row.inbox_id for row in work(store, lambda ledger: ledger.work_lists.orphans(last, 2))]

    return pages(page)


def test_conflicts_come_newest_first_and_those_far_back_are_left_alone(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [arrive(store, key, state="conflict") for key in "abcde"]
    arrive(store, "f", state="applied")

    def page(last: int | None) -> list[int]:
        return [row.inbox_id for row in work(store, lambda ledger: ledger.work_lists.conflicts(last, 2))]

    def counted() -> int:
        return work(store, lambda ledger: ledger.stats.work_lists())["conflicting_results"]

    assert pages(page) == ids[::-1]
    assert counted() == len(ids)
    monkeypatch.setattr("autodialer.store.inbox._LATE", 3)
    assert pages(page) == ids[:-3:-1]
    assert counted() == 2, "as many as the list has"


def callback(store: SqlStore, inbox_id: int) -> InboxRow:
    found = work(store, lambda ledger: ledger.work_lists.callback(inbox_id))
    assert found is not None
    return found


def dismiss(store: SqlStore, inbox_id: int) -> bool:
    return work(store, lambda ledger: ledger.work_lists.dismiss(inbox_id, "another program's", NOW + MINUTE))


def test_orphans_come_newest_first_and_nothing_else_does(store: SqlStore) -> None:
    ids = [arrive(store, key) for key in "abcde"]
    for state in ("applied", "ignored", "conflict"):
        arrive(store, state, state=state)
    assert orphans(store) == ids[::-1]
    assert callback(store, ids[0]).body == '"a"'
    assert work(store, lambda ledger: ledger.work_lists.callback(10**9)) is None


def test_a_dismissed_orphan_is_off_the_list_and_stays_stored(store: SqlStore) -> None:
    first, second = arrive(store, "a"), arrive(store, "b")
    assert dismiss(store, first)
    assert not dismiss(store, first)
    assert orphans(store) == [second]
    row = callback(store, first)
    assert (row.state, row.note, row.body) == ("ignored", f"{DISMISSED}another program's", '"a"')
    assert work(store, lambda ledger: ledger.stats.work_lists())["orphan_callbacks"] == 1


def test_only_an_orphan_can_be_dismissed(store: SqlStore) -> None:
    for state in ("applied", "ignored", "conflict"):
        inbox_id = arrive(store, state, state=state)
        assert not dismiss(store, inbox_id)
        assert callback(store, inbox_id).note == "why"


def test_a_dismissed_orphan_is_matched_all_the_same_when_its_session_becomes_known(store: SqlStore) -> None:
    dismissed, other, ignored = arrive(store, "a"), arrive(store, "b", "s-2"), arrive(store, "c", state="ignored")
    dismiss(store, dismissed)
    found = work(store, lambda ledger: ledger.inbox.orphans_of("s-1"))
    assert [row.inbox_id for row in found] == [dismissed]
    work(store, lambda ledger: ledger.inbox.reopen([dismissed, ignored]))
    assert [row.inbox_id for row in work(store, lambda ledger: ledger.inbox.waiting(9))] == [dismissed]
    assert orphans(store) == [other]


def parked(store: SqlStore) -> list[int]:
    def page(last: int | None) -> list[int]:
        return [row.outbox_id for row in work(store, lambda ledger: ledger.work_lists.parked(last, 2))]

    return pages(page)


def park(store: SqlStore, *ones: int) -> None:
    def unit(ledger: SqlLedger) -> None:
        for one in ones:
            ledger.outbox.put(
                projection(lead(one), status=CrmStatus.NO_ANSWER, call_attempts=1, first_no_answer_at=NOW), NOW
            )
        for row in ledger.outbox.claim(OWNER, NOW, 100, NOW):
            ledger.outbox.park(row.outbox_id, OWNER, "CONVERTED_RECORD: converted", NOW)

    work(store, unit)


def test_parked_updates_come_oldest_first(store: SqlStore) -> None:
    park(store, 1, 2, 3, 4, 5)
    work(store, lambda ledger: ledger.outbox.put(projection(lead(9)), NOW))
    assert parked(store) == sorted(parked(store))
    assert len(parked(store)) == 5


def test_all_parked_updates_are_tried_again_each_once(store: SqlStore) -> None:
    park(store, 1, 2, 3, 4, 5)
    ids = parked(store)
    tried = pages(lambda last: work(store, lambda ledger: ledger.work_lists.retry_parked(last or 0, 2, NOW)))
    assert tried == ids
    assert parked(store) == []
    rows = work(store, lambda ledger: ledger.outbox.claim(OWNER, NOW, 100, NOW))
    assert [(row.outbox_id, row.tries) for row in rows] == [(number, 0) for number in ids]


def test_what_was_given_up_is_never_sent_and_its_count_is_not_lost(store: SqlStore) -> None:
    park(store, 1, 2)
    first, second = parked(store)
    given = work(store, lambda ledger: ledger.work_lists.give_up(first, "ana", "converted", NOW))
    assert given is not None
    assert (given.key, given.state) == (lead(1), "parked")
    assert work(store, lambda ledger: ledger.work_lists.give_up(first, "ana", "again", NOW)) is None
    assert parked(store) == [second]
    (row,) = work(store, lambda ledger: ledger.outbox.of_record(lead(1)))
    assert (row.state, row.last_error) == (
        "superseded",
        "given up by ana: converted; Zoho said: CONVERTED_RECORD: converted",
    )
    known = work(store, lambda ledger: ledger.outbox.newest([lead(1)], NOW + MINUTE))[lead(1)]
    assert (known.status, known.call_attempts, known.first_no_answer_at) == (None, 1, None)
    work(store, lambda ledger: ledger.outbox.put(projection(lead(1), call_attempts=0), NOW))
    assert work(store, lambda ledger: ledger.outbox.of_record(lead(1)))[-1].call_attempts == 1


def hold(database: Database, attempt_id: str, one: int, minute: int, **changes: object) -> None:
    values = {"zoho_id": lead(one).zoho_id, "number": phone(one), "disposition": "answered", **changes}
    raw_attempt(database, attempt_id, ended_at=NOW + minute * MINUTE, **values)


def test_people_held_after_an_answer_come_longest_waiting_first_each_once(database: Database) -> None:
    store = SqlStore(database)
    for attempt_id, one, minute in (("h-1", 1, 5), ("h-2", 2, 1), ("h-3", 3, 1), ("h-4", 1, 2), ("h-5", 5, 0)):
        hold(database, attempt_id, one, minute, agent_unreached=int(attempt_id == "h-4"))
    hold(database, "h-6", 6, 0, hold_lifted_at=NOW)
    hold(database, "h-7", 7, 0, disposition="busy")
    hold(database, "h-8", 2, 1, record_type="Contact")
    first = work(store, lambda ledger: ledger.work_lists.answered(None, 100))
    assert [one.key for one in first] == [lead(5), contact_of(2), lead(2), lead(3), lead(1)]
    found = pages(
        lambda last: work(
            store, lambda ledger: ledger.work_lists.answered((last.answered_at, last.key) if last else None, 2)
        )
    )
    assert found == list(first)
    assert (found[-1].calls, found[-1].answered_at, found[-1].agent_unreached) == (2, NOW + 5 * MINUTE, True)
    held = work(store, lambda ledger: ledger.work_lists.held(lead(1)))
    assert [row.attempt_id for row in held] == ["h-4", "h-1"]
    assert work(store, lambda ledger: ledger.work_lists.lift(["h-1", "h-4", "h-6", "h-7"], NOW)) == 2
    assert work(store, lambda ledger: ledger.work_lists.lift(["h-1"], NOW)) == 0
    assert work(store, lambda ledger: ledger.work_lists.held(lead(1))) == []


def contact_of(one: int) -> RecordKey:
    """A Contact with the id of a Lead."""
    return RecordKey(RecordType.CONTACT, lead(one).zoho_id)


def stage_flaws(store: SqlStore) -> None:
    """An older run, one that has pulled everything, and one that has not."""
    open_runs(store, "run-1", "run-2")
    skip = StagedState.SKIP
    rows = [
        staged(1, skip, reason="bad_call_attempts", facts={"call_attempts": '"repaired_at"'}),
        staged(2, skip, reason="status"),
        staged(3, skip, reason="no_valid_phone"),
        staged(4, StagedState.DUE, reason="no_answer", detail=INFERRED),
        staged(5, StagedState.CALLED, reason="no_answer", detail=INFERRED),
        staged(6, skip, reason="new_already_called"),
        staged(7, StagedState.ERROR, reason="number_refused"),
        staged(8, skip, reason="number_refused"),
    ]

    def unit(ledger: SqlLedger) -> None:
        ledger.staging.add("run-1", [staged(1, skip, reason="no_valid_phone")])
        ledger.staging.add("run-2", rows)
        ledger.runs.advance("run-2", OWNER, RunState.DIALING, NOW)

    work(store, unit)


def flawed(store: SqlStore, flaw: Flaw = Flaw.REPAIR) -> list[str]:
    run_id = work(store, lambda ledger: ledger.work_lists.flawed_run())
    assert run_id == "run-2"
    found = pages(
        lambda last: work(
            store, lambda ledger: ledger.work_lists.flawed(run_id, flaw, last.sort_key if last else "", 2)
        )
    )
    return [row.key.zoho_id for row in found]


def ids(*ones: int) -> list[str]:
    return [lead(one).zoho_id for one in ones]


def test_the_newest_run_that_pulled_everything_says_what_is_to_be_repaired(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.work_lists.flawed_run()) is None
    assert work(store, lambda ledger: ledger.work_lists.to_repair()) == 0
    stage_flaws(store)
    assert flawed(store) == ids(1, 3, 6, 8)
    assert flawed(store, Flaw.INFERRED) == ids(4, 5)
    assert work(store, lambda ledger: ledger.work_lists.to_repair()) == 4

    def next_run(ledger: SqlLedger) -> None:
        ledger.runs.save_totals("run-2", {"reasons": {"bad_call_attempts": 1}})
        ledger.runs.advance("run-2", OWNER, RunState.FINISHED, NOW + MINUTE)

    work(store, next_run)
    open_runs(store, "run-3")
    assert flawed(store) == ids(1, 3, 6, 8)
    assert work(store, lambda ledger: ledger.work_lists.to_repair()) == 4


def test_a_run_that_counted_nothing_to_repair_is_not_gone_through(store: SqlStore) -> None:
    stage_flaws(store)

    def finish(ledger: SqlLedger) -> None:
        ledger.runs.save_totals("run-2", {"reasons": {"status": 1}})
        ledger.runs.advance("run-2", OWNER, RunState.FINISHED, NOW + MINUTE)

    work(store, finish)
    assert work(store, lambda ledger: ledger.work_lists.to_repair()) == 0


def test_a_repaired_record_leaves_the_list_and_what_the_run_decided_stays(store: SqlStore) -> None:
    stage_flaws(store)
    for one in (1, 3):
        assert is_flawed(store, one)
        work(store, partial(_repaired, one))
        assert not is_flawed(store, one)
    assert flawed(store) == ids(6, 8)
    assert work(store, lambda ledger: ledger.work_lists.to_repair()) == 2
    rows = {row.key: row for row in work(store, lambda ledger: ledger.staging.rows("run-2"))}
    assert (rows[lead(1)].reason, rows[lead(1)].state) == ("bad_call_attempts", StagedState.SKIP)
    assert rows[lead(1)].facts == {"call_attempts": '"repaired_at"', "repaired_at": NOW.isoformat()}
    assert not is_flawed(store, 2)


def is_flawed(store: SqlStore, one: int) -> bool:
    return work(store, lambda ledger: ledger.work_lists.flawed_record("run-2", lead(one))) is not None


def _repaired(one: int, ledger: SqlLedger) -> None:
    ledger.work_lists.repaired("run-2", lead(one), NOW)


def add_all(store: SqlStore, numbers: dict[str, str], at: datetime = NOW) -> int:
    return work(store, lambda ledger: ledger.do_not_call.add_all(numbers, at))


def test_many_numbers_are_suppressed_at_once_and_those_that_stand_keep_their_reason(store: SqlStore) -> None:
    assert add_all(store, {phone(1): "asked", phone(2): ""}) == 2
    assert add_all(store, {phone(2): "later", phone(3): "asked"}, NOW + timedelta(days=1)) == 1
    assert add_all(store, {phone(2): "later"}) == 0
    assert add_all(store, {}) == 0
    assert work(store, lambda ledger: ledger.do_not_call.all()) == [
        (phone(1), "asked", NOW),
        (phone(2), "", NOW),
        (phone(3), "asked", NOW + timedelta(days=1)),
    ]
    assert work(store, lambda ledger: ledger.do_not_call.count()) == 3


def search(store: SqlStore, wanted: str) -> list[str]:
    return [row[0] for row in work(store, lambda ledger: ledger.do_not_call.page("", 10, wanted))]


def test_the_do_not_call_list_comes_by_number_and_is_searched_by_number_or_reason(store: SqlStore) -> None:
    numbers = {phone(one): f"asked on day {one}" for one in range(1, 6)}
    add_all(store, {**numbers, "+40311234567": "100% ANGRY_one"})
    found = pages(lambda last: [row[0] for row in work(store, lambda ledger: ledger.do_not_call.page(last or "", 2))])
    assert found == sorted([*numbers, "+40311234567"])
    assert search(store, "0311 234 567") == ["+40311234567"]
    assert search(store, "angry") == ["+40311234567"]
    assert search(store, "100%") == ["+40311234567"]
    assert search(store, "%") == ["+40311234567"]
    assert search(store, "_") == ["+40311234567"]
    assert search(store, "day 3") == [phone(3)]
    assert search(store, "nothing") == []
