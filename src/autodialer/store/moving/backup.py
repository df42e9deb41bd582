"""A consistent copy of a ledger that is in use, as one SQLite file that was checked and is on the disk."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, make_url

from autodialer.domain.errors import StoreError
from autodialer.service.holding import BACKUP_MADE_AT, COPYING_FROM, LEDGER_ID, OF_THIS_DATABASE, unusable
from autodialer.store.ledger import SqlLedger
from autodialer.store.migrate import migrate
from autodialer.store.moving.copying import Begun, Progress, Say, compare, copy_rows, make_ready
from autodialer.store.moving.sides import opened, place_of, refuse_missing, refuse_version

_TAKEN = "{} exists already: give the backup another name (an .unfinished one belongs to a backup that goes on or was killed)"
_PAGES = 2000  # of the file, between two reports of progress


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished one."""

    path: Path
    size: int
    made_at: datetime


def back_up(url: str, path: Path, now: datetime, say: Say) -> Backup:
    """Write the ledger at `url` as it is this moment to the new file `path`; whoever works with it is not disturbed.

    Blocks. StoreError when `path` exists already, the ledger is not a whole one, or the copy does not pass its check: no file is
    left then. The file can be opened only by its owner, and says when it was made: a service that is given it holds dialing.
    """
    refuse_missing(url)
    _refuse_half(url)
    with _new_file(path) as unfinished:
        if make_url(url).get_backend_name() == "sqlite":
            _copy_file(str(make_url(url).database), unfinished, say)
        else:
            _copy_tables(url, unfinished, now, say)
        _finish(unfinished, now)
    return Backup(path, path.stat().st_size, now)


def _refuse_half(url: str) -> None:
    def refuse(connection: Connection) -> None:
        refuse_version(connection, place_of(url))
        ledger = SqlLedger(connection)
        if ledger.switches.get(COPYING_FROM):
            raise StoreError(unusable(ledger) or "", permanent=True)

    with opened(url, writable=False) as source:
        source.read_now(refuse)


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """A name for the unfinished file; what stands there at the end is on the disk and gets its own name, unless that is taken."""
    unfinished = path.with_name(path.name + ".unfinished")
    is_ours = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        is_ours = True
        if path.exists():  # said at once, not after the work; the last word has _give_name
            raise StoreError(_TAKEN.format(path), permanent=True)
        yield unfinished
        _sync(unfinished)
        _give_name(unfinished, path)
        _sync(path.parent)
    except FileExistsError as error:
        raise StoreError(_TAKEN.format(error.filename2 or error.filename), permanent=True) from error
    except OSError as error:
        raise StoreError(f"the backup {path} can't be written: {error.strerror}", permanent=True) from error
    except sqlite3.Error as error:
        raise StoreError(f"the backup {path} can't be made: {error}", permanent=False) from error
    finally:
        for end in ("", "-wal", "-shm", "-journal", ".lock") if is_ours else ():
            unfinished.with_name(unfinished.name + end).unlink(missing_ok=True)


def _give_name(unfinished: Path, path: Path) -> None:
    """Unlike a renaming, a link never takes another file's place; not every file system has them."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise StoreError(_TAKEN.format(path), permanent=True) from None
        unfinished.rename(path)


def _copy_file(source: str, unfinished: Path, say: Say) -> None:
    """SQLite's own online backup, within one read transaction: what is written meanwhile makes it neither wait nor begin anew."""
    address = f"file:{quote(str(Path(source).absolute()))}?mode=rw"

    def told(_status: int, remaining: int, total: int) -> None:
        say(Progress("copying", "pages", total - remaining, total))

    with (
        closing(sqlite3.connect(address, uri=True, timeout=10.0, isolation_level=None)) as ledger,
        closing(sqlite3.connect(unfinished)) as copy,
    ):
        ledger.execute("PRAGMA query_only = ON")
        ledger.execute("BEGIN")
        ledger.execute("SELECT count(*) FROM switches").fetchone()
        ledger.backup(copy, pages=_PAGES, progress=told, sleep=0)
        ledger.execute("COMMIT")


def _copy_tables(url: str, unfinished: Path, now: datetime, say: Say) -> None:
    """From PostgreSQL's snapshot into a file of SQLite's, compared table by table with the same snapshot."""
    with opened(url, writable=False) as source, opened(f"sqlite:///{unfinished}", writable=True) as target:
        migrate(target)

        def copy_all(connection: Connection) -> None:
            begun = Begun(place_of(url), SqlLedger(connection).switches.get(LEDGER_ID) or "")
            copy_rows(connection, target, begun, now, say)
            target.submit(make_ready).result()
            target.read_long(lambda other: compare(connection, other, say))

        source.read_long(copy_all)


def _finish(unfinished: Path, now: datetime) -> None:
    """One file by itself, which says what it is and was read through."""
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.executemany("DELETE FROM switches WHERE name = ?", [(name,) for name in OF_THIS_DATABASE])
        values = (BACKUP_MADE_AT, now.isoformat(), int(now.timestamp() * 1000))
        copy.execute("INSERT OR REPLACE INTO switches (name, value, changed_at) VALUES (?, ?, ?)", values)
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(
            f"the copy is damaged ({' '.join(str(found).split())}): check the ledger with autodialer verify",
            permanent=True,
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
