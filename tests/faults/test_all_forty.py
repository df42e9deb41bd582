"""Each of the forty faults has a test with its number in its name, so that none is forgotten."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
NEED_REPLICAS = {
    29: "a replica that is stopped beyond its lease and goes on: two processes on one PostgreSQL",
    30: "PostgreSQL that is restarted again and again during a run: a server of its own, minutes",
}


def test_each_of_the_forty_faults_has_its_test() -> None:
    sources = [path.read_text() for folder in ("crash", "faults") for path in (TESTS / folder).glob("test_*.py")]
    numbered = {
        int(number)
        for source in sources
        for number in re.findall(r"^(?:async )?def test_fault_(\d\d)_", source, re.MULTILINE)
    }
    assert sorted(numbered | NEED_REPLICAS.keys()) == list(range(1, 41))
    assert not numbered & NEED_REPLICAS.keys()
