"""A real standby takes over while the ledger is open: by the same URL, work goes on at the new primary."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from autodialer.domain.errors import StoreError
from autodialer.ports.ledger import Ledger
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from databases import Postgres, make_ledger
from store.made import NOW

pytestmark = pytest.mark.soak
PATIENCE = 30.0


class Standby:
    """A copy of `primary` that follows it, in a folder of its own, run by the same user."""

    def __init__(self, primary: Postgres) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="autodialer-standby-"))
        self.folder.chmod(0o755)
        self._server = primary._server
        data = primary.socket.parent
        owner = data.stat()
        if os.geteuid() == 0:
            os.chown(self.folder, owner.st_uid, owner.st_gid)
        self.data = self.folder / "data"
        self._run(
            "pg_basebackup", "-h", str(data), "-U", "postgres", "-D", str(self.data), "-R", "-X", "stream", "-c", "fast"
        )
        self._run(
            "pg_ctl",
            "-w",
            "-D",
            str(self.data),
            "-l",
            str(self.folder / "log"),
            "-o",
            f'-h "" -k {self.folder}',
            "start",
        )

    def promote(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self.data), "promote")

    def has(self, database: str, query: str) -> bool:
        with psycopg.connect(host=str(self.folder), user="postgres", dbname=database) as connection:
            return connection.execute(query.encode()).fetchone() is not None

    def close(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(self.data), "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [self._server.bin_path / command, *arguments],
            check=True,
            user=self._server.system_user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Standby]]:
    primary = Postgres(durable=True)
    make_ledger(primary.url("postgres"))
    standby = Standby(primary)
    yield primary, standby
    standby.close()
    primary.close()


def setting(value: str, ledger: Ledger) -> None:
    ledger.switches.set("value", value, NOW)


async def test_a_standby_that_takes_over_is_found_by_the_same_url(pair: tuple[Postgres, Standby]) -> None:
    primary, standby = pair
    hosts = (
        f"host={standby.folder}:5432&host={primary.socket.parent}:5432"  # the standby comes first and is passed over
    )
    database = Database(f"postgresql+psycopg://postgres@/postgres?{hosts}")
    store = SqlStore(database)
    await store.write(lambda ledger: setting("before", ledger))
    deadline = time.monotonic() + PATIENCE
    while not standby.has("postgres", "SELECT 1 FROM switches WHERE value = 'before'"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    with primary.stopped():
        with pytest.raises(StoreError) as gone:
            await store.write(lambda ledger: setting("nowhere", ledger))
        assert not gone.value.permanent
        standby.promote()
        await store.write(lambda ledger: setting("after", ledger))
        assert await store.read(lambda ledger: ledger.switches.get("value")) == "after"
        assert standby.has("postgres", "SELECT 1 FROM switches WHERE value = 'after'")
    database.close()
