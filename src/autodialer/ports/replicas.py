"""The processes that share one ledger, and the pace that they keep together. Times are Ledger.shared_now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class Replicas(Protocol):
    """Who lives: each process keeps a lease while it does."""

    def join(self, owner: str, now: datetime, until: datetime) -> None:
        """Say that one is there; again after one was buried."""
        ...

    def renew(self, owner: str, until: datetime, heard_at: datetime | None) -> bool:
        """Say that one lives, and when one heard a result last; False if one was buried meanwhile."""
        ...

    def leave(self, owner: str) -> None:
        """Nothing of it is left to be taken over."""
        ...

    def bury(self, owner: str, now: datetime) -> bool:
        """Take it for dead; False unless its lease has run out, or when another process was faster."""
        ...

    def silent(self, now: datetime) -> Sequence[str]:
        """Those whose lease has run out."""
        ...

    def knows(self, owner: str) -> bool:
        """Whether it joined and was not buried."""
        ...

    def all(self) -> Sequence[str]:
        """Those that joined and were not buried, oldest first."""
        ...

    def heard_at(self) -> datetime | None:
        """When the latest result was heard by any of them, as far as they have said."""
        ...


@dataclass(frozen=True, slots=True)
class PaceRow:
    """When the next call may leave, how far apart calls are, and since when nobody complained."""

    due_at: datetime
    interval: timedelta
    calm_since: datetime


class Pace(Protocol):
    """One row for all calls of a deployment. Whoever has read it in a writing transaction is alone with it until that ends."""

    def lock(self) -> None:
        """Be alone: what is counted from here on until the end of the transaction, nobody else counts at the same time."""
        ...

    def load(self) -> PaceRow | None:
        """The same, with what stands; None before the first call."""
        ...

    def save(self, row: PaceRow) -> None:
        """Write it."""
        ...
