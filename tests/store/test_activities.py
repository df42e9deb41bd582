"""Calls of which Zoho is to be told: each waits once, and one process at a time has it."""

from datetime import timedelta

import pytest

from autodialer.domain.activity import ActivityForm
from autodialer.domain.disposition import Disposition
from autodialer.ports.activities import ActivityRow
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from databases import Postgres
from store.made import MINUTE, NOW, OWNER, ended, on, open_runs, person, work

NOTE, CALL = ActivityForm.NOTE, ActivityForm.CALL
HOUR = timedelta(hours=1)


def queue(store: SqlStore, count: int = 1) -> list[str]:
    """As many ended calls, queued a second apart."""
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> list[str]:
        ids = []
        for number in range(1, count + 1):
            call = ended(ledger, person(number), Disposition.BUSY, NOW)
            ids.append(call.intent.attempt_id)
            ledger.activities.put(ids[-1], NOW + timedelta(seconds=number))
        return ids

    return work(store, unit)


def due(store: SqlStore, at: timedelta = MINUTE, limit: int = 10) -> list[str]:
    """What a replica would get, and gives back."""

    def look(ledger: SqlLedger) -> list[str]:
        rows = ledger.activities.claim("who looks", NOW + at, NOW + HOUR, limit)
        for each in rows:
            ledger.activities._change(each.attempt_id, "who looks", next_try_at=each.next_try_at)
        return [each.attempt_id for each in rows]

    return work(store, look)


def claim(store: SqlStore, owner: str = OWNER, at: timedelta = MINUTE, limit: int = 10) -> list[str]:
    rows = work(store, lambda ledger: ledger.activities.claim(owner, NOW + at, NOW + HOUR, limit))
    return [row.attempt_id for row in rows]


def row(store: SqlStore, attempt_id: str) -> ActivityRow:
    found = work(store, lambda ledger: ledger.activities.row(attempt_id))
    assert found is not None
    return found


def test_what_was_queued_is_due_oldest_first(store: SqlStore) -> None:
    ids = queue(store, 3)
    assert due(store) == ids
    assert due(store, limit=2) == ids[:2]
    assert due(store, timedelta(seconds=2)) == ids[:2]


def test_queued_twice_it_waits_once_and_what_was_sent_stays_sent(store: SqlStore) -> None:
    (attempt_id,) = queue(store)
    work(store, lambda ledger: ledger.activities.put(attempt_id, NOW))
    assert claim(store) == [attempt_id]
    assert work(store, lambda ledger: ledger.activities.sent(attempt_id, OWNER, "77", NOW))
    work(store, lambda ledger: ledger.activities.put(attempt_id, NOW))
    assert due(store) == []
    assert (row(store, attempt_id).state, row(store, attempt_id).activity_id) == ("sent", "77")


def test_what_is_being_sent_is_nobody_else_s_until_its_time_is_over(store: SqlStore) -> None:
    first, second = queue(store, 2)
    assert claim(store, limit=1) == [first]
    assert work(store, lambda ledger: ledger.activities.begin(first, OWNER, CALL))
    assert due(store) == [second]
    assert due(store, HOUR) == [second, first]
    assert row(store, first).form is CALL


@pytest.mark.parametrize("is_absent", [True, False])
def test_a_retry_remembers_whether_it_may_stand_in_zoho(store: SqlStore, *, is_absent: bool) -> None:
    (attempt_id,) = queue(store)
    claim(store)
    assert work(store, lambda ledger: ledger.activities.begin(attempt_id, OWNER, NOTE))
    assert work(
        store, lambda ledger: ledger.activities.retry(attempt_id, OWNER, "why", NOW + MINUTE, is_absent=is_absent)
    )
    found = row(store, attempt_id)
    assert (found.form, found.tries, found.last_error) == (None if is_absent else NOTE, 1, "why")
    assert due(store, timedelta(seconds=59)) == []
    assert due(store) == [attempt_id]


def test_what_is_parked_is_counted_and_not_due_and_nothing_moves_it(store: SqlStore) -> None:
    (attempt_id,) = queue(store)
    claim(store)
    assert work(store, lambda ledger: ledger.activities.park(attempt_id, OWNER, "gone", NOW))
    assert not work(store, lambda ledger: ledger.activities.sent(attempt_id, OWNER, "77", NOW))
    assert (due(store), row(store, attempt_id).state) == ([], "parked")
    counts = work(store, lambda ledger: [ledger.activities.count(state) for state in ("pending", "sent", "parked")])
    assert counts == [0, 0, 1]


def test_what_a_dead_replica_had_begun_waits_its_time_and_its_late_word_changes_nothing(store: SqlStore) -> None:
    """It may still be on its way: sent again at once it could stand there twice."""
    (attempt_id,) = queue(store)
    claim(store)
    work(store, lambda ledger: ledger.activities.begin(attempt_id, OWNER, NOTE))
    work(store, lambda ledger: ledger.activities.disown(OWNER))
    assert claim(store, "another", HOUR - MINUTE) == []
    assert not work(store, lambda ledger: ledger.activities.sent(attempt_id, OWNER, "77", NOW))
    assert claim(store, "another", HOUR) == [attempt_id]
    assert not work(store, lambda ledger: ledger.activities.park(attempt_id, OWNER, "late", NOW))
    assert (row(store, attempt_id).state, row(store, attempt_id).form) == ("pending", NOTE)
    assert work(store, lambda ledger: ledger.activities.sent(attempt_id, "another", "78", NOW))


def test_two_replicas_that_look_at_once_get_different_ones(postgres: Postgres) -> None:
    url = postgres.fresh()
    ours, theirs = Database(url), Database(url)
    try:
        ids = queue(SqlStore(ours), 4)

        def ask(ledger: SqlLedger, owner: str) -> list[str]:
            claimed = ledger.activities.claim(owner, NOW + MINUTE, NOW + HOUR, 2)
            return [each.attempt_id for each in claimed]

        def take(ledger: SqlLedger) -> list[str]:
            return [*ask(ledger, OWNER), *on(theirs, lambda other: ask(other, "another"))]

        assert on(ours, take) == ids
    finally:
        ours.close()
        theirs.close()


def test_those_of_some_attempts_are_found(store: SqlStore) -> None:
    first, second, _ = queue(store, 3)
    found = work(store, lambda ledger: ledger.activities.of_attempts([second, first, "a-99"]))
    assert sorted(row.attempt_id for row in found) == [first, second]
    assert work(store, lambda ledger: ledger.activities.of_attempts([])) == []
