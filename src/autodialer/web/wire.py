"""HTTP/1.1 on the wire: uvicorn's protocol, which waits for ever for the end of a request's head, made impatient."""

import asyncio
from functools import partial
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from autodialer.web.answers import failure
from autodialer.web.lane import CallbackLane

BODY_AWAITED = 0.1  # seconds in which a callback's body, sent after its head, may come and still go the short way
HEAD_PATIENCE = 10.0  # seconds from the connection, or the answer before, until the head of a request is complete
_MALFORMED = "this is no valid HTTP request"


class Wire(H11Protocol):
    """Give it to uvicorn as `http`. Closes connections whose next request does not get going; its refusals have the API's shape.

    With a `lane` plain callbacks go past HTTP's state machine, which stands between two requests meanwhile.
    """

    lane: ClassVar[CallbackLane | None] = None
    _head_timer: asyncio.TimerHandle | None = None
    _in_lane = False
    _held = b""  # came in while a callback was being stored
    _begun = b""  # a callback without its whole body: many senders send that in a packet of its own
    _begun_timer: asyncio.TimerHandle | None = None
    _is_last = False
    _left_lane_at = float("-inf")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start waiting."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the head is complete."""
        if self._in_lane:
            self._held += data
            self.flow.pause_reading()
            return
        data = self._begun + data
        if self.lane is None or not self._is_between_requests():
            self._go_usual_way(data)
            return
        stored = self.lane.admit(data, self.client[0] if self.client else None)
        if stored is not None:
            self._forget_begun()
            self._in_lane = True
            self._unset_keepalive_if_required()
            stored.add_done_callback(partial(self._leave_lane, data))
        elif self.lane.lacks_body(data):
            self._begun = data
            self._begun_timer = self._begun_timer or self.loop.call_later(BODY_AWAITED, self._await_no_longer)
        else:
            self._go_usual_way(data)

    def _go_usual_way(self, data: bytes) -> None:
        self._forget_begun()
        super().data_received(data)
        self._watch()

    def _await_no_longer(self) -> None:
        """The usual way knows how to wait for a slow body."""
        self._go_usual_way(self._begun)

    def _forget_begun(self) -> None:
        self._begun = b""
        if self._begun_timer is not None:
            self._begun_timer.cancel()
            self._begun_timer = None

    def _is_between_requests(self) -> bool:
        return self.conn.our_state is self.conn.their_state is h11.IDLE and not (
            self.conn.trailing_data[0] or self.flow.write_paused or self.transport.is_closing()
        )

    def _leave_lane(self, data: bytes, stored: asyncio.Future[None]) -> None:
        self._in_lane = False
        failed = stored.cancelled() or stored.exception() is not None
        if self.transport.is_closing():
            return
        if failed:
            super().data_received(data)  # tries again, and knows how to say what is wrong
        elif self.lane is not None:
            self.transport.write(self.lane.answer(self.server_state.default_headers))
            self.server_state.total_requests += 1
            self._left_lane_at = self.loop.time()
        if self._is_last:
            super().shutdown()
        elif self._held:
            held, self._held = self._held, b""
            self.flow.resume_reading()
            self.data_received(held)
        self._watch()

    def shutdown(self) -> None:
        """Let a callback that is being stored have its answer."""
        if self._begun:
            self._await_no_longer()
        if self._in_lane:
            self._is_last = True
        else:
            super().shutdown()

    def on_response_complete(self) -> None:
        """Wait for the next head, of which a part may be there already."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget_begun()
        super().connection_lost(exc)
        self._stop_watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, ours are the API's
        """Refuse what h11 can't read."""
        self._refuse(400, _MALFORMED)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_watch()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_PATIENCE, self._lose_patience)

    def _stop_watch(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _lose_patience(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._begun:
            self._await_no_longer()
            return
        # The lane lets the timer run on: to set it anew for each callback would cost more than to look here.
        idle = 0.0 if self._in_lane else self.loop.time() - self._left_lane_at
        if idle < HEAD_PATIENCE:
            self._head_timer = self.loop.call_later(HEAD_PATIENCE - idle, self._lose_patience)
            return
        if self.conn.trailing_data[0]:
            self._refuse(408, f"the request's head did not arrive within {HEAD_PATIENCE:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = failure(status, message, headers={"connection": "close"})
            head = h11.Response(status_code=status, headers=answer.raw_headers, reason=STATUS_PHRASES[status])
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def wire_with(lane: CallbackLane | None) -> type[Wire]:
    """The protocol of one process."""
    return type("Wire", (Wire,), {"lane": lane})
