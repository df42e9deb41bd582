"""The ledger's own name, which every attempt's id carries (domain.identity), and whether this database is the one to work with."""

import uuid
from datetime import datetime

from sqlalchemy import Connection

from autodialer.domain.errors import StoreError
from autodialer.service.holding import LEDGER_ID, unusable
from autodialer.store.engine import Database
from autodialer.store.insert import insert_if_absent
from autodialer.store.ledger import SqlLedger
from autodialer.store.tables import switches


def name_of(database: Database, now: datetime) -> str:
    """Given once, kept by every copy and backup, the same for all replicas. Blocks.

    StoreError when this ledger was moved away, or is a copy that is not complete: nothing may be changed in it then.
    """

    def name(connection: Connection) -> str:
        ledger = SqlLedger(connection)
        if (problem := unusable(ledger)) is not None:
            raise StoreError(problem, permanent=True)
        values = {"name": LEDGER_ID, "value": uuid.uuid4().hex, "changed_at": now}
        insert_if_absent(connection, switches, values)
        return ledger.switches.get(LEDGER_ID) or ""

    return database.submit(name).result()
