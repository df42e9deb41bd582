"""Takes secrets, phone numbers, names and control characters out of what is about to be logged.

Rather one harmless number too many is masked than one person's shown. What stays readable: Zoho ids (16 digits
and more, or after "Lead" or "Contact", or under a key that ends in `_id`), UUIDs, ISO timestamps, IP addresses,
and words that mix letters and digits.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from enum import Enum, auto
from functools import lru_cache
from urllib.parse import quote, quote_plus

import msgspec

from autodialer.domain.phone import mask_number

HIDDEN = "***"
_SHORTEST_SECRET = 6  # shorter ones would be found in ordinary words
_DEEPEST = 6
# Characters of a long text under a key, for whoever waits for it: a callback may hold one of 64 KB.
_LOOKED_AT = 8 * 1024
_NEAR_A_CUT = 1024  # what a cut may have gone through is not longer, unless its beginning tells it
_PHONE_DIGITS = range(7, 16)  # E.164 allows 15; 7 is the shortest national number worth protecting
_INTEGER_DIGITS = range(9, 16)  # counts below a thousand million stay readable

_SECRET_WORDS = frozenset(
    {
        "token",
        "authorization",
        "secret",
        "password",
        "passwd",
        "refresh",
        "cookie",
        "apikey",
        "credential",
        "credentials",
    }
)
_PERSONAL_WORDS = frozenset({"phone", "mobile", "msisdn", "email", "destination"})
_TECHNICAL_NAMES = frozenset(
    {
        "api",
        "class",
        "event",
        "field",
        "file",
        "func",
        "function",
        "host",
        "logger",
        "module",
        "path",
        "setting",
        "task",
        "thread",
    }
)
_PLAIN_KEYS = frozenset({"timestamp", "level", "logger", "slot", "record_type"})
_PLAIN_ENDINGS = ("_id", "_ids", "_at", "_hash")
_OF_STRANGERS = frozenset({"session_id", "call_id"})  # ids that somebody else chose

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SCHEME = re.compile(r"\b(Bearer|Basic|Zoho-oauthtoken)(\s+)[^\s,;'\"]+", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+")
# Atomic and possessive where another try would find nothing: a long word or text must not cost its length squared.
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))"""  # or cut before its end
_SECRET_PAIR = re.compile(
    r"""(\b(?>\w*?(?:token|authorization|secret|password|passwd|api_?key|cookie))\w*+\\?["']?\s*+[=:]\s*+)"""
    rf"""({_QUOTED}|\\"[^"]*+(?:"|\Z)|[^\s,;&'"(){{}}\[\]]+)""",
    re.IGNORECASE,
)
_PERSONAL_PAIR = re.compile(
    rf"""(\b(?:(?:first|last|full|display|lead|contact|owner)[_ ]?)?name\b\\?["']?\s*[=:]\s*){_QUOTED}""",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"""(?P<keep>
          \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b  # UUID
        | \b\d{4}-\d\d-\d\d(?!\d)                          # ISO date, and perhaps time and zone
          (?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?!\d))?
        | \b\d{1,3}(?:\.\d{1,3}){3}(?![\d.]?\d)             # IPv4
        | \b(?:Lead|Contact)s?[ /][1-9]\d{0,19}\b           # RecordKey as text, Zoho's paths
        | \b(?:0|[1-9]\d{0,9})\.\d+(?![\d.])                # a fraction
        | \b\d{16,}\b                                       # Zoho ids
        | \b\d*[a-z_]\w*                                    # words, also those that mix letters and digits
      )
      | (?P<plus>(?:\+|%2B)\s?\(?\d(?:[\s().\-/\u00a0]{0,2}\d){5,14}(?!\d))
      | (?P<bare>\(?(?<![\w.])\d(?:[ ().\-/\u00a0]{0,2}\d){6,14}(?!\w))
    """,
    re.VERBOSE | re.IGNORECASE,
)


# Without any of these there is nothing to hide but a registered secret.
_SUSPICIOUS = re.compile(rf"[\d@=:]|Bearer|Basic|Zoho-oauthtoken|{_CONTROL.pattern}", re.IGNORECASE)


class Masker:
    """Masks by pattern, by key, and by the secret values it was told."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, values: Iterable[str | None]) -> None:
        """Hide these values from now on, also percent-encoded. None and very short ones are ignored."""
        for value in values:
            if value is not None and len(value) >= _SHORTEST_SECRET:
                self._secrets |= {value, quote(value, safe=""), quote_plus(value)}
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str, *, keep_newlines: bool = False) -> str:
        """`text` on one line (or, for a traceback, on its own lines), without secrets and personal data."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        if _SUSPICIOUS.search(text) is None:
            return text
        text = _SCHEME.sub(rf"\1\2{HIDDEN}", text)
        if "=" in text or ":" in text:  # the two slowest patterns
            text = _SECRET_PAIR.sub(_hide_pair, text)
            text = _PERSONAL_PAIR.sub(rf"\1{HIDDEN}", text)
        if "@" in text:
            text = _URL_PASSWORD.sub(rf"\1{HIDDEN}@", text)
            text = _EMAIL.sub(HIDDEN, text)
        text = _NUMBERS.sub(_hide_number, text)
        return (_CONTROL_BUT_NEWLINE if keep_newlines else _CONTROL).sub(_escape, text)

    def beginning(self, text: str, most: int = _LOOKED_AT) -> str:
        """The first `most` characters of `text` on one line, masked. A long one is cut before; no secret is shown in part."""
        masked = self.text(text[:_LOOKED_AT])
        if len(text) > _LOOKED_AT:
            masked = f"{masked[:-_NEAR_A_CUT]}…"
        return masked[:most]

    def value(self, key: str, value: object, depth: int = 0) -> object:
        """`value` as JSON can hold it, masked as its key and its looks demand. Never raises."""
        try:
            return self._value(key, value, depth)
        except Exception:  # noqa: BLE001 - a broken __str__ must not take the log line with it
            return f"<unprintable {type(value).__name__}>"

    def _value(self, key: str, value: object, depth: int) -> object:
        if type(value) is str:  # most are
            return self._string(key, value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, Enum):
            return self._value(key, value.value, depth)
        if isinstance(value, int):
            return self._integer(key, value)
        if depth < _DEEPEST:
            if isinstance(value, Mapping):
                return {self.text(str(k)): self.value(str(k), v, depth + 1) for k, v in value.items()}
            if isinstance(value, list | tuple | set | frozenset):
                return [self.value(key, item, depth + 1) for item in value]
            if type(value).__str__ is object.__str__ and (names := _field_names(value)):
                return {name: self.value(name, getattr(value, name), depth + 1) for name in names}
        if isinstance(value, date | time | timedelta):
            return str(value)
        return self._string(key, value.decode(errors="replace") if isinstance(value, bytes) else str(value))

    def _integer(self, key: str, value: int) -> object:
        looks_like_phone = not _is_plain(key) and len(str(abs(value))) in _INTEGER_DIGITS
        return _short(str(value)) if looks_like_phone else value

    def _string(self, key: str, value: str) -> str:
        if not value or _already_masked(value):
            return self.beginning(value)
        kind = _kind_of(key)
        if kind is _Kind.SECRET:
            return HIDDEN
        if kind is _Kind.PERSONAL:
            return _short(value)
        if kind is _Kind.TEXT:
            return self.text(value, keep_newlines=True) if key in ("exception", "stack") else self.beginning(value)
        if key in _OF_STRANGERS:
            return HIDDEN if re.search(r"\s", value) else self.beginning(value)
        hidden = self._pattern.sub(HIDDEN, value) if self._pattern is not None else value
        return _CONTROL.sub(_escape, hidden)


def _field_names(value: object) -> Sequence[str]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return ()


class _Kind(Enum):
    """What a text under some key is."""

    SECRET = auto()
    PERSONAL = auto()
    PLAIN = auto()  # an id, an instant
    TEXT = auto()  # may be anything


def _kind_of(key: str) -> _Kind:
    return _kind_of_known(key) if len(key) <= _LONGEST_KEPT else _kind_of_any(key)


def _kind_of_any(key: str) -> _Kind:
    words = _words(key)
    if words & _SECRET_WORDS or {"api", "key"} <= words or _is_name(key, words):
        return _Kind.SECRET
    if words & _PERSONAL_WORDS or _is_phone_key(key):
        return _Kind.PERSONAL
    return _Kind.PLAIN if _is_plain(key) else _Kind.TEXT


_LONGEST_KEPT = 60  # characters; longer keys are made by strangers, and a thousand of them would fill memory
_kind_of_known = lru_cache(maxsize=1024)(_kind_of_any)


def _words(key: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(key))


def _is_name(key: str, words: frozenset[str]) -> bool:
    return key.lower().endswith("name") and not words & _TECHNICAL_NAMES


def _is_phone_key(key: str) -> bool:
    return key.lower().endswith(("number", "caller_id"))


def _is_plain(key: str) -> bool:
    return key in _PLAIN_KEYS or (key.endswith(_PLAIN_ENDINGS) and not _is_phone_key(key))


def _already_masked(value: str) -> bool:
    return HIDDEN in value or "…" in value


def _short(value: str) -> str:
    """E.164 as `mask_number` shows it, other numbers by their last two digits, anything else not at all."""
    digits = re.sub(r"\D", "", value)
    if len(digits) not in _PHONE_DIGITS:
        return HIDDEN
    return mask_number(f"+{digits}") if value.lstrip().startswith("+") else f"…{digits[-2:]}"


def _hide_number(match: re.Match[str]) -> str:
    if match["keep"] is not None:
        return match["keep"]
    return _short(match[0].replace("%2B", "+").replace("%2b", "+"))


def _hide_pair(match: re.Match[str]) -> str:
    if match[2].lower() in ("bearer", "basic", "zoho-oauthtoken", "none", "null", "true", "false", HIDDEN):
        return match[0]
    return match[1] + HIDDEN


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
