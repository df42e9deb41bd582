"""`make mutants` takes twenty minutes; that its breakages still fit the source is seen in each `make test`."""

import shutil
from pathlib import Path

import pytest

from mutation.breakages import BREAKAGES
from mutation.edits import SCHEMA, Breakage, Replace

SOURCE = Path(__file__).resolve().parents[2] / "src" / "autodialer"


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_breakage_changes_what_stands_in_the_source(tmp_path: Path, breakage: Breakage) -> None:
    tree = tmp_path / "src" / "autodialer"
    for edit in breakage.edits:
        for file in [edit.file] if isinstance(edit, Replace) else SCHEMA:
            if not (tree / file).exists():
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(SOURCE / file, tree / file)
        changed = edit.apply(tmp_path)
        assert changed
