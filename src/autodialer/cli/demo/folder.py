"""Where a demo leaves its database and logs: emptied of what an earlier demo left there, and of nothing else, whoever's it is."""

import shutil
from pathlib import Path

from autodialer.domain.errors import DialerError
from autodialer.store.lock import FileLock

DEFAULT = Path("data/demo")  # nothing but demos has ever used it
DATABASE, LOGS = "call_logs.db", "logs"
_MARK = ".autodialer-demo"
_OF_DATABASE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
_OF_DEMO = frozenset({*_OF_DATABASE, f"{DATABASE}.lock", LOGS})


def make_room(folder: Path) -> None:
    """Make `folder`, or delete what a demo that was here before left in it.

    DialerError when it holds anything and no demo was here before, when a demo is going on in it, or when it can't be written
    to: then nothing was deleted.
    """
    try:
        if not _is_ours(folder):
            raise DialerError(
                f"{folder} is not empty, and no demo made what is in it; name another one with --folder, or empty it yourself",
                permanent=True,
            )
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / LOGS).is_symlink():
            raise DialerError(
                f"{folder / LOGS} is a link, and what it leads to is not the demo's; remove it, or see --folder",
                permanent=True,
            )
        (folder / _MARK).touch()
        lock = FileLock(folder / f"{DATABASE}.lock")
        try:
            _empty(folder)
        finally:
            lock.release()
    except OSError as error:
        raise DialerError(
            f"{folder} can't hold the demo: {error.strerror or error}; see --folder", permanent=True
        ) from error


def _is_ours(folder: Path) -> bool:
    if not folder.exists() or (folder / _MARK).is_file():
        return True
    held = {each.name for each in folder.iterdir()}
    return not held or (folder == DEFAULT and held <= _OF_DEMO)  # earlier demos left no mark


def _empty(folder: Path) -> None:
    for name in _OF_DATABASE:
        (folder / name).unlink(missing_ok=True)
    if (folder / LOGS).is_dir():
        shutil.rmtree(folder / LOGS)
