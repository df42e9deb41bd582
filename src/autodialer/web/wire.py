"""A connection: plain callbacks go the short way, all else goes to uvicorn's protocol, which waits for ever for a head; we do not.

That protocol is made when it is first needed: thousands of senders, each with a connection of its own, then take half the memory.
"""

import asyncio
import fcntl
import sys
import termios
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from uvicorn import Config
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from autodialer.web.lane import CallbackLane
from autodialer.web.usual import Usual

BODY_AWAITED = 0.1  # seconds in which a callback's body, sent after its head, may come and still go the short way
HEAD_PATIENCE = 10.0  # seconds from the connection, or the answer before, until the head of a request is complete
READ_PATIENCE = 30.0  # seconds in which the other end takes something of what is written to it
_LOOKS = 10  # within HEAD_PATIENCE, whether one of them is over


class Watch:
    """Closes connections on which nothing gets on, either way. One timer for all: those of a crowd would take megabytes."""

    def __init__(self) -> None:
        self._wires: set[Wire] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, wire: "Wire", loop: asyncio.AbstractEventLoop) -> None:
        """Look at it from now on."""
        self._wires.add(wire)
        if self._timer is None:
            self._timer = loop.call_later(HEAD_PATIENCE / _LOOKS, self._look, loop)

    def discard(self, wire: "Wire") -> None:
        """It is gone."""
        self._wires.discard(wire)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for wire in list(self._wires):
            wire.lose_patience(now)
        self._timer = loop.call_later(HEAD_PATIENCE / _LOOKS, self._look, loop) if self._wires else None


class Wire(asyncio.Protocol):
    """Give it to uvicorn as `http`. With a `lane` plain callbacks go past uvicorn's protocol, which stands between two requests."""

    __slots__ = (
        "_app_state",
        "_begun",
        "_begun_timer",
        "_config",
        "_held",
        "_in_lane",
        "_is_last",
        "_loop",
        "_peer",
        "_server",
        "_transport",
        "_unread",
        "_usual",
        "_waits_since",
    )
    lane: ClassVar[CallbackLane | None] = None
    watch: ClassVar[Watch] = Watch()
    _transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._usual: Usual | None = None
        self._peer: str | None = None
        self._in_lane = self._is_last = False
        self._held = b""  # came in while a callback was being stored
        self._begun = b""  # a callback without its whole body: many senders send that in a packet of its own
        self._begun_timer: asyncio.TimerHandle | None = None
        self._waits_since: float | None = None  # for a head; None while a request is under way
        # Bytes that wait for the other end to read, and since when it does not.
        self._unread: tuple[int, float] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start waiting."""
        self._transport = transport
        if self.lane is not None and self.lane.asks_whence:
            address = get_remote_addr(transport)
            self._peer = address[0] if address else None
        self._server.connections.add(self)  # type: ignore[arg-type]  # of which uvicorn wants no more than shutdown()
        self._waits_since = self._loop.time()
        self.watch.add(self, self._loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget_begun()
        self._waits_since = None
        self._server.connections.discard(self)
        self.watch.discard(self)
        if self._usual is not None:
            self._usual.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A request, a part of one, or more than one."""
        if self._in_lane:
            self._held += data
            self._transport.pause_reading()
            return
        data = self._begun + data
        if self.lane is None or not self._is_between_requests():
            self._go_usual_way(data)
            return
        stored = self.lane.admit(data, self._peer)
        if stored is not None:
            self._forget_begun()
            self._in_lane = True
            self._waits_since = None
            if self._usual is not None:
                self._usual.expect_request()
            stored.add_done_callback(partial(self._leave_lane, data))
        elif self.lane.lacks_body(data):
            if self._usual is not None:
                self._usual.expect_request()
            self._begun = data
            self._begun_timer = self._begun_timer or self._loop.call_later(BODY_AWAITED, self._await_no_longer)
        else:
            self._go_usual_way(data)

    def pause_writing(self) -> None:
        """The other end does not read its answers."""
        self._the_usual().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._the_usual().resume_writing()

    def shutdown(self) -> None:
        """Let a request that is under way have its answer."""
        if self._begun:
            self._await_no_longer()
        if self._in_lane:
            self._is_last = True
        elif self._usual is not None:
            self._usual.shutdown()
        else:
            self._transport.close()

    def lose_patience(self, now: float) -> None:
        """If there has been nothing for too long, or nothing was read; who never reads is not waited for with closing either."""
        if self._is_read_too_slowly(now):
            self._transport.abort()
            return
        if self._waits_since is None or now - self._waits_since < HEAD_PATIENCE or self._transport.is_closing():
            return
        if self._begun:
            self._await_no_longer()
        elif self._usual is not None:
            self._usual.lose_patience(HEAD_PATIENCE)
        else:
            self._transport.close()

    def _is_read_too_slowly(self, now: float) -> bool:
        size = self._transport.get_write_buffer_size()
        size += _in_kernel(self._transport) if size else 0
        if size == 0:
            self._unread = None
        elif self._unread is None or size < self._unread[0]:
            self._unread = size, now
        else:
            self._unread = size, self._unread[1]
        return self._unread is not None and now - self._unread[1] >= READ_PATIENCE

    def _is_between_requests(self) -> bool:
        return not self._transport.is_closing() and (self._usual is None or self._usual.is_between_requests)

    def _the_usual(self) -> Usual:
        if self._usual is None:
            self._usual = Usual(self._config, self._server, self._app_state, self._loop, self._wait_for_head)
            self._usual.connection_made(self._transport)
            self._server.connections.discard(self._usual)  # whoever shuts down the server tells us
        return self._usual

    def _go_usual_way(self, data: bytes) -> None:
        self._forget_begun()
        self._the_usual().data_received(data)
        self._wait_for_head()

    def _wait_for_head(self) -> None:
        """Or stop waiting when it is complete."""
        if not self._the_usual().awaits_head:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self._loop.time()

    def _await_no_longer(self) -> None:
        """The usual way knows how to wait for a slow body."""
        self._go_usual_way(self._begun)

    def _forget_begun(self) -> None:
        self._begun = b""
        if self._begun_timer is not None:
            self._begun_timer.cancel()
            self._begun_timer = None

    def _leave_lane(self, data: bytes, stored: asyncio.Future[None]) -> None:
        self._in_lane = False
        failed = stored.cancelled() or stored.exception() is not None
        if self._transport.is_closing():
            return
        if failed:
            self._go_usual_way(data)  # tries again, and knows how to say what is wrong
        elif self.lane is not None:
            self._transport.write(self.lane.answer(self._server.default_headers))
            self._server.total_requests += 1
            self._waits_since = self._loop.time()
        if self._is_last:
            self.shutdown()
        elif self._held:
            held, self._held = self._held, b""
            self._transport.resume_reading()
            self.data_received(held)


def _in_kernel(transport: asyncio.Transport) -> int:
    """Bytes that the system took and the other end has not: it takes more only when a third of its megabytes is free again."""
    waiting = bytearray(4)
    with suppress(OSError, AttributeError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return int.from_bytes(waiting, sys.byteorder)


def wire_with(lane: CallbackLane | None) -> type[Wire]:
    """The protocol of one process."""
    return type("Wire", (Wire,), {"__slots__": (), "lane": lane, "watch": Watch()})
