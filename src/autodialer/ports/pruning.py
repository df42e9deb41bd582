"""Old details of the ledger that nothing reads any more, and their removal in small steps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Detail(StrEnum):
    """What is removed, in this order."""

    STAGED = "staged"  # records of runs that ended
    CALLBACKS = "callbacks"  # what 8x8 sent, once it is applied and its call settled
    UPDATES = "updates"  # updates that Zoho took, and after which it took another one that says as much
    RELEASED = "released"  # attempts that never rang anybody


@dataclass(frozen=True, slots=True)
class Pruned:
    """`removed` rows in this step; `position`: where the next one begins, None when this detail has nothing older any more."""

    removed: int
    position: str | None


class Pruning(Protocol):
    """What the rules read stays: every attempt that rang or may have, what was written of it, and all that waits."""

    def step(self, detail: Detail, position: str | None, before: datetime, limit: int, *, remove: bool) -> Pruned:
        """Look at about `limit` rows from `position` (None: where the last pass ended) that are older than `before`.

        `remove` False only counts, and remembers nothing.
        """
        ...

    def begin_daily(self, now: datetime) -> bool:
        """Take this day's turn; False while the last one, of whichever process, began less than a day ago."""
        ...
