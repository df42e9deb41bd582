"""The console's languages: English is written in the pages, Romanian stands in texts/ro by the English text."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request

LANGUAGES: Mapping[str, str] = {"en": "English", "ro": "Română"}
DEFAULT = "en"
COOKIE = "autodialer_language"
_TEXTS = Path(__file__).with_name("texts")


def N_(text: str) -> str:  # noqa: N802 - gettext's usual name for "translated later"
    """Marks a text outside of a template for translation."""
    return text


class Counted(NamedTuple):
    """A sentence about so many, translated later; `%(num)s` is their number."""

    one: str
    many: str


class Texts:
    """The texts of one language."""

    def __init__(self, texts: Mapping[str, str], plurals: Mapping[str, list[str]]) -> None:
        self._texts = texts
        self._plurals = plurals

    def gettext(self, text: str) -> str:
        """In this language; the English one where it is missing."""
        return self._texts.get(text, text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The form for `count`; Romanian has three: 1; 0 and 2 to 19; "de" from 20 on (and again after each hundred)."""
        forms = self._plurals.get(one)
        if forms is None:
            return one if count == 1 else many
        if count == 1:
            return forms[0]
        return forms[1] if count == 0 or 1 <= abs(count) % 100 <= 19 else forms[2]  # noqa: PLR2004 - Romanian grammar


@cache
def texts_of(language: str) -> Texts:
    """The texts of `language`."""
    texts: dict[str, str] = {}
    plurals: dict[str, list[str]] = {}
    for path in sorted((_TEXTS / language).glob("*.toml")):
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        texts |= found.get("texts", {})
        plurals |= found.get("plurals", {})
    return Texts(texts, plurals)


def language_of(request: Request) -> str:
    """What was chosen, else the browser's first language that we have."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        name = part.split(";")[0].strip().lower().split("-")[0]
        if name in LANGUAGES:
            return name
    return DEFAULT
