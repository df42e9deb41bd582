"""The power goes: only what was synced is left. No acknowledged callback and no call's intent may be among the rest."""

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crash.forge import served
from crash.serve_failing import Orders, Point
from crash.town import Town, town
from figures import Record, tell

CLIENTS = 16
CUTS = 5
KILLED = -9
PATIENCE = 120.0
SOAK_CUTS, SOAK_ACKNOWLEDGED, SOAK_SHARES = 50, 100_000, 10


@dataclass
class Disk:
    """The ledger's folder as the process sees it, and `copy`, what the platter holds."""

    folder: Path
    copy: Path

    @classmethod
    def new(cls, place: Path) -> "Disk":
        disk = cls(place.resolve() / "data", place.resolve() / "platter")
        disk.folder.mkdir(parents=True)
        disk.copy.mkdir()
        return disk

    @property
    def ledger(self) -> dict[str, str]:
        return {"DB_PATH": str(self.folder / "ledger.db")}

    @property
    def shim(self) -> dict[str, str]:
        return {"POWER_CUT_PATH": str(self.folder), "POWER_CUT_COPY": str(self.copy)}

    def power_returns(self) -> None:
        """The next process finds what the platter holds, and nothing else."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)


def orders_on(here: Town, disk: Disk, die_at: Point | None = None, synchronous: str | None = None) -> Orders:
    return here.orders(die_at, environment=disk.shim, shims=["power_cut"], synchronous=synchronous)


@dataclass
class Sender:
    """Posts callbacks over kept-alive connections as fast as they are answered; remembers which ones were acknowledged.

    When `cut_after` of them are, the process `victim` is killed, `delay` seconds later, in the middle of whatever it does then.
    """

    port: int
    prefix: str
    victim: int
    cut_after: int
    delay: float
    acknowledged: list[str] = field(default_factory=list)
    refused: Counter[bytes] = field(default_factory=Counter)
    _next: int = 0

    def post_until_the_end(self) -> None:
        """Until nobody answers any more."""
        asyncio.run(self._post())

    async def _post(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while True:
                await self._post_one(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()  # it was killed

    async def _post_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = f"{self.prefix}-{self._next}"
        self._next += 1
        writer.write(_request(session))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        if not head.startswith(b"HTTP/1.1 200"):
            self.refused[head[9:12]] += 1
            return
        self.acknowledged.append(session)
        if len(self.acknowledged) == self.cut_after:
            asyncio.get_running_loop().call_later(self.delay, os.kill, self.victim, signal.SIGKILL)


def _request(session: str) -> bytes:
    payload = {"sessionId": session, "sessionStatus": "COMPLETED"}
    body = json.dumps({"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": payload}).encode()
    head = f"POST /api/callback HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def rows_of(folder: Path, query: str) -> set[str]:
    """The first column of a query on the ledger of this folder, which must be whole; nothing where it has no such table."""
    path = folder / "ledger.db"
    if not path.exists():
        return set()
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in connection.execute(query)}
    except sqlite3.OperationalError as error:
        assert "no such table" in str(error)  # noqa: PT017 - whatever else is wrong must not pass as lost
        return set()
    finally:
        connection.close()


def kept(folder: Path) -> set[str]:
    """The sessions whose callbacks are there."""
    return rows_of(folder, "SELECT session_id FROM inbox")


@dataclass
class Cut:
    """What one cut of the power left: `acknowledged` callbacks, those `lost`, and those lost by the process's death alone."""

    acknowledged: int
    lost: int
    lost_by_kill: int


def cut_under_load(place: Path, cut_after: int, delay: float, synchronous: str | None = None) -> Cut:
    """Start, post, cut the power some time after so many callbacks were acknowledged."""
    disk = Disk.new(place)
    with town(place, disk.ledger) as here, served(orders_on(here, disk, synchronous=synchronous)) as process:
        assert here.ready(process), process.output()
        sender = Sender(here.port, place.name, process.pid, cut_after, delay)
        sender.post_until_the_end()
        process.wait(10)
        assert process.exit_code == KILLED, process.output()
        assert not sender.refused
        seen = set(sender.acknowledged)
        return Cut(len(seen), len(seen - kept(disk.copy)), len(seen - kept(disk.folder)))


def acknowledged_in_cuts(tmp_path: Path, number: int, chance: random.Random, fewest: int, most: int) -> int:
    """So many cuts, none of which may lose anything; how much was at stake."""
    acknowledged = 0
    for nth in range(number):
        place = tmp_path / f"cut{nth}"
        cut = cut_under_load(place, chance.randint(fewest, most), chance.uniform(0, 0.03))
        assert (cut.lost, cut.lost_by_kill) == (0, 0)
        acknowledged += cut.acknowledged
        shutil.rmtree(place)
    return acknowledged


@pytest.mark.usefixtures("power_cut")
def test_fault_03_no_acknowledged_callback_is_lost_when_the_power_goes(tmp_path: Path) -> None:
    assert acknowledged_in_cuts(tmp_path, CUTS, random.Random(1), 40, 250) >= 40 * CUTS


@pytest.mark.soak
@pytest.mark.usefixtures("power_cut")
@pytest.mark.parametrize("share", range(SOAK_SHARES))
def test_fault_03_of_a_hundred_thousand_acknowledged_callbacks_none_is_lost_in_fifty_power_cuts(
    tmp_path: Path, share: int, record_property: Record
) -> None:
    cuts = SOAK_CUTS // SOAK_SHARES
    acknowledged = acknowledged_in_cuts(tmp_path, cuts, random.Random(88 + share), 2050, 2450)
    tell(record_property, "power cut under callbacks", cuts=cuts, acknowledged=acknowledged, lost=0)
    assert acknowledged >= SOAK_ACKNOWLEDGED // SOAK_SHARES


@pytest.mark.usefixtures("power_cut")
@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_fault_03_a_ledger_that_does_not_sync_each_commit_loses_callbacks_and_the_shim_shows_it(
    tmp_path: Path, synchronous: str
) -> None:
    cut = cut_under_load(tmp_path / "weak", 200, 0.01, synchronous)
    assert cut.lost_by_kill == 0, "the operating system keeps what a dead process wrote"
    assert cut.lost > 100, "a weaker setting must show, or the shim proves nothing"


def cut_while_dialing(place: Path, die_at: Point | None, seconds: float | None) -> bool:
    """The power goes at a point or after so many seconds of a run; then that day is finished. Whether it struck in the run."""
    disk = Disk.new(place)
    with town(place, disk.ledger) as here:
        with served(orders_on(here, disk, die_at)) as process:
            if here.ready(process):
                here.ask("POST", "/api/cron?wait=false")
                if seconds is None:
                    process.wait(20)
                else:
                    time.sleep(seconds)
            struck = not process.alive or not here._is_quiet()
            process.kill()
        disk.power_returns()
        if here.world.rings()["rings"]:
            here.check_rings()
        here.finish_the_day()
    return struck


@pytest.mark.usefixtures("power_cut")
@pytest.mark.parametrize("point", [Point("place", "during", 3), Point("commit", "after", 31)], ids=str)
def test_fault_04_no_phone_rings_whose_intent_the_power_cut_could_take(tmp_path: Path, point: Point) -> None:
    assert cut_while_dialing(tmp_path / "run", point, None)


@pytest.mark.usefixtures("power_cut")
def test_fault_04_a_power_cut_at_a_random_moment_of_a_run_rings_nobody_twice(tmp_path: Path) -> None:
    chance = random.Random(4)
    struck = [cut_while_dialing(tmp_path / str(number), None, chance.uniform(0.02, 0.5)) for number in range(2)]
    assert any(struck), "the power went when nothing was going on"


@pytest.mark.soak
@pytest.mark.usefixtures("power_cut")
def test_fault_04_fifty_power_cuts_at_random_moments_of_a_run_ring_nobody_twice(
    tmp_path: Path, record_property: Record
) -> None:
    chance = random.Random(44)
    struck = [cut_while_dialing(tmp_path / str(number), None, chance.uniform(0.0, 0.7)) for number in range(50)]
    tell(record_property, "power cut while dialing", cuts=len(struck), struck=sum(struck))
    assert sum(struck) > 15, "the power went when nothing was going on"


@pytest.mark.usefixtures("power_cut")
def test_fault_04_a_ledger_that_does_not_sync_forgets_whom_it_called(tmp_path: Path) -> None:
    disk = Disk.new(tmp_path / "weak")
    with town(disk.folder.parent, disk.ledger) as here:
        with served(orders_on(here, disk, Point("place", "after", 4), synchronous="OFF")) as process:
            assert here.ready(process)
            here.ask("POST", "/api/cron?wait=false")
            process.wait(20)
        sent = {call["clientRequestId"] for calls in here.world.rings()["rings"].values() for call in calls}
        assert sent
        assert sent <= rows_of(disk.folder, "SELECT attempt_id FROM attempts WHERE submitted_at IS NOT NULL")
        assert not sent & rows_of(disk.copy, "SELECT attempt_id FROM attempts WHERE submitted_at IS NOT NULL")
