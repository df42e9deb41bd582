"""The way to the simulated Zoho in virtual time: no socket, but everything that a network and a provider do wrong."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from autodialer.simulators.zoho import ZohoSimulator
from autodialer.zoho.answers import Answer
from proof.times import SimClock
from proof.zoho.weather import Weather

_READ_TIMEOUT = 30.0


class VirtualWire:
    """Stands where zoho.wire.Wire stands. Each request travels, is served at one instant, and its answer travels back.

    `arriving` is told of each request at that instant.
    """

    def __init__(
        self, sim: ZohoSimulator, clock: SimClock, weather: Weather, arriving: Callable[[str, str, bytes], None]
    ) -> None:
        self._arriving = arriving
        self._sim = sim
        self._clock = clock
        self._weather = weather
        self._chance = weather.dice("travel")

    async def aclose(self) -> None:
        """Nothing is open."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """As Wire.send: the whole answer, or httpx2.HTTPError, or TimeoutError."""
        await self._travel()
        if self._weather.strikes("the connection is refused"):
            raise httpx2.ConnectError("refused")
        if self._weather.strikes("a request is lost"):
            await self._clock.sleep(_READ_TIMEOUT)
            raise httpx2.ReadTimeout("nothing came")
        refusal = self._weather.refusal(urlsplit(url).path)
        if refusal is not None:
            await self._travel()
            return refusal
        body = urlencode(form).encode() if form is not None else content or b""
        self._arriving(method, urlsplit(url).path, body)
        answer = await self._served(method, url, dict(headers or {}), params, body)
        if self._weather.strikes("an answer is lost after the commit"):
            raise httpx2.ReadError("reset")
        await self._travel()
        if self._weather.strikes("an answer is torn after the commit"):
            return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
        return answer

    async def _travel(self) -> None:
        slow = 20.0 if self._weather.strikes("the network is slow") else 1.0
        await self._clock.sleep(slow * (0.02 + 0.4 * self._chance.random()))

    async def _served(
        self, method: str, url: str, headers: dict[str, str], params: Mapping[str, str] | None, body: bytes
    ) -> Answer:
        parts = urlsplit(url)
        sent: list[MutableMapping[str, Any]] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": parts.scheme,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": urlencode(params or {}).encode(),
            "root_path": "",
            "headers": [(b"host", parts.netloc.encode())]
            + [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": (parts.hostname, parts.port),
        }
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            return pending.pop() if pending else {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._sim(scope, receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        answer = b"".join(message.get("body", b"") for message in sent)
        given = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        given["date"] = self._clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Answer(start["status"], httpx2.Headers(given), answer)
