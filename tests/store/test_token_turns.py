"""The stored token, and the turn to ask for another one: a lease that all processes of a deployment share."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select, update

from autodialer.ports import StoredToken, TokenState
from autodialer.store.engine import Database
from autodialer.store.tables import tokens
from autodialer.store.tokens import SqlTokenStore, _Turn
from databases import Postgres
from store.made import NOW

KEY = "a" * 64
TOKEN = StoredToken(
    "1000.1", NOW + timedelta(hours=1), minted_at=NOW, scope="a.b.READ", api_domain="https://x", fruitless=1
)
STATE = TokenState(TOKEN, closed_until=NOW, closed_code="Access Denied", pause=60.0)
LEASE = 0.3
_HOLDER = (
    "import asyncio, sys\n"
    "from autodialer.store.engine import Database\n"
    "from autodialer.store.tokens import SqlTokenStore\n"
    "async def hold():\n"
    "    async with SqlTokenStore(Database(sys.argv[1]), lease_seconds=1.0).turn('a' * 64) as turn:\n"
    "        print('holding' if turn else 'refused', flush=True)\n"
    "        await asyncio.sleep(60)\n"
    "asyncio.run(hold())\n"
)


async def save(store: SqlTokenStore, state: TokenState, key: str = KEY) -> None:
    async with store.turn(key) as turn:
        assert turn is not None
        assert await turn.save(state)


async def is_free(store: SqlTokenStore) -> bool:
    async with store.turn(KEY) as turn:
        return turn is not None


async def seconds_until_free(store: SqlTokenStore) -> float:
    began = time.monotonic()
    while not await is_free(store):
        assert time.monotonic() < began + 15
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def silent_turn(database: Database, lease: float = LEASE) -> _Turn:
    """One whose holder is not heard of again."""
    return _Turn(database, f"zoho:{KEY[:32]}", SqlTokenStore(database)._opening, lease)


async def names(database: Database) -> list[str]:
    return await database.read(lambda db: list(db.execute(select(tokens.c.name).order_by(tokens.c.name)).scalars()))


async def test_the_last_state_saved_is_the_one_that_is_loaded_whole(database: Database) -> None:
    store = SqlTokenStore(database)
    assert await store.load(KEY) == TokenState()
    await save(store, STATE)
    assert await store.load(KEY) == STATE
    newer = TokenState(replace(TOKEN, value="1000.2"))
    await save(store, newer)
    assert await SqlTokenStore(database).load(KEY) == newer


async def test_a_token_is_found_under_the_credentials_it_was_minted_with_and_no_others(database: Database) -> None:
    store = SqlTokenStore(database)
    await save(store, STATE)
    assert await store.load("b" * 64) == TokenState()


async def test_one_caller_at_a_time_has_the_turn_and_others_are_told_at_once(database: Database) -> None:
    stores = [SqlTokenStore(database) for _ in range(3)]
    async with stores[0].turn(KEY) as turn:
        assert turn is not None
        assert [await is_free(store) for store in stores] == [False] * 3
        async with stores[1].turn("b" * 64) as other:
            assert other is not None, "other credentials, another turn"
    assert await is_free(stores[1])


async def test_a_failure_in_a_turn_lets_the_next_one_try_at_once(database: Database) -> None:
    store = SqlTokenStore(database)
    with pytest.raises(ZeroDivisionError):
        async with store.turn(KEY):
            1 // 0  # noqa: B018 - fails on purpose
    assert await is_free(store)


async def test_a_turn_that_was_cancelled_is_free_at_once(database: Database) -> None:
    store = SqlTokenStore(database)

    held = asyncio.Event()

    async def hold() -> None:
        async with store.turn(KEY) as turn:
            assert turn is not None
            held.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await asyncio.wait_for(held.wait(), 5)
    assert not await is_free(store)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await is_free(store)


async def test_a_silent_holder_loses_its_turn_and_what_it_saves_later_changes_nothing(database: Database) -> None:
    store = SqlTokenStore(database, lease_seconds=LEASE)
    silent = silent_turn(database)
    assert await silent.take()
    assert await seconds_until_free(store) > LEASE / 2
    await save(store, STATE)
    assert not await silent.keep()
    assert not await silent.save(TokenState(replace(TOKEN, value="1000.late")))
    assert await store.load(KEY) == STATE


async def test_a_holder_that_lives_keeps_its_turn_for_longer_than_a_lease(database: Database) -> None:
    lease = 5 * LEASE  # a busy machine may let the holder wait for a while before it renews it
    store = SqlTokenStore(database, lease_seconds=lease)
    async with store.turn(KEY) as turn:
        assert turn is not None
        for _ in range(5):
            await asyncio.sleep(lease / 2)
            assert not await is_free(store)
        assert await turn.save(STATE)


async def test_a_turn_from_a_time_when_the_databases_clock_was_ahead_does_not_block_for_that_time(
    database: Database,
) -> None:
    assert await silent_turn(database, lease=3600).take()
    assert await is_free(SqlTokenStore(database))


async def test_rows_of_credentials_that_nobody_uses_any_more_are_removed(database: Database) -> None:
    store = SqlTokenStore(database)
    soon = TokenState(replace(TOKEN, expires_at=NOW + timedelta(days=36500)))
    await save(store, soon, "b" * 64)

    def old_ones(connection: Connection) -> None:
        for name in ("zoho", "zoho:old"):
            connection.execute(
                insert(tokens).values(name=name, value="1000.plain", expires_at=NOW - timedelta(days=900))
            )

    await database.write(old_ones)
    await save(store, STATE)
    assert await names(database) == [f"zoho:{'a' * 32}", f"zoho:{'b' * 32}"]


@pytest.mark.parametrize("text", ["", "1000.plain", "[]", '{"token": 5}', '{"token": {"value": "x"}}'])
async def test_what_can_not_be_read_is_as_good_as_nothing(database: Database, text: str) -> None:
    store = SqlTokenStore(database)
    await save(store, STATE)
    await database.write(lambda db: db.execute(update(tokens).values(value=text)).close())
    assert await store.load(KEY) == TokenState()
    await store.mark_worked(KEY, "1000.1")
    await save(store, STATE)
    assert await store.load(KEY) == STATE


async def test_that_a_token_works_is_noted_for_all_unless_it_is_the_newest_no_more(database: Database) -> None:
    store = SqlTokenStore(database)
    await store.mark_worked(KEY, "1000.1")
    await save(store, STATE)
    await store.mark_worked(KEY, "1000.0")
    assert await store.load(KEY) == STATE
    async with store.turn(KEY) as turn:
        assert turn is not None
        await store.mark_worked(KEY, "1000.1")
        assert await turn.keep(), "a note takes nobody's turn away"
    assert await store.load(KEY) == replace(STATE, token=replace(TOKEN, worked=True))


async def test_on_sqlite_a_turn_of_an_earlier_process_is_free_at_once_because_that_process_is_dead(
    backend: str, ledger_url: str
) -> None:
    first = Database(ledger_url)
    assert await silent_turn(first, lease=1.0).take()
    first.close()
    second = Database(ledger_url)
    try:
        assert await is_free(SqlTokenStore(second)) is (backend == "sqlite")
    finally:
        second.close()


@pytest.fixture
def replicas(postgres: Postgres) -> Iterator[list[Database]]:
    url = postgres.fresh()
    opened = [Database(url) for _ in range(3)]
    yield opened
    for database in opened:
        database.close()


async def test_of_many_callers_in_several_replicas_one_at_a_time_has_the_turn(replicas: list[Database]) -> None:
    having = most = turns = 0

    async def call(store: SqlTokenStore) -> None:
        nonlocal having, most, turns
        while turns < 20:
            async with store.turn(KEY) as turn:
                if turn is None:
                    continue
                having += 1
                most = max(most, having)
                turns += 1
                await asyncio.sleep(0.001)
                having -= 1

    async with asyncio.timeout(20):
        await asyncio.gather(*(call(SqlTokenStore(database)) for database in replicas * 3))
    assert most == 1


async def test_a_replica_that_is_killed_in_its_turn_loses_it_within_a_lease(replicas: list[Database]) -> None:
    url = replicas[0].url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", _HOLDER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - killed below
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holding\n"
            store = SqlTokenStore(replicas[0])
            await asyncio.sleep(1.5)
            assert not await is_free(store), "it lives, and its heart beats"
        finally:
            process.kill()
    assert await seconds_until_free(store) < 1.5


async def test_a_database_that_is_gone_takes_nobody_with_it(postgres: Postgres) -> None:
    database = Database(postgres.fresh())
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        store = SqlTokenStore(database, lease_seconds=LEASE)
        async with store.turn(KEY) as turn:
            assert turn is not None
            with postgres.stopped():
                await asyncio.sleep(2 * LEASE)
        assert await seconds_until_free(store) < 1
