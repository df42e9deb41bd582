"""One HTTP exchange: no retry, no redirect, bounded in time and size."""

import asyncio
from collections.abc import Mapping
from typing import Final

import httpx2

from autodialer.trust import trusted
from autodialer.zoho.answers import Answer, UnreadableError
from autodialer.zoho.config import ZohoConfig

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


class Wire:
    """Keeps the connections. Close it."""

    def __init__(self, config: ZohoConfig) -> None:
        self._request_timeout = config.request_timeout
        self._client = httpx2.AsyncClient(
            verify=trusted(),
            timeout=httpx2.Timeout(config.read_timeout, connect=config.connect_timeout),
            limits=httpx2.Limits(max_connections=config.concurrency + 2),
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

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
        """The whole answer. httpx2.HTTPError, TimeoutError, or UnreadableError when it is larger than 16 MiB."""
        request = self._client.build_request(method, url, headers=headers, params=params, content=content, data=form)
        async with asyncio.timeout(self._request_timeout):
            response = await self._client.send(request, stream=True)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
        return Answer(response.status_code, response.headers, body)


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise UnreadableError("answer too large")
    return bytes(body)
