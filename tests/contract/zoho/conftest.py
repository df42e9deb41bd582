import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from autodialer.simulators.common import Exchange
from contract.zoho.published import SPECS, Published
from contract.zoho.schemas import check
from contract.zoho.tour import tour
from contract.zoho.world import Switchboard, World, is_ours, is_proper, plug, served

OpenWorld = Callable[..., World]


@pytest.fixture(scope="session")
def switchboard() -> Iterator[tuple[Switchboard, str]]:
    board = Switchboard()
    with served(board) as url:
        yield board, url


@pytest.fixture(scope="session")
def published() -> Published | None:
    """Zoho's own specifications, corrected; None where they are not at hand."""
    return Published() if SPECS.is_dir() else None


@contextmanager
def checked_worlds(board: Switchboard, url: str, published: Published | None) -> Iterator[OpenWorld]:
    """Makes worlds; in the end, all that went over the wire of any of them is validated, by us and by Zoho."""
    worlds: list[World] = []

    def opened(*people: Any, **options: Any) -> World:
        worlds.append(plug(url, board, people, **options))
        return worlds[-1]

    yield opened
    for exchange in [exchange for world in worlds for exchange in list(world.exchanges)]:
        check(exchange, ours=is_ours(exchange))
        if published is not None:
            assert published.problems(exchange, ours=is_proper(exchange)) == []


@pytest.fixture
def open_world(switchboard: tuple[Switchboard, str], published: Published | None) -> Iterator[OpenWorld]:
    """Makes a simulated Zoho that holds the given people."""
    with checked_worlds(*switchboard, published) as opened:
        yield opened


@pytest.fixture(scope="session")
def traffic(switchboard: tuple[Switchboard, str], published: Published | None) -> list[Exchange]:
    """Exchanges of every kind."""
    with checked_worlds(*switchboard, published) as opened:
        return asyncio.run(tour(opened))
