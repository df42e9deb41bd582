"""A process says in time that it lives, also while somebody at a prompt holds rows that it wants."""

import time
from functools import partial

from sqlalchemy import create_engine

from autodialer.store.engine import Database
from databases import Postgres
from store.made import NOW, on
from store.test_replicas_locks import append

LEASE, BEAT = 6.0, 2.0  # REPLICA_LEASE, and how often it is renewed


def test_units_that_wait_in_vain_keep_no_beat_for_longer_than_a_lease(postgres: Postgres) -> None:
    url = postgres.fresh()
    database = Database(url)
    names = [f"row-{number}" for number in range(3)]
    for name in names:
        on(database, lambda ledger: ledger.switches.set(name, "", NOW))  # noqa: B023 - run at once
    engine = create_engine(url)
    try:
        with engine.begin() as theirs:
            for name in names:
                append(name, "theirs", theirs)
            vain = [database.submit(partial(append, name, "a")) for name in names]
            began = time.monotonic()
            on(database, lambda ledger: ledger.replicas.join("us", NOW, NOW))
            waited = time.monotonic() - began
            theirs.rollback()
        for one in vain:
            one.exception(15)
    finally:
        engine.dispose()
        database.close()
    assert waited + BEAT < LEASE, "the others take this process for dead"
