"""One HTTP exchange with 8x8, and the download of a file."""

import asyncio

import httpx2

from autodialer.eightx8.config import VoiceConfig, is_loopback
from autodialer.service.upstreams import Upstream
from autodialer.telephony_http import exchange
from autodialer.telephony_http.exchange import Limits, NoReplyError, innermost

__all__ = ["Exchange", "NoReplyError"]


class Exchange(exchange.Exchange):
    """The HTTP client of one sub-account; `aclose` it."""

    def __init__(self, config: VoiceConfig, upstream: Upstream | None = None) -> None:
        limits = Limits(config.connect_timeout, config.read_timeout, config.total_timeout, config.max_response_bytes)
        super().__init__(f"Bearer {config.api_key}", limits, local=is_loopback(config.voice_url), upstream=upstream)
        self._config = config

    async def download(self, url: str, *, authorised: bool, limit: int) -> bytes:
        """A file. NoReplyError when it isn't had whole: no success, more than `limit` bytes, or not in time.

        `authorised`: show the key; a redirect to another host is not shown it. From https nothing leads to http.
        """
        headers = {"accept": "text/csv, */*", "accept-encoding": "identity"}
        if authorised:
            headers["authorization"] = self._authorization
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
            raise NoReplyError(f"{type(error).__name__}: {innermost(error)}", sent=True) from error


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
