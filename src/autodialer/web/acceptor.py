"""Accepts all who wait at each turn of the loop: libuv takes one, so that of a crowd some wait until the kernel turns them away."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from typing import Final

BACKLOG: Final = 4096  # connections that may wait; the kernel's own limit (net.core.somaxconn) may be lower
_AT_ONCE: Final = 256  # accepted at one turn


class Acceptor:
    """A second pair of hands at sockets on which libuv's loop listens already; on others it does nothing, and is not needed.

    `listeners`: those sockets; they stay their owner's. `protocol` is made for each connection. `close` it before they are.
    """

    def __init__(self, listeners: Iterable[socket.socket], protocol: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._entering: set[asyncio.Task[object]] = set()
        is_libuv = not isinstance(self._loop, asyncio.BaseEventLoop)
        # Duplicates, as a loop watches each descriptor for one only.
        self._listeners = [socket.socket(fileno=os.dup(each.fileno())) for each in listeners] if is_libuv else []
        for listener in self._listeners:
            listener.setblocking(False)
            self._loop.add_reader(listener, self._accept, listener)

    def close(self) -> None:
        """Accept no more."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners = []

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except OSError:  # nobody waits any more; what else may be wrong, libuv deals with at its own turn
                return
            connection.setblocking(False)
            entering = self._loop.create_task(self._enter(connection))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    async def _enter(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()  # gone already
