"""The forge from which replicas are forked, and PostgreSQL: the usual server, and one that forgets nothing when it crashes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crash.forge import open_forge
from crash.shims import shim_files
from databases import Postgres
from replicas.city import OpenCity, city


@pytest.fixture(scope="session", autouse=True)
def _forge(tmp_path_factory: pytest.TempPathFactory) -> None:
    open_forge(shim_files(tmp_path_factory.mktemp("shims")))


@pytest.fixture(scope="session")
def durable() -> Iterator[Postgres]:
    """As in production: what is committed is kept."""
    server = Postgres(durable=True)
    yield server
    server.close()


@pytest.fixture
def open_city(tmp_path: Path, postgres: Postgres) -> OpenCity:
    """On the usual server."""
    return lambda replicas, everybody, *limits, **more: city(
        tmp_path, postgres.fresh(), replicas, everybody, *limits, **more
    )


@pytest.fixture
def durable_city(tmp_path: Path, durable: Postgres) -> OpenCity:
    """On the one that may crash."""
    return lambda replicas, everybody, *limits, **more: city(
        tmp_path, durable.fresh(), replicas, everybody, *limits, **more
    )
