"""A CSV is opened by spreadsheets: nothing in it may be run by one."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.csv_text import csv_line


def cells(line: str) -> list[str]:
    (row,) = csv.reader(io.StringIO(line, newline=""))
    return row


@pytest.mark.parametrize("text", ["=1+1", "+40712", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_text(text: str) -> None:
    assert cells(csv_line([text])) == [f"'{text}"]


def test_figures_words_and_nothing_are_left_as_they_are() -> None:
    assert csv_line(["Ana, Pop", 'a "b"', None, -3, 2.5, True]) == '"Ana, Pop","a ""b""",,-3,2.5,true\r\n'


@given(st.lists(st.one_of(st.none(), st.integers(), st.text()), min_size=2, max_size=6))
def test_every_line_reads_back_as_its_cells_and_holds_no_formula(values: list[object]) -> None:
    read = cells(csv_line(values))
    assert len(read) == len(values)
    for value, cell in zip(values, read, strict=True):
        if isinstance(value, str):
            assert cell.removeprefix("'") == value.replace("\x00", "").removeprefix("'") or cell == value
            assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        else:
            assert cell == ("" if value is None else str(value))
