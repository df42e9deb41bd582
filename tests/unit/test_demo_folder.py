"""What a demo may delete: what an earlier demo left in its folder, and nothing else on the machine."""

import os
from pathlib import Path

import pytest

from autodialer.cli.demo.folder import DEFAULT, make_room
from autodialer.domain.errors import DialerError
from autodialer.store.lock import FileLock

LEFT = ("call_logs.db", "call_logs.db-wal", "call_logs.db-shm", "logs/combined.log", "logs/error.log")


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def leave(folder: Path) -> None:
    """What a demo leaves behind."""
    (folder / "logs").mkdir()
    for name in LEFT:
        (folder / name).write_text("old")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_demo_may_use_a_new_folder_and_an_empty_one(tmp_path: Path, is_there: bool) -> None:
    folder = tmp_path / "new" / "demo"
    if is_there:
        folder.mkdir(parents=True)
    make_room(folder)
    assert folder.is_dir()


def test_the_next_demo_deletes_what_the_last_one_left_and_nothing_of_anybody_else(tmp_path: Path) -> None:
    make_room(tmp_path)
    before = everything(tmp_path)
    leave(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "call_logs.db").write_text("mine")
    make_room(tmp_path)
    assert everything(tmp_path) == before | {"notes.txt", "more/call_logs.db"}


@pytest.mark.parametrize("name", ["notes.txt", "call_logs.db", "logs/combined.log", ".hidden"])
def test_a_folder_that_holds_anything_that_no_demo_made_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("somebody's")
    with pytest.raises(
        DialerError, match="is not empty, and no demo made what is in it; name another one with --folder"
    ):
        make_room(tmp_path)
    assert everything(tmp_path) == {name}


def test_what_a_link_named_like_the_logs_leads_to_is_left_alone(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "demo", tmp_path / "elsewhere"
    make_room(folder)
    (folder / "call_logs.db").write_text("an earlier demo's")
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    (folder / "logs").symlink_to(elsewhere)
    with pytest.raises(DialerError, match="is a link, and what it leads to is not the demo's"):
        make_room(folder)
    assert everything(elsewhere) == {"mine"}
    assert (folder / "call_logs.db").exists()


def test_a_demo_that_is_going_on_keeps_its_folder(tmp_path: Path) -> None:
    make_room(tmp_path)
    leave(tmp_path)
    going_on = FileLock(tmp_path / "call_logs.db.lock")
    with pytest.raises(DialerError, match=f"process {os.getpid()} has this ledger open for writing"):
        make_room(tmp_path)
    going_on.release()
    assert everything(tmp_path) >= set(LEFT)


def test_a_file_in_the_place_of_the_folder_is_told_and_left(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(DialerError, match="can't hold the demo: Not a directory; see --folder"):
        make_room(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"


def test_the_default_folder_is_taken_again_from_a_demo_of_a_version_that_left_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DEFAULT.mkdir(parents=True)
    leave(DEFAULT)
    make_room(DEFAULT)
    assert not (DEFAULT / "call_logs.db").exists()


@pytest.mark.parametrize("name", ["notes.txt", "call_logs.db.bak", ".hidden"])
def test_the_default_folder_is_left_as_it_is_with_anything_in_it_that_is_no_demo_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    DEFAULT.mkdir(parents=True)
    leave(DEFAULT)
    (DEFAULT / name).touch()
    before = everything(DEFAULT)
    with pytest.raises(DialerError, match="is not empty"):
        make_room(DEFAULT)
    assert everything(DEFAULT) == before
