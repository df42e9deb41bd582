"""In the middle of a rollout: the previous release's own tests pass on ledgers that this one has brought up, on both databases."""

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from autodialer.store.phases import needed
from databases import Postgres

ROOT = Path(__file__).parents[2]
PREVIOUS = ROOT / "tests" / "previous"
COMMIT, SCHEMA = (PREVIOUS / "release.txt").read_text(encoding="utf-8").splitlines()[1].split()
# What it does with a ledger; test_migrations.py compares the whole schema with its own, and would have to fail.
TESTS = (
    "test_attempt_queries", "test_constraints", "test_inbox", "test_outbox", "test_quotas", "test_replicas", "test_runs",
    "test_small", "test_staging", "test_stats", "test_transitions", "test_usage",
)  # fmt: skip


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)  # noqa: S607 - whichever git is there


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's source and tests."""
    if not (ROOT / ".git").exists() or git("--version").returncode != 0:
        pytest.skip("this tree has no history: the previous release can't be had, and nothing was proved of a rollout")
    archive = git("archive", "--format=tar", COMMIT, "src", "tests", "pyproject.toml")
    if archive.returncode != 0:
        said = f"the history lacks the previous release {COMMIT[:7]}: fetch all of it (git fetch --unshallow)"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(f"{said}; nothing was proved of a rollout")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        # Our own history. Python before 3.11.4 has no filters, later ones warn of their absence.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **safely)  # noqa: S202 - as above
    return folder


@pytest.mark.soak
def test_the_previous_release_passes_its_tests_on_this_ones_schema(previous: Path, tmp_path: Path) -> None:
    told = tmp_path / "schemas"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
        "PYTHONPATH": os.pathsep.join([str(previous / "src"), str(PREVIOUS)]),
        "NEWER_SOURCE": str(ROOT / "src"),
        "NEWER_SCHEMAS": str(told),
    }
    tests = [f"tests/store/{name}.py" for name in TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "newer_schema", *tests],
        cwd=previous,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
    assert sorted(set(told.read_text(encoding="utf-8").split("\n")) - {""}) == [
        f"postgresql {needed()}",
        f"sqlite {needed()}",
    ]


def test_the_previous_releases_code_starts_on_this_ones_schema(previous: Path, postgres: Postgres) -> None:
    """It looks at the version first, as a replica does that is started again."""
    program = (
        "import sys\n"
        "import autodialer\n"
        "from autodialer.store.engine import Database\n"
        "from autodialer.store.migrate import migrate\n"
        "database = Database(sys.argv[1])\n"
        "print(autodialer.__file__, migrate(database)[1])\n"
        "database.close()\n"
    )
    name = postgres.create_database()
    url = postgres.url(name)
    answers = []
    for source in (previous / "src", ROOT / "src", previous / "src"):
        environment = {**os.environ, "PYTHONPATH": str(source)}
        done = subprocess.run(
            [sys.executable, "-c", program, url], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        path, version = done.stdout.split()
        assert Path(path).is_relative_to(source)
        answers.append(version)
    assert answers == [SCHEMA, needed(), SCHEMA]
    postgres.drop_database(name)
