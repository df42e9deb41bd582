"""HTTP/1.1 on the wire: uvicorn's protocol, which waits for ever for the end of a request's head, made impatient."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from autodialer.web.answers import failure

HEAD_PATIENCE = 10.0  # seconds from the connection, or the answer before, until the head of a request is complete
_MALFORMED = "this is no valid HTTP request"


class Wire(H11Protocol):
    """Give it to uvicorn as `http`. Closes connections whose next request does not get going; its refusals have the API's shape."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start waiting."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the head is complete."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next head, of which a part may be there already."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
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
