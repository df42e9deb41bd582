"""The suppression list and the switches."""

from functools import partial

from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import MINUTE, NOW, phone, work


def test_a_number_is_suppressed_once_and_keeps_its_first_reason(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.do_not_call.add(phone(2), "asked", NOW))
    assert not work(store, lambda ledger: ledger.do_not_call.add(phone(2), "again", NOW + MINUTE))
    assert work(store, lambda ledger: ledger.do_not_call.add(phone(1), "", NOW))
    assert work(store, lambda ledger: ledger.do_not_call.all()) == [(phone(1), "", NOW), (phone(2), "asked", NOW)]


def test_a_number_can_be_taken_off_the_list_once(store: SqlStore) -> None:
    work(store, lambda ledger: ledger.do_not_call.add(phone(1), "asked", NOW))
    assert work(store, lambda ledger: ledger.do_not_call.remove(phone(1)))
    assert not work(store, lambda ledger: ledger.do_not_call.remove(phone(1)))
    assert work(store, lambda ledger: ledger.do_not_call.has([phone(1)])) == frozenset()


def test_why_and_since_when_a_number_is_suppressed_is_known(store: SqlStore) -> None:
    work(store, lambda ledger: ledger.do_not_call.add(phone(1), "asked", NOW))
    assert work(store, lambda ledger: ledger.do_not_call.find(phone(1))) == ("asked", NOW)
    assert work(store, lambda ledger: ledger.do_not_call.find(phone(2))) is None


def test_of_many_numbers_those_on_the_list_are_named(store: SqlStore) -> None:
    work(store, lambda ledger: [ledger.do_not_call.add(phone(number), "asked", NOW) for number in (3, 900, 5000)])
    asked = [phone(number) for number in range(1500)]
    assert work(store, lambda ledger: ledger.do_not_call.has(asked)) == {phone(3), phone(900)}
    assert work(store, lambda ledger: ledger.do_not_call.has(iter([phone(3), phone(3)]))) == {phone(3)}
    assert work(store, lambda ledger: ledger.do_not_call.has([])) == frozenset()


def switched(value: str, ledger: SqlLedger) -> str | None:
    ledger.switches.set("paused", value, NOW)
    return ledger.switches.get("paused")


def test_a_switch_keeps_its_last_value(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.switches.get("paused")) is None
    for value in ("1", "0", "", "1"):
        assert work(store, partial(switched, value)) == value
    assert work(store, lambda ledger: ledger.switches.get("webhook_hash")) is None


def test_a_switch_says_when_it_was_set(store: SqlStore) -> None:
    assert work(store, lambda ledger: ledger.switches.changed_at("paused")) is None
    work(store, lambda ledger: ledger.switches.set("paused", "1", NOW + MINUTE))
    assert work(store, lambda ledger: ledger.switches.changed_at("paused")) == NOW + MINUTE
