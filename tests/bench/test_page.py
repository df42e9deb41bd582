"""The page of results and its plots."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.charts import bars, lines
from benchmarks.figures import Book, Curve, Figure
from benchmarks.goals import GOALS
from benchmarks.reasons import REASONS

_SVG = "{http://www.w3.org/2000/svg}"
CURVES = (
    Curve("growth", "a call, SQLite", ((10, 3.0), (100, 3.1), (1000, 3.2))),
    Curve("growth", "a callback <b>", ((10, 3.0), (100, 3.0), (1000, 3.1))),
)


@pytest.fixture
def book() -> Book:
    made = Book(None, silent=True)
    made.tell(Figure("P1", (7.0, 8.0, 7.5), {"autodialer": 11200.0, "express 5": 1440.0}, "/s"))
    made.tell(Figure("S2", (2.0,), {"autodialer": 722.0}, "bytes", "SQLite"))
    made.tell(Figure("S3.twice", (1.0,)))
    made.miss(["P2"], "no node")
    made.plot(*CURVES)
    row: dict[str, float | str] = {
        "server": "autodialer",
        "callbacks/s": 11200.0,
        "least and most": "9 – 12",
        "processor µs each": 80.0,
    }
    made.table("Callbacks at 64 connections", [row, {**row, "server": "express | 5"}])
    made.table("Profile: callback", [{"function": "`web/wire.py:1 take`", "share %": 12.5}])
    return made


def rows_of(text: str, first: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(f"| {first} |")]


def test_each_goal_has_its_row_measured_or_not(book: Book) -> None:
    text = page.page(book, "two cores")
    for goal in GOALS.values():
        assert rows_of(text, goal.id), goal.id
    (measured,) = rows_of(text, "P1")
    assert measured[2:] == [
        "≥ 6×",
        "≥ 10×",
        "autodialer: 11,200; express 5: 1,440 /s",
        "7.5×",
        "7 – 8",
        "floor",
        "`make bench ONLY=P1`",
    ]
    assert rows_of(text, "P2")[0][4] == "not measured: no node"
    assert "two cores" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(book: Book) -> None:
    width = 0
    for line in page.page(book, "two cores").splitlines():
        cells = line.replace("\\|", "").count("|")
        assert not line.startswith("|") or width in (0, cells), line
        width = cells if line.startswith("|") else 0


def test_what_is_missed_says_why_and_what_nobody_explained_is_told(book: Book) -> None:
    text = page.page(book, "two cores")
    assert f"- **S2**: {REASONS['S2']}" in text
    assert "- **S3.twice**: not explained yet." in text
    assert page.unexplained(book.figures) == ["S3.twice"]
    assert "Of 3 floors 1 are met, of 2 stretch figures 0." in text
    assert set(REASONS) <= set(GOALS)


def test_profiles_and_other_tables_stand_on_the_page(book: Book) -> None:
    text = page.page(book, "two cores")
    assert "### callback" in text
    assert "| `web/wire.py:1 take` | 12.5 |" in text
    assert "express \\| 5" in text


def test_a_page_without_figures_says_so() -> None:
    text = page.page(Book(None), "two cores")
    assert "not measured: not yet" in text
    assert "missed" not in text.partition("## How")[0]
    assert page.plots(Book(None)) == {}


def test_page_and_plots_are_written_side_by_side(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(page, "PLOTS", tmp_path / "performance")
    monkeypatch.setattr(page, "described", lambda: "two cores")
    page.write(book)
    text = (tmp_path / "performance.md").read_text()
    for name in ("callbacks.svg", "processor.svg", "growth.svg"):
        assert f"(performance/{name})" in text
        ET.parse(tmp_path / "performance" / name)  # noqa: S314 - made by the line above


def test_lines_are_a_picture_with_each_curve_and_its_name() -> None:
    root = ET.fromstring(lines("Growth", "rows", "ms", CURVES))  # noqa: S314 - as above
    words = [text.text for text in root.iter(f"{_SVG}text")]
    assert {"Growth", "rows", "ms", "a call, SQLite", "a callback <b>", "10", "100", "1,000"} <= set(words)
    assert len(list(root.iter(f"{_SVG}circle"))) == 6
    names = [text for text in root.iter(f"{_SVG}text") if str(text.text).startswith("a call")]
    heights = sorted(float(name.attrib["y"]) for name in names)
    assert heights[1] - heights[0] >= 15, "names do not cover each other"


def test_higher_figures_stand_higher_and_all_within_the_picture() -> None:
    root = ET.fromstring(lines("Growth", "rows", "ms", [Curve("growth", "a call", ((1, 1.0), (10, 4.0)))]))  # noqa: S314 - as above
    (low, high) = root.iter(f"{_SVG}circle")
    assert float(high.attrib["cy"]) < float(low.attrib["cy"])
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert all(0 < float(dot.attrib["cx"]) < width and 0 < float(dot.attrib["cy"]) < height for dot in (low, high))


def test_bars_are_as_long_as_their_figures() -> None:
    root = ET.fromstring(bars("Rates", "/s", {"autodialer": 200.0, "express": 50.0}))  # noqa: S314 - as above
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{_SVG}rect")][1:]
    assert widths[0] == pytest.approx(4 * widths[1], rel=0.01)
    assert "200 /s" in [text.text for text in root.iter(f"{_SVG}text")]
