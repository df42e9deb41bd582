"""kill -9 of the real service at every commit, every call, every exchange with Zoho: the next process finishes the day."""

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash.forge import served
from crash.serve_failing import Point
from crash.town import NewLedger, Town, town
from figures import Record, tell

POINTS = [
    ("commit", "before"),
    ("commit", "after"),
    ("place", "before"),
    ("place", "during"),
    ("place", "after"),
    ("page", "after"),
    ("look", "after"),
    ("write", "before"),
    ("write", "after"),
]
POINTS_HERE = [
    (database, *point) for database, point in zip(itertools.cycle(("sqlite", "postgresql")), POINTS, strict=False)
]
"""By turns on the two databases; each of them on both: make soak."""
KILLED = -9


def die_and_go_on(folder: Path, new_ledger: NewLedger, point: Point) -> bool:
    """One death at `point`, if it is reached, and the rest of that day; whether it was reached."""
    folder.mkdir()
    with town(folder, new_ledger(folder)) as here:
        with served(here.orders(point)) as process:
            survived = here.ready(process) and here.run(process) and here.run(process)
            if survived and process.stop() == 0:  # it may also be reached while it stops
                return False
            process.wait(10)
            assert process.exit_code == KILLED, process.output()
        here.finish_the_day()
    return True


def numbers(kind: str, backend: str) -> Iterator[int]:
    """Some of the points, other ones on the other database. All of them: make soak."""
    first = 3 if backend == "sqlite" else 1
    match kind:
        case "commit":
            # A busy machine shares commits out among more statements, so the day may have no more than 60.
            return iter((first, 45 + first, 110 + first))
        case "place":
            return iter((first, 8 + first))
        case _:
            return iter((1,))


@pytest.mark.parametrize(("backend", "kind", "moment"), POINTS_HERE, indirect=["backend"])
def test_fault_01_wherever_the_service_is_killed_the_next_process_finishes_the_day_and_rings_nobody_twice(
    tmp_path: Path, backend: str, new_ledger: NewLedger, kind: str, moment: str
) -> None:
    deaths = 0
    for nth in numbers(kind, backend):
        if not die_and_go_on(tmp_path / str(nth), new_ledger, Point(kind, moment, nth)):
            break
        deaths += 1
    assert deaths >= {"commit": 2, "place": 2}.get(kind, 1)


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "moment"), POINTS, ids=[f"{moment} {kind}" for kind, moment in POINTS])
def test_fault_01_every_single_point_of_a_day_may_be_the_last(
    tmp_path: Path, new_ledger: NewLedger, kind: str, moment: str, record_property: Record
) -> None:
    deaths = 0
    for nth in itertools.count(1):
        if not die_and_go_on(tmp_path / str(nth), new_ledger, Point(kind, moment, nth)):
            break
        deaths += 1
    tell(record_property, "killed at a point", deaths=deaths)
    assert deaths >= {"commit": 50, "place": 15, "page": 2, "write": 2}.get(kind, 3)


def kill_at_random(here: Town, chance: random.Random, deaths: int) -> int:
    """So many deaths in a row, each at a random moment of start, run and aftermath; how many struck in the middle of something."""
    struck = 0
    for number in range(deaths):
        with served(here.orders()) as process:
            # The first one early: else the whole day may be over before anybody died.
            moment = time.monotonic() + chance.uniform(0.1, 1.6 if number else 0.5)
            if here.ready(process):
                answer = here.ask("POST", "/api/cron?wait=false")  # 409: the run that the dead process left is going on
                assert answer is None or answer.status_code in (202, 409), answer.text
            time.sleep(max(0.0, moment - time.monotonic()))
            struck += not here._is_quiet()
            process.kill()
    return struck


def test_fault_02_several_deaths_in_a_row_at_random_moments_ring_nobody_twice(
    tmp_path: Path, backend: str, new_ledger: NewLedger
) -> None:
    with town(tmp_path, new_ledger(tmp_path)) as here:
        kill_at_random(here, random.Random(backend), deaths=3)
        here.finish_the_day()


@pytest.mark.soak
@pytest.mark.parametrize("share", range(25))
def test_fault_02_hundreds_of_deaths_at_random_moments_ring_nobody_twice(
    tmp_path: Path, new_ledger: NewLedger, share: int, record_property: Record
) -> None:
    struck = 0
    for seed in (2 * share, 2 * share + 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with town(folder, new_ledger(folder)) as here:
            struck += kill_at_random(here, random.Random(1000 + seed), deaths=10)
            here.finish_the_day()
    tell(record_property, "killed at random", deaths=20, struck=struck)
    assert struck, "they died when nothing was going on"
