"""The simulated event stream: Pulsar's WebSocket proxy, with a durable cursor for each subscription."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

_QUEUE: Final = 1000
_RESTART: Final = 1012


@dataclass(slots=True)
class Message:
    """One message of a subscription. `sent`: how often it was delivered; a `raw` one is a frame that is no message."""

    message_id: str
    event: str
    payload: str
    sent: int = 0
    raw: str | None = None

    def frame(self) -> str:
        """As it goes over the wire."""
        if self.raw is not None:
            return self.raw
        told = {
            "messageId": self.message_id,
            "payload": self.payload,
            "properties": {},
            "publishTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "redeliveryCount": max(0, self.sent - 1),
        }
        return msgspec.json.encode(told).decode()


@dataclass(slots=True)
class Subscription:
    """What one consumer has not acknowledged yet, in order. `consumer`: the one that is connected."""

    topic: str
    backlog: dict[str, Message] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    consumer: WebSocket | None = None
    acknowledged: int = 0
    redelivered: int = 0


class Pulsar:
    """Topics of one tenant. `refuse`: an HTTP status with which new connections are turned away, 0 for none."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.refuse = 0
        self.connections = 0
        self._readers: set[Subscription] = set()
        self._number = 0

    def publish(self, event: str, body: Any) -> None:
        """Tell everybody who has subscribed, connected or not."""
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self._add(event, base64.b64encode(encoded).decode())

    def publish_raw(self, frame: str) -> None:
        """A frame that is no message at all."""
        self._add("", "", frame)

    def _add(self, event: str, payload: str, raw: str | None = None) -> None:
        self._number += 1
        message_id = base64.b64encode(f"{self._number:08}".encode()).decode()
        for subscription in [*self.subscriptions.values(), *self._readers]:
            if subscription.topic in ("all", event):
                subscription.backlog[message_id] = Message(message_id, event, payload, raw=raw)
                subscription.news.set()

    async def consume(self, websocket: WebSocket) -> None:
        """A consumer: what was not acknowledged comes first. One at a time for each subscription (409)."""
        name = websocket.path_params["subscription"]
        subscription = self.subscriptions.get(name)
        if self.refuse or (subscription is not None and subscription.consumer is not None):
            await websocket.send_denial_response(Response(status_code=self.refuse or 409))
            return
        if subscription is None:
            subscription = self.subscriptions[name] = Subscription(websocket.path_params["topic"])
        subscription.consumer = websocket
        try:
            await self._serve(websocket, subscription, int(websocket.query_params.get("receiverQueueSize", _QUEUE)))
        finally:
            subscription.consumer = None

    async def read(self, websocket: WebSocket) -> None:
        """A reader: from now on, without any memory."""
        if self.refuse:
            await websocket.send_denial_response(Response(status_code=self.refuse))
            return
        reader = _Reader(websocket.path_params["topic"])
        self._readers.add(reader)
        try:
            await self._serve(websocket, reader, _QUEUE)
        finally:
            self._readers.discard(reader)

    async def cut(self) -> int:
        """Close every consumer's connection, as a proxy does that restarts; how many there were."""
        found = [one.consumer for one in self.subscriptions.values() if one.consumer is not None]
        for websocket in found:
            if websocket.application_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError):  # it is closing by itself
                    await websocket.close(_RESTART)
        return len(found)

    async def _serve(self, websocket: WebSocket, subscription: Subscription, most: int) -> None:
        await websocket.accept()
        self.connections += 1
        in_flight: set[str] = set()
        sending = asyncio.create_task(_guard(lambda: _send_all(websocket, subscription, in_flight, most)))
        try:
            while True:
                acknowledged = msgspec.json.decode(await websocket.receive_text())["messageId"]
                in_flight.discard(acknowledged)
                subscription.acknowledged += subscription.backlog.pop(acknowledged, None) is not None
                subscription.news.set()
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


class _Reader(Subscription):
    """Compared by identity: readers have no names."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


async def _guard(work: Callable[[], Awaitable[None]]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # the other side is gone
        await work()


async def _send_all(websocket: WebSocket, subscription: Subscription, in_flight: set[str], most: int) -> None:
    done: set[str] = set()
    while True:
        subscription.news.clear()
        for message in [one for one in subscription.backlog.values() if one.message_id not in done]:
            if len(in_flight) >= most:
                break
            done.add(message.message_id)
            message.sent += 1
            subscription.redelivered += message.sent > 1
            if message.raw is None:
                in_flight.add(message.message_id)
            else:
                subscription.backlog.pop(message.message_id, None)
            await websocket.send_text(message.frame())
        await subscription.news.wait()
