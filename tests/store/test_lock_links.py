"""One process writes to an SQLite file, by whatever name it knows it (docs/adr/0003)."""

from pathlib import Path

import pytest

from autodialer.store.engine import Database
from autodialer.store.lock import LedgerInUse
from databases import SqliteLedgers


def test_a_file_that_is_open_under_its_own_name_is_refused_by_a_link_to_it(
    sqlite_ledgers: SqliteLedgers, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    url = sqlite_ledgers.fresh(tmp_path / "disk")
    link = tmp_path / "call_logs.db"
    link.symlink_to(url.removeprefix("sqlite:///"))
    first = Database(url)
    try:
        with pytest.raises(LedgerInUse):
            Database(f"sqlite:///{link}").close()
    finally:
        first.close()
