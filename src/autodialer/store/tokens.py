"""The CRM's access token, kept for all processes of a deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Connection, select

from autodialer.ports import StoredToken
from autodialer.store.engine import Database
from autodialer.store.insert import insert_for
from autodialer.store.tables import tokens

_NAME = "zoho"


class SqlTokenStore:
    """Implements ports.TokenStore. One process refreshes at a time; within it, `refreshing` is a plain lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = asyncio.Lock()

    async def load(self) -> StoredToken | None:
        """What was saved last."""
        statement = select(tokens.c.value, tokens.c.expires_at).where(tokens.c.name == _NAME)
        row = await self._database.read(lambda connection: connection.execute(statement).first())
        return StoredToken(row.value, row.expires_at) if row else None

    async def save(self, token: StoredToken) -> None:
        """Replace it, durably."""

        def replace(connection: Connection) -> None:
            statement = insert_for(connection, tokens).values(
                name=_NAME, value=token.value, expires_at=token.expires_at
            )
            changed = {"value": statement.excluded.value, "expires_at": statement.excluded.expires_at}
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))

        await self._database.write(replace)

    @asynccontextmanager
    async def refreshing(self) -> AsyncIterator[None]:
        """Wait for one's turn to mint."""
        async with self._lock:
            yield
