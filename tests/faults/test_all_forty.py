"""Each of the forty faults has a test with its number in its name, so that none is forgotten."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FOLDERS = ("crash", "faults", "replicas")


def test_each_of_the_forty_faults_has_its_test() -> None:
    sources = [path.read_text() for folder in FOLDERS for path in (TESTS / folder).glob("test_*.py")]
    numbered = {
        int(number)
        for source in sources
        for number in re.findall(r"^(?:async )?def test_fault_(\d\d)_", source, re.MULTILINE)
    }
    assert sorted(numbered) == list(range(1, 41))
