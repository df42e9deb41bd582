"""Files of numbers as spreadsheets, phones and people write them."""

import random

import pytest

from autodialer.domain.errors import UnreadableFile
from autodialer.service.number_files import MAX_BYTES, MAX_LINES, Line, read_lines

ROWS = [("+40721000001", "a cerut ștergere"), ("0722 000 002", "")]


def numbers(data: bytes | str) -> list[str]:
    raw = data.encode() if isinstance(data, str) else data
    return [row.number for row in read_lines(raw)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1250", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_usual_encoding_and_separator_is_read(encoding: str, separator: str, end: str) -> None:
    lines = [separator.join(cells) for cells in (("Telefon", "Motiv"), *ROWS)]
    data = end.join(lines).replace("ș", "s" if encoding == "cp1250" else "ș").encode(encoding)
    found = list(read_lines(data))
    assert [(row.line, row.number) for row in found] == [(2, "+40721000001"), (3, "0722 000 002")]
    assert found[0].reason.startswith("a cerut")
    assert found[1].reason == ""


@pytest.mark.parametrize(
    "heading",
    ["number", "Phone", "TELEFON", "Număr", "Nr. telefon", "phone number", "Mobile", "Tel.", "Phone 1", "e164 number"],
)
def test_the_column_of_numbers_is_found_by_its_heading(heading: str) -> None:
    text = f"id;name;{heading};city\n17;Ana;0721000001;Iași\n18;Dan;0721000002;Cluj\n"
    assert numbers(text) == ["0721000001", "0721000002"]


def test_the_heading_that_says_exactly_number_wins_over_one_that_holds_the_word() -> None:
    assert numbers("number of calls,number\n3,0721000001\n") == ["0721000001"]


@pytest.mark.parametrize(
    "headings",
    ["Phone;Home Phone", "Telefon mobil;Telefon fix", "Phone 1;Phone 2", "Mobile phone;Nr", "tel. birou;Mobil"],
)
def test_every_column_that_is_called_a_telephone_is_taken(headings: str) -> None:
    assert numbers(f"name;{headings}\nAna;0721000001;0721000002\n") == ["0721000001; 0721000002"]


def test_why_a_telephone_is_not_to_be_called_is_none() -> None:
    text = "Telefon,Motiv telefon\n0721000001,wants calls to 0721000002\n"
    assert list(read_lines(text.encode())) == [Line(2, "0721000001", "wants calls to 0721000002")]


@pytest.mark.parametrize(
    "text",
    ["0721000001\n0721000002", "\n\n0721000001\n\n\n0721000002\n", '"0721000001"\r\n"0721000002"\r\n'],
)
def test_one_number_a_line_needs_no_heading(text: str) -> None:
    assert numbers(text) == ["0721000001", "0721000002"]


def test_without_a_heading_the_numbers_stand_in_the_first_column() -> None:
    assert numbers("0721000001,asked\n0721000002,asked too\n") == ["0721000001", "0721000002"]


def test_a_row_of_digits_is_never_taken_for_a_heading() -> None:
    assert numbers("112\n0721000001\n") == ["112", "0721000001"]
    assert numbers("number 0721000001,x\n0721000002,y") == ["number 0721000001", "0721000002"]


def test_lines_are_numbered_as_an_editor_shows_them_also_after_a_cell_of_several_lines() -> None:
    text = 'number,reason\n0721000001,"said:\nnever again"\n\n0721000002,x\n'
    assert list(read_lines(text.encode())) == [
        Line(2, "0721000001", "said:\nnever again"),
        Line(5, "0721000002", "x"),
    ]


def test_a_short_row_has_an_empty_number() -> None:
    assert list(read_lines(b"name,phone\nAna\n")) == [Line(2, "", "")]


@pytest.mark.parametrize("data", [b"", b"\n\n", "\ufeff".encode(), b"number,reason\n"])
def test_a_file_without_rows_holds_nothing(data: bytes) -> None:
    assert numbers(data) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 a workbook", "save it as CSV"),
        (b"\x00\x01\x02\xff\xfe", "this is no text"),
        (b"0721\x000001", "this is no text"),
        (b"\xff\xfe0", "this is no text"),
        (b"x" * (MAX_BYTES + 1), "larger than 5 MB"),
        (b"1\n" * (MAX_LINES + 1), "more than 100,000 lines"),
        (b"x" * 200_000, "line 1"),
    ],
)
def test_what_is_no_file_of_numbers_is_refused_with_its_reason(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said) as refused:
        numbers(data)
    assert refused.value.permanent


def test_as_many_lines_as_are_allowed_are_read() -> None:
    assert len(numbers(b"1\n" * MAX_LINES)) == MAX_LINES


def test_whatever_bytes_come_it_reads_them_or_says_why_not() -> None:
    dice = random.Random(8)
    for _ in range(500):
        data = dice.randbytes(dice.randrange(60)) + b'\n;,"0721' * dice.randrange(4)
        try:
            rows = list(read_lines(data))
        except UnreadableFile:
            continue
        assert all(row.line >= 1 for row in rows)
