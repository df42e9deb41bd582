"""For the tests of the Contact Center adapter and its simulator."""

from collections.abc import Iterator

import pytest

from contract.contact_center.support import Simulated, simulated


@pytest.fixture
def simulator() -> Iterator[Simulated]:
    with simulated() as running:
        yield running
