"""HTTP/1.1 by uvicorn, as any request may need it; what it can't read is refused in the API's shape."""

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from autodialer.web.answers import failure

_MALFORMED = "this is no valid HTTP request"


class Usual(H11Protocol):
    """One connection. `answered`: called after each answer."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        answered: Callable[[], None],
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._answered = answered

    @property
    def awaits_head(self) -> bool:
        """Whether the next request's head is not complete."""
        return self.conn.their_state is h11.IDLE

    @property
    def is_between_requests(self) -> bool:
        """Whether nothing of the next request has come, and all of the last answer has gone."""
        return self.conn.our_state is self.conn.their_state is h11.IDLE and not (
            self.conn.trailing_data[0] or self.flow.write_paused
        )

    def expect_request(self) -> None:
        """One has come that this need not read."""
        self._unset_keepalive_if_required()

    def on_response_complete(self) -> None:
        """Of the next head a part may be there already."""
        super().on_response_complete()
        self._answered()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, ours are the API's
        """Refuse what h11 can't read."""
        self._refuse(400, _MALFORMED)

    def lose_patience(self, seconds: float) -> None:
        """The head did not come within so many seconds: close the connection, with 408 where some of it did."""
        if self.conn.trailing_data[0]:
            self._refuse(408, f"the request's head did not arrive within {seconds:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = failure(status, message, headers={"connection": "close"})
            head = h11.Response(status_code=status, headers=answer.raw_headers, reason=STATUS_PHRASES[status])
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
