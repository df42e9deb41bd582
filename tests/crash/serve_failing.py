"""`autodialer serve` as its own process, made to kill or stop itself at one point of its work. Never part of the product.

It runs in a process forked from one that has everything imported (crash/forge.py), so that a start costs a tenth of a second.
"""

import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import alembic.command  # imported here, it is there when a new ledger is migrated
import alembic.config  # noqa: F401 - as above
import anyio._backends._asyncio  # noqa: F401 - as above, for what a service imports when it first needs it
import jinja2.ext  # noqa: F401 - as above
import psycopg  # noqa: F401 - as above, for PostgreSQL
import pydantic.v1  # noqa: F401 - as above
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - as above
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from autodialer.cli import main as command_line
from autodialer.cli import serving  # noqa: F401 - imported before the fork
from autodialer.domain.placing import CallRequest, PlaceOutcome
from autodialer.eightx8.client import VoiceTelephony
from autodialer.store import engine as store_engine
from autodialer.store.sqlite import sqlite_engine
from autodialer.trust import trusted
from autodialer.zoho.client import ZohoCrm

trusted(), trusted(environment=False)  # read before the fork
DURING_AFTER = 0.02  # seconds from the sending of a request to a death "during" it; the simulator must take longer


@dataclass(frozen=True, slots=True)
class Point:
    """`kind`: commit, place, page, look or write. `moment`: before, after, or (place) during. The `nth` time, from 1."""

    kind: str
    moment: str
    nth: int


@dataclass(frozen=True, slots=True)
class Orders:
    """How one process is to serve, and where it is to die. `synchronous`: SQLite's pragma, to weaken it.

    `by`: SIGSTOP lets it stand still there instead, until somebody sends SIGCONT.
    """

    folder: Path
    environment: dict[str, str]
    die_at: Point | None = None
    synchronous: str | None = None
    shims: Sequence[str] = field(default=())
    by: signal.Signals = signal.SIGKILL


class _Counter:
    """Sends the process a signal when its point is reached."""

    def __init__(self, point: Point | None, by: signal.Signals) -> None:
        self._point = point
        self._by = by
        self._seen: dict[tuple[str, str], int] = {}

    def is_due(self, kind: str, moment: str) -> bool:
        seen = self._seen[kind, moment] = self._seen.get((kind, moment), 0) + 1
        return self._point == Point(kind, moment, seen)

    def pass_by(self, kind: str, moment: str) -> None:
        if self.is_due(kind, moment):
            self.strike()

    def strike(self) -> None:
        os.kill(os.getpid(), self._by)


def serve(orders: Orders) -> None:
    """What `autodialer serve` does, in `folder` with this environment and no other; its output goes to serve.out there."""
    os.environ.clear()
    os.environ.update(orders.environment)
    os.chdir(orders.folder)
    output = os.open("serve.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for shim in orders.shims:
        getattr(ctypes.CDLL(None), f"{shim}_reload")()
    _fail_as_ordered(orders)
    sys.argv = ["autodialer", "serve"]
    command_line.main()


def _fail_as_ordered(orders: Orders) -> None:
    counter = _Counter(orders.die_at, orders.by)
    _watch_commits(counter)
    _watch_places(counter)
    _watch_crm(counter)
    if orders.synchronous is not None:
        _weaken(orders.synchronous)


def _watch_commits(counter: _Counter) -> None:
    commit: Callable[[DefaultDialect, Any], None] = DefaultDialect.do_commit

    def do_commit(dialect: DefaultDialect, connection: Any) -> None:
        if threading.current_thread().name != "ledger-writer":  # readers end their snapshots so
            commit(dialect, connection)
            return
        counter.pass_by("commit", "before")
        commit(dialect, connection)
        counter.pass_by("commit", "after")

    _replace(DefaultDialect, "do_commit", do_commit)


def _watch_places(counter: _Counter) -> None:
    place = VoiceTelephony.place

    async def watched(telephony: VoiceTelephony, request: CallRequest) -> PlaceOutcome:
        counter.pass_by("place", "before")
        if counter.is_due("place", "during"):
            asyncio.get_running_loop().call_later(DURING_AFTER, counter.strike)
        outcome = await place(telephony, request)
        counter.pass_by("place", "after")
        return outcome

    _replace(VoiceTelephony, "place", watched)


def _watch_crm(counter: _Counter) -> None:
    pull = ZohoCrm.pull

    async def watched_pull(crm: ZohoCrm, record_type: Any, after: str = "") -> AsyncIterator[Any]:
        async for page in pull(crm, record_type, after):
            counter.pass_by("page", "after")
            yield page

    _replace(ZohoCrm, "pull", watched_pull)
    for kind in ("look", "write"):
        _replace(ZohoCrm, kind, _watched(counter, kind, getattr(ZohoCrm, kind)))


def _watched(counter: _Counter, kind: str, method: Callable[..., Any]) -> Callable[..., Any]:
    async def watched(crm: ZohoCrm, items: Sequence[Any]) -> Any:
        counter.pass_by(kind, "before")
        found = await method(crm, items)
        counter.pass_by(kind, "after")
        return found

    return watched


def _weaken(synchronous: str) -> None:
    def weakened(url: str, *, read_only: bool, memory: bool, readers: int) -> Engine:
        engine = sqlite_engine(url, read_only=read_only, memory=memory, readers=readers)
        event.listen(
            engine, "connect", lambda connection, _: connection.execute(f"PRAGMA synchronous = {synchronous}").close()
        )
        return engine

    _replace(store_engine, "sqlite_engine", weakened)


def _replace(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)
