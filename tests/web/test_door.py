"""A crowd that connects at once is let in at once, also on libuv's loop, which by itself takes one of them at each turn."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from autodialer.web.door import BACKLOG, Door

CROWD = 200
_TURNS = 8  # of the loop: to see them, to take them, to tell their protocols


class Guest(asyncio.Protocol):
    """Answers what it is sent."""

    present: list["Guest"]
    transport: Any  # libuv's is no asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.present.append(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def on_libuv(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def on_asyncio(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def _crowd(*, with_door: bool) -> int:
    """How many of a crowd that came while the loop was busy are in after a few turns; each of them is answered in the end."""
    present: list[Guest] = []
    protocol = type("Present", (Guest,), {"present": present})
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=BACKLOG)
    door = Door(server.sockets, protocol) if with_door else None
    address = server.sockets[0].getsockname()
    clients = [socket.create_connection(address) for _ in range(CROWD)]
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    entered = len(present)
    for client in clients:
        client.sendall(b"hello")
        client.setblocking(False)
    for client in clients:
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(client, 10) == b"hello"
        client.close()
    if door is not None:
        door.close()
    server.close()
    return entered


@pytest.mark.parametrize("run", [on_libuv, on_asyncio])
def test_all_who_wait_are_let_in_within_a_few_turns(run: Any) -> None:
    async def work() -> None:
        assert await _crowd(with_door=True) == CROWD

    run(work())


def test_without_the_door_libuv_takes_them_one_by_one() -> None:
    async def work() -> None:
        assert await _crowd(with_door=False) <= _TURNS + 1

    on_libuv(work())


def test_once_it_is_closed_nobody_is_let_in_and_the_port_is_free() -> None:
    async def work() -> None:
        present: list[Guest] = []
        protocol = type("Present", (Guest,), {"present": present})
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        door = Door(server.sockets, protocol)
        address = server.sockets[0].getsockname()
        door.close()
        door.close()
        server.close()
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        assert present == []

    on_libuv(work())


def test_who_hangs_up_before_being_let_in_harms_nobody() -> None:
    async def work() -> None:
        present: list[Guest] = []
        protocol = type("Present", (Guest,), {"present": present})
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        door = Door(server.sockets, protocol)
        address = server.sockets[0].getsockname()
        for _ in range(20):
            socket.create_connection(address).close()
        waiting = socket.create_connection(address)
        waiting.sendall(b"hello")
        waiting.setblocking(False)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(waiting, 10) == b"hello"
        waiting.close()
        door.close()
        server.close()

    on_libuv(work())
