"""A provider's id of a call, in the one form in which it is stored, compared and shown."""

from hashlib import blake2b

LONGEST_SESSION = 120
"""What the ledger's columns hold: SQLite would keep a longer one, PostgreSQL refuses it."""

_LONGEST_TOLD = 200  # what is longer is no id of anything
_HEAD = 80


def session_of(told: object) -> str | None:
    """The id as it was told, without blanks around it; None when it is none, or absurdly long.

    One that a column does not hold (too long, or with a NUL, which PostgreSQL's text has not) ends in a digest of all of it, so
    that two of them stay two. What was brought into this form stays as it is.
    """
    text = told.strip() if isinstance(told, str) else ""
    if not 0 < len(text) <= _LONGEST_TOLD:
        return None
    if len(text) <= LONGEST_SESSION and "\0" not in text:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:_HEAD].replace(chr(0), '')}~{digest}"
