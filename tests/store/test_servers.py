"""PostgreSQL for the tests: from the wheel and from this machine, as any user, and one that survives a crash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from databases import Postgres, chosen_binaries, system_binaries

_SMALL = """
import os, pwd, sys
import fasteners, platformdirs, psutil, psycopg  # as root: this Python may stand where only root can read
from databases import Postgres
nobody = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(nobody.pw_gid)
os.setuid(nobody.pw_uid)
os.environ["HOME"] = nobody.pw_dir
os.chdir("/")
server = Postgres()
with server.admin() as admin:
    (folder,) = admin.execute("SHOW data_directory").fetchone()
print(os.stat(folder).st_uid == nobody.pw_uid)
server.close()
"""


def version(server: Postgres) -> str:
    with server.admin() as admin:
        row = admin.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0]).split()[0]


def test_the_server_of_the_machine_works_too_and_is_the_one_that_was_asked_for() -> None:
    binaries = system_binaries()
    if binaries is None:
        pytest.skip("this machine has no PostgreSQL server of its own")
    server = Postgres(binaries=binaries)
    try:
        assert server.fresh().startswith("postgresql+psycopg://")
        own = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
        assert version(server) in own
    finally:
        server.close()


def test_pg_bin_chooses_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    assert chosen_binaries() is None
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    assert chosen_binaries() == tmp_path
    monkeypatch.setenv("PG_BIN", "system")
    if system_binaries() is None:
        with pytest.raises(FileNotFoundError, match="install one, or unset PG_BIN"):
            chosen_binaries()
    else:
        assert chosen_binaries() == system_binaries()


@pytest.mark.soak
def test_a_durable_server_remembers_after_a_crash_what_it_had_committed() -> None:
    server = Postgres(durable=True)
    try:
        with server.admin() as admin:
            assert admin.execute("SHOW fsync").fetchone() == ("on",)
            admin.execute("CREATE TABLE kept (id int)")
            admin.execute("INSERT INTO kept VALUES (7)")
        server.restart(immediate=True)
        with server.admin() as admin:
            assert admin.execute("SELECT id FROM kept").fetchone() == (7,)
        server.restart()
        with server.admin() as admin:
            assert admin.execute("SELECT id FROM kept").fetchone() == (7,)
    finally:
        server.close()


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_server_works_for_root_and_for_a_user_without_a_home_alike() -> None:
    """Root is what the other tests run as then: the wheel makes a user of its own for it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("XDG_RUNTIME_DIR", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SMALL],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"
