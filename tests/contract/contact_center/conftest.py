"""For the tests of the Contact Center adapter and its simulator."""

from collections.abc import Iterator
from functools import cache

import httpcore2
import pytest

from contract.contact_center.support import Simulated, simulated


@pytest.fixture(scope="session", autouse=True)
def _certificates_read_once() -> Iterator[None]:
    """Each HTTP client reads all certificates anew, 40 ms of work; here one reading serves all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture
def simulator() -> Iterator[Simulated]:
    with simulated() as running:
        yield running
