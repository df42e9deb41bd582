"""Files of telephone numbers as people have them: CSV of any spreadsheet, or one number a line."""

import csv
import io
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from autodialer.domain.errors import UnreadableFile
from autodialer.domain.sentence import Sentence, phrase

MAX_BYTES: Final = 6 * 1024 * 1024  # 5 MB, and room for what a form or a heading adds
MAX_LINES: Final = 100_000
_TOO_LONG: Final = phrase("the file has more than {most} lines: split it")
_SHORTEST_NUMBER: Final = 5  # digits; a heading such as "Phone 1" has fewer
_SEPARATORS: Final = ",;\t"
_PHONE_WORDS: Final = frozenset(("phone", "telefon", "telephone", "mobile", "mobil", "tel"))
_NUMBER_WORDS: Final = frozenset(("number", "numar", "nr"))  # of a telephone, or of something else
_REASON_WORDS: Final = frozenset(("reason", "motiv", "motivul", "note", "observatii"))


class Line(NamedTuple):
    """One row of the file: where it begins, what stands in the columns of numbers, and in that of reasons ("" without one)."""

    line: int
    number: str
    reason: str


def read_lines(data: bytes) -> Iterator[Line]:
    """Every row that holds something, but for a heading, lazily. UnreadableFile when it is no text, or too long.

    UTF-8 (with or without BOM), UTF-16 with BOM, or Windows-1250; parted by comma, semicolon or tab. The numbers stand in the
    columns whose heading says so (number, phone, home phone, telefon mobil …), else in the first.
    """
    text = text_of(data)
    separator = _separator(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    numbers_at, reason_at, is_first, before = [0], -1, True, 0
    try:
        for row in rows:
            line, before = before + 1, rows.line_num
            if line > MAX_LINES:
                raise UnreadableFile(Sentence(_TOO_LONG, {"most": f"{MAX_LINES:,}"}), permanent=True)
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if is_first:
                is_first = False
                headings = _headings(cells)
                if headings is not None:
                    numbers_at, reason_at = headings
                    continue
            numbers = (_cell(cells, at) for at in numbers_at)
            yield Line(line, "; ".join(filter(None, numbers)), _cell(cells, reason_at))
    except csv.Error as error:
        raise UnreadableFile(f"line {rows.line_num}: {error}", permanent=True) from error


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if 0 <= at < len(cells) else ""


def _headings(cells: Sequence[str]) -> tuple[list[int], int] | None:
    """Where numbers and reasons (-1: nowhere) stand; None when the first row is none of headings."""
    words = [_plain(cell) for cell in cells]
    numbers_at = _find_numbers(words)
    has_digits = any(char.isdigit() for cell in cells for char in cell)
    if has_digits and not any(sum(map(str.isdigit, cells[at])) < _SHORTEST_NUMBER for at in numbers_at):
        return None
    return numbers_at or [0], next(iter(_find(words, _REASON_WORDS)), -1)


def _find_numbers(words: Sequence[str]) -> list[int]:
    """Every column of telephones, whatever else stands in its name: a number that is left out could be called."""
    named = [set(word.split()) for word in words]
    phones = [at for at, name in enumerate(named) if name & _PHONE_WORDS and not name & _REASON_WORDS]
    exact = [at for at, word in enumerate(words) if word in _NUMBER_WORDS]
    return sorted((*phones, *exact)) or _find(words, _NUMBER_WORDS)


def _find(words: Sequence[str], wanted: Collection[str]) -> list[int]:
    """The columns that are called so, else the first in whose name one of the words stands."""
    exact = [at for at, word in enumerate(words) if word in wanted]
    return exact or [at for at, word in enumerate(words) if set(word.split()) & set(wanted)][:1]


def _plain(text: str) -> str:
    """In lower case, without accents, punctuation as blanks."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in parts if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in letters).split())


def _separator(text: str) -> str:
    """The one that the first row with something in it holds most of; a comma when it holds none."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    outside = "".join(first.split('"')[::2])
    return max(_SEPARATORS, key=outside.count)


def text_of(data: bytes) -> str:
    """What the bytes of a file say. UnreadableFile."""
    if len(data) > MAX_BYTES:
        raise UnreadableFile(Sentence("the file is larger than 5 MB: split it"), permanent=True)
    if data.startswith(b"PK"):
        raise UnreadableFile(Sentence("this is a workbook or an archive: save it as CSV"), permanent=True)
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1250"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnreadableFile(Sentence("this is no text: save it as CSV in UTF-8"), permanent=True)
