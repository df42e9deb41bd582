"""Builds COQL queries. Source: Zoho's pages "Get Records through COQL Query" and "COQL Limitations".

Criteria are grouped in pairs, quotes inside values are doubled, lists hold at most 50 values, a query at
most 25 criteria and 2000 rows.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

MAX_ROWS: Final = 2000
MAX_LIST: Final = 50
MAX_CRITERIA: Final = 25
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_LONGEST_ID = 20


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition and how many simple comparisons it holds."""

    text: str
    size: int = 1


def is_id(value: str) -> bool:
    """Whether it can be an id of Zoho's: 1 to 20 digits."""
    return value.isascii() and value.isdecimal() and len(value) <= _LONGEST_ID


def literal(value: str) -> str:
    """A quoted text."""
    return "'" + value.replace("'", "''") + "'"


def one_of(column: str, values: Sequence[str]) -> Criterion:
    """`column in (...)`, in lists of at most 50 joined by or. ValueError without values."""
    return any_of([_list(column, "in", values[at : at + MAX_LIST]) for at in range(0, len(values), MAX_LIST)])


def none_of(column: str, values: Sequence[str]) -> Criterion:
    """`column not in (...)`, in lists of at most 50 joined by and. Says nothing of empty fields."""
    return all_of([_list(column, "not in", values[at : at + MAX_LIST]) for at in range(0, len(values), MAX_LIST)])


def contains(column: str, text: str) -> Criterion:
    """`column like '%text%'`. ValueError unless `text` is made of letters, digits, blanks, hyphens, dots and apostrophes.

    How `%`, `_` or a backslash would be told from the sign itself is documented nowhere, so they are not let in.
    """
    if not is_searchable(text):
        raise ValueError("only letters, digits, blanks, hyphens, dots and apostrophes can be searched for")
    return Criterion(f"{_name(column)} like {literal(f'%{text}%')}")


def is_searchable(text: str) -> bool:
    """Whether `contains` takes it."""
    return bool(text) and all(sign in " -.'" or unicodedata.category(sign)[0] in "LMN" for sign in text)


def has_value(column: str) -> Criterion:
    """`column is not null`."""
    return Criterion(f"{_name(column)} is not null")


def after_id(zoho_id: str) -> Criterion:
    """`id > last`: the next page of a keyset. ValueError for what is no id."""
    return Criterion(f"id > {_checked_id(zoho_id)}")


def has_id(zoho_ids: Sequence[str]) -> Criterion:
    """`id in (...)`. ValueError for what is no id."""
    return one_of("id", [_checked_id(zoho_id) for zoho_id in zoho_ids])


def all_of(criteria: Sequence[Criterion]) -> Criterion:
    """All of them, as ((a and b) and c). ValueError without any."""
    return _fold("and", criteria)


def any_of(criteria: Sequence[Criterion]) -> Criterion:
    """One of them at least, as ((a or b) or c). ValueError without any."""
    return _fold("or", criteria)


def select(columns: Sequence[str], module: str, where: Criterion, *, limit: int = MAX_ROWS) -> str:
    """The first `limit` rows by id. ValueError for what Zoho would refuse."""
    if not 1 <= limit <= MAX_ROWS:
        raise ValueError(f"limit must be 1 to {MAX_ROWS}")
    if where.size > MAX_CRITERIA:
        raise ValueError(f"{where.size} criteria, Zoho takes {MAX_CRITERIA}")
    names = ", ".join(_name(column) for column in columns)
    # Every part was checked or quoted above.
    return f"select {names} from {_name(module)} where {where.text} order by id asc limit {limit}"  # noqa: S608 - COQL, escaped


def _fold(word: str, criteria: Sequence[Criterion]) -> Criterion:
    if not criteria:
        raise ValueError("at least one criterion is needed")
    return reduce(lambda a, b: Criterion(f"({a.text} {word} {b.text})", a.size + b.size), criteria)


def _list(column: str, word: str, values: Sequence[str]) -> Criterion:
    return Criterion(f"{_name(column)} {word} ({', '.join(literal(value) for value in values)})")


def _name(text: str) -> str:
    if _NAME.match(text) is None:
        raise ValueError(f"{text!r} is no API name")
    return text


def _checked_id(zoho_id: str) -> str:
    if not is_id(zoho_id):
        raise ValueError("an id has 1 to 20 digits")
    return zoho_id
