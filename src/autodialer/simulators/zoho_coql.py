"""Reads the COQL subset that the simulator knows. Source: Zoho's page "Get Records through COQL Query".

WHERE is mandatory; criteria are joined in pairs, so `a and b and c` is an error and `((a and b) and c)` is
right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from autodialer.simulators.zoho_answers import ZohoError

MAX_ROWS: Final = 2000
DEFAULT_ROWS: Final = 200
MAX_OFFSET_REACH: Final = 100_000
MAX_CRITERIA: Final = 25
MAX_LIST: Final = 50
MAX_COLUMNS: Final = 500
MAX_ORDER: Final = 10

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column operator values`; none for `is null`, two for `between`. `quoted`: which values stood in quotes."""

    column: str
    operator: str
    values: tuple[Value, ...] = ()
    quoted: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two conditions joined by `and` or `or`."""

    word: str
    left: "Condition"
    right: "Condition"


Condition = Comparison | Pair


@dataclass(frozen=True, slots=True)
class Query:
    """A query as read; `order` holds column and whether ascending."""

    columns: tuple[str, ...]
    module: str
    where: Condition
    order: tuple[tuple[str, bool], ...]
    offset: int
    limit: int


def parse(text: str) -> Query:
    """Read a query. ZohoError 400 SYNTAX_ERROR, LIMIT_EXCEEDED or INVALID_DATA."""
    return _Parser(text).query()


def comparisons(condition: Condition) -> list[Comparison]:
    """All simple comparisons in it."""
    if isinstance(condition, Comparison):
        return [condition]
    return [*comparisons(condition.left), *comparisons(condition.right)]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_$][\w.$]*)"
    r"|(?P<sign><=|>=|!=|=|<|>|\(|\)|,))"
)
_SIGNS: Final = frozenset({"=", "!=", "<", ">", "<=", ">="})
_RESERVED: Final = frozenset({"select", "from", "where", "and", "or", "in", "not", "is", "null", "like", "between"})


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read_tokens(text.rstrip().rstrip(";").rstrip())
        self._next = 0

    def query(self) -> Query:
        self._expect("select")
        columns = self._columns()
        self._expect("from")
        module = self._name()
        if not self._take("where"):
            raise ZohoError(400, "SYNTAX_ERROR", "missing clause", {"clause": "where"})
        where = self._pair()
        order = self._order() if self._take("order") else (("id", True),)
        offset, limit = self._limit() if self._take("limit") else (0, DEFAULT_ROWS)
        if self._peek().kind != "end":
            raise self._error()
        _check_size(columns, where, order)
        return Query(columns, module, where, order, offset, limit)

    def _columns(self) -> tuple[str, ...]:
        columns = [self._column()]
        while self._take(","):
            columns.append(self._column())
        return tuple(columns)

    def _column(self) -> str:
        """A name, or a name in quotes where it is a reserved word."""
        token = self._peek()
        if token.kind == "text":
            self._next += 1
            return _unquoted(token.text)
        return self._name()

    def _name(self) -> str:
        token = self._peek()
        if token.kind != "word" or token.text.casefold() in _RESERVED:
            raise self._error()
        self._next += 1
        return token.text

    def _pair(self) -> Condition:
        """One condition, or two with one word between them: a third one would need parentheses."""
        left = self._operand()
        word = next((w for w in ("and", "or") if self._take(w)), None)
        return left if word is None else Pair(word, left, self._operand())

    def _operand(self) -> Condition:
        if self._take("("):
            inside = self._pair()
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Comparison:
        column = self._name()
        token = self._peek()
        if token.text in _SIGNS:
            self._next += 1
            return self._compared(column, token.text, [self._value()])
        if self._take("is"):
            operator = "is not null" if self._take("not") else "is null"
            self._expect("null")
            return Comparison(column, operator)
        negated = "not " if self._take("not") else ""
        if self._take("in"):
            return self._compared(column, f"{negated}in", self._list())
        if self._take("like"):
            return self._compared(column, f"{negated}like", [self._value()])
        if not negated and self._take("between"):
            low = self._value()
            self._expect("and")
            return self._compared(column, "between", [low, self._value()])
        raise self._error()

    def _compared(self, column: str, operator: str, tokens: Sequence[_Token]) -> Comparison:
        return Comparison(column, operator, tuple(map(_value_of, tokens)), tuple(t.kind == "text" for t in tokens))

    def _list(self) -> list[_Token]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        if len(values) > MAX_LIST:
            raise ZohoError(400, "LIMIT_EXCEEDED", f"more than {MAX_LIST} values in a list", {"limit": MAX_LIST})
        return values

    def _value(self) -> _Token:
        token = self._peek()
        if token.kind not in ("text", "number"):
            raise self._error()
        self._next += 1
        return token

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self._expect("by")
        order = [self._ordered()]
        while self._take(","):
            order.append(self._ordered())
        return tuple(order)

    def _ordered(self) -> tuple[str, bool]:
        column = self._name()
        if self._take("desc"):
            return column, False
        self._take("asc")
        return column, True

    def _limit(self) -> tuple[int, int]:
        """`limit count` or `limit offset, count`."""
        first = self._whole_number()
        offset, limit = (first, self._whole_number()) if self._take(",") else (0, first)
        if limit < 1:
            raise ZohoError(400, "INVALID_DATA", "limit should be greater than 0", {"clause": "limit"})
        if limit > MAX_ROWS or offset + limit > MAX_OFFSET_REACH:
            raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"limit": MAX_ROWS})
        return offset, limit

    def _whole_number(self) -> int:
        token = self._peek()
        if token.kind != "number" or not token.text.isdecimal():
            raise self._error()
        self._next += 1
        return int(token.text)

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token.kind not in ("word", "sign") or token.text.casefold() != text:
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._error()

    def _error(self) -> ZohoError:
        return self._error_at(self._peek().at)

    def _error_at(self, at: int) -> ZohoError:
        details = {"line": 1, "column": at + 1, "near": self._text[at : at + 20]}
        return ZohoError(400, "SYNTAX_ERROR", "the query can't be read", details)

    def _read_tokens(self, text: str) -> list[_Token]:
        tokens, at = [], 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise self._error_at(at)
            tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            at = found.end()
        return [*tokens, _Token("end", "", len(text))]


def _check_size(columns: Sequence[str], where: Condition, order: Sequence[object]) -> None:
    for found, allowed, clause in (
        (len(columns), MAX_COLUMNS, "select"),
        (len(comparisons(where)), MAX_CRITERIA, "where"),
        (len(order), MAX_ORDER, "order by"),
    ):
        if found > allowed:
            raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"limit": allowed, "clause": clause})


def _value_of(token: _Token) -> Value:
    if token.kind == "text":
        return _unquoted(token.text)
    return float(token.text) if "." in token.text else int(token.text)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")
