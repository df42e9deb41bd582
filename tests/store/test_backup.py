"""A backup is the ledger of one moment, whole, checked, and known as a backup by whoever opens it."""

import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autodialer.domain.errors import StoreError
from autodialer.rules.policy import Policy
from autodialer.service.holding import BACKUP_MADE_AT, OF_THIS_DATABASE, hold_problem, unusable
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger
from autodialer.store.moving.backup import back_up
from autodialer.store.moving.copying import Progress
from autodialer.store.moving.move import move
from autodialer.store.verify import find_breaches
from store.made import MINUTE, NOW, phone
from store.moved import contents, elsewhere, execute, fill, on_url

LATER = NOW + 10 * MINUTE
_SLOW = (
    "import sys\n"
    "from datetime import datetime, UTC\n"
    "from pathlib import Path\n"
    "from autodialer.store.moving import backup, copying\n"
    "backup._PAGES = copying.BATCH = 3\n"
    "def say(step):\n"
    "    if step.done >= 6:\n"
    "        print('in the middle', flush=True)\n"
    "        sys.stdin.readline()\n"
    "backup.back_up(sys.argv[1], Path(sys.argv[2]), datetime(2026, 1, 13, tzinfo=UTC), say)\n"
)

# What does not depend on where the ledger is; `make soak` tries it on both.
MOSTLY_FILES = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)


@pytest.fixture
def ledger(ledger_url: str) -> str:
    fill(ledger_url)
    return ledger_url


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodialer.store.moving.copying.BATCH", 3)
    monkeypatch.setattr("autodialer.store.moving.backup._PAGES", 3)


def quiet(_step: Progress) -> None: ...


def without_mark(path: Path) -> dict[str, tuple[int, str]]:
    """What the backup holds besides that it is one."""
    execute(f"sqlite:///{path}", f"DELETE FROM switches WHERE name = '{BACKUP_MADE_AT}'")  # noqa: S608 - a constant
    return contents(f"sqlite:///{path}")


def test_it_holds_all_that_the_ledger_held_and_is_sound(ledger: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "backup.db"
    made = back_up(ledger, path, LATER, quiet)
    assert (made.path, made.size, made.made_at) == (path, path.stat().st_size, LATER)
    reader = Database(f"sqlite:///{path}", writable=False)
    assert reader.read_now(find_breaches) == []
    reader.close()
    assert [each.name for each in path.parent.iterdir()] == ["backup.db"]
    assert without_mark(path) == contents(ledger)


def test_what_is_written_meanwhile_waits_for_nothing_and_is_not_in_it(ledger: str, tmp_path: Path) -> None:
    before = contents(ledger)
    running = Database(ledger)
    written: list[int] = []

    def write(step: Progress) -> None:
        if step.step == "copying" and len(written) < 9:
            number = phone(500 + len(written))
            done = running.submit(lambda connection: SqlLedger(connection).do_not_call.add(number, "", NOW))
            assert done.result(5)
            written.append(1)

    path = tmp_path / "backup.db"
    back_up(ledger, path, LATER, write)
    running.close()
    assert len(written) > 3
    assert without_mark(path) == before
    assert contents(ledger)["do_not_call"][0] == before["do_not_call"][0] + len(written)


@MOSTLY_FILES
def test_who_opens_it_is_told_that_it_is_one_and_how_old(ledger: str, tmp_path: Path) -> None:
    back_up(ledger, tmp_path / "backup.db", NOW, quiet)
    now = NOW + 26 * 60 * MINUTE
    told = on_url(f"sqlite:///{tmp_path}/backup.db", lambda one: hold_problem(one, Policy(), now))
    assert told.startswith("this ledger is a backup of 2026-01-13 10:00 UTC (1 d 2 h ago) that was put back")
    assert "autodialer db accept" in told
    assert on_url(ledger, lambda one: hold_problem(one, Policy(), now)) is None


def test_it_goes_into_either_database_by_a_copy_that_is_held(
    ledger: str, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "backup.db"
    back_up(ledger, path, NOW, quiet)
    kept = path.read_bytes()
    with elsewhere(backend, lambda: request.getfixturevalue("postgres"), tmp_path) as target:
        assert not move(f"sqlite:///{path}", target, LATER, quiet).marked
        assert "is a backup of" in on_url(target, lambda one: hold_problem(one, Policy(), LATER))
        assert contents(target) == contents(f"sqlite:///{path}")
    assert path.read_bytes() == kept


@MOSTLY_FILES
def test_only_its_owner_may_read_it(ledger: str, tmp_path: Path) -> None:
    back_up(ledger, tmp_path / "backup.db", NOW, quiet)
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600


@MOSTLY_FILES
@pytest.mark.parametrize("name", ["backup.db", "backup.db.unfinished"])
def test_no_file_is_ever_written_over(ledger: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("something else")
    with pytest.raises(StoreError, match=f"{name} exists already"):
        back_up(ledger, tmp_path / "backup.db", NOW, quiet)
    assert (tmp_path / name).read_text() == "something else"
    assert len(list(tmp_path.glob("backup*"))) == 1


@MOSTLY_FILES
def test_a_file_that_appears_meanwhile_is_not_written_over_either(ledger: str, tmp_path: Path) -> None:
    path = tmp_path / "backup.db"

    def appear(_step: Progress) -> None:
        path.write_text("faster")

    with pytest.raises(StoreError, match="exists already"):
        back_up(ledger, path, NOW, appear)
    assert path.read_text() == "faster"
    assert not (tmp_path / "backup.db.unfinished").exists()


@MOSTLY_FILES
def test_where_the_disk_has_no_links_it_gets_its_name_all_the_same(
    ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    back_up(ledger, tmp_path / "backup.db", NOW, quiet)
    assert [each.name for each in tmp_path.glob("backup*")] == ["backup.db"]


@MOSTLY_FILES
def test_killed_in_the_middle_it_leaves_no_file_that_looks_like_a_backup(ledger: str, tmp_path: Path) -> None:
    path = tmp_path / "backup.db"
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, ledger, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as slow:
        assert slow.stdout is not None
        assert slow.stdout.readline() == "in the middle\n"
        slow.send_signal(signal.SIGKILL)
    assert not path.exists()
    back_up(ledger, tmp_path / "another.db", NOW, quiet)


@MOSTLY_FILES
def test_what_says_that_the_ledger_was_moved_is_not_in_it(ledger: str, tmp_path: Path) -> None:
    told = """'{"to": "x", "at": "2026-01-13"}', 1"""
    for name in OF_THIS_DATABASE[:2]:
        execute(ledger, f"INSERT INTO switches VALUES ('{name}', {told})")  # noqa: S608 - constants
    back_up(ledger, tmp_path / "backup.db", NOW, quiet)
    assert on_url(f"sqlite:///{tmp_path}/backup.db", unusable) is None


@MOSTLY_FILES
def test_half_a_copy_is_not_backed_up(ledger: str, tmp_path: Path) -> None:
    on_url(ledger, lambda one: one.switches.set("copying_from", '{"from": "sqlite:///x"}', NOW))
    with pytest.raises(StoreError, match="into this ledger is not complete"):
        back_up(ledger, tmp_path / "backup.db", NOW, quiet)
    assert not list(tmp_path.glob("backup*"))


def test_a_damaged_ledger_is_noticed_and_leaves_no_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("sqlite_ledgers").fresh(tmp_path)
    fill(url)
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'ix_attempts_submitted_at_state'"
    ).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\x00" * size)
    with pytest.raises(StoreError, match=r"the copy is damaged|can't be made"):
        back_up(url, tmp_path / "backup.db", NOW, quiet)
    assert not list(tmp_path.glob("backup*"))


@MOSTLY_FILES
def test_a_folder_that_can_not_be_written_is_named(ledger: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the backup .* can't be written|exists already"):
        back_up(ledger, tmp_path / "file" / "backup.db", NOW, quiet)
