"""Ids that tell which ledger made them: a callback with one that the ledger does not know is proof that it forgot a call."""

from hashlib import blake2b
from uuid import UUID

_SEAL_BYTES = 6
_SEAL_DIGITS = 2 * _SEAL_BYTES


def sealed(random: UUID, ledger: str) -> str:
    """A unique id, 36 characters in a UUID's form, whose last twelve are the seal of `ledger`."""
    open_part = str(random)[:-_SEAL_DIGITS]
    return open_part + _seal(open_part, ledger)


def is_sealed(identity: str, ledger: str) -> bool:
    """Whether `ledger` (or a copy of it) made this id; by chance once in 2**48. Never when `ledger` has no name yet."""
    open_part, seal = identity[:-_SEAL_DIGITS], identity[-_SEAL_DIGITS:]
    return bool(ledger and open_part) and seal == _seal(open_part, ledger)


def _seal(open_part: str, ledger: str) -> str:
    return blake2b(open_part.encode(errors="replace"), key=ledger.encode()[:64], digest_size=_SEAL_BYTES).hexdigest()
