"""What was asked of the CRM, over all processes; and where a pull that broke off goes on."""

from datetime import datetime, timedelta

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordType
from autodialer.ports.boxes import UsageRow
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import crm_usage
from store.made import MINUTE, NOW, contact, ended, lead, open_runs, person, staged, work

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


def since(store: SqlStore, moment: datetime) -> UsageRow:
    return work(store, lambda ledger: ledger.usage.since(moment))


def add(store: SqlStore, row: UsageRow, at: datetime) -> None:
    work(store, lambda ledger: ledger.usage.add(row, at))


def test_what_several_processes_asked_in_the_same_minutes_adds_up(store: SqlStore) -> None:
    for _ in range(3):
        add(store, UsageRow(2, 5, 1), NOW)
    add(store, UsageRow(1, 3), NOW + HOUR)
    assert since(store, NOW) == UsageRow(7, 18, 3)
    assert work(store, lambda ledger: len(ledger.usage._db.execute(crm_usage.select()).all())) == 2


def test_a_day_counts_what_lies_in_it_up_to_the_ten_minutes_in_which_it_began(store: SqlStore) -> None:
    for hours in (1, 23, 24, 25, 30):
        add(store, UsageRow(1, 10**hours % 997), NOW - hours * HOUR)
    counted = since(store, NOW - DAY)
    assert (counted.calls, counted.credits) == (3, sum(10**back % 997 for back in (1, 23, 24)))


def test_nothing_asked_is_nothing(store: SqlStore) -> None:
    assert since(store, NOW - DAY) == UsageRow()


def test_the_newest_word_of_the_crm_stands_whoever_heard_it_and_silence_is_a_word_too(store: SqlStore) -> None:
    def hear(remaining: int | None, minutes: int) -> UsageRow:
        told = UsageRow(1, 1, 0, remaining, NOW + minutes * MINUTE)
        add(store, told, NOW)
        return since(store, NOW - DAY)

    assert hear(100, 1).credits_remaining == 100
    assert hear(90, 3).credits_remaining == 90
    assert hear(95, 2).credits_remaining == 90, "an older word, written down later"
    add(store, UsageRow(1, 1), NOW + MINUTE)
    assert since(store, NOW - DAY).credits_remaining == 90, "who heard nothing at all changes nothing"
    last = hear(None, 4)
    assert (last.credits_remaining, last.told_at) == (None, NOW + 4 * MINUTE)


def test_what_is_older_than_eight_days_is_forgotten(store: SqlStore) -> None:
    add(store, UsageRow(1, 1), NOW - 9 * DAY)
    add(store, UsageRow(1, 1), NOW - 7 * DAY)
    add(store, UsageRow(1, 1), NOW)
    assert since(store, NOW - 30 * DAY).calls == 2


def test_the_last_id_is_the_greatest_by_value_of_that_run_and_module(store: SqlStore) -> None:
    open_runs(store, "run-0", "run-1")

    def unit(ledger: SqlLedger) -> None:
        ledger.staging.add("run-0", [staged(77_777)])
        ledger.staging.add("run-1", [staged(9), staged(1000), staged(999), staged(5, key=contact(5), sort_key="x")])

    work(store, unit)
    assert work(store, lambda ledger: ledger.staging.last_id("run-1", RecordType.LEAD)) == "1000"
    assert work(store, lambda ledger: ledger.staging.last_id("run-1", RecordType.CONTACT)) == "5"
    assert work(store, lambda ledger: ledger.staging.last_id("run-0", RecordType.CONTACT)) == ""


def test_a_call_that_was_answered_after_the_pull_began_is_no_unseen_hold(store: SqlStore) -> None:
    """Its record may have been pulled, or passed over, before anybody picked up."""
    open_runs(store, "run-1")
    work(store, lambda ledger: ended(ledger, person(1), Disposition.ANSWERED, NOW + MINUTE))
    work(store, lambda ledger: ended(ledger, person(2), Disposition.ANSWERED, NOW - HOUR))
    assert work(store, lambda ledger: ledger.staging.unseen_holds("run-1", 1000)) == [lead(2)]
