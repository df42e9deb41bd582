"""The event stream: Pulsar over WebSocket, as a consumer whose place 8x8 remembers (8x8 page "Event Streaming").

Each message is stored durably before it is acknowledged. What was not acknowledged comes again with the next connection, and the
inbox knows it by its content: nothing is lost and nothing counts twice, wherever the process dies.
"""

import asyncio
import base64
import binascii
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from autodialer.contact_center.config import ContactCenterConfig, is_loopback
from autodialer.contact_center.events import DELETED, reduce
from autodialer.domain.errors import MalformedCallback, StoreError
from autodialer.domain.placing import Refused, Scope
from autodialer.ports import Clock, Log, Take
from autodialer.telephony_http.words import plain

_FIRST_WAIT = 0.5
_STANDBY_WAIT = (
    5.0  # 8x8 gives a subscription to one consumer at a time; when that one is gone, another is there in this time
)
_STORE_WAIT, _LONGEST_STORE_WAIT = 0.5, 15.0
_REMEMBERED = 500  # messages
_LARGEST_FRAME = 16 * 1024 * 1024  # Pulsar's own limit is 5 MiB, a third more in base64
# The library writes whole frames, with the customers in them, to its debug log.
_QUIET = logging.getLogger("autodialer.contact_center.frames")
_QUIET.setLevel(logging.WARNING)
_BUSY = 409  # another consumer holds the subscription
_REMEDIES = {
    401: "EIGHTX8_API_KEY must be a key for 8x8's Pulsar Event Stream.",
    403: "Check EIGHTX8_API_KEY and EIGHTX8_CC_TENANT: the key must be allowed to read this tenant's events.",
    404: "Check EIGHTX8_CC_STREAM (region) and EIGHTX8_CC_TENANT.",
}


class Stream:
    """Listens for as long as the process lives. `on_end` is told of each interaction that is over.

    `refusal`: why nothing can be heard until a person acts; None while that is not so.
    """

    def __init__(self, config: ContactCenterConfig, clock: Clock, log: Log, on_end: Callable[[str], None]) -> None:
        self._config = config
        self._clock = clock
        self._log = log
        self._on_end = on_end
        self._subscribed = asyncio.Event()
        self.refusal: Refused | None = None
        self._wait = _FIRST_WAIT
        self._told = ""
        self._failed: deque[str] = deque(maxlen=_REMEMBERED)  # ids of messages

    async def subscribed(self) -> bool:
        """Whether 8x8 keeps events for us from now on, waiting for it a little.

        Until our subscription exists nothing is kept, and a call that is placed then would never be heard of again.
        """
        try:
            async with asyncio.timeout(self._config.stream_patience):
                await self._subscribed.wait()
        except TimeoutError:
            return False
        return True

    async def listen(self, take: Take) -> None:
        """Connect, take, acknowledge; again whenever the connection ends. Returns only by being cancelled."""
        while True:
            try:
                async with open_stream(self._config, self._config.consumer_url) as connection:
                    self._connected()
                    async for frame in connection:
                        await self._take(connection, frame, take)
                        self._wait = _FIRST_WAIT
                self._say("the event stream was closed")
            except ConnectionClosed as error:
                self._say(f"the event stream was cut ({plain(str(error))})")
            except InvalidStatus as error:
                self._refused(error.response.status_code)
            except Exception as error:  # noqa: BLE001 - whatever broke, it is tried again: results come from nowhere else
                self._say(f"the event stream can't be had ({type(error).__name__}: {plain(str(error))})")
            # Not all at once, when many were cut off by the same outage.
            await self._clock.sleep(self._wait * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            self._wait = min(self._wait * 2, self._config.reconnect_longest)

    def _connected(self) -> None:
        self._subscribed.set()
        self._told, self.refusal = "", None
        self._log.info("listening to 8x8's event stream")

    def _refused(self, status: int) -> None:
        if status == _BUSY:
            # Another process of ours listens; the subscription exists, and this one waits to take over.
            self._subscribed.set()
            self.refusal = None
            self._wait = min(self._wait, _STANDBY_WAIT)
            self._say("another process listens to the event stream under this subscription")
            return
        remedy = _REMEDIES.get(status, "")
        self._say(f"8x8 refuses the event stream (HTTP {status}). {remedy}".strip())
        if remedy:  # how long 8x8 keeps what nobody may fetch is not known
            self._subscribed.clear()
            message = "8x8 refuses the event stream, from which results come"
            self.refusal = Refused(str(status), message, Scope.ACCOUNT, remedy)

    def _say(self, what: str) -> None:
        """Once, however often it is tried again."""
        if what != self._told:
            self._log.warning("event stream", problem=what)
        self._told = what

    async def _take(self, connection: ClientConnection, frame: str | bytes, take: Take) -> None:
        message_id, message = read_frame(frame)
        if message_id is None:
            self._log.warning("event stream: a frame that is no message was left out")
            return
        try:
            if not await self._keep(message, take):
                return  # unacknowledged it comes again
        except Exception as error:
            if message_id not in self._failed:
                self._failed.append(message_id)
                raise  # with the next connection it comes again
            # For good it would come before all others, and hold them up.
            self._log.error("event stream: an event is left unacknowledged", error=repr(error))
            return
        await connection.send(msgspec.json.encode({"messageId": message_id}).decode())

    async def _keep(self, message: object, take: Take) -> bool:
        """Whether it is dealt with: stored, or none of ours."""
        event = reduce(message)
        if event is None:
            return True
        if not await self._store(event, take):
            return False
        self._note_end(event)
        return True

    async def _store(self, event: Mapping[str, object], take: Take) -> bool:
        """Whether it is dealt with. While the ledger can't be used nothing more is read: 8x8 keeps it meanwhile."""
        wait = _STORE_WAIT
        while True:
            try:
                await take(event)
            except MalformedCallback as error:
                self._log.warning("event stream: an event can't be read", problem=error.message)
            except StoreError as error:
                self._log.error(
                    "event stream: an event can't be stored", error=error.message, again=not error.permanent
                )
                if error.permanent:
                    return False
                await self._clock.sleep(wait)
                wait = min(wait * 2, _LONGEST_STORE_WAIT)
                continue
            return True

    def _note_end(self, event: Mapping[str, object]) -> None:
        payload = event["payload"]
        if str(event["eventType"]).upper() == DELETED and isinstance(payload, Mapping):
            self._on_end(str(payload["sessionId"]))


def read_frame(frame: str | bytes) -> tuple[str | None, object]:
    """Its message id (None: it is no message) and what it carries (None: nothing that can be read)."""
    try:
        read = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    message_id = read.get("messageId") if isinstance(read, dict) else None
    if not isinstance(message_id, str) or not message_id:
        return None, None
    payload = read.get("payload")
    try:
        return message_id, msgspec.json.decode(base64.b64decode(payload, validate=True))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError, TypeError):
        return message_id, None


class _Connect(connect):
    """A redirect is not followed: the key is shown to nobody but the host that was set."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def open_stream(config: ContactCenterConfig, url: str) -> AbstractAsyncContextManager[ClientConnection]:
    """A connection that notices by itself when the other side is gone, and that holds no more than a few frames."""
    return _Connect(
        url,
        additional_headers={"X-API-Key": config.stream_key},
        compression=None,
        open_timeout=15,
        ping_interval=20,
        ping_timeout=20,
        close_timeout=2,
        max_size=_LARGEST_FRAME,
        max_queue=16,
        logger=_QUIET,
        proxy=None if is_loopback(url) else True,
    )
