"""Whatever somebody made the defaults of their PostgreSQL, the ledger gets what its promises rest on."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, make_url

from autodialer.store.engine import Database
from databases import Postgres

LAX = {"synchronous_commit": "off", "default_transaction_isolation": "repeatable read"}


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """Of a ledger whose database has such defaults."""
    fresh = postgres.fresh()
    name = make_url(fresh).database
    with postgres.admin() as admin:
        for setting, value in LAX.items():
            admin.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'".encode())
        yield fresh
        admin.execute(f"ALTER DATABASE {name} RESET ALL".encode())


def shown(setting: str, connection: Connection) -> str:
    return str(connection.exec_driver_sql(f"SHOW {setting}").scalar())


def written(url: str, setting: str) -> str:
    database = Database(url)
    try:
        return database.submit(lambda connection: shown(setting, connection)).result()
    finally:
        database.close()


def test_a_call_is_on_disk_before_it_is_made_though_commits_are_not_waited_for_by_default(url: str) -> None:
    assert written(url, "synchronous_commit") == "on"


def test_who_knows_better_says_so_in_the_url(url: str) -> None:
    assert written(f"{url}&options=-c%20synchronous_commit%3Dlocal", "synchronous_commit") == "local"


def test_who_waited_for_a_lock_sees_what_was_committed_meanwhile(url: str) -> None:
    """Free lines and a pause are read behind a lock."""
    assert written(url, "transaction_isolation") == "read committed"


async def test_who_reads_sees_one_moment_all_the_same(url: str) -> None:
    database = Database(url)
    try:
        assert await database.read(lambda connection: shown("transaction_isolation", connection)) == "repeatable read"
    finally:
        database.close()
