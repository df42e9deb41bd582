"""Passwords as salted hashes: scrypt with the strength that OWASP's password storage cheat sheet names (N=2^15, r=8, p=3)."""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode

SHORTEST = 10
LONGEST = 200
_COST, _BLOCK, _LANES = 2**15, 8, 3
_MEMORY = 64 * 1024 * 1024
_SALT = 16


def problem_with(password: str) -> str | None:
    """Why it may not be used; None when it may."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    return None


def hash_password(password: str) -> str:
    """Salted; a fifth of a second of work and 32 MB."""
    salt = os.urandom(_SALT)
    digest = _digest(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether `hashed` was made of it."""
    _, cost, block, lanes, salt, digest = hashed.split("$")
    shown = _digest(password, b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(shown, b64decode(digest))


def _digest(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    encoded = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY)
