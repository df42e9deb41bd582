"""The CRM's access token, kept for all processes of a deployment; one of them at a time may mint another.

The turn is a lease in the token's row, by the database's clock, taken and kept by compare-and-set.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4
from weakref import WeakKeyDictionary

import msgspec
import structlog
from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from autodialer.domain.errors import StoreError
from autodialer.ports import MintingTurn, TokenState
from autodialer.store.clock import millis_expression
from autodialer.store.engine import Database
from autodialer.store.insert import insert_if_absent
from autodialer.store.tables import tokens

LEASE_SECONDS: Final = 10.0
_BEATS: Final = 3  # in one lease: two may be late
_PREFIX: Final = "zoho"
_KEY_LENGTH: Final = 32  # of a hash, so that the name fits its column
_GONE_AFTER_MS: Final = 600_000

# A SQLite ledger has one writing process (docs/adr/0003): a turn that another opening of it took is a dead one's.
_OPENINGS: WeakKeyDictionary[Database, str] = WeakKeyDictionary()

log = structlog.get_logger(__name__)


class SqlTokenStore:
    """Implements ports.TokenStore. `lease_seconds`: after how long a turn whose holder is silent is free again."""

    def __init__(self, database: Database, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._opening = _OPENINGS.setdefault(database, uuid4().hex[:16])

    async def load(self, key: str) -> TokenState:
        """What was saved last."""
        statement = select(tokens.c.value).where(tokens.c.name == _name(key))
        return _decode(await self._database.read(lambda connection: connection.execute(statement).scalar()))

    async def mark_worked(self, key: str, value: str) -> None:
        """In one transaction, so that it overwrites nobody's newer state."""

        def mark(connection: Connection) -> None:
            mine = tokens.c.name == _name(key)
            state = _decode(connection.execute(select(tokens.c.value).where(mine).with_for_update()).scalar())
            if state.token is not None and state.token.value == value and not state.token.worked:
                state = replace(state, token=replace(state.token, worked=True))
                connection.execute(update(tokens).where(mine).values(value=_encode(state)))

        await self._database.write(mark)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[MintingTurn | None]:
        """Kept by a heartbeat while inside."""
        turn = _Turn(self._database, _name(key), self._opening, self._lease_seconds)
        if not await turn.take():
            yield None
            return
        heart = asyncio.create_task(turn.beat())
        try:
            yield turn
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
            with suppress(StoreError):  # it runs out by itself
                await turn.release()


class _Turn:
    """Implements ports.MintingTurn. Each has a name of its own, so that what comes late changes nothing."""

    def __init__(self, database: Database, name: str, opening: str, lease_seconds: float) -> None:
        self._database = database
        self._name = name
        self._opening = opening
        self._holder = f"{opening}:{uuid4().hex}"
        self._lease_seconds = lease_seconds

    async def take(self) -> bool:
        """Whether it was free."""

        def take(connection: Connection) -> bool:
            now = millis_expression(connection)
            insert_if_absent(connection, tokens, {"name": self._name, "value": "", "expires_at": now})
            until = now + self._lease_ms
            # Longer than a lease can be: the database's clock was set back.
            free = [tokens.c.holder.is_(None), tokens.c.held_until <= now, tokens.c.held_until > until + self._lease_ms]
            if connection.dialect.name == "sqlite":
                free.append(tokens.c.holder.not_like(f"{self._opening}:%"))
            statement = update(tokens).where(tokens.c.name == self._name, or_(*free))
            return connection.execute(statement.values(holder=self._holder, held_until=until)).rowcount == 1

        return await self._database.write(take)

    async def keep(self) -> bool:
        return await self._database.write(
            lambda connection: self._change(connection, held_until=millis_expression(connection) + self._lease_ms)
        )

    async def save(self, state: TokenState) -> bool:
        def save(connection: Connection) -> bool:
            expires_at = millis_expression(connection) if state.token is None else state.token.expires_at
            saved = self._change(connection, value=_encode(state), expires_at=expires_at)
            if saved:
                connection.execute(delete(tokens).where(tokens.c.name != self._name, _of_no_use(connection)))
            return saved

        return await self._database.write(save)

    async def release(self) -> None:
        """Let the next one in."""
        await self._database.write(lambda connection: self._change(connection, holder=None, held_until=None))

    async def beat(self) -> None:
        """Keep it until cancelled, or until it was lost."""
        while True:
            await asyncio.sleep(self._lease_seconds / _BEATS)
            try:
                if not await self.keep():
                    return
            except StoreError as problem:
                log.warning("zoho_token_turn_not_kept", reason=problem.message)

    @property
    def _lease_ms(self) -> int:
        return int(self._lease_seconds * 1000)

    def _change(self, connection: Connection, **values: Any) -> bool:
        statement = update(tokens).where(tokens.c.name == self._name, tokens.c.holder == self._holder)
        return connection.execute(statement.values(**values)).rowcount == 1


def _name(key: str) -> str:
    return f"{_PREFIX}:{key[:_KEY_LENGTH]}"


def _of_no_use(connection: Connection) -> ColumnElement[bool]:
    """Rows of credentials that nobody uses any more, and the one that knew no credentials."""
    now = millis_expression(connection)
    is_old = and_(
        tokens.c.expires_at < now - _GONE_AFTER_MS, or_(tokens.c.held_until.is_(None), tokens.c.held_until < now)
    )
    return or_(tokens.c.name == _PREFIX, is_old)


def _encode(state: TokenState) -> str:
    return msgspec.json.encode(state).decode()


def _decode(text: str | None) -> TokenState:
    """What can't be read is as good as nothing: another token is minted."""
    try:
        return msgspec.json.decode(text or "{}", type=TokenState)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return TokenState()
