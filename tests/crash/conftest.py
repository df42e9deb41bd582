"""What the tests here share: compiled shims, the forge, and a new ledger for each death."""

import pytest

from crash.forge import open_forge
from crash.shims import NAMES, compiler, shim_files
from crash.town import NewLedger
from databases import Postgres


@pytest.fixture(scope="session")
def shims() -> list[str]:
    """The names of the shims that the forge has loaded; none where no compiler is."""
    return list(NAMES) if compiler() else []


@pytest.fixture(scope="session")
def power_cut(shims: list[str]) -> str:
    if "power_cut" not in shims:
        pytest.skip("no C compiler (cc) here, so the power-cut shim can't be made")
    return "power_cut"


@pytest.fixture(scope="session")
def disk_fault(shims: list[str]) -> str:
    if "disk_fault" not in shims:
        pytest.skip("no C compiler (cc) here, so the disk-fault shim can't be made")
    return "disk_fault"


@pytest.fixture(scope="session", autouse=True)
def _forge(tmp_path_factory: pytest.TempPathFactory) -> None:
    open_forge(shim_files(tmp_path_factory.mktemp("shims")))


@pytest.fixture
def new_ledger(backend: str, request: pytest.FixtureRequest) -> NewLedger:
    """Settings that name an empty ledger: of SQLite one that is not there yet, of PostgreSQL one that is migrated."""
    if backend == "sqlite":
        return lambda folder: {"DB_PATH": str(folder / "data" / "ledger.db")}
    server: Postgres = request.getfixturevalue("postgres")
    return lambda _: {"DATABASE_URL": server.fresh()}
