"""Where the CRM's access token is kept for all processes of a deployment, and whose turn it is to ask for another."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An access token as kept over restarts, with what the CRM said of it. Times UTC.

    `worked`: the CRM has accepted it at least once. `fruitless`: how many before it, one after the other, were
    refused without ever having worked.
    """

    value: str = field(repr=False)
    expires_at: datetime
    minted_at: datetime | None = None
    scope: str = ""
    api_domain: str = ""
    worked: bool = False
    fruitless: int = 0


@dataclass(frozen=True, slots=True)
class TokenState:
    """The newest token, valid or not, and how long nobody may ask for another one.

    `closed_code`: why, as the accounts server put it. `pause`: for how many seconds it was closed the last time.
    """

    token: StoredToken | None = None
    closed_until: datetime | None = None
    closed_code: str = ""
    pause: float = 0.0


class MintingTurn(Protocol):
    """Held by the one caller, of all processes, that may ask for a token."""

    async def keep(self) -> bool:
        """Hold it a while longer. False when it was lost meanwhile: then nothing may be asked for."""
        ...

    async def save(self, state: TokenState) -> bool:
        """Replace the state, durably. False, and nothing is saved, when the turn was lost meanwhile."""
        ...


class TokenStore(Protocol):
    """Keeps one state for each `key`: the credentials that a token was minted with, as a hash."""

    async def load(self, key: str) -> TokenState:
        """What was saved last; an empty state when nothing was."""
        ...

    async def mark_worked(self, key: str, value: str) -> None:
        """Note that the CRM has accepted the token `value`, if it is still the newest."""
        ...

    def turn(self, key: str) -> AbstractAsyncContextManager[MintingTurn | None]:
        """One's turn to ask, or None at once while somebody else has it. Who died with it loses it within ten seconds."""
        ...
