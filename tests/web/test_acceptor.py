"""A crowd that connects at once is let in at once, also on libuv's loop, which by itself takes one of them at each turn."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from autodialer.web.acceptor import BACKLOG, Acceptor

CROWD = 200
_TURNS = 8  # of the loop: to see them, to take them, to tell their protocols


class Guest(asyncio.Protocol):
    """Answers what it is sent."""

    transport: Any  # libuv's is no asyncio.Transport

    def __init__(self, house: "House") -> None:
        self._house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._house.guests += 1

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@dataclass
class House:
    """A listening server. `guests`: how many connections it has."""

    address: tuple[str, int] = ("127.0.0.1", 0)
    guests: int = 0
    acceptors: list[Acceptor] = field(default_factory=list)

    def visit(self) -> socket.socket:
        """Connect."""
        return socket.create_connection(self.address)


@asynccontextmanager
async def house(*, with_acceptor: bool = True) -> AsyncIterator[House]:
    opened = House()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Guest(opened), *opened.address, backlog=BACKLOG)
    opened.address = server.sockets[0].getsockname()
    if with_acceptor:
        opened.acceptors.append(Acceptor(server.sockets, lambda: Guest(opened)))
    yield opened
    for acceptor in opened.acceptors:
        acceptor.close()
    server.close()


async def is_answered(visitor: socket.socket) -> bool:
    visitor.sendall(b"hello")
    visitor.setblocking(False)
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(visitor, 10) == b"hello"


def on_libuv(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def on_asyncio(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def let_in(opened: House) -> int:
    """How many of a crowd that came while the loop was busy are in after a few turns; each of them is answered in the end."""
    visitors = [opened.visit() for _ in range(CROWD)]
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    entered = opened.guests
    for visitor in visitors:
        assert await is_answered(visitor)
        visitor.close()
    return entered


@pytest.mark.parametrize("run", [on_libuv, on_asyncio])
def test_all_who_wait_are_let_in_within_a_few_turns(run: Any) -> None:
    async def work() -> None:
        async with house() as opened:
            assert await let_in(opened) == CROWD

    run(work())


def test_without_the_acceptor_libuv_takes_them_one_by_one() -> None:
    async def work() -> None:
        async with house(with_acceptor=False) as opened:
            assert await let_in(opened) <= _TURNS + 1

    on_libuv(work())


def test_once_it_is_closed_nobody_is_let_in_and_the_port_is_free() -> None:
    async def work() -> None:
        async with house() as opened:
            opened.acceptors[0].close()
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            opened.visit()
        assert opened.guests == 0

    on_libuv(work())


def test_who_hangs_up_before_being_let_in_harms_nobody() -> None:
    async def work() -> None:
        async with house() as opened:
            for _ in range(20):
                opened.visit().close()
            waiting = opened.visit()
            assert await is_answered(waiting)
            waiting.close()

    on_libuv(work())
