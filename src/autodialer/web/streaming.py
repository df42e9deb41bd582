"""Answers that are made while they are sent, so that their size does not matter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Protocol

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_CHUNK = 16 * 1024


class Texts(Protocol):
    """An asynchronous generator of text."""

    def __aiter__(self) -> AsyncIterator[str]: ...
    async def aclose(self) -> object: ...


class Streamed(StreamingResponse):
    """Sends what `texts` yields, in larger pieces; closes it, and what was `opened` for it, however the answer ends."""

    def __init__(self, texts: Texts, media_type: str, opened: AsyncExitStack, *, filename: str | None = None) -> None:
        headers = {"content-disposition": f'attachment; filename="{filename}"'} if filename else None
        super().__init__(in_pieces(texts), media_type=media_type, headers=headers)
        self._texts = texts
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened, aclosing(self._texts):
            await super().__call__(scope, receive, send)


async def in_pieces(texts: Texts) -> AsyncIterator[str]:
    """The same text in pieces of some 16 KiB."""
    held: list[str] = []
    size = 0
    async for text in texts:
        held.append(text)
        size += len(text)
        if size >= _CHUNK:
            yield "".join(held)
            held, size = [], 0
            await asyncio.sleep(0)  # sending waits for nobody while the other side reads fast enough
    if held:
        yield "".join(held)
