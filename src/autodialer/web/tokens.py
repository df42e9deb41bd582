"""Who may ask: API_TOKEN for /api and /metrics, CALLBACK_TOKEN for callbacks. Checked before anything is read."""

import hmac
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from autodialer.ports import Log
from autodialer.web.answers import failure
from autodialer.web.guards import CALLBACK_PATH, CLOSE

_GUARDED = ("/api", "/metrics")


@dataclass(frozen=True, slots=True)
class Tokens:
    """None: that one is not asked for."""

    api: str | None
    callback: str | None


class TokenGuard:
    """401 for a request without the token of its route; no other route's token will do."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, log: Log) -> None:
        self._app = app
        self._tokens = tokens
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
            return
        await failure(401, problem, headers={"www-authenticate": "Bearer", **CLOSE})(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        path, connection = scope["path"], HTTPConnection(scope)
        if path == CALLBACK_PATH:
            if self._tokens.callback is None or _shows_callback_token(connection, self._tokens.callback):
                return None
            self._log.warning("callback without a valid token")
            return "the callback needs CALLBACK_TOKEN, as Authorization header or ?token="
        if self._tokens.api is None or not path.startswith(_GUARDED):
            return None
        bearer = _bearer(connection.headers.get("authorization", ""))
        return None if _same(bearer or "", self._tokens.api) else "this needs Authorization: Bearer <API_TOKEN>"


def _shows_callback_token(connection: HTTPConnection, token: str) -> bool:
    header = connection.headers.get("authorization", "")
    return is_callback_token(header, connection.query_params.get("token", ""), token)


def is_callback_token(header: str, query: str, token: str) -> bool:
    """Whether `header` (Authorization) or `query` (?token=) shows it. 8x8 sends the header as registered: `Bearer T` or `T`."""
    shown = (header, _bearer(header) or "", query)
    matches = [_same(candidate, token) for candidate in shown]  # each is compared, whichever is right
    return any(matches)


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), wanted.encode())
