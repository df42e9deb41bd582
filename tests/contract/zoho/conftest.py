from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.zoho.schemas import check
from contract.zoho.world import RAW, Switchboard, World, plug, served

OpenWorld = Callable[..., World]


@pytest.fixture(scope="session")
def switchboard() -> Iterator[tuple[Switchboard, str]]:
    board = Switchboard()
    with served(board) as url:
        yield board, url


@pytest.fixture
def open_world(switchboard: tuple[Switchboard, str]) -> Iterator[OpenWorld]:
    """Makes a simulated Zoho that holds the given people. In the end, all that went over the wire is validated."""
    board, url = switchboard
    worlds: list[World] = []

    def opened(*people: Any, **options: Any) -> World:
        worlds.append(plug(url, board, people, **options))
        return worlds[-1]

    yield opened
    for world in worlds:
        for exchange in list(world.exchanges):
            check(exchange, ours=RAW not in exchange.headers)
