"""Rows that two replicas want at once: none waits for long, nothing is lost, and who stopped in the middle blocks nobody."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from autodialer.domain.errors import StoreError
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import RunState
from autodialer.service.control import is_paused, pause
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from databases import Postgres
from store.made import NOW, OWNER, a_run, on

Replicas = tuple[Database, Database]
NAMES = ("one", "two")


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
def replicas(url: str) -> Iterator[Replicas]:
    first, second = Database(url), Database(url)
    for name in NAMES:
        on(first, lambda ledger: ledger.switches.set(name, "", NOW))  # noqa: B023 - run at once
    yield first, second
    first.close()
    second.close()


def append(name: str, who: str, connection: Connection) -> None:
    """Lock the row and change it."""
    connection.execute(text("UPDATE switches SET value = value || :who WHERE name = :name"), {"who": who, "name": name})


def values(database: Database) -> list[str]:
    return [str(on(database, lambda ledger: ledger.switches.get(name))) for name in NAMES]  # noqa: B023 - run at once


class Meeting:
    """Two transactions go on only when both have locked their first row; each waits once, whatever is tried again."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self._been: set[str] = set()

    def wait(self, who: str) -> None:
        if who not in self._been:
            self._been.add(who)
            self._barrier.wait(10)


def test_two_units_that_lock_the_same_rows_in_another_order_are_both_committed(replicas: Replicas) -> None:
    """PostgreSQL ends one of them as a deadlock; it did nothing, and is tried again."""
    meeting = Meeting()

    def unit(who: str, names: tuple[str, str], connection: Connection) -> None:
        append(names[0], who, connection)
        meeting.wait(who)
        append(names[1], who, connection)

    waiting = [replicas[0].submit(partial(unit, "a", NAMES)), replicas[1].submit(partial(unit, "b", NAMES[::-1]))]
    for done in waiting:
        done.result(10)
    assert [sorted(value) for value in values(replicas[0])] == [["a", "b"], ["a", "b"]]


def test_two_groups_that_meet_the_same_rows_in_another_order_fall_apart_before_it_is_a_deadlock(
    replicas: Replicas,
) -> None:
    meeting = Meeting()
    began = time.monotonic()

    def group(database: Database, who: str, names: tuple[str, str]) -> list[Future[Any]]:
        """Three units in one transaction: they wait behind the first, which waits for all to be there."""
        gate = threading.Event()
        waiting: list[Future[Any]] = [database.submit(lambda _connection: gate.wait(5))]
        waiting.append(database.submit(partial(append, names[0], who)))
        waiting.append(database.submit(lambda _connection: meeting.wait(who)))
        waiting.append(database.submit(partial(append, names[1], who)))
        gate.set()
        return waiting

    waiting = [*group(replicas[0], "a", NAMES), *group(replicas[1], "b", NAMES[::-1])]
    for done in waiting:
        done.result(10)
    assert [sorted(value) for value in values(replicas[0])] == [["a", "b"], ["a", "b"]]
    assert time.monotonic() - began < 0.9, "PostgreSQL looks for deadlocks after a second"


def test_a_unit_that_waits_in_vain_fails_for_now_and_not_for_ever(replicas: Replicas, url: str) -> None:
    """Somebody at a prompt holds the row: no lock of ours waits for people."""
    first, _ = replicas
    engine = create_engine(url)
    with engine.begin() as theirs:
        append("one", "theirs", theirs)
        began = time.monotonic()
        done = first.submit(partial(append, "one", "a"))
        with pytest.raises(StoreError, match="lock timeout") as refusal:
            done.result(15)
        assert time.monotonic() - began < 5.5
        theirs.rollback()
    engine.dispose()
    assert not refusal.value.permanent
    first.submit(partial(append, "one", "a")).result(5)
    assert values(first) == ["a", ""]


STOPPED = """
import sys
from sqlalchemy import text
from autodialer.store.engine import Database

database = Database(sys.argv[1])

def unit(connection):
    connection.execute(text("UPDATE switches SET value = value || 'zombie' WHERE name = 'one'"))
    if not told:
        told.append(1)
        print("locked", flush=True)
        sys.stdin.readline()
    return len(told)

told = []
try:
    database.submit(unit).result()
    print("committed", flush=True)
finally:
    database.close()
"""


@pytest.fixture
def stopped(url: str, replicas: Replicas) -> Iterator["subprocess.Popen[str]"]:
    """A process that was stopped in the middle of a transaction: its connection lives, its row is locked."""
    assert values(replicas[0]) == ["", ""]
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    os.kill(process.pid, signal.SIGSTOP)
    yield process
    if process.poll() is None:
        os.kill(process.pid, signal.SIGCONT)
        process.communicate("\n", timeout=20)


def test_a_process_stopped_in_the_middle_of_a_transaction_blocks_the_others_for_seconds_only(
    replicas: Replicas, stopped: "subprocess.Popen[str]"
) -> None:
    """And when it goes on it finds that nothing of it was committed, and does it again."""
    began = time.monotonic()
    replicas[0].submit(partial(append, "one", "a")).result(10)
    assert time.monotonic() - began < 4.5, "shorter than a lease, or the living would be taken for dead"
    os.kill(stopped.pid, signal.SIGCONT)
    out, _ = stopped.communicate("\n", timeout=20)
    assert out == "committed\n"
    assert values(replicas[1]) == ["azombie", ""]


async def test_while_a_row_is_locked_callbacks_are_stored(replicas: Replicas, stopped: "subprocess.Popen[str]") -> None:
    """They come in behind a unit that waits, and in its group."""
    blocked = replicas[0].submit(partial(append, "one", "a"))
    began = time.monotonic()

    def store_one(ledger: Ledger) -> bool:
        return ledger.inbox.add(dedupe_key="k", source="provider", event_type="X", session_id="s", body="{}", at=NOW)

    assert await SqlStore(replicas[0]).write(store_one)
    assert time.monotonic() - began < 4.5
    blocked.result(10)
    assert stopped.poll() is None


def test_a_pause_is_answered_once_every_call_has_its_intent_or_sees_the_pause(replicas: Replicas) -> None:
    first, second = replicas

    def begin(ledger: Ledger) -> None:
        ledger.runs.open(a_run(), NOW)
        ledger.runs.advance("run-1", OWNER, RunState.DIALING, NOW)

    on(first, begin)
    inside, gate = threading.Event(), threading.Event()

    def intend(ledger: Ledger) -> bool:
        """As a call's intent is committed: for a run that is dialing, while nobody has paused."""
        assert ledger.runs.is_dialing("run-1")
        paused = is_paused(ledger)
        inside.set()
        gate.wait(0.6)
        return paused

    intent = first.submit(lambda connection: intend(SqlLedger(connection)))
    inside.wait(5)

    def pause_behind_others(ledger: Ledger) -> None:
        ledger.runs.wait_for_writers()
        pause(ledger, NOW)

    answer = second.submit(lambda connection: pause_behind_others(SqlLedger(connection)))
    with pytest.raises(TimeoutError):
        answer.result(0.2)
    gate.set()
    answer.result(5)
    assert not intent.result(0), "the pause was answered before it"
    assert on(first, intend)
