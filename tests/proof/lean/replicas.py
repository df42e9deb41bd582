"""The processes that share the ledger, and their pace, in memory."""

from collections.abc import Sequence
from datetime import datetime

from autodialer.ports.replicas import PaceRow
from proof.lean.attempts import Undo


class MemoryReplicas:
    """Implements ports.replicas.Replicas."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._rows: dict[str, tuple[datetime, datetime | None]] = {}

    def _restore(self, owner: str) -> None:
        if owner in self._rows:
            self._undo.append((self._rows.__setitem__, (owner, self._rows[owner])))
        else:
            self._undo.append((self._rows.pop, (owner,)))

    def join(self, owner: str, now: datetime, until: datetime) -> None:  # noqa: ARG002 - since when is for people
        self._restore(owner)
        self._rows[owner] = (until, None)

    def renew(self, owner: str, until: datetime, heard_at: datetime | None) -> bool:
        if owner not in self._rows:
            return False
        self._restore(owner)
        self._rows[owner] = (until, heard_at)
        return True

    def leave(self, owner: str) -> None:
        if owner in self._rows:
            self._restore(owner)
            del self._rows[owner]

    def bury(self, owner: str, now: datetime) -> bool:
        if owner not in self._rows or self._rows[owner][0] >= now:
            return False
        self.leave(owner)
        return True

    def silent(self, now: datetime) -> Sequence[str]:
        return [owner for owner, (until, _) in self._rows.items() if until < now]

    def knows(self, owner: str) -> bool:
        return owner in self._rows

    def all(self) -> Sequence[str]:
        return list(self._rows)

    def heard_at(self) -> datetime | None:
        return max((heard for _, heard in self._rows.values() if heard is not None), default=None)


class MemoryPace:
    """Implements ports.replicas.Pace."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._row: PaceRow | None = None

    def lock(self) -> None:
        """One transaction at a time, as it is."""

    def load(self) -> PaceRow | None:
        return self._row

    def save(self, row: PaceRow) -> None:
        self._undo.append((setattr, (self, "_row", self._row)))
        self._row = row
