"""Services for the tests of the API: one with tokens, one for this machine only."""

from collections.abc import Iterator

import pytest

from autodialer.observability import configure_logging, shutdown_logging
from web.house import TOKENS, House, house, person

PEOPLE = [person(index) for index in range(3)]


@pytest.fixture(scope="module", autouse=True)
def _log_to_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As in production; without it structlog draws every traceback with all its variables."""
    configure_logging(level="info", log_dir=tmp_path_factory.mktemp("logs"), development=False, console=False)
    yield
    shutdown_logging()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("guarded"), PEOPLE, **TOKENS) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        yield running


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("local")) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        yield running
