"""Who lives, what is whose, and the pace that all keep: the rows that several processes share."""

from datetime import UTC, datetime, timedelta

import pytest

from autodialer.ports.replicas import PaceRow
from autodialer.ports.rows import RunKind, RunState, StagedState
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from databases import Postgres
from store.made import MINUTE, NOW, OWNER, SECOND, Replicas, a_run, lead, open_runs, staged, work
from store.test_replicas import OTHER, at_once

LEASE = NOW + 6 * SECOND


def join(store: SqlStore, *owners: str) -> None:
    def all_join(ledger: SqlLedger) -> None:
        for n, owner in enumerate(owners):
            ledger.replicas.join(owner, NOW + n * SECOND, LEASE)

    work(store, all_join)


def test_the_shared_clock_is_the_databases_own(store: SqlStore) -> None:
    before = datetime.now(UTC) - SECOND
    assert before < work(store, lambda ledger: ledger.shared_now()) < datetime.now(UTC) + SECOND


def test_a_process_lives_until_its_lease_has_run_out_and_somebody_says_so(store: SqlStore) -> None:
    join(store, "one", "two")
    assert work(store, lambda ledger: ledger.replicas.all()) == ["one", "two"]
    assert work(store, lambda ledger: ledger.replicas.silent(LEASE)) == []
    assert not work(store, lambda ledger: ledger.replicas.bury("one", LEASE))
    assert work(store, lambda ledger: ledger.replicas.renew("two", LEASE + MINUTE, None))
    late = LEASE + SECOND
    assert work(store, lambda ledger: ledger.replicas.silent(late)) == ["one"]
    assert work(store, lambda ledger: ledger.replicas.bury("one", late))
    assert not work(store, lambda ledger: ledger.replicas.bury("one", late))
    assert not work(store, lambda ledger: ledger.replicas.bury("two", late))
    assert (
        work(store, lambda ledger: ledger.replicas.knows("one")),
        work(store, lambda ledger: ledger.replicas.knows("two")),
    ) == (False, True)


def test_who_was_buried_learns_it_when_it_renews_and_may_join_again(store: SqlStore) -> None:
    join(store, "one")
    work(store, lambda ledger: ledger.replicas.bury("one", LEASE + SECOND))
    assert not work(store, lambda ledger: ledger.replicas.renew("one", LEASE + MINUTE, None))
    join(store, "one")
    assert work(store, lambda ledger: ledger.replicas.renew("one", LEASE + MINUTE, None))


def test_who_leaves_is_not_there_any_more(store: SqlStore) -> None:
    join(store, "one", "two")
    work(store, lambda ledger: ledger.replicas.leave("one"))
    assert work(store, lambda ledger: ledger.replicas.all()) == ["two"]


def test_the_latest_result_that_any_of_them_heard_counts(store: SqlStore) -> None:
    join(store, "one", "two")
    assert work(store, lambda ledger: ledger.replicas.heard_at()) is None
    work(store, lambda ledger: ledger.replicas.renew("one", LEASE, NOW + MINUTE))
    work(store, lambda ledger: ledger.replicas.renew("two", LEASE, NOW))
    assert work(store, lambda ledger: ledger.replicas.heard_at()) == NOW + MINUTE


def test_of_two_that_bury_a_third_at_once_one_takes_over(postgres: Postgres, replicas: Replicas) -> None:
    join(SqlStore(replicas[0]), "dead")

    def bury(ledger: SqlLedger) -> bool:
        return ledger.replicas.bury("dead", LEASE + SECOND)

    mine, theirs = at_once(postgres, replicas, bury, bury)
    assert (mine, theirs.result(10)) == (True, False)


def test_a_run_passes_to_the_heir_and_only_open_ones_do(store: SqlStore) -> None:
    open_runs(store, "run-1")
    run = work(store, lambda ledger: ledger.runs.get("run-1"))
    assert run is not None
    assert work(store, lambda ledger: ledger.runs.inherit("somebody", OTHER)) == []
    assert work(store, lambda ledger: ledger.runs.inherit(run.owner, OTHER)) == ["run-1"]
    assert not work(store, lambda ledger: ledger.runs.is_of("run-1", run.owner))
    assert work(store, lambda ledger: ledger.runs.is_of("run-1", OTHER))
    work(store, lambda ledger: ledger.runs.advance("run-1", OTHER, RunState.FINISHED, NOW))
    assert work(store, lambda ledger: ledger.runs.inherit(OTHER, OWNER)) == []
    assert not work(store, lambda ledger: ledger.runs.is_of("run-1", OTHER))


def test_the_run_of_one_who_lives_is_not_taken_over_however_old_its_own_lease_is(store: SqlStore) -> None:
    run = a_run()
    work(store, lambda ledger: ledger.runs.open(run, NOW))
    join(store, run.owner)
    late = NOW + MINUTE
    assert not work(store, lambda ledger: ledger.runs.take_over(run.run_id, OTHER, late, late + MINUTE))
    work(store, lambda ledger: ledger.replicas.leave(run.owner))
    assert work(store, lambda ledger: ledger.runs.take_over(run.run_id, OTHER, late, late + MINUTE))


def test_who_hands_its_run_over_frees_it_at_once(store: SqlStore) -> None:
    run = a_run()
    work(store, lambda ledger: ledger.runs.open(run, LEASE + MINUTE))
    assert not work(store, lambda ledger: ledger.runs.take_over(run.run_id, OTHER, NOW, LEASE))
    work(store, lambda ledger: ledger.runs.hand_over(run.owner))
    assert work(store, lambda ledger: ledger.runs.take_over(run.run_id, OTHER, NOW, LEASE))


def test_calls_may_be_placed_for_a_run_from_its_dialing_until_it_is_wound_up(store: SqlStore) -> None:
    run = a_run(kind=RunKind.MANUAL)
    work(store, lambda ledger: ledger.runs.open(run, LEASE))
    assert not work(store, lambda ledger: ledger.runs.is_dialing(run.run_id))
    work(store, lambda ledger: ledger.runs.advance(run.run_id, run.owner, RunState.DIALING, NOW))
    assert work(store, lambda ledger: ledger.runs.is_dialing(run.run_id))
    assert not work(store, lambda ledger: ledger.runs.wind_up(run.run_id, OTHER, "not mine"))
    assert work(store, lambda ledger: ledger.runs.wind_up(run.run_id, run.owner, "8x8 refuses all calls"))
    assert not work(store, lambda ledger: ledger.runs.is_dialing(run.run_id))
    assert work(store, lambda ledger: ledger.runs.is_of(run.run_id, run.owner))


def test_a_run_is_wound_up_only_when_every_call_that_was_just_committed_is_seen(
    postgres: Postgres,
    replicas: Replicas,
) -> None:
    """The conductor waits for the transaction that commits an intent, so that its totals hold that call."""
    run = work(SqlStore(replicas[0]), lambda ledger: ledger.runs.get("run-1"))
    assert run is not None
    work(SqlStore(replicas[0]), lambda ledger: ledger.runs.advance("run-1", run.owner, RunState.DIALING, NOW))
    mine, theirs = at_once(
        postgres,
        replicas,
        lambda ledger: ledger.runs.is_dialing("run-1"),
        lambda ledger: ledger.runs.wind_up("run-1", run.owner, "stop"),
    )
    assert (mine, theirs.result(10)) == (True, True)


def test_rows_are_claimed_by_one_and_given_free_when_it_is_gone(store: SqlStore) -> None:
    open_runs(store, "run-1")
    work(store, lambda ledger: ledger.staging.add("run-1", [staged(n) for n in range(1, 7)]))
    work(store, lambda ledger: ledger.staging.claim("run-1", OWNER, 2))
    work(store, lambda ledger: ledger.staging.claim("run-1", OTHER, 2))
    keys = [lead(n) for n in range(1, 7)]
    assert work(store, lambda ledger: ledger.staging.still_claimed("run-1", OWNER, keys)) == {lead(1), lead(2)}
    assert work(store, lambda ledger: ledger.staging.claimed_by_others("run-1", OWNER))
    assert work(store, lambda ledger: ledger.staging.unclaim("run-1", OTHER)) == 2
    assert not work(store, lambda ledger: ledger.staging.claimed_by_others("run-1", OWNER))
    assert work(store, lambda ledger: ledger.staging.still_claimed("run-1", OTHER, keys)) == frozenset()
    work(store, lambda ledger: ledger.staging.mark("run-1", lead(1), StagedState.CALLED))
    assert work(store, lambda ledger: ledger.staging.still_claimed("run-1", OWNER, keys)) == {lead(2)}
    assert work(store, lambda ledger: ledger.staging.unclaim("run-1", "")) == 1


def test_the_pace_stands_as_it_was_saved_to_the_microsecond(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.pace.load()) is None
    row = PaceRow(NOW + timedelta(microseconds=7), timedelta(microseconds=5011), NOW)
    work(store, lambda ledger: ledger.pace.save(row))
    assert work(store, lambda ledger: ledger.pace.load()) == row


@pytest.mark.parametrize("known", [False, True], ids=["the first call ever", "a later call"])
def test_of_two_that_take_a_turn_at_once_the_second_sees_the_firsts(
    postgres: Postgres,
    replicas: Replicas,
    known: bool,
) -> None:
    if known:
        work(SqlStore(replicas[0]), lambda ledger: ledger.pace.lock())
        work(SqlStore(replicas[0]), lambda ledger: ledger.pace.save(PaceRow(NOW, SECOND, NOW)))

    def take(ledger: SqlLedger) -> datetime:
        row = ledger.pace.load() or PaceRow(NOW, SECOND, NOW)
        ledger.pace.save(PaceRow(row.due_at + SECOND, SECOND, NOW))
        return row.due_at

    mine, theirs = at_once(postgres, replicas, take, take)
    assert (mine, theirs.result(10)) == (NOW, NOW + SECOND)


def test_lines_are_counted_by_one_process_at_a_time(postgres: Postgres, replicas: Replicas) -> None:
    _, theirs = at_once(postgres, replicas, lambda ledger: ledger.pace.lock(), lambda ledger: ledger.pace.lock())
    assert theirs.result(10) is None


def test_a_database_that_only_reads_is_told_the_time_as_well(store: SqlStore, database: Database) -> None:
    reading = Database(database.url.render_as_string(hide_password=False), writable=False)
    try:
        found = reading._read(lambda connection: SqlLedger(connection).shared_now())
        assert abs(found - work(store, lambda ledger: ledger.shared_now())) < MINUTE
    finally:
        reading.close()
