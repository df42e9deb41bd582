"""Runs and their slots."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from autodialer.ports.rows import Run, RunKind, RunState
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import MINUTE, NOW, OWNER, SECOND, a_run, work

OTHER = "host:2:bbbb"
SLOT = NOW.replace(microsecond=0)
LEASE = NOW + 10 * SECOND


def scheduled(run_id: str = "run-1", **changes: object) -> Run:
    return a_run(run_id, kind=RunKind.SCHEDULED, slot=SLOT, **changes)


def opened(store: SqlStore, run: Run) -> Run | None:
    return work(store, lambda ledger: ledger.runs.open(run, LEASE))


def finish(store: SqlStore, run: Run, state: RunState = RunState.FINISHED, at_minute: int = 9) -> bool:
    at = NOW + at_minute * MINUTE
    return work(store, lambda ledger: ledger.runs.advance(run.run_id, run.owner, state, at))


def test_a_run_comes_back_as_it_was_opened(store: SqlStore) -> None:
    run = scheduled(confirm=True)
    assert work(store, lambda ledger: ledger.runs.current()) is None
    assert opened(store, run) == run
    assert work(store, lambda ledger: ledger.runs.current()) == run
    assert work(store, lambda ledger: ledger.runs.get("run-1")) == run
    assert work(store, lambda ledger: ledger.runs.get("run-2")) is None
    assert run.is_open


def test_a_second_run_waits_until_the_first_is_closed(store: SqlStore) -> None:
    first, second = a_run(), a_run("run-2")
    assert opened(store, first) == first
    assert opened(store, second) is None
    assert opened(store, scheduled("run-3")) is None
    assert work(store, lambda ledger: ledger.runs.get("run-2")) is None
    assert finish(store, first)
    assert opened(store, second) == second


def test_a_slot_is_taken_once_by_whichever_run(store: SqlStore) -> None:
    run = scheduled()
    assert not work(store, lambda ledger: ledger.runs.has_slot(SLOT))
    opened(store, run)
    assert work(store, lambda ledger: ledger.runs.has_slot(SLOT))
    finish(store, run)
    assert opened(store, scheduled("run-2")) is None
    later = replace(scheduled("run-3"), slot=SLOT + timedelta(hours=4))
    assert opened(store, later) == later


def test_manual_runs_share_no_slot(store: SqlStore) -> None:
    for number in range(3):
        run = a_run(f"run-{number}")
        assert opened(store, run) == run
        finish(store, run)


def test_a_skipped_slot_is_recorded_once_even_while_a_run_is_open(store: SqlStore) -> None:
    opened(store, a_run("manual"))
    skipped = scheduled("skipped", state=RunState.SKIPPED, stop_reason="run manual was still going")
    assert work(store, lambda ledger: ledger.runs.skip_slot(skipped))
    assert not work(store, lambda ledger: ledger.runs.skip_slot(replace(skipped, run_id="skipped-2")))
    assert work(store, lambda ledger: ledger.runs.has_slot(SLOT))
    assert work(store, lambda ledger: ledger.runs.get("skipped")) == replace(skipped, ended_at=NOW)
    current = work(store, lambda ledger: ledger.runs.current())
    assert current is not None
    assert current.run_id == "manual"


def test_the_slot_of_a_run_can_not_be_skipped_any_more(store: SqlStore) -> None:
    opened(store, scheduled())
    assert not work(store, lambda ledger: ledger.runs.skip_slot(scheduled("skipped", state=RunState.SKIPPED)))


def test_a_run_is_taken_over_when_its_lease_has_run_out_and_not_before(store: SqlStore) -> None:
    opened(store, a_run())

    def take(now_offset: timedelta, owner: str = OTHER) -> bool:
        now = LEASE + now_offset
        return work(store, lambda ledger: ledger.runs.take_over("run-1", owner, now, now + 10 * SECOND))

    assert not take(-SECOND)
    assert not take(timedelta())
    assert take(SECOND)
    run = work(store, lambda ledger: ledger.runs.get("run-1"))
    assert run is not None
    assert run.owner == OTHER
    assert not take(2 * SECOND, OWNER)


def test_a_lease_is_renewed_by_its_owner_while_the_run_is_open(store: SqlStore) -> None:
    opened(store, a_run())

    def renew(owner: str) -> bool:
        return work(store, lambda ledger: ledger.runs.renew("run-1", owner, LEASE + MINUTE))

    assert renew(OWNER)
    assert not renew(OTHER)
    assert not work(
        store, lambda ledger: ledger.runs.take_over("run-1", OTHER, LEASE + 30 * SECOND, LEASE + 2 * MINUTE)
    )
    finish(store, a_run())
    assert not renew(OWNER)


def test_a_run_goes_from_staging_to_dialing_to_its_end(store: SqlStore) -> None:
    opened(store, a_run())
    assert finish(store, a_run(), RunState.DIALING, 1)
    work(store, lambda ledger: ledger.runs.save_totals("run-1", {"processed": 3, "reasons": {"status": 1}}))
    assert work(
        store,
        lambda ledger: ledger.runs.advance(
            "run-1", OWNER, RunState.STOPPED, NOW + 2 * MINUTE, stop_reason="Zoho is gone"
        ),
    )
    run = work(store, lambda ledger: ledger.runs.get("run-1"))
    assert run is not None
    assert (run.state, run.stop_reason, run.is_open) == (RunState.STOPPED, "Zoho is gone", False)
    assert (run.started_at, run.staged_at, run.ended_at) == (NOW, NOW + MINUTE, NOW + 2 * MINUTE)
    assert run.totals == {"processed": 3, "reasons": {"status": 1}}


def test_nobody_but_the_owner_advances_a_run_and_a_closed_one_stays_closed(store: SqlStore) -> None:
    opened(store, a_run())
    stranger = replace(a_run(), owner=OTHER)
    assert not finish(store, stranger)
    assert finish(store, a_run())
    assert not finish(store, a_run(), RunState.DIALING)
    assert not finish(store, a_run(), RunState.STOPPED)
    assert not work(store, lambda ledger: ledger.runs.take_over("run-1", OTHER, LEASE + MINUTE, LEASE))


def test_runs_are_listed_newest_first(store: SqlStore) -> None:
    for number in (2, 1, 3):
        run = a_run(f"run-{number}", started_at=NOW + number * MINUTE)
        opened(store, run)
        finish(store, run)
    assert [run.run_id for run in work(store, lambda ledger: ledger.runs.recent(2))] == ["run-3", "run-2"]


def closed_runs(store: SqlStore, count: int) -> list[str]:
    """One a minute, oldest first."""
    names = [f"run-{number}" for number in range(count)]
    for number, name in enumerate(names):
        run = a_run(name, started_at=NOW + number * MINUTE)
        opened(store, run)
        finish(store, run)
    return names


def _two_runs(before: tuple[datetime, str] | None, ledger: SqlLedger) -> Sequence[Run]:
    return ledger.runs.recent(2, before)


def test_runs_come_newest_first_in_pages_that_meet(store: SqlStore) -> None:
    names = closed_runs(store, 5)
    found: list[Run] = []
    before: tuple[datetime, str] | None = None
    while page := work(store, partial(_two_runs, before)):
        found += page
        before = page[-1].started_at, page[-1].run_id
    assert [run.run_id for run in found] == names[::-1]


def test_runs_since_a_moment_come_oldest_first(store: SqlStore) -> None:
    names = closed_runs(store, 4)
    found = work(store, lambda ledger: ledger.runs.started_since(NOW + 2 * MINUTE))
    assert [run.run_id for run in found] == names[2:]
