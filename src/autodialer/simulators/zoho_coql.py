"""Reads the COQL subset that the simulator knows. Source: Zoho's pages "Query API" and "Query API - Limitations".

WHERE is mandatory; criteria are joined in pairs, so `a and b and c` is an error and `((a and b) and c)` is
right. Joins, aliases, subqueries and aggregates are refused as "given coql query not supported".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from autodialer.simulators.zoho_answers import ZohoError
from autodialer.simulators.zoho_coql_tokens import (
    RESERVED,
    SIGNS,
    Token,
    Value,
    cut,
    limit_exceeded,
    syntax_error,
    unexpected,
)

MAX_ROWS: Final = 2000
DEFAULT_ROWS: Final = 200
MAX_OFFSET_REACH: Final = 100_000
MAX_CRITERIA: Final = 25
MAX_LIST: Final = 50
MAX_COLUMNS: Final = 500
MAX_ORDER: Final = 10
_MAX_DEPTH: Final = 200


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
    """Read a query. ZohoError 400 SYNTAX_ERROR, LIMIT_EXCEEDED, INVALID_QUERY, INVALID_DATA or DUPLICATE_DATA."""
    if text.count("(") > _MAX_DEPTH:
        raise syntax_error("Parsing is happening for so long for the given query. please validate the query.")
    return _Parser(text).query()


def comparisons(condition: Condition) -> list[Comparison]:
    """All simple comparisons in it."""
    if isinstance(condition, Comparison):
        return [condition]
    return [*comparisons(condition.left), *comparisons(condition.right)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = cut(text)
        self._next = 0

    def query(self) -> Query:
        if not self._take("select"):
            raise syntax_error("given coql query not supported")
        columns = self._columns()
        self._clause("from")
        module = self._name()
        self._clause("where")
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
        if self._peek().word in ("(", "as"):
            raise syntax_error("given coql query not supported")
        return tuple(columns)

    def _column(self) -> str:
        """A name, or a name in quotes where it is a reserved word."""
        token = self._peek()
        if token.kind == "text":
            self._next += 1
            return token.unquoted
        return self._name()

    def _name(self) -> str:
        token = self._peek()
        if token.kind != "word" or token.word in RESERVED:
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
        column = self._column()
        token = self._peek()
        if token.text in SIGNS:
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
        if self._take("between"):
            low = self._value()
            self._expect("and")
            return self._compared(column, f"{negated}between", [low, self._value()])
        if token.kind in ("word", "sign") and token.word not in ("(", ")", ","):
            raise syntax_error("operator not supported", operator=token.text)
        raise self._error()

    def _compared(self, column: str, operator: str, tokens: Sequence[Token]) -> Comparison:
        return Comparison(column, operator, tuple(t.value for t in tokens), tuple(t.kind == "text" for t in tokens))

    def _list(self) -> list[Token]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        if len(values) > MAX_LIST:
            raise limit_exceeded(f"more than {MAX_LIST} values in a list", MAX_LIST)
        return values

    def _value(self) -> Token:
        token = self._peek()
        if token.kind not in ("text", "number", "word") or token.word in RESERVED - {"true", "false"}:
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
        column = self._column()
        if self._take("desc"):
            return column, False
        self._take("asc")
        return column, True

    def _limit(self) -> tuple[int, int]:
        """`limit count`, `limit offset, count` or `limit count offset offset`."""
        offset, limit = 0, self._number("limit")
        if self._take(","):
            offset, limit = limit, self._number("limit")
        elif self._take("offset"):
            offset = self._number("offset")
        if limit < 1:
            raise ZohoError(400, "INVALID_DATA", "limit should be greater than 0")
        if offset < 0:
            raise ZohoError(400, "INVALID_QUERY", "offset given seems to be invalid", {"offset": str(offset)})
        if limit > MAX_ROWS or offset + limit > MAX_OFFSET_REACH:
            raise limit_exceeded("the limit given is exceeded", MAX_ROWS if limit > MAX_ROWS else MAX_OFFSET_REACH)
        return offset, limit

    def _number(self, clause: str) -> int:
        token = self._peek()
        if token.kind == "end":
            raise self._error()
        if token.kind != "number" or "." in token.text:
            raise ZohoError(400, "INVALID_QUERY", f"{clause} given seems to be invalid", {clause: token.text})
        self._next += 1
        return int(token.text)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self, word: str) -> bool:
        if self._peek().word != word:
            return False
        self._next += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._error()

    def _clause(self, word: str) -> None:
        """A clause that must be there: named when nothing or another clause stands in its place."""
        if self._take(word):
            return
        token = self._peek()
        if token.kind == "end" or token.word in ("where", "order", "group", "limit"):
            raise syntax_error("missing clause", clause=word)
        raise self._error()

    def _error(self) -> ZohoError:
        return unexpected(self._text, self._peek())


def _check_size(columns: Sequence[str], where: Condition, order: Sequence[tuple[str, bool]]) -> None:
    for found, allowed, clause in (
        (len(columns), MAX_COLUMNS, "select"),
        (len(comparisons(where)), MAX_CRITERIA, "where"),
        (len(order), MAX_ORDER, "order by"),
    ):
        if found > allowed:
            raise limit_exceeded("the limit given is exceeded", allowed, clause=clause)
    for names, message in ((columns, "duplicate select column"), ([name for name, _ in order], "duplicate column")):
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ZohoError(400, "DUPLICATE_DATA", message, {"column_name": twice})
