"""The ledger as one object per transaction, and the store that hands it out."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from autodialer.ports.ledger import Ledger
from autodialer.store.access import SqlAudit, SqlSignIns, SqlUsers
from autodialer.store.activities import SqlActivities
from autodialer.store.attempts import SqlAttempts
from autodialer.store.clock import database_now
from autodialer.store.duties import SqlDuties
from autodialer.store.engine import Database
from autodialer.store.inbox import SqlInbox
from autodialer.store.outbox import SqlOutbox
from autodialer.store.pruning import SqlPruning
from autodialer.store.replicas import SqlPace, SqlReplicas
from autodialer.store.runs import SqlRuns
from autodialer.store.small import SqlDoNotCall, SqlSwitches
from autodialer.store.staging import SqlStaging
from autodialer.store.stats import SqlStats
from autodialer.store.usage import SqlUsage
from autodialer.store.work_lists import SqlWorkLists

T = TypeVar("T")


class SqlLedger:
    """Implements ports.ledger.Ledger on one connection. `now` tells the time that all processes share."""

    def __init__(self, connection: Connection, now: Callable[[Connection], datetime] = database_now) -> None:
        self._connection = connection
        self._now = now
        self.replicas = SqlReplicas(connection)
        self.pace = SqlPace(connection)
        self.runs = SqlRuns(connection)
        self.staging = SqlStaging(connection)
        self.attempts = SqlAttempts(connection)
        self.inbox = SqlInbox(connection)
        self.outbox = SqlOutbox(connection)
        self.activities = SqlActivities(connection)
        self.duties = SqlDuties(connection)
        self.do_not_call = SqlDoNotCall(connection)
        self.switches = SqlSwitches(connection)
        self.usage = SqlUsage(connection)
        self.stats = SqlStats(connection)
        self.pruning = SqlPruning(connection)
        self.users = SqlUsers(connection)
        self.sign_ins = SqlSignIns(connection)
        self.audit = SqlAudit(connection)
        self.work_lists = SqlWorkLists(connection)

    def shared_now(self) -> datetime:
        """The database's clock."""
        return self._now(self._connection)


class SqlStore:
    """Implements ports.ledger.Store on a Database. `now`: as SqlLedger's."""

    def __init__(self, database: Database, now: Callable[[Connection], datetime] = database_now) -> None:
        self.database = database
        self.now = now

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """One durable transaction, committed together with whatever else waits."""
        return await self.database.write(lambda connection: work(SqlLedger(connection, self.now)))

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """One consistent snapshot."""
        return await self.database.read(lambda connection: work(SqlLedger(connection, self.now)))
