"""Answers a COQL query from the simulated records. Source: Zoho's page "Get Records through COQL Query".

What Zoho leaves open is read so that a client can't rely on it: a comparison with an empty field is false,
also for `!=` and `not in`; texts are equal only letter by letter; names have their exact case; a number
in quotes is no number; converted leads are found like all others.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from autodialer.simulators.zoho_answers import ZohoError
from autodialer.simulators.zoho_coql import Comparison, Condition, Query, comparisons
from autodialer.simulators.zoho_coql_tokens import Value
from autodialer.simulators.zoho_records import Records, SimRecord, parse_time

Test = Callable[[SimRecord], bool]

_TEXTS: Final = frozenset({"text", "picklist", "phone", "email"})
_NUMBERS: Final = frozenset({"integer", "double", "bigint"})
_EQUAL: Final = frozenset({"=", "!=", "in", "not in", "is null", "is not null"})
_ORDERED: Final = _EQUAL | {"<", ">", "<=", ">=", "between", "not between"}
_OPERATORS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_TEXTS, _EQUAL | {"like", "not like"}),
    **dict.fromkeys(_NUMBERS, _ORDERED),
    "date": _ORDERED,
    "datetime": _ORDERED,
    "boolean": frozenset({"="}),
    "textarea": frozenset(),
}
_NAMED_OPERATORS: Final = frozenset({"<", ">", "<=", ">=", "=", "!=", "is null", "is not null"})
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z")
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def select(query: Query, records: Records) -> tuple[list[dict[str, Any]], bool]:
    """The rows, and whether there are more. ZohoError 400 INVALID_QUERY for columns and operators that do not fit."""
    types = records.schema.types
    for column in (*query.columns, *(c.column for c in comparisons(query.where))):
        if column not in types:
            raise ZohoError(400, "INVALID_QUERY", "unsupported column", {"column_name": column})
    for column, _ascending in query.order:
        if column not in types:
            details = {"column_name": column, "clause": "order by"}
            raise ZohoError(400, "INVALID_QUERY", "unsupported column", details)
    fits = _condition(query.where, types)
    matching = (record for record in records.by_id(after=_floor(query.where)) if fits(record))
    wanted = islice(_sorted(query, matching), query.offset, query.offset + query.limit + 1)
    found = list(wanted)
    return [records.row(record, query.columns) for record in found[: query.limit]], len(found) > query.limit


def _floor(where: Condition) -> int:
    """The id that every match exceeds, where the query says so in conditions that all must hold; else 0."""
    if isinstance(where, Comparison):
        given = where.values[0] if where.column == "id" and where.operator == ">" else 0
        return int(given) if isinstance(given, int) or str(given).isdecimal() else 0
    return max(_floor(where.left), _floor(where.right)) if where.word == "and" else 0


def _sorted(query: Query, matching: Iterable[SimRecord]) -> Iterable[SimRecord]:
    if query.order == (("id", True),):
        return matching
    rows = list(matching)
    for column, ascending in reversed(query.order):
        rows.sort(key=_sort_key(column), reverse=not ascending)
    return rows


def _sort_key(column: str) -> Callable[[SimRecord], tuple[bool, Any]]:
    def key(record: SimRecord) -> tuple[bool, Any]:
        value = record.id if column == "id" else record.values.get(column)
        return (value is not None, 0 if value is None else value)

    return key


def _condition(condition: Condition, types: Mapping[str, str]) -> Test:
    if isinstance(condition, Comparison):
        return _comparison(condition, types[condition.column])
    left, right = _condition(condition.left, types), _condition(condition.right, types)
    if condition.word == "and":
        return lambda record: left(record) and right(record)
    return lambda record: left(record) or right(record)


def _comparison(wanted: Comparison, data_type: str) -> Test:
    allowed = _OPERATORS.get(data_type, _EQUAL)
    if not allowed:
        raise _unfit(wanted, "unsupported column in criteria")
    if wanted.operator not in allowed:
        if wanted.operator not in _NAMED_OPERATORS:
            raise _unfit(wanted, "Invalid query formed")
        details = {"reason": "invalid operator found", "column_name": wanted.column, "operator": wanted.operator}
        raise ZohoError(400, "INVALID_QUERY", "Invalid query formed", details)
    holds = _on_value(wanted, data_type)
    if wanted.column == "id":
        return lambda record: holds(record.id)
    column = wanted.column
    return lambda record: holds(record.values[column])


def _on_value(wanted: Comparison, data_type: str) -> Callable[[Any], bool]:
    if wanted.operator == "is null":
        return lambda value: value is None
    if wanted.operator == "is not null":
        return lambda value: value is not None
    given = [_typed(wanted, value, data_type) for value in wanted.values]
    if wanted.operator == "in":
        members = frozenset(given)
        return lambda value: value in members
    if wanted.operator == "not in":
        strangers = frozenset(given)
        return lambda value: value is not None and value not in strangers
    if wanted.operator in ("between", "not between"):
        low, high = given
        inside = wanted.operator == "between"
        return lambda value: value is not None and (low <= value <= high) == inside
    if wanted.operator in ("like", "not like"):
        return _like(wanted, str(given[0]))
    compare, other = _COMPARE[wanted.operator], given[0]
    return lambda value: value is not None and compare(value, other)


def _like(wanted: Comparison, pattern: str) -> Callable[[Any], bool]:
    """`%` stands for anything; `not like` works with one at both ends only."""
    negated = wanted.operator == "not like"
    if negated and not (len(pattern) > 1 and pattern.startswith("%") and pattern.endswith("%")):
        raise _unfit(wanted, "Invalid query formed")
    expression = re.compile(".*".join(re.escape(part) for part in pattern.split("%")), re.IGNORECASE | re.DOTALL)
    return lambda value: value is not None and (expression.fullmatch(value) is None) == negated


def _typed(wanted: Comparison, value: Value, data_type: str) -> Value | datetime:
    """A literal as the column's type. Ids may stand in quotes; no other number may, and no text may be a number."""
    if data_type in _NUMBERS:
        if not isinstance(value, str):
            return value
        if wanted.column == "id" and value.isdecimal():
            return int(value)
    elif isinstance(value, str):
        typed = _typed_text(value, data_type)
        if typed is not None:
            return typed
    raise _unfit(wanted, "Invalid query formed", value)


def _typed_text(value: str, data_type: str) -> str | bool | datetime | None:
    if data_type == "datetime":
        return parse_time(value[:-1] + "+00:00" if value.endswith("Z") else value)
    if data_type == "date":
        return value if _DATE.match(value) else None
    if data_type == "boolean":
        return {"true": True, "false": False}.get(value.casefold())
    return value


def _unfit(wanted: Comparison, message: str, value: Value | None = None) -> ZohoError:
    shown = next(iter(wanted.values), "${EMPTY}") if value is None else value
    return ZohoError(
        400,
        "INVALID_QUERY",
        message,
        {
            "cv_criteria": False,
            "column_name": wanted.column,
            "value": str(shown),
            "operator": wanted.operator,
        },
    )
