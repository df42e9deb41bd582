"""Long IN lists in pieces."""

from collections.abc import Iterable, Iterator
from itertools import islice

_LIMIT = 400  # any build of SQLite takes that many parameters


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The distinct values, sorted, in pieces that a database takes as parameters."""
    iterator = iter(sorted(set(values)))
    while chunk := list(islice(iterator, _LIMIT)):
        yield chunk
