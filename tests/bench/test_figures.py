"""What the benchmarks make of their rounds: medians, ratios, verdicts, and what is kept of them."""

import json
from pathlib import Path

import pytest

from benchmarks.figures import Book, Curve, Figure, ratios
from benchmarks.goals import GOALS, Goal, Verdict, shown, with_unit

FASTER = Goal("X", "beside another", floor=6, stretch=10, higher=True)
SMALLER = Goal("Y", "beside another", floor=1.0, stretch=0.5)


def test_rounds_are_compared_with_those_of_the_same_minute() -> None:
    assert ratios([10, 30, 20], [5, 10, 20]) == (2, 3, 1)


def test_a_round_that_nobody_had_beside_it_is_no_ratio() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


def test_the_median_of_the_rounds_counts_and_their_spread_is_told() -> None:
    figure = Figure("P1", (7.0, 9.0, 8.0, 30.0, 1.0))
    assert figure.median == 8
    assert figure.spread == (1.0, 30.0)
    assert figure.command == "make bench ONLY=P1"


@pytest.mark.parametrize(
    ("goal", "rounds", "verdict"),
    [
        (FASTER, (11, 12, 10, 9, 10), Verdict.STRETCH),
        (FASTER, (7, 8, 6, 6, 9), Verdict.FLOOR),
        (FASTER, (5, 5, 5, 5, 9), Verdict.MISSED),
        (FASTER, (5, 5, 5, 7, 9), Verdict.FLOOR),  # three of five miss: that may be the minute
        (SMALLER, (0.5, 0.4, 0.6), Verdict.STRETCH),
        (SMALLER, (0.9, 1.0, 1.1), Verdict.FLOOR),
        (SMALLER, (1.1, 1.2, 1.3), Verdict.MISSED),
        (Goal("Z", "errors", floor=0, unit=""), (0,), Verdict.FLOOR),
        (Goal("Z", "errors", floor=0, unit=""), (1,), Verdict.MISSED),
        (Goal("Z", "only a stretch figure", stretch=0.5, higher=True), (0.4,), Verdict.FLOOR),
        (Goal("Z", "told only"), (3,), Verdict.NONE),
    ],
)
def test_a_floor_is_missed_when_the_median_and_four_of_five_rounds_miss_it(
    goal: Goal, rounds: tuple[float, ...], verdict: Verdict
) -> None:
    assert goal.verdict(rounds, sorted(rounds)[len(rounds) // 2]) is verdict


def test_a_goal_says_its_bounds_with_their_direction_and_unit() -> None:
    assert FASTER.says(FASTER.floor) == "≥ 6×"
    assert GOALS["P5.p99"].says(70) == "≤ 70 ms"
    assert GOALS["D2"].says(None) == "–"


@pytest.mark.parametrize(
    ("value", "words"),
    [(1234567.0, "1,234,567"), (31.44, "31.4"), (1.256, "1.26"), (0.05, "0.05"), (0.0001, "0.0001"), (0, "0")],
)
def test_a_figure_has_the_digits_that_say_something(value: float, words: str) -> None:
    assert shown(value) == words


def test_units_stand_apart_from_figures_but_times_does_not() -> None:
    assert with_unit(1.5, "×") == "1.5×"
    assert with_unit(3, "MB") == "3 MB"


def test_each_goal_can_be_reached_by_its_stretch_figure_only_beyond_its_floor() -> None:
    for goal in GOALS.values():
        if goal.floor is not None and goal.stretch is not None:
            assert (goal.stretch > goal.floor) is goal.higher, goal.id


def test_each_figure_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    Book(None).tell(Figure("P1", (7.123456, 8.0), {"autodialer": 11234.5}, "/s", note="quietly"))
    told = json.loads(capsys.readouterr().out)
    assert told["id"] == "P1"
    assert told["floor"] == 6
    assert told["stretch"] == 10
    assert told["figure"] == {"autodialer": 11230}
    assert told["ratio"] == 7.562
    assert told["rounds"] == [7.123, 8]
    assert told["spread"] == [7.123, 8]
    assert told["met"] == "floor"
    assert told["command"] == "make bench ONLY=P1"
    assert told["note"] == "quietly"


def test_a_book_keeps_what_was_found_and_the_newest_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "figures.json"
    first = Book(path)
    first.tell(Figure("P1", (1.0,)))
    first.tell(Figure("S2", (1.0,), of="SQLite"))
    first.miss(["P2"], "no node")
    first.plot(Curve("growth", "a call", ((10, 1.0), (100, 1.5))))
    first.table("Callbacks", [{"server": "autodialer", "p50 ms": 4.0}])
    second = Book(path)
    second.tell(Figure("P1", (7.0,)))
    second.tell(Figure("S2", (1.1,), of="PostgreSQL"))
    second.tell(Figure("P2", (0.5,)))
    second.plot(Curve("growth", "a callback", ((10, 1.0),)), Curve("growth", "a call", ((10, 2.0),)))
    third = Book(path)
    assert [(one.id, one.of, one.median) for one in third.figures] == [
        ("S2", "SQLite", 1.0),
        ("P1", "", 7.0),
        ("S2", "PostgreSQL", 1.1),
        ("P2", "", 0.5),
    ]
    assert all(one.measured_at for one in third.figures)
    assert third.absent == {}
    assert [(curve.name, curve.points) for curve in third.curves] == [
        ("a callback", ((10, 1.0),)),
        ("a call", ((10, 2.0),)),
    ]
    assert third.rows[0].cells == {"server": "autodialer", "p50 ms": 4.0}


def test_a_book_without_a_file_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Book(None).tell(Figure("P1", (1.0,)))
    assert list(tmp_path.iterdir()) == []
