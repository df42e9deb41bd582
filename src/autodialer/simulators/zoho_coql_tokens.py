"""Cuts a COQL query into words, and the errors for what can't be read: as in Zoho's published samples of them."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from autodialer.simulators.zoho_answers import ZohoError

Value = str | int | float
Kind = Literal["text", "number", "word", "sign", "end"]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_$][\w.$]*)"
    r"|(?P<sign><=|>=|!=|=|<|>|\(|\)|,))"
)
SIGNS: Final = frozenset({"=", "!=", "<", ">", "<=", ">="})
# Zoho names only "External" and "SQL's reserved words" (Kaizen 171); these are the ones every SQL reserves.
_SQL_WORDS: Final = """
all and any as asc between by case column create cross delete desc distinct drop else end except exists external false
for foreign from full grant group having in inner insert intersect into is join left like limit natural not null offset
on or order outer primary references right select set some table then to true union unique update user using values
when where with
"""
RESERVED: Final = frozenset(_SQL_WORDS.split())


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign or literal and where it stands."""

    kind: Kind
    text: str
    at: int

    @property
    def word(self) -> str:
        """A keyword or sign, whatever its case; empty for a literal."""
        return self.text.casefold() if self.kind in ("word", "sign") else ""

    @property
    def value(self) -> Value:
        """What a literal means; a bare word is a text, as in Zoho's own sample `Lead_Source = Advertisement`."""
        if self.kind == "number":
            return float(self.text) if "." in self.text else int(self.text)
        return self.unquoted

    @property
    def unquoted(self) -> str:
        """Without quotes, and doubled quotes inside as one."""
        quote = self.text[:1]
        return self.text[1:-1].replace(quote * 2, quote) if self.kind == "text" else self.text


def cut(text: str) -> list[Token]:
    """The words of a query, with an end behind the last. ZohoError 400 SYNTAX_ERROR."""
    text = text.rstrip().rstrip(";").rstrip()
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise syntax_error("error occured while parsing the query", near=text[at : at + 20].strip())
        kind: Kind = found.lastgroup  # type: ignore[assignment]  # the groups of the expression are named after kinds
        tokens.append(Token(kind, found[kind], found.start(kind)))
        at = found.end()
    return [*tokens, Token("end", "", len(text))]


def syntax_error(message: str, **details: str | int) -> ZohoError:
    """400 SYNTAX_ERROR."""
    return ZohoError(400, "SYNTAX_ERROR", message, details)


def unexpected(text: str, token: Token) -> ZohoError:
    """400 SYNTAX_ERROR that says where."""
    before = text[: token.at]
    line, column = before.count("\n") + 1, token.at - before.rfind("\n")
    return syntax_error("unexpected token", line=line, column=column, near=token.text)


def limit_exceeded(message: str, limit: int, **details: str) -> ZohoError:
    """400 LIMIT_EXCEEDED: about the size of the query, never about how many came."""
    return ZohoError(400, "LIMIT_EXCEEDED", message, {"limit": limit, **details})
