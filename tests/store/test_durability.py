"""Nobody is told of a write before it is committed."""

import threading
from concurrent.futures import Future
from functools import partial

import pytest
from sqlalchemy import Connection

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger
from store.made import NOW, phone

PATIENCE = 10.0


@pytest.mark.parametrize("together", [1, 20])
def test_whoever_is_told_of_a_write_finds_it_in_the_ledger(database: Database, ledger_url: str, together: int) -> None:
    seen: list[bool] = []
    looking = Database(ledger_url, writable=False)

    def suppressing(number: int) -> "Future[bool]":
        return database.submit(lambda connection: SqlLedger(connection).do_not_call.add(phone(number), "asked", NOW))

    def look(number: int, _done: "Future[bool]") -> None:
        found = looking._read(lambda connection: SqlLedger(connection).do_not_call.has([phone(number)]))
        seen.append(bool(found))

    def hold(_connection: Connection) -> bool:
        entered.set()
        return leave.wait(PATIENCE)

    entered, leave = threading.Event(), threading.Event()
    held = database.submit(hold)
    assert entered.wait(PATIENCE)
    waiting = [suppressing(number) for number in range(together)]
    for number, done in enumerate(waiting):
        done.add_done_callback(partial(look, number))  # called by whoever tells, at that moment
    leave.set()
    assert held.result(PATIENCE)
    assert [done.result(PATIENCE) for done in waiting] == [True] * together
    database.close()
    looking.close()
    assert seen == [True] * together
