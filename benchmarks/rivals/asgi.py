"""Bare ASGI, as fast as uvicorn goes. MODE: group (commit, in a thread), nothing (stored: the ceiling), pg_each or pg_group.

python asgi.py PORT DATABASE MODE. DATABASE: a file, or with pg_… the folder of PostgreSQL's socket and the name, joined by a colon.
"""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

from table import GroupWriter, Row, Waiting, read, serve, settle

Message = MutableMapping[str, Any]
_ANSWER = b'{"success":true}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]
_POOL = 20
_PG_SCHEMA = """
CREATE TABLE IF NOT EXISTS callbacks (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, call_id TEXT NOT NULL, call_status TEXT NOT NULL, ts TEXT NOT NULL,
    zoho_id TEXT NOT NULL, record_type TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (call_id, call_status, ts)
)
"""
_COLUMNS = "callbacks (call_id, call_status, ts, zoho_id, record_type, body)"
_PG_ONE = f"INSERT INTO {_COLUMNS} VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
_PG_MANY = (
    f"INSERT INTO {_COLUMNS} SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) "
    "ON CONFLICT DO NOTHING"
)


class Storing(Protocol):
    """Where the rows go."""

    def store(self, row: Row) -> Awaitable[None]:
        """Done once the row is durable."""
        ...


class Nothing:
    """Stores nothing."""

    async def store(self, row: Row) -> None:
        """Done at once."""


class PgEach:
    """A pool of connections, each request committed by itself."""

    def __init__(self, target: str) -> None:
        self._host, _, self._name = target.rpartition(":")
        self._pool: Any = None

    async def store(self, row: Row) -> None:
        """One INSERT."""
        if self._pool is None:
            await self._open()
        async with self._pool.acquire() as connection:
            await connection.execute(_PG_ONE, *row)

    async def _open(self) -> None:
        asyncpg = importlib.import_module("asyncpg")  # stands where the suite has put it, for these modes alone

        self._pool = asyncpg.create_pool(
            host=self._host, database=self._name, user="postgres", min_size=_POOL, max_size=_POOL
        )
        await self._pool
        await self._pool.execute(_PG_SCHEMA)


class PgGroup:
    """One connection, which stores together what came in during the commit before."""

    def __init__(self, target: str) -> None:
        self._host, _, self._name = target.rpartition(":")
        self._waiting: list[Waiting] = []
        self._storing: asyncio.Task[None] | None = None
        self._connection: Any = None

    def store(self, row: Row) -> "asyncio.Future[None]":
        """Done once the row is durable."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, done))
        if self._storing is None:
            self._storing = loop.create_task(self._write())
        return done

    async def _write(self) -> None:
        if self._connection is None:
            asyncpg = importlib.import_module("asyncpg")
            self._connection = await asyncpg.connect(host=self._host, database=self._name, user="postgres")
            await self._connection.execute(_PG_SCHEMA)
        while self._waiting:
            group, self._waiting = self._waiting, []
            await self._connection.execute(_PG_MANY, *map(list, zip(*(row for row, _ in group), strict=True)))
            settle([done for _, done in group])
        self._storing = None


def storing(target: str, mode: str) -> Storing:
    """What MODE says."""
    made: dict[str, Callable[[], Storing]] = {
        "group": lambda: GroupWriter(target),
        "nothing": Nothing,
        "pg_each": lambda: PgEach(target),
        "pg_group": lambda: PgGroup(target),
    }
    return made[mode]()


def app_on(rows: Storing) -> Callable[..., Awaitable[None]]:
    """The application."""

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["method"] != "POST" or scope["path"] != "/api/callback":
            await _answer(send, 404, b"{}")
            return
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            row = read(raw)
        except msgspec.DecodeError as error:
            await _answer(send, 400, msgspec.json.encode({"success": False, "error": str(error)}))
            return
        await rows.store(row)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _ANSWER})

    return app


async def _answer(send: Callable[[Message], Awaitable[None]], status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    serve(app_on(storing(sys.argv[2], sys.argv[3])), int(sys.argv[1]))
