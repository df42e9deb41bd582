"""One HTTP exchange with 8x8: no retry, no redirect, bounded in time and size."""

import asyncio
from collections.abc import Mapping

import httpx2
import msgspec

from autodialer.eightx8.classify import Reply
from autodialer.eightx8.config import VoiceConfig, is_loopback

# An idle connection that the server closes just as we reuse it would leave a call with an unknown fate.
_KEEPALIVE_SECONDS = 2.0


class NoReplyError(Exception):
    """There was no answer. `sent`: whether any part of the request may have left this machine."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class Exchange:
    """The HTTP client of one sub-account; `aclose` it."""

    def __init__(self, config: VoiceConfig) -> None:
        self._config = config
        self._client: httpx2.AsyncClient | None = None

    async def send(self, method: str, url: str, body: Mapping[str, object] | None = None) -> Reply:
        """Send one request, once. NoReplyError when no status line came back."""
        sent = False

        async def watch(event: str, _info: object) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")

        try:
            client = self._open()
            async with asyncio.timeout(self._config.total_timeout):
                request = client.build_request(
                    method,
                    url,
                    content=None if body is None else msgspec.json.encode(body),
                    headers=self._headers(has_body=body is not None),
                    extensions={"trace": watch},
                )
                response = await client.send(request, stream=True)
        except Exception as error:  # whatever broke, the caller must learn whether a call may ring
            raise NoReplyError(f"{type(error).__name__}: {_cause(error)}", sent=sent) from error
        return await self._read(response)

    async def download(self, url: str, *, authorised: bool, limit: int) -> bytes:
        """A file. NoReplyError when it isn't had whole: no success, more than `limit` bytes, or not in time.

        `authorised`: show the key; a redirect to another host is not shown it. From https nothing leads to http.
        """
        headers = {"accept": "text/csv, */*", "accept-encoding": "identity"}
        if authorised:
            headers["authorization"] = f"Bearer {self._config.api_key}"
        try:
            async with asyncio.timeout(self._config.export_timeout):
                client = self._open()
                request = client.build_request("GET", url, headers=headers)
                response = await client.send(request, stream=True, follow_redirects=True)
                try:
                    return await _file(response, limit)
                finally:
                    await response.aclose()
        except NoReplyError:
            raise
        except Exception as error:
            raise NoReplyError(f"{type(error).__name__}: {_cause(error)}", sent=True) from error

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            config = self._config
            self._client = httpx2.AsyncClient(
                follow_redirects=False,
                # Proxies of the environment are for the outside world, not for a simulator on this machine.
                trust_env=not is_loopback(config.voice_url),
                timeout=httpx2.Timeout(config.read_timeout, connect=config.connect_timeout),
                limits=httpx2.Limits(max_connections=None, keepalive_expiry=_KEEPALIVE_SECONDS),
            )
        return self._client

    def _headers(self, *, has_body: bool) -> dict[str, str]:
        headers = {
            "authorization": f"Bearer {self._config.api_key}",
            "accept": "application/json",
            "accept-encoding": "identity",  # a compressed answer could be far larger than it looks
        }
        return headers | {"content-type": "application/json"} if has_body else headers

    async def _read(self, response: httpx2.Response) -> Reply:
        """The status stands, whatever becomes of the body."""
        content = b""
        try:
            async with asyncio.timeout(self._config.total_timeout):
                try:
                    async for chunk in response.aiter_raw():
                        content += chunk
                        if len(content) > self._config.max_response_bytes:
                            break
                finally:
                    await response.aclose()
        except Exception:  # noqa: BLE001 - whatever broke, the status line was read and stands
            content = b""
        whole = len(content) <= self._config.max_response_bytes
        body = _decoded(content) if whole else None
        return Reply(response.status_code, body, response.headers.get("retry-after"))


async def _file(response: httpx2.Response, limit: int) -> bytes:
    hops = [hop.url.scheme for hop in [*response.history, response]]
    if hops[0] == "https" and "http" in hops:
        raise NoReplyError("a redirect from https to http", sent=True)
    if not response.is_success:
        raise NoReplyError(f"HTTP {response.status_code}", sent=True)
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit:
            raise NoReplyError(f"more than {limit} bytes", sent=True)
    return bytes(content)


def _decoded(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _cause(error: BaseException) -> str:
    """The innermost reason in words; httpx2 wraps the operating system's."""
    words = str(error)
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
        words = str(error) or words
    return words or "no answer in time"
