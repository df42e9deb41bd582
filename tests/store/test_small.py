"""The suppression list, the switches, the token."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from autodialer.ports import StoredToken
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tokens import SqlTokenStore
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


async def test_the_last_token_saved_is_the_one_that_is_loaded(store: SqlStore) -> None:
    tokens = SqlTokenStore(store.database)
    assert await tokens.load() is None
    first, second = (StoredToken(f"1000.{n}", NOW + timedelta(hours=n)) for n in (1, 2))
    await tokens.save(first)
    assert await tokens.load() == first
    await tokens.save(second)
    assert await tokens.load() == second
    assert await SqlTokenStore(store.database).load() == second


async def test_one_caller_at_a_time_mints_a_token(store: SqlStore) -> None:
    tokens = SqlTokenStore(store.database)
    minting = most = 0

    async def mint(number: int) -> None:
        nonlocal minting, most
        async with tokens.refreshing():
            minting += 1
            most = max(most, minting)
            await tokens.save(StoredToken(str(number), NOW))
            minting -= 1

    await asyncio.gather(*(mint(number) for number in range(5)))
    assert most == 1


async def test_a_failure_to_mint_lets_the_next_one_try(store: SqlStore) -> None:
    tokens = SqlTokenStore(store.database)
    with pytest.raises(ZeroDivisionError):
        async with tokens.refreshing():
            1 // 0  # noqa: B018 - fails on purpose
    async with asyncio.timeout(5), tokens.refreshing():
        await tokens.save(StoredToken("1000.1", NOW))
