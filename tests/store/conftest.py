"""`replicas`: two openings of one PostgreSQL ledger, each with connections of its own."""

from collections.abc import Iterator

import pytest

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from databases import Postgres
from store.made import Replicas, open_runs


@pytest.fixture
def replicas(postgres: Postgres) -> Iterator[Replicas]:
    url = postgres.fresh()
    first, second = Database(url), Database(url)
    open_runs(SqlStore(first), "run-1")
    yield first, second
    first.close()
    second.close()
