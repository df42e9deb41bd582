"""The ledger: what was decided, dialled, heard and written. Everything happens inside one transaction of a Store."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from autodialer.ports.access import Audit, SignIns, Users
from autodialer.ports.activities import Activities
from autodialer.ports.attempts import Attempt, Attempts
from autodialer.ports.boxes import DoNotCall, Duties, Inbox, Outbox, Switches, Usage
from autodialer.ports.figures import Stats
from autodialer.ports.pruning import Pruning
from autodialer.ports.replicas import Pace, Replicas
from autodialer.ports.running import Runs, Staging
from autodialer.ports.work_lists import WorkLists

__all__ = ["Attempt", "Ledger", "Store"]

T = TypeVar("T")


class Ledger(Protocol):
    """All of it, inside one transaction."""

    @property
    def replicas(self) -> Replicas: ...
    @property
    def pace(self) -> Pace: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def staging(self) -> Staging: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def activities(self) -> Activities: ...
    @property
    def duties(self) -> Duties: ...
    @property
    def do_not_call(self) -> DoNotCall: ...
    @property
    def switches(self) -> Switches: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def stats(self) -> Stats: ...
    @property
    def pruning(self) -> Pruning: ...
    @property
    def users(self) -> Users: ...
    @property
    def sign_ins(self) -> SignIns: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def work_lists(self) -> WorkLists: ...

    def shared_now(self) -> datetime:
        """The present instant, UTC, by the one clock that all processes share: leases are reckoned by it, the rules are not."""
        ...


class Store(Protocol):
    """Where ledgers live. `work` may run twice, so it must do nothing but use the ledger it is given."""

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Run in one transaction; returns when committed durably. LedgerRefusal: a constraint said no, nothing was.

        StoreError: nothing was, or the answer to the commit got lost: whoever asks again must be able to live with both.
        """
        ...

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run on one consistent snapshot."""
        ...
