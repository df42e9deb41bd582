"""Servers for the tests of the voice adapter and its simulator."""

from collections.abc import Iterator

import pytest

from contract.eightx8.support import Received, Simulated, receiver, simulated


@pytest.fixture
def simulator() -> Iterator[Simulated]:
    with simulated() as running:
        yield running


@pytest.fixture
def inbox() -> Iterator[Received]:
    with receiver() as received:
        yield received
