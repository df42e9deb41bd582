"""Nobody is told of a write before it is committed."""

import threading
from concurrent.futures import Future

import pytest

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

    def look(number: int) -> None:
        found = looking._read(lambda connection: SqlLedger(connection).do_not_call.has([phone(number)]))
        seen.append(bool(found))

    enter = threading.Event()
    held = database.submit(lambda _connection: enter.wait(PATIENCE))
    waiting = [suppressing(number) for number in range(together)]
    for number, done in enumerate(waiting):
        # Called by whoever tells, at that moment.
        done.add_done_callback(lambda _done, number=number: look(number))
    enter.set()
    assert held.result(PATIENCE)
    assert [done.result(PATIENCE) for done in waiting] == [True] * together
    database.close()
    looking.close()
    assert seen == [True] * together
