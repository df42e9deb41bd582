"""One HTTP exchange with a provider: no retry, no redirect, bounded in time and size."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import msgspec

from autodialer.clock import SystemClock
from autodialer.service.upstreams import Upstream, outage
from autodialer.trust import trusted

# An idle connection that the server closes just as we reuse it would leave a call with an unknown fate.
_KEEPALIVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `body`: its JSON; None when there was none, or no JSON, or too much, or half."""

    status: int
    body: object = None
    retry_after: str | None = None


class NoReplyError(Exception):
    """There was no answer. `sent`: whether any part of the request may have left this machine."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. `read`: between two parts of an answer; `total`: for sending and, again, for reading the body."""

    connect: float
    read: float
    total: float
    response_bytes: int


class Exchange:
    """The HTTP client of one account, which shows `authorization`; `aclose` it. `local`: the provider is on this machine.

    `upstream` is told how each request went.
    """

    def __init__(self, authorization: str, limits: Limits, *, local: bool, upstream: Upstream | None = None) -> None:
        self._upstream = upstream or Upstream(SystemClock())
        self._authorization = authorization
        self._limits = limits
        self._local = local
        self._client: httpx2.AsyncClient | None = None

    async def send(
        self, method: str, url: str, body: Mapping[str, object] | None = None, *, kind: str = "account"
    ) -> Reply:
        """Send one request, once. NoReplyError when no status line came back. `kind`: what it is for, in one of a few words."""
        sent, asked = False, self._upstream.ask(kind)

        async def watch(event: str, info: Mapping[str, object]) -> None:
            nonlocal sent
            # A proxy is first asked for a tunnel; nothing of the request has left as long as it grants none.
            for_proxy = getattr(info.get("request"), "method", None) == b"CONNECT"
            sent = sent or (event.endswith("send_request_headers.started") and not for_proxy)

        try:
            client = self._open()
            async with asyncio.timeout(self._limits.total):
                request = client.build_request(
                    method,
                    url,
                    content=None if body is None else msgspec.json.encode(body),
                    headers=self._headers(has_body=body is not None),
                    extensions={"trace": watch},
                )
                response = await client.send(request, stream=True)
        except Exception as error:  # whatever broke, the caller must learn whether a call may ring
            reason = f"{type(error).__name__}: {innermost(error)}{_remedy(error)}"
            asked.ends(f"no answer to {method} ({kind}): {reason}")
            raise NoReplyError(reason, sent=sent) from error
        found = outage(response.status_code)
        asked.ends(found and f"{method} ({kind}): {found}")
        return await self._read(response)

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            limits = self._limits
            self._client = httpx2.AsyncClient(
                verify=trusted(environment=not self._local),
                follow_redirects=False,
                # Proxies of the environment are for the outside world, not for a simulator on this machine.
                trust_env=not self._local,
                timeout=httpx2.Timeout(limits.read, connect=limits.connect),
                limits=httpx2.Limits(max_connections=None, keepalive_expiry=_KEEPALIVE_SECONDS),
            )
        return self._client

    def _headers(self, *, has_body: bool) -> dict[str, str]:
        headers = {
            "authorization": self._authorization,
            "accept": "application/json",
            "accept-encoding": "identity",  # a compressed answer could be far larger than it looks
        }
        return headers | {"content-type": "application/json"} if has_body else headers

    async def _read(self, response: httpx2.Response) -> Reply:
        """The status stands, whatever becomes of the body."""
        content = b""
        try:
            async with asyncio.timeout(self._limits.total):
                try:
                    async for chunk in response.aiter_raw():
                        content += chunk
                        if len(content) > self._limits.response_bytes:
                            break
                finally:
                    await response.aclose()
        except Exception:  # noqa: BLE001 - whatever broke, the status line was read and stands
            content = b""
        whole = len(content) <= self._limits.response_bytes
        body = _decoded(content) if whole else None
        return Reply(response.status_code, body, response.headers.get("retry-after"))


def _decoded(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _remedy(error: Exception) -> str:
    return "; check HTTPS_PROXY and what that proxy allows" if isinstance(error, httpx2.ProxyError) else ""


def innermost(error: BaseException) -> str:
    """The innermost reason in words; httpx2 wraps the operating system's. What a time-out of ours breaks off says nothing of it."""
    words = str(error)
    while (inner := error.__cause__ or error.__context__) is not None and not isinstance(inner, asyncio.CancelledError):
        error = inner
        words = str(error) or words
    return words or "no answer in time"
