"""Of which runs the records go: a pause of months takes nothing from the lists and from who looks for somebody."""

from datetime import timedelta
from functools import partial

from autodialer.ports.pruning import Detail, Pruned
from autodialer.ports.rows import RunState, StagedState
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import NOW, OWNER, a_run, lead, phone, staged, work

DAY = timedelta(days=1)
LONG_AGO = NOW - 100 * DAY


def _step(position: str | None, ledger: SqlLedger) -> Pruned:
    return ledger.pruning.step(Detail.STAGED, position, NOW - 30 * DAY, 3, remove=True)


def removed(store: SqlStore) -> int:
    """In a whole pass over the records of runs."""
    count, position = 0, None
    while True:
        step = work(store, partial(_step, position))
        count, position = count + step.removed, step.position
        if position is None:
            return count


def looked_at(ledger: SqlLedger) -> list[object]:
    return [
        ledger.work_lists.to_repair(),
        ledger.staging.of_number("newest", phone(1)),
        ledger.staging.latest(lead(1)),
    ]


def test_the_records_of_the_newest_run_that_pulled_stay_however_old_and_go_after_the_next_one(store: SqlStore) -> None:
    def unit(ledger: SqlLedger) -> None:
        for run_id, at in (("old", LONG_AGO), ("newest", LONG_AGO + DAY), ("in vain", LONG_AGO + 2 * DAY)):
            ledger.runs.open(a_run(run_id, started_at=at), NOW)
            if run_id != "in vain":
                ledger.staging.add(run_id, [staged(1, StagedState.SKIP, reason="no_valid_phone")])
                ledger.runs.advance(run_id, OWNER, RunState.DIALING, at)
            ledger.runs.save_totals(run_id, {"reasons": {"no_valid_phone": 1}})
            ledger.runs.advance(run_id, OWNER, RunState.STOPPED, at)

    work(store, unit)
    before = work(store, looked_at)
    assert before[:2] == [1, [lead(1)]]
    assert (removed(store), work(store, looked_at)) == (1, before)
    work(store, lambda ledger: ledger.runs.open(a_run("next", started_at=NOW), NOW))
    work(store, lambda ledger: ledger.runs.advance("next", OWNER, RunState.DIALING, NOW))
    assert removed(store) == 1
