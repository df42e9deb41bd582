"""One browser and one service for all tests that look at the console as people do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from autodialer.observability import configure_logging, shutdown_logging
from browser import town as towns
from browser.chromium import started
from console.office import add_users, quick_passwords
from web.house import TOKENS, House, house, person

# Playwright leaves its event loop running in the thread that uses it, where no other test's loop could run then.
_thread = ThreadPoolExecutor(1, "browser")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Each test of this folder in the browser's own thread."""
    names = pyfuncitem._fixtureinfo.argnames
    _thread.submit(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in names}).result()
    return True


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
def chromium() -> Iterator[Browser]:
    held = ExitStack()
    yield _thread.submit(held.enter_context, started()).result()
    _thread.submit(held.close).result()


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With API_TOKEN, a viewer and an operator."""
    with house(tmp_path_factory.mktemp("office"), [person(index) for index in range(6)], **TOKENS) as running:
        add_users(running)
        yield running


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With some days behind it; tests settle and add things in it, each its own."""
    with towns.town(tmp_path_factory.mktemp("town")) as running:
        yield running
