"""One writing process per SQLite file, and no lock outlives its process."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.lock import LedgerInUse
from autodialer.store.migrate import migrate
from store.made import NOW, on

_HOLDER = (
    "import sys\n"
    "from autodialer.store.engine import Database\n"
    "database = Database(sys.argv[1])\n"
    "database.submit(lambda connection: connection.exec_driver_sql(\n"
    "    \"INSERT INTO switches VALUES ('value', 'kept', 1)\").close()).result()\n"
    "database.submit(lambda connection: (connection.exec_driver_sql(\n"
    "    \"INSERT INTO switches VALUES ('other', 'lost', 1)\"), print('holding', flush=True), sys.stdin.readline()))\n"
    "sys.stdin.readline()\n"
    "database.close()\n"
)


@contextmanager
def another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """Has the ledger open and is in the middle of a transaction."""
    command = [sys.executable, "-c", _HOLDER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holding\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def url(sqlite_store: SqlStore) -> str:
    sqlite_store.database.close()
    return str(sqlite_store.database.url)


def test_a_second_process_is_refused_and_told_who_has_the_ledger(url: str) -> None:
    with another_process(url) as process:
        with pytest.raises(
            LedgerInUse, match=rf"process {process.pid} has this ledger open for writing \(ledger\.db\)"
        ) as refusal:
            Database(url)
        assert refusal.value.pid == str(process.pid)
        assert not refusal.value.permanent


async def test_a_second_process_may_read(url: str) -> None:
    with another_process(url):
        reader = Database(url, writable=False)
        assert await SqlStore(reader).read(lambda ledger: ledger.switches.get("value")) == "kept"
        assert await SqlStore(reader).read(lambda ledger: ledger.switches.get("other")) is None
        reader.close()


def test_a_killed_process_holds_no_lock_and_keeps_what_it_had_committed_and_nothing_else(url: str) -> None:
    with another_process(url) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait(5) == -signal.SIGKILL
        database = Database(url)
        assert on(database, lambda ledger: (ledger.switches.get("value"), ledger.switches.get("other"))) == (
            "kept",
            None,
        )
        database.close()


def test_the_same_process_can_not_open_it_twice_either(sqlite_store: SqlStore) -> None:
    with pytest.raises(LedgerInUse, match=f"process {os.getpid()}"):
        Database(str(sqlite_store.database.url))
    on(sqlite_store.database, lambda ledger: ledger.switches.set("value", "mine", NOW))


def test_closing_lets_the_next_one_in(url: str) -> None:
    for _ in range(3):
        Database(url).close()


def test_two_files_in_one_folder_have_a_lock_each(url: str, tmp_path: Path) -> None:
    first, second = Database(url), Database(f"sqlite:///{tmp_path}/other.db")
    first.close()
    second.close()


# A file that was closed cleanly -----------------------------------------------------------------


def test_a_file_that_was_closed_cleanly_is_known_again_and_not_read_whole(url: str, reads: list[str]) -> None:
    Database(url).close()
    again = Database(url)
    assert again.closed_cleanly
    migrate(again)
    again.close()
    assert reads == []


def test_a_file_whose_process_was_killed_is_read_whole(url: str, reads: list[str]) -> None:
    with another_process(url) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    after = Database(url)
    assert not after.closed_cleanly
    migrate(after)
    after.close()
    assert reads == ["read"]


def test_a_file_that_somebody_wrote_to_meanwhile_is_read_whole(url: str) -> None:
    """A backup that was put back, a damage, an editor: its time or its size tells."""
    Database(url).close()
    path = Path(url.removeprefix("sqlite:///"))
    path.write_bytes(path.read_bytes())
    written = Database(url)
    assert not written.closed_cleanly
    written.close()


def test_a_file_of_which_a_reader_kept_the_newest_entries_apart_is_read_whole(url: str) -> None:
    reader = Database(url, writable=False)
    asyncio.run(reader.read(lambda connection: connection.exec_driver_sql("SELECT 1 FROM switches").close()))
    writer = Database(url)
    on(writer, lambda ledger: ledger.switches.set("name", "value", NOW))
    writer.close()
    after = Database(url)
    assert not after.closed_cleanly
    after.close()
    reader.close()


def test_a_copy_beside_its_own_lock_file_is_read_whole(url: str, tmp_path: Path) -> None:
    Database(url).close()
    original = Path(url.removeprefix("sqlite:///"))
    moved = tmp_path / "moved.db"
    shutil.copy2(original, moved)
    shutil.copy2(f"{original}.lock", f"{moved}.lock")
    copied = Database(f"sqlite:///{moved}")
    assert not copied.closed_cleanly, "copy2 keeps time and size, but it is another file"
    copied.close()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with each reading of a whole file."""
    found: list[str] = []
    monkeypatch.setattr("autodialer.store.migrate._refuse_damage", lambda _: found.append("read"))
    return found
