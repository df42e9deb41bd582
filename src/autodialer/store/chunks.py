"""Long IN lists in pieces."""

from collections.abc import Iterable, Iterator
from itertools import islice

_LIMIT = 400  # a statement may say each twice: SQLite takes 32,766 parameters, PostgreSQL twice that


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The distinct values, sorted, in pieces that a database takes as parameters."""
    iterator = iter(sorted(set(values)))
    while chunk := list(islice(iterator, _LIMIT)):
        yield chunk
