"""Faults of this machine: numbers 5, 12, 31, 32 and 40. Where the process must die or its disk must fail, it is a process."""

import asyncio
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autodialer.clock import SystemClock
from autodialer.domain.placing import CallRequest, NotSent, PlaceOutcome
from autodialer.domain.record import RecordKey, RecordType
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import VoiceConfig
from crash.forge import Served, served
from crash.judging import check_intents
from crash.town import Town, town
from e2e.processes import ask, wait_until
from faults.stage import Stage
from web.house import summary

pytestmark = pytest.mark.usefixtures("forge")


@pytest.fixture
def here_in_processes(tmp_path: Path) -> Iterator[Town]:
    data = tmp_path.resolve() / "data"
    data.mkdir()
    with town(tmp_path.resolve(), {"DB_PATH": str(data / "ledger.db")}) as opened:
        yield opened


def test_fault_05_after_sigterm_nobody_is_called_and_what_is_in_flight_is_answered(here_in_processes: Town) -> None:
    here = here_in_processes
    with served(here.orders(environment={"CALLS_PER_SECOND": "8"})) as process:
        assert here.ready(process), process.output()
        with _posting(here) as answers:
            here.ask("POST", "/api/cron?wait=false")
            wait_until(lambda: here.world.rings()["totals"]["accepted"] >= 3, "phones ring")
            process.signal(signal.SIGTERM)
            began = time.monotonic()
            process.signal(signal.SIGTERM)
            time.sleep(0.3)  # what had been decided before the signal may still leave
            calls = here.world.rings()["totals"]["accepted"]
            process.wait(20)
        assert process.exit_code == 0, process.output()
        assert time.monotonic() - began < 15  # 10 s on an idle machine
        assert here.world.rings()["totals"]["accepted"] == calls < 9
    assert answers
    assert set(answers) == {200}
    here.finish_the_day()


@contextmanager
def _posting(here: Town) -> Iterator[list[int]]:
    """Callbacks one after the other, until nobody takes any."""
    answers: list[int] = []

    def post() -> None:
        for number in range(100_000):
            try:
                answer = ask("POST", f"{here.url}/api/callback", json=summary(f"posted-{number}"), timeout=20)
            except httpx2.TransportError:
                return
            answers.append(answer.status_code)

    thread = threading.Thread(target=post)
    thread.start()
    yield answers
    thread.join(30)


REQUEST = CallRequest(
    "attempt", RecordKey(RecordType.LEAD, "1"), "+40709000001", datetime.now(UTC) + timedelta(hours=1)
)


async def _place(base_url: str) -> PlaceOutcome:
    config = VoiceConfig(
        api_key="key",
        base_url=base_url,
        subaccount_id="subaccount",
        caller_id="+40210000001",
        agent_number="+40210000002",
        callback_url="http://127.0.0.1/api/callback",
    )
    async with VoiceTelephony(config, SystemClock()) as telephony:
        return await telephony.place(REQUEST)


def test_fault_12_without_a_name_or_a_trusted_certificate_no_request_leaves(
    here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = here.count("voice", "/callflows")
    speaks_no_tls = here.world.voice.replace("http://", "https://")
    assert isinstance(asyncio.run(_place(speaks_no_tls)), NotSent)

    def no_name(*_: object, **__: object) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    assert isinstance(asyncio.run(_place("https://voice.example")), NotSent)
    monkeypatch.undo()
    assert here.count("voice", "/callflows") == before
    here.run()
    here.check()


def test_fault_31_while_another_process_holds_the_lock_callbacks_are_503_and_nothing_is_lost(here: Stage) -> None:
    database = here.house.system.database
    here.house.run(database.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 200")))
    with closing(sqlite3.connect(here.house.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = here.house.ask("POST", "/api/callback", json=summary("while locked"))
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        run = threading.Thread(target=here.house.ask, args=("POST", "/api/cron"))
        run.start()
        time.sleep(0.5)
        assert here.world.sessions() == [], "no call without its intent in the ledger"
        other.execute("ROLLBACK")
    run.join(30)
    wait_until(lambda: here.post(summary("after")) == 200, "the ledger is free again")
    here.run()
    here.check()


def _failing(here: Town, folder: str, **faults: int) -> dict[str, str]:
    place = here.world.folder
    return {
        "DISK_FAULT_PATH": str(place / folder),
        "DISK_FAULT_LIFTED": str(place / "lifted"),
        "DISK_FAULT_FIRED": str(place / "fired"),
        **{name: str(value) for name, value in faults.items()},
    }


def _start(here: Town, environment: dict[str, str], shims: tuple[str, ...] = ("disk_fault",)) -> Served:
    return Served(here.orders(environment=environment, shims=shims))


def _fired(here: Town) -> int:
    path = here.world.folder / "fired"
    return path.stat().st_size if path.exists() else 0


def _post(here: Town, session: str) -> int:
    answer = ask("POST", f"{here.url}/api/callback", json=summary(session, note="x" * 500), timeout=60)
    return answer.status_code


def _stored(here: Town) -> set[str]:
    return set(here.read(lambda db: db.exec_driver_sql("SELECT session_id FROM inbox").scalars().all()))


@pytest.mark.usefixtures("failing_disk")
@pytest.mark.parametrize("room", [600_000, 700_001])
def test_fault_32_on_a_full_disk_nothing_is_acknowledged_or_dialled_and_all_goes_on_when_there_is_room(
    here_in_processes: Town, room: int
) -> None:
    here, acknowledged = here_in_processes, set()
    process = _start(here, _failing(here, "data", WRITE_ENOSPC_AFTER=room))
    try:
        assert here.ready(process), process.output()
        for number in range(400):
            if _post(here, f"s{number}") != 200:
                break
            acknowledged.add(f"s{number}")
        assert _fired(here) > 0
        assert 0 < len(acknowledged) < 400
        here.ask("POST", "/api/cron?wait=false")
        time.sleep(0.5)
        assert here.world.sessions() == [], "no call without its intent in the ledger"
        assert process.alive
        (here.world.folder / "lifted").touch()
        wait_until(lambda: _post(here, "after") == 200, "there is room again")
        assert acknowledged <= _stored(here)
        assert here.settle(process)
    finally:
        process.stop()
    here.finish_the_day()


@pytest.mark.usefixtures("failing_disk")
@pytest.mark.parametrize("nth", [12, 31])
def test_fault_32_what_a_failed_sync_was_to_keep_is_neither_acknowledged_nor_dialled_even_if_the_power_goes(
    here_in_processes: Town, nth: int
) -> None:
    """The kernel forgets what it could not write: the copy of the power-cut shim holds what is really on the platter."""
    here, acknowledged = here_in_processes, set()
    platter = here.world.folder / "platter"
    platter.mkdir()
    cut = {"POWER_CUT_PATH": str(here.world.folder / "data"), "POWER_CUT_COPY": str(platter)}
    process = _start(here, _failing(here, "data", FSYNC_FAIL_AFTER=nth) | cut, ("power_cut", "disk_fault"))
    try:
        here.ready(process)
        here.ask("POST", "/api/cron?wait=false")
        for number in range(60):
            if process.alive and _post(here, f"s{number}") == 200:
                acknowledged.add(f"s{number}")
        assert _fired(here) > 0
        (here.world.folder / "lifted").touch()
        wait_until(lambda: _post(here, "after") == 200, "the disk is well again")
        acknowledged.add("after")
        sessions = here.world.sessions()
    finally:
        process.kill()
    shutil.rmtree(here.world.folder / "data")
    shutil.copytree(platter, here.world.folder / "data")
    assert acknowledged <= _stored(here)
    check_intents(sessions, here.attempts())
    here.finish_the_day()


@pytest.mark.usefixtures("failing_disk")
def test_fault_32_a_slow_disk_makes_answers_late_and_nothing_else(here_in_processes: Town) -> None:
    here = here_in_processes
    process = _start(here, _failing(here, "data", FSYNC_DELAY_US=30_000))
    try:
        assert here.ready(process), process.output()
        assert {_post(here, f"s{number}") for number in range(10)} == {200}
        assert here.run(process)
        assert _fired(here) > 10
    finally:
        process.stop()
    here.finish_the_day()


@pytest.mark.usefixtures("failing_disk")
def test_fault_32_a_full_log_disk_stops_nothing(here_in_processes: Town) -> None:
    here = here_in_processes
    (here.world.folder / "logs").mkdir()
    process = _start(here, _failing(here, "logs", WRITE_ENOSPC_AFTER=200))
    try:
        assert here.ready(process), process.output()
        assert _post(here, "s") == 200
        assert here.run(process)
        assert _fired(here) > 0
    finally:
        assert process.stop() == 0, process.output()
    here.finish_the_day()


def _flip(path: Path, page: int) -> None:
    data = bytearray(path.read_bytes())
    at = page * 4096
    data[at : at + 4096] = bytes(byte ^ 0xA5 for byte in data[at : at + 4096])
    path.write_bytes(data)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _from_the_future(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _of_something_else(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


DAMAGES: dict[str, Any] = {
    "first page": lambda path: _flip(path, 0),
    "a page of the schema": lambda path: _flip(path, 1),
    "a page of the data": lambda path: _flip(path, _page_of(path, "attempts")),
    "cut short": _cut_short,
    "from the future": _from_the_future,
    "of something else": _of_something_else,
}


def _page_of(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        return int(connection.execute(query, (table,)).fetchone()[0]) - 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_fault_40_a_damaged_or_foreign_ledger_is_refused_in_one_line_and_nobody_is_called(
    here_in_processes: Town, damage: str
) -> None:
    here = here_in_processes
    with served(here.orders()) as process:
        assert here.ready(process), process.output()
        assert here.run(process)
        assert process.stop() == 0
    calls = len(here.world.sessions())
    ledger = Path(here.ledger["DB_PATH"])
    DAMAGES[damage](ledger)
    (here.world.folder / "serve.out").unlink()
    with served(here.orders()) as process:
        process.wait(10)
        assert not process.alive, f"it serves all the same:\n{process.output()}"
        assert process.exit_code == 1
        said = [line for line in process.output().splitlines() if line.startswith("autodialer: ")]
        assert len(said) == 1, process.output()
        assert "Traceback" not in process.output()
    assert len(here.world.sessions()) == calls


def test_fault_40_a_backup_that_is_put_back_serves_on(here_in_processes: Town) -> None:
    here = here_in_processes
    ledger = Path(here.ledger["DB_PATH"])
    with served(here.orders()) as process:
        assert here.ready(process), process.output()
        assert here.run(process)
        backup = here.world.folder / "backup.db"
        with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        process.kill()
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()
    shutil.copyfile(backup, ledger)
    here.finish_the_day()
