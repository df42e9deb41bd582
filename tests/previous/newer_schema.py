"""A plugin for the previous release's tests: the newer release brings its ledgers up, as far as comes before a rollout.

NEWER_SOURCE: the newer release's source folder. NEWER_SCHEMAS: the file that tells which schemas came of it.
"""

import os
import subprocess
import sys
from pathlib import Path

_BRING_UP = """
import sys
from itertools import takewhile
from autodialer.store.engine import Database
from autodialer.store.migrate import _upgrade, current_version
from autodialer.store.phases import BEFORE, newest, steps_between

def first_half(connection):
    version = current_version(connection)
    first = list(takewhile(lambda step: step.phase == BEFORE, steps_between(version, newest())))
    if first:
        _upgrade(connection, version, first[-1].revision)
    print(connection.dialect.name, current_version(connection))

database = Database(sys.argv[1])
database.run_migrations(first_half)
database.close()
"""


def pytest_sessionstart() -> None:
    """Where its tests make a ledger, the newer release goes on."""
    import autodialer  # noqa: PLC0415 - the previous release's, found only by now
    import databases  # noqa: PLC0415 - as above

    if not Path(autodialer.__file__).is_relative_to(Path.cwd()):
        raise RuntimeError(f"these tests would run another release: {autodialer.__file__}")
    make_old = databases.make_ledger

    def make_newer(url: str) -> None:
        make_old(url)
        environment = {**os.environ, "PYTHONPATH": os.environ["NEWER_SOURCE"]}
        done = subprocess.run(
            [sys.executable, "-c", _BRING_UP, url], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        with Path(os.environ["NEWER_SCHEMAS"]).open("a", encoding="utf-8") as told:
            told.write(done.stdout)

    databases.make_ledger = make_newer
