"""Calls of which Zoho is to be told: each waits once, and one process at a time has it."""

from datetime import timedelta

import pytest

from autodialer.domain.activity import ActivityForm
from autodialer.domain.disposition import Disposition
from autodialer.ports.activities import ActivityRow
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from databases import Postgres
from store.made import MINUTE, NOW, ended, on, open_runs, person, work

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
    return [row.attempt_id for row in work(store, lambda ledger: ledger.activities.due(NOW + at, limit))]


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
    assert due(store) == [attempt_id]
    work(store, lambda ledger: ledger.activities.sent(attempt_id, "77", NOW))
    work(store, lambda ledger: ledger.activities.put(attempt_id, NOW))
    assert due(store) == []
    assert (row(store, attempt_id).state, row(store, attempt_id).activity_id) == ("sent", "77")


def test_what_is_being_sent_is_nobody_else_s_until_its_time_is_over(store: SqlStore) -> None:
    first, second = queue(store, 2)
    work(store, lambda ledger: ledger.activities.begin(first, CALL, NOW + HOUR))
    assert due(store) == [second]
    assert due(store, HOUR) == [second, first]
    assert row(store, first).form is CALL


@pytest.mark.parametrize("is_absent", [True, False])
def test_a_retry_remembers_whether_it_may_stand_in_zoho(store: SqlStore, *, is_absent: bool) -> None:
    (attempt_id,) = queue(store)
    work(store, lambda ledger: ledger.activities.begin(attempt_id, NOTE, NOW + HOUR))
    work(store, lambda ledger: ledger.activities.retry(attempt_id, "why", NOW + MINUTE, is_absent=is_absent))
    found = row(store, attempt_id)
    assert (found.form, found.tries, found.last_error) == (None if is_absent else NOTE, 1, "why")
    assert due(store, timedelta(seconds=59)) == []
    assert due(store) == [attempt_id]


def test_what_is_parked_is_counted_and_not_due_and_nothing_moves_it(store: SqlStore) -> None:
    (attempt_id,) = queue(store)
    work(store, lambda ledger: ledger.activities.park(attempt_id, "gone", NOW))
    work(store, lambda ledger: ledger.activities.sent(attempt_id, "77", NOW))
    assert (due(store), row(store, attempt_id).state) == ([], "parked")
    counts = work(store, lambda ledger: [ledger.activities.count(state) for state in ("pending", "sent", "parked")])
    assert counts == [0, 0, 1]


def test_two_replicas_that_look_at_once_get_different_ones(postgres: Postgres) -> None:
    url = postgres.fresh()
    ours, theirs = Database(url), Database(url)
    try:
        ids = queue(SqlStore(ours), 4)

        def take(ledger: SqlLedger) -> list[str]:
            mine = [each.attempt_id for each in ledger.activities.due(NOW + MINUTE, 2)]
            others = on(theirs, lambda other: [each.attempt_id for each in other.activities.due(NOW + MINUTE, 2)])
            return [*mine, *others]

        assert on(ours, take) == ids
    finally:
        ours.close()
        theirs.close()
