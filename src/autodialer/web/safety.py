"""The outermost guard: nothing unexpected gets out, and browsers are told to keep to themselves what they get."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autodialer.domain.errors import StoreError
from autodialer.ports import Log
from autodialer.web.answers import failure

CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SAFE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": CONTENT_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Safety:
    """Turns what no endpoint caught into an answer: 503 when the database is gone, else 500, in production without its cause."""

    def __init__(self, app: ASGIApp, *, log: Log, development: bool) -> None:
        self._app = app
        self._log = log
        self._development = development

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(raw=message["headers"])
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        try:
            await self._app(scope, receive, safely)
        except StoreError as error:
            self._log.error("the ledger can't be used", path=scope["path"], error=error.message)
            answer = failure(503, "the database can't be used right now, try again", headers={"retry-after": "10"})
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged here and the client gets an answer
            self._log.error("request failed unexpectedly", path=scope["path"], exc_info=error)
            answer = failure(500, repr(error)[:500] if self._development else "the request failed; see the log")
        else:
            return
        if started:
            raise ConnectionAbortedError("the answer broke off, its cause is in the log")
        await answer(scope, receive, safely)
