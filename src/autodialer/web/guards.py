"""What stands before every endpoint: framing, size, patience, host."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autodialer.web.answers import failure

MAX_BODY = 64 * 1024
MAX_COOKIES = 4 * 1024  # bytes: Python below 3.11.10 takes the square of a cookie's length to read it (CVE-2024-7592)
BODY_PATIENCE = 10.0  # seconds for a whole body
CALLBACK_PATH = "/api/callback"
IMPORT_PATH = "/api/do-not-call/import"
IMPORT_PAGE = "/console/do-not-call/import"
MAX_FILE = 5 * 1024 * 1024
_MAX_FORM = MAX_FILE + 1024 * 1024  # a file in a form, or the numbers of one that were shown for confirmation
FILE_PATIENCE = 60.0  # seconds
REFUSED = "autodialer.refused"  # in the scope of a request whose body was not taken: the status that says so
CLOSE = {"connection": "close"}
_LENGTH_DIGITS = 20  # more than any length has, fewer than int() refuses
_SIGNS_OF_A_PROXY = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Measure:
    """How large a body may be, in bytes, and how long it may take to arrive, in seconds."""

    most: int
    patience: float

    @property
    def too_large(self) -> str:
        """What is said to a larger one."""
        return "the file is larger than 5 MB" if self.most > MAX_BODY else "the body is larger than 64 KiB"


_FILE = Measure(MAX_FILE, FILE_PATIENCE)
_FORM = Measure(_MAX_FORM, FILE_PATIENCE)


class BodyLimit:
    """Reads the body, for 10 seconds at most, and answers 413 as soon as it is, or says it is, larger than 64 KiB.

    A file of numbers may have 5 MB and a minute: over the API, which API_TOKEN guards, and on the console's page from whoever has
    the `cookie` of somebody who `may_send_file`. A body of unclear length, which another server on the way may have cut elsewhere,
    is 400, as are cookies of more than 4 KiB, before anything reads them; a compressed body is 415. On the console's page people
    are told: it answers without the body, and knows by REFUSED.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        cookie: str = "",
        may_send_file: Callable[[str | None], Awaitable[bool]] | None = None,
    ) -> None:
        self._app = app
        self._cookie = cookie
        self._may_send_file = may_send_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if sum(map(len, headers.getlist("cookie"))) > MAX_COOKIES:
            answer = failure(400, "the cookies are larger than 4 KiB: remove those of this address", headers=CLOSE)
            await answer(scope, receive, send)
            return
        measure = await self._measure(scope)
        refusal = _refused_unread(headers, measure)
        body: bytes | None = b""
        if refusal is None:
            try:
                async with asyncio.timeout(measure.patience):
                    body = await _read(receive, measure.most)
            except TimeoutError:
                refusal = (408, f"the body did not arrive within {measure.patience:g} seconds")
            except _TooLargeError:
                refusal = (413, measure.too_large)
        if refusal is not None and scope["method"] == "POST" and scope["path"] == IMPORT_PAGE:
            await self._app({**scope, REFUSED: refusal[0]}, _replay(b"", receive), _closing(send))
        elif refusal is not None:
            await failure(*refusal, headers=CLOSE)(scope, receive, send)
        elif body is not None:
            await self._app(scope, _replay(body, receive), send)

    async def _measure(self, scope: Scope) -> Measure:
        if scope["method"] == "POST" and scope["path"] == IMPORT_PATH:
            return _FILE
        if scope["method"] == "POST" and scope["path"] == IMPORT_PAGE and self._may_send_file is not None:
            token = HTTPConnection(scope).cookies.get(self._cookie)
            if await self._may_send_file(token):
                return _FORM
        return Measure(MAX_BODY, BODY_PATIENCE)


class _TooLargeError(Exception):
    pass


def _refused_unread(headers: Headers, measure: Measure) -> tuple[int, str] | None:
    lengths = headers.getlist("content-length")
    if len(lengths) > 1 or (lengths and "transfer-encoding" in headers):
        return 400, "the body's length is given twice: either one Content-Length or Transfer-Encoding: chunked"
    if lengths and not (lengths[0].isascii() and lengths[0].isdigit()):
        return 400, "Content-Length is no number"
    if lengths and int(lengths[0][:_LENGTH_DIGITS]) > measure.most:
        return 413, measure.too_large
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return 415, "compressed bodies are not taken: send it without Content-Encoding"
    return None


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; None when the client went away before its end."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            raise _TooLargeError
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _closing(send: Send) -> Send:
    """Ends the connection after the answer: the rest of the body may still be on its way."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(CLOSE)
        await send(message)

    return closing


class LoopbackOnly:
    """Without API_TOKEN only this machine may ask, and no web page that a browser on it happens to show.

    A foreign page can make a browser send requests to 127.0.0.1; it can't hide the Origin, Host or Sec-Fetch-Site that these
    then carry. What a proxy passed on did not come from this machine. Callbacks that show CALLBACK_TOKEN (`guarded_callback`) may
    come by any name: 8x8 reaches this service through somebody's tunnel.
    """

    def __init__(self, app: ASGIApp, *, guarded_callback: bool) -> None:
        self._app = app
        self._guarded_callback = guarded_callback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not (self._guarded_callback and scope["path"] == CALLBACK_PATH):
            problem = _foreign(Headers(scope=scope))
            if problem is not None:
                message = f"without API_TOKEN only this machine may ask, as localhost or 127.0.0.1, but {problem}"
                if scope["path"] == CALLBACK_PATH:
                    message += "; callbacks from elsewhere need CALLBACK_TOKEN to be set"
                await failure(403, message, headers=CLOSE)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _foreign(headers: Headers) -> str | None:
    hosts = headers.getlist("host")
    if len(hosts) > 1 or not all(map(_is_loopback, hosts)):
        return "the Host header names another one"
    for origin in headers.getlist("origin"):
        if origin.lower() not in {f"{scheme}://{host.lower()}" for scheme in ("http", "https") for host in hosts}:
            return "a page of another origin asks"
    follows_link = headers.get("sec-fetch-mode") == "navigate"  # harmless with GET; with POST there is an Origin
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not follows_link:
        return "a page of another origin asks"
    if any(name in headers for name in _SIGNS_OF_A_PROXY):
        return "a proxy passed this on"
    return None


def _is_loopback(host: str) -> bool:
    name, colon, port = host.lower().rpartition(":")
    if not colon or not port.isdigit():
        name = host.lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
