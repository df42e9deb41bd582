"""One writing process per SQLite file (docs/adr/0003)."""

import fcntl
import os
from pathlib import Path

from autodialer.domain.errors import StoreError

_LONGEST_NOTE = 200


class LedgerInUse(StoreError):
    """Another process of ours has this ledger open for writing; `pid` names it, if known."""

    def __init__(self, path: Path, pid: str) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{who} has this ledger open for writing ({path.name.removesuffix('.lock')}): use that one, or stop it first",
            permanent=False,
        )
        self.pid = pid


class FileLock:
    """An exclusive lock that the kernel drops when the process ends, however it ends. LedgerInUse if somebody has it."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"DB_PATH: {path} can't be opened: {error.strerror}", permanent=True) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise LedgerInUse(path, holder) from error
        self.left = os.pread(self._file, _LONGEST_NOTE, 0).decode("ascii", "replace").strip()
        self._note(str(os.getpid()))

    def release(self, note: str = "") -> None:
        """Let the next process in, which finds `note` (ASCII) as `left`. Not twice."""
        self._note(note)
        os.close(self._file)

    def _note(self, note: str) -> None:
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{note}\n".encode(), 0)
        except OSError:
            return  # a full disk: the next process finds no note, and the lock holds all the same
