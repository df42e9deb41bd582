"""The log: complete, masked, rotated, and never in the way of the service."""

import errno
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import pytest
import structlog

from autodialer import observability
from autodialer.observability import configure_logging, register_secrets, shutdown_logging

CANARIES = ("canary-secret-value", "712345678", "Ana Popescu")


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    shutdown_logging()
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def fail() -> None:
    raise ValueError("canary-secret-value for +40712345678, name='Ana Popescu'")


def log_something_private() -> None:
    register_secrets("canary-secret-value")
    log = structlog.get_logger("autodialer.test")
    log.info("calling +40712345678", number="+40712345678", name="Ana Popescu", header="x canary-secret-value")
    logging.getLogger("uvicorn.error").error("refused %s", "0712345678 canary-secret-value")
    logging.getLogger("httpx2").warning("GET https://h/?token=canary-secret-value&to=%2B40712345678")
    try:
        fail()
    except ValueError:
        log.exception("failed")
        logging.getLogger("asyncio").exception("task failed")


@pytest.mark.parametrize("development", [True, False])
def test_no_secret_number_or_name_reaches_a_file_or_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], development: bool
) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=development)
    log_something_private()
    shutdown_logging()
    console = capsys.readouterr()
    assert console.out == ""
    written = [console.err, (tmp_path / "combined.log").read_text(), (tmp_path / "error.log").read_text()]
    for text in written:
        assert "ValueError" in text
        assert not [canary for canary in CANARIES if canary in text]


def test_error_log_holds_errors_only_and_combined_log_everything(tmp_path: Path) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    log = structlog.get_logger("autodialer.test")
    log.debug("below the level")
    log.info("one")
    log.warning("two")
    log.error("three")
    logging.getLogger("uvicorn.error").critical("four")
    shutdown_logging()
    assert [line["event"] for line in lines(tmp_path / "combined.log")] == ["one", "two", "three", "four"]
    assert [line["event"] for line in lines(tmp_path / "error.log")] == ["three", "four"]
    assert {line["level"] for line in lines(tmp_path / "error.log")} == {"error", "critical"}


def test_lines_of_libraries_look_like_ours(tmp_path: Path) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    structlog.get_logger("autodialer.test").info("ours", count=3)
    logging.getLogger("some.library").info("theirs %d", 3)
    shutdown_logging()
    ours, theirs = lines(tmp_path / "combined.log")
    assert ours == {**ours, "event": "ours", "level": "info", "logger": "autodialer.test", "count": 3}
    assert theirs == {**theirs, "event": "theirs 3", "level": "info", "logger": "some.library"}


def test_times_are_utc_with_milliseconds_and_z(tmp_path: Path) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    structlog.get_logger("autodialer.test").info("now")
    shutdown_logging()
    stamp = str(lines(tmp_path / "combined.log")[0]["timestamp"])
    assert len(stamp) == len("2026-01-13T08:26:58.123Z")
    assert stamp[10] == "T"
    assert stamp.endswith("Z")
    assert stamp[:13] in {time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - ago)) for ago in (0, 5)}


def test_every_line_of_a_run_carries_its_ids_also_those_of_libraries(tmp_path: Path) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    with structlog.contextvars.bound_contextvars(run_id="run-1", attempt_id="0123456789"):
        structlog.get_logger("autodialer.test").info("ours")
        logging.getLogger("some.library").info("theirs")
    structlog.get_logger("autodialer.test").info("after")
    shutdown_logging()
    first, second, third = lines(tmp_path / "combined.log")
    for line in (first, second):
        assert (line["run_id"], line["attempt_id"]) == ("run-1", "0123456789")
    assert "run_id" not in third


def test_one_line_is_one_line_whatever_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=True)
    structlog.get_logger("autodialer.test").info("a\r\n2026 [error] forged", note="x\ny\x1b[31m")
    shutdown_logging()
    console = capsys.readouterr().err
    assert console.count("\n") == 1
    assert "\r" not in console
    assert "\x1b" not in console
    assert len(lines(tmp_path / "combined.log")) == 1


def test_the_console_speaks_json_in_production_and_plainly_in_development(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False)
    structlog.get_logger("autodialer.test").info("hello", count=3)
    shutdown_logging()
    assert json.loads(capsys.readouterr().err)["count"] == 3
    configure_logging(level="info", log_dir=tmp_path, development=True)
    structlog.get_logger("autodialer.test").info("hello", count=3)
    shutdown_logging()
    readable = capsys.readouterr().err
    assert "hello" in readable
    assert "count=3" in readable
    assert "{" not in readable


def test_the_console_can_be_switched_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    structlog.get_logger("autodialer.test").error("only in the files")
    shutdown_logging()
    assert capsys.readouterr().err == ""
    assert lines(tmp_path / "error.log")


def test_without_a_folder_nothing_is_written_to_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", log_dir=None, development=False)
    structlog.get_logger("autodialer.test").error("console only")
    shutdown_logging()
    assert "console only" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_files_are_rotated_and_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observability, "MAX_BYTES", 2_000)
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    for count in range(200):
        structlog.get_logger("autodialer.test").error("a line of some length", count=count)
    shutdown_logging()
    names = sorted(path.name for path in tmp_path.glob("combined.log*"))
    assert names == ["combined.log", *(f"combined.log.{n}" for n in range(1, 6))]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    assert lines(tmp_path / "combined.log")[-1]["count"] == 199


def test_what_is_queued_is_written_before_the_end(tmp_path: Path) -> None:
    configure_logging(level="info", log_dir=tmp_path / "made" / "here", development=False, console=False)
    for count in range(3_000):
        structlog.get_logger("autodialer.test").info("line", count=count)
    shutdown_logging()
    assert [line["count"] for line in lines(tmp_path / "made" / "here" / "combined.log")] == list(range(3_000))


def test_a_folder_that_can_not_be_written_gives_one_warning_each_file_and_the_console_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    configure_logging(level="info", log_dir=tmp_path / "file" / "logs", development=False, console=False)
    log = structlog.get_logger("autodialer.test")
    for count in range(5):
        log.error("goes on", count=count)
    shutdown_logging()
    written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    warnings = [line["event"] for line in written if line["level"] == "warning"]
    assert len(warnings) == 2
    assert all("LOG_DIR" in warning for warning in warnings)
    assert [line["count"] for line in written if "count" in line][-4:] == [1, 2, 3, 4]


def test_a_full_disk_raises_nothing_and_the_file_is_used_again_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class FullDisk(TextIOWrapper):
        def write(self, _text: str, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = logging.FileHandler._open
    full = True

    def open_file(handler: logging.FileHandler) -> TextIOWrapper:
        stream = opened(handler)
        return FullDisk(stream.detach()) if full else stream

    monkeypatch.setattr(logging.FileHandler, "_open", open_file)
    monkeypatch.setattr(observability, "RETRY_SECONDS", 0.0)
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    log = structlog.get_logger("autodialer.test")
    log.info("lost to the file")
    observability._Pipeline.active.flush()  # type: ignore[union-attr]  # configured a line above
    full = False
    log.info("kept")
    shutdown_logging()
    assert [line["event"] for line in lines(tmp_path / "combined.log")] == ["kept"]
    assert "No space left on device" in capsys.readouterr().err


def test_a_disk_that_hangs_delays_neither_the_caller_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(observability, "QUEUE_SIZE", 50)
    monkeypatch.setattr(observability, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(observability._LogFile, "emit", lambda _handler, _record: release.wait(10))
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    pipeline = observability._Pipeline.active
    assert pipeline is not None
    started = time.monotonic()
    for _ in range(500):
        structlog.get_logger("autodialer.test").info("line")
    shutdown_logging()
    took = time.monotonic() - started
    release.set()
    pipeline.flush()
    pipeline._lines.put(None)  # its sign for the end had found no place
    observability._hanging.pop().join()
    for handler in pipeline._handlers:  # else a later test is told of it, whenever they are collected
        handler.close()
    assert took < 2


_HANGING = """
import sys
from pathlib import Path
from autodialer import __main__ as command, observability

def run():
    observability.FLUSH_SECONDS = 0.1
    observability.configure_logging(level="info", log_dir=Path(sys.argv[1]), development=False, console=False)
    observability.structlog.get_logger("autodialer.test").info("line")
    observability.shutdown_logging()
    sys.exit(3)

command.run = run
command.main()
"""


def test_a_process_whose_log_hangs_comes_to_its_end_all_the_same(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "combined.log")  # to open it waits for a reader for ever, as for a network disk that is gone
    ended = subprocess.run([sys.executable, "-c", _HANGING, str(tmp_path)], check=False, timeout=60)
    assert ended.returncode == 3


def test_dropped_lines_are_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    real, real_enqueue = observability._LogFile.emit, observability._Entrance.enqueue
    entered: list[logging.LogRecord] = []  # by whomever: other threads of this process may log too

    def enqueue(entrance: observability._Entrance, record: logging.LogRecord) -> None:
        entered.append(record)
        real_enqueue(entrance, record)

    def slow(handler: observability._LogFile, record: logging.LogRecord) -> None:
        gate.wait(10)
        real(handler, record)

    monkeypatch.setattr(observability, "QUEUE_SIZE", 10)
    monkeypatch.setattr(observability._LogFile, "emit", slow)
    monkeypatch.setattr(observability._Entrance, "enqueue", enqueue)
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    log = structlog.get_logger("autodialer.test")
    for _ in range(100):
        log.info("line")
    gate.set()
    observability._Pipeline.active.flush()  # type: ignore[union-attr]  # configured above
    log.info("after")
    shutdown_logging()
    events = [str(line["event"]) for line in lines(tmp_path / "combined.log")]
    told = [event for event in events if "dropped" in event]
    assert told
    assert events.count("line") < 100
    dropped = sum(int(event.split()[0]) for event in told)
    assert dropped + len(events) - len(told) == len(entered)


def test_a_line_that_can_not_be_rendered_is_reported_without_its_content(tmp_path: Path) -> None:
    configure_logging(level="info", log_dir=tmp_path, development=False, console=False)
    broken = logging.LogRecord("some.library", logging.WARNING, __file__, 1, "%d", ("+40712345678",), None)
    observability._Pipeline.active._entrance.handle(broken)  # type: ignore[union-attr]  # configured a line above
    structlog.get_logger("autodialer.test").info("goes on")
    shutdown_logging()
    first, second = lines(tmp_path / "combined.log")
    assert (first["event"], first["source"]) == ("a log line could not be rendered", "some.library")
    assert "712345678" not in json.dumps(first)
    assert second["event"] == "goes on"


def test_an_uncaught_error_is_logged_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.excepthook
    configure_logging(level="info", log_dir=tmp_path, development=False)
    error = RuntimeError("for +40712345678")
    sys.excepthook(RuntimeError, error, None)

    def crash() -> None:
        raise RuntimeError("in a thread, +40712345678")

    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    shutdown_logging()
    assert sys.excepthook is before
    assert [line["level"] for line in lines(tmp_path / "error.log")] == ["critical", "critical"]
    assert "712345678" not in (tmp_path / "error.log").read_text() + capsys.readouterr().err


def test_access_lines_of_the_web_server_are_left_out(tmp_path: Path) -> None:
    configure_logging(level="debug", log_dir=tmp_path, development=False, console=False)
    logging.getLogger("uvicorn.access").info('127.0.0.1:5 - "POST /api/callback?token=canary" 200')
    shutdown_logging()
    assert not (tmp_path / "combined.log").exists()


def test_configuring_again_replaces_and_shutting_down_twice_does_no_harm(tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    configure_logging(level="info", log_dir=tmp_path / "a", development=False, console=False)
    configure_logging(level="info", log_dir=tmp_path / "b", development=False, console=False)
    structlog.get_logger("autodialer.test").info("once")
    shutdown_logging()
    shutdown_logging()
    assert len(lines(tmp_path / "b" / "combined.log")) == 1
    assert not (tmp_path / "a" / "combined.log").exists()
    assert logging.getLogger().handlers == handlers
