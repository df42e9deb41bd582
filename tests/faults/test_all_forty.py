"""Where each of the forty faults is tested, so that none is forgotten."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    1: "crash/test_kill.py::test_wherever_the_service_is_killed_the_next_process_finishes_the_day_and_rings_nobody_twice",
    2: "crash/test_kill.py::test_two_hundred_deaths_at_random_moments_ring_nobody_twice",
    3: "crash/test_power_cut.py::test_no_acknowledged_callback_is_lost_when_the_power_goes",
    4: "crash/test_power_cut.py::test_no_phone_rings_whose_intent_the_power_cut_could_take",
}
NEED_REPLICAS = {
    29: "a replica that is stopped beyond its lease and goes on: two processes on one PostgreSQL",
    30: "PostgreSQL that is restarted again and again during a run: a server of its own, minutes",
}


def test_each_of_the_forty_faults_has_its_test() -> None:
    sources = [path.read_text() for path in TESTS.glob("faults/test_*_faults.py")]
    numbered = {
        int(number) for source in sources for number in re.findall(r"^def test_fault_(\d\d)_", source, re.MULTILINE)
    }
    assert sorted(numbered | ELSEWHERE.keys() | NEED_REPLICAS.keys()) == list(range(1, 41))
    assert not numbered & NEED_REPLICAS.keys()


def test_what_is_tested_elsewhere_is_there() -> None:
    for place in ELSEWHERE.values():
        file, name = place.split("::")
        assert f"def {name}(" in (TESTS / file).read_text(), place
