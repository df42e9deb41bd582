"""`db copy` and `db reopen`: at every moment at most one of the two ledgers may be dialed."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from autodialer.domain.errors import StoreError
from autodialer.service.holding import BACKUP_MADE_AT, COPYING_FROM, LEDGER_ID, MOVED_TO, MOVING_TO, hold, unusable
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger
from autodialer.store.moving.copying import Begun, Compared, Say, compare, copy_rows, make_ready
from autodialer.store.moving.sides import (
    make_schema,
    opened,
    place_of,
    refuse_filled,
    refuse_missing,
    refuse_users,
    refuse_version,
    unset,
)
from autodialer.store.verify import Breach, find_breaches


@dataclass(frozen=True, slots=True)
class Moved:
    """A copy that is complete and proved. `copied`: rows of this time, `went_on`: whether it went on with one begun before.

    `breaches`: what `verify` finds in it, and in the source just the same. `marked`: whether the source says now that it was moved.
    """

    source: str
    target: str
    tables: Sequence[Compared]
    copied: int
    went_on: bool
    marked: bool
    breaches: Sequence[Breach]


def move(source_url: str, target_url: str, now: datetime, say: Say) -> Moved:
    """Copy a ledger into an empty database, prove that both are the same, and leave the target as the one to dial with.

    Blocks. StoreError: the target is not usable, and the same call goes on where it was unless the message says otherwise. A
    backup is not marked as moved.
    """
    refuse_missing(source_url)
    source_place, target_place = place_of(source_url), place_of(target_url)
    is_backup = _is_backup(source_url, source_place)
    with ExitStack() as stack:
        source = stack.enter_context(opened(source_url, writable=not is_backup))
        target = stack.enter_context(opened(target_url, writable=True))
        make_schema(target)
        target.submit(partial(refuse_version, place=target_place)).result()
        begun = _Beginning(source, target, now).begin(mark=not is_backup)

        def copy_all(connection: Connection) -> tuple[int, list[Compared], list[Breach]]:
            copied = copy_rows(connection, target, begun, now, say)
            tables = target.read_long(lambda other: compare(connection, other, say))
            found = target.read_long(find_breaches)
            return copied, tables, _known_breaches(connection, found)

        copied, tables, breaches = source.read_long(copy_all)
        if not is_backup:
            told = json.dumps({"to": target_place, "at": now.isoformat()})
            source.submit(partial(_mark_moved, told=told, now=now)).result()
        target.submit(make_ready).result()
    return Moved(source_place, target_place, tables, copied, begun.table is not None, not is_backup, breaches)


def reopen(url: str, now: datetime) -> str | None:
    """Make a ledger that was moved away usable again; what it said, None when it said nothing.

    Dialing is held then, as the other ledger may have been dialed meanwhile. StoreError for a copy that is not complete, and while
    another process has the ledger open.
    """
    refuse_missing(url)

    def reopened(connection: Connection) -> str | None:
        refuse_version(connection, place_of(url))
        ledger = SqlLedger(connection)
        told = unusable(ledger)
        if ledger.switches.get(COPYING_FROM):
            raise StoreError(f"{told}, or delete this database", permanent=True)
        if moved := ledger.switches.get(MOVED_TO):
            where = json.loads(moved)
            hold(ledger, f"this ledger was moved to {where['to']} and reopened: {_UNKNOWN_HERE}", None, now)
        unset(connection, MOVING_TO, MOVED_TO)
        return told

    with opened(url, writable=True) as database:
        refuse_users(database)  # such as a copy that still runs
        return database.submit(reopened).result()


_UNKNOWN_HERE = (
    "calls that were made there are unknown here. If there were none, or their day is over, let it dial with autodialer db "
    "accept"
)


class _Beginning:
    """The marks on both sides, before the first row."""

    def __init__(self, source: Database, target: Database, now: datetime) -> None:
        self._source = source
        self._target = target
        self._now = now
        self._places = place_of(source.url), place_of(target.url)

    def begin(self, *, mark: bool) -> Begun:
        """Where the copy stands. StoreError, and nothing marked, when the target holds something else or one of both is in use."""
        origin, destination = self._places
        name = self._source.read_now(lambda connection: SqlLedger(connection).switches.get(LEDGER_ID)) or ""
        begun, new_there = self._target.submit(partial(self._mark_target, origin=origin, name=name)).result()
        new_here = mark and self._source.submit(partial(self._mark_source, destination=destination)).result()
        try:
            # Marked first: who opens it from now on reads the mark, and who had it open before is seen here.
            refuse_users(self._target)
            if mark:
                refuse_users(self._source)
        except StoreError:
            if new_there:
                self._target.submit(lambda connection: unset(connection, COPYING_FROM)).result()
            if new_here:
                self._source.submit(lambda connection: unset(connection, MOVING_TO)).result()
            raise
        return begun

    def _mark_target(self, connection: Connection, origin: str, name: str) -> tuple[Begun, bool]:
        ledger = SqlLedger(connection)
        if told := ledger.switches.get(COPYING_FROM):
            begun = Begun.read(told)
            if (begun.origin, begun.ledger) != (origin, name):
                raise StoreError(f"{unusable(ledger)}; or delete that database", permanent=True)
            return begun, False
        refuse_filled(connection, self._places[1])
        begun = Begun(origin, name)
        ledger.switches.set(COPYING_FROM, begun.as_text(), self._now)
        return begun, True

    def _mark_source(self, connection: Connection, destination: str) -> bool:
        ledger = SqlLedger(connection)
        refuse_version(connection, self._places[0])
        if ledger.switches.get(COPYING_FROM):
            raise StoreError(unusable(ledger) or "", permanent=True)
        for name in (MOVED_TO, MOVING_TO):
            if told := ledger.switches.get(name):
                if json.loads(told)["to"] != destination:
                    raise StoreError(unusable(ledger) or "", permanent=True)
                return False
        ledger.switches.set(MOVING_TO, json.dumps({"to": destination}), self._now)
        return True


def _is_backup(url: str, place: str) -> bool:
    with opened(url, writable=False) as source:

        def marked(connection: Connection) -> bool:
            refuse_version(connection, place)
            return bool(SqlLedger(connection).switches.get(BACKUP_MADE_AT))

        return source.read_now(marked)


def _mark_moved(connection: Connection, told: str, now: datetime) -> None:
    """StoreError when the mark of the beginning is gone: reopened meanwhile, it may hold what the copy does not."""
    switches = SqlLedger(connection).switches
    if not switches.get(MOVING_TO) and not switches.get(MOVED_TO):
        raise StoreError(
            "this ledger was reopened while it was copied: delete the copy, stop every autodialer and begin anew",
            permanent=True,
        )
    unset(connection, MOVING_TO)
    switches.set(MOVED_TO, told, now)


def _known_breaches(source: Connection, found: Sequence[Breach]) -> list[Breach]:
    """StoreError when the copy has a breach that the source has not."""
    if not found:
        return []
    before = find_breaches(source)
    new = [breach for breach in found if breach not in before]
    if new:
        raise StoreError(f"verify finds in the copy alone: {new[0].sentence}: {new[0].subject}", permanent=True)
    return list(found)
