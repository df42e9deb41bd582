"""PostgreSQL falls silent, loses its answers or becomes a standby: an error in time, nothing twice, all is well afterwards."""

import asyncio
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, make_url

from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.store import engine as engines
from autodialer.store import postgres as wire
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.postgres import PATIENCE_OF_WRITERS_MS, connect_args
from databases import Postgres
from store.made import NOW
from store.pg_proxy import Proxy, proxied

DEADLINE = 0.6


@pytest.fixture
def proxy(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(engines, "DEADLINE", DEADLINE)
    monkeypatch.setitem(wire._CLIENT_SIDE, "connect_timeout", 2)
    with proxied(postgres.socket) as opened:
        yield opened


@pytest.fixture
def database(postgres: Postgres, proxy: Proxy) -> Iterator[Database]:
    """The empty ledger, reached through the proxy."""
    opened = Database(proxy.url(str(make_url(postgres.fresh()).database)))
    yield opened
    proxy.silent = False
    opened.close()


def add(ledger: SqlLedger, key: str = "same") -> bool:
    return ledger.inbox.add(dedupe_key=key, source="provider", event_type="X", session_id="s", body="{}", at=NOW)


def adding(key: str, connection: Connection) -> bool:
    return add(SqlLedger(connection), key)


async def deliveries(database: Database) -> list[int]:
    return [row.deliveries for row in await SqlStore(database).read(lambda ledger: ledger.inbox.waiting(9))]


async def test_a_server_that_takes_everything_and_answers_nothing_is_an_error_in_time(
    database: Database, proxy: Proxy
) -> None:
    store = SqlStore(database)
    assert await deliveries(database) == []
    await database.write(partial(adding, "before"))
    proxy.silent = True
    started = time.monotonic()
    async with asyncio.timeout(20):
        both = await asyncio.gather(
            database.write(partial(adding, "meanwhile")),
            store.read(lambda ledger: ledger.inbox.waiting(9)),
            return_exceptions=True,
        )
    for error in both:
        assert isinstance(error, StoreError)
        assert not error.permanent
    assert time.monotonic() - started < DEADLINE + 2 + 3  # the deadline, and one attempt to connect again
    proxy.silent = False
    assert await database.write(partial(adding, "after"))
    assert len(await deliveries(database)) in (2, 3)  # what was sent while it was silent may have arrived


async def test_a_migration_may_take_longer_than_the_deadline(database: Database) -> None:
    def slow(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_sleep({2 * DEADLINE})")

    await asyncio.to_thread(database.run_migrations, slow)
    with pytest.raises(StoreError):
        await database.write(slow)
    await database.write(partial(adding, "after"))


async def test_a_commit_whose_answer_got_lost_is_an_error_and_was_made_once(database: Database, proxy: Proxy) -> None:
    proxy.tear_commits = True
    with pytest.raises(StoreError) as lost:
        await database.write(partial(adding, "same"))
    assert not lost.value.permanent
    assert proxy.torn == 1
    assert await deliveries(database) == [1]
    assert not await database.write(partial(adding, "same"))


async def test_a_group_whose_commit_was_not_answered_is_not_done_again_behind_its_callers_backs(
    database: Database, proxy: Proxy
) -> None:
    entered, submitted = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        entered.set()
        assert submitted.wait(5)
        raise KeyError("rolled back, so that the group's commit is the next one")

    held = database.submit(hold)
    assert entered.wait(5)
    waiting = [database.submit(partial(adding, f"key-{number}")) for number in range(5)]
    proxy.tear_commits = True
    submitted.set()
    errors = await asyncio.gather(*map(asyncio.wrap_future, waiting), return_exceptions=True)
    assert isinstance(held.exception(5), KeyError)
    assert proxy.torn == 1
    assert all(isinstance(error, StoreError) and not isinstance(error, LedgerRefusal) for error in errors)
    assert await deliveries(database) == [1] * 5


async def test_a_server_that_became_a_standby_is_left_for_the_new_primary(postgres: Postgres) -> None:
    database = Database(postgres.fresh())
    await database.write(
        lambda connection: connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").close()
    )
    with pytest.raises(StoreError, match="read-only transaction") as standby:
        await database.write(partial(adding, "on the standby"))
    assert not standby.value.permanent
    assert await database.write(partial(adding, "on the primary"))
    database.close()


async def test_who_writes_is_not_content_with_a_standby_and_who_reads_is(postgres: Postgres) -> None:
    url = postgres.fresh()
    name = make_url(url).database
    with postgres.admin() as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        try:
            writer, reader = Database(url), Database(url, writable=False)
            with pytest.raises(StoreError, match="read-only") as refusal:
                await writer.write(partial(adding, "nowhere"))
            assert not refusal.value.permanent
            assert await deliveries(reader) == []
            reader.close()
        finally:
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
    assert await writer.write(partial(adding, "here"))
    writer.close()


async def test_of_two_hosts_the_one_that_answers_is_used(postgres: Postgres) -> None:
    name = make_url(postgres.fresh()).database
    database = Database(f"postgresql+psycopg://postgres@/{name}?host=127.0.0.1:1&host={postgres.socket.parent}:5432")
    assert await database.write(partial(adding, "found"))
    database.close()


async def test_the_server_gives_up_on_us_too(postgres: Postgres) -> None:
    database = Database(postgres.fresh())

    def settings(connection: Connection) -> list[str]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        return [str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names]

    statement, lock, idle, _ = await database.write(settings)
    assert (statement, idle) == ("30s", "2s")
    assert int(lock.removesuffix("ms")) in PATIENCE_OF_WRITERS_MS
    assert (await database.read(settings))[:3] == ["30s", "10s", "10s"]
    assert (await database.write(settings))[3].startswith("autodialer 0")
    database.close()


def test_a_url_may_set_its_own_patience_and_options() -> None:
    url = make_url("postgresql+psycopg://db/ledger?connect_timeout=1&keepalives_idle=3&options=-c%20work_mem%3D64MB")
    found = connect_args(url, writable=True)
    assert "connect_timeout" not in found
    assert "keepalives_idle" not in found
    assert found["tcp_user_timeout"] == 20_000
    assert found["options"].endswith(" -c work_mem=64MB")
    assert found["target_session_attrs"] == "read-write"
    reading = connect_args(url, writable=False)
    assert "target_session_attrs" not in reading
    assert "statement_timeout" not in reading["options"]
