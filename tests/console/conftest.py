"""One service for all tests of the console's pages."""

from collections.abc import Iterator

import httpx2
import pytest

from autodialer.observability import configure_logging, shutdown_logging
from console.office import add_users, browser_of, quick_passwords
from web.house import TOKENS, House, house, person


@pytest.fixture(scope="package", autouse=True)
def _log_to_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    configure_logging(level="info", log_dir=tmp_path_factory.mktemp("logs"), development=False, console=False)
    yield
    shutdown_logging()


@pytest.fixture(scope="package", autouse=True)
def _quick_passwords() -> Iterator[None]:
    with quick_passwords():
        yield


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With API_TOKEN, a viewer and an operator."""
    with house(tmp_path_factory.mktemp("office"), [person(index) for index in range(6)], **TOKENS) as running:
        add_users(running)
        yield running


@pytest.fixture
def viewer(office: House) -> Iterator[httpx2.Client]:
    with browser_of(office, "vera") as client:
        yield client


@pytest.fixture
def operator(office: House) -> Iterator[httpx2.Client]:
    with browser_of(office, "oana") as client:
        yield client


@pytest.fixture
def stranger(office: House) -> Iterator[httpx2.Client]:
    with browser_of(office, None) as client:
        yield client
