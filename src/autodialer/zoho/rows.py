"""The rows of a query, read straight into what is asked for of a person, and as records."""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from types import GenericAlias
from typing import Any, cast

import msgspec

from autodialer.domain.record import Record, RecordKey
from autodialer.zoho.answers import Answer, Page, read_page
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.coql import is_id
from autodialer.zoho.fields import ModuleFields, squash_value


class Row(msgspec.Struct, gc=False):
    """What Zoho says of one person, values unjudged; `name` and `more_name` are what the name is made of, in their order."""

    zoho_id: str = ""
    status: str | None = None
    call_attempts: object = None
    first_no_answer_at: object = None
    phone: str | None = None
    mobile: str | None = None
    created_time: object = None
    modified_time: str | None = None
    name: str | None = None
    more_name: str | None = None


class RowPage(Page, frozen=True):
    """A page of people; None for what is no row."""

    data: list[Row | None]


def read_rows(fields: ModuleFields, answer: Answer) -> RowPage:
    """The people in the answer to a query for `fields.columns`. CrmError and UnreadableError as for read_page.

    Where a single value is of another type than Zoho documents, each row is read on its own, so that it spoils no other.
    """
    kind = _page_of(_columns(fields))
    if kind is not None and answer.status == HTTPStatus.OK:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(answer.body, type=kind)
    page = read_page(answer)
    return RowPage([_leniently(row, fields) for row in page.data], page.info)


def to_records(rows: Iterable[Row | None], fields: ModuleFields, config: ZohoConfig) -> list[Record]:
    """The rows that have a valid id, as records.

    The status comes back as configured where the picklist spells it otherwise (rules.md row 31). Everything
    else is what Zoho sent; numbers that the field's type makes texts or fractions become integers where
    they are some.
    """
    valid = [row for row in rows if row is not None and is_id(row.zoho_id)]
    spelled = {status: _status(status, fields, config) for status in {row.status for row in valid}}
    record_type, attempts_is_text = fields.record_type, fields.attempts_is_text
    return [
        Record(
            RecordKey(record_type, row.zoho_id),
            spelled[row.status],
            _number(row.call_attempts, attempts_is_text),
            row.first_no_answer_at,
            row.phone,
            row.mobile,
            row.created_time,
            row.modified_time,
            f"{row.name} {row.more_name}" if row.name and row.more_name else row.name or row.more_name or None,
        )
        for row in valid
    ]


def _columns(fields: ModuleFields) -> tuple[str | None, ...]:
    """The columns of a Row's attributes, in their order; None for what is not asked for."""
    name, more_name = (*fields.names, None, None)[:2]
    telling = (fields.status, fields.attempts, fields.first_no_answer, fields.phone, fields.mobile)
    return ("id", *telling, "Created_Time", "Modified_Time", name, more_name)


@lru_cache(maxsize=16)
def _page_of(columns: tuple[str | None, ...]) -> type[RowPage] | None:
    """A page with rows of these columns, of the types that Zoho documents; None where a column is asked for twice."""
    names = [column or f"({attribute})" for attribute, column in zip(Row.__struct_fields__, columns, strict=True)]
    if len(set(names)) < len(names):
        return None
    types = {"zoho_id": str, "call_attempts": Any}
    asked = [
        (attribute, types.get(attribute, str | None), getattr(Row(), attribute)) for attribute in Row.__struct_fields__
    ]
    row = msgspec.defstruct(
        "AskedRow", asked, bases=(Row,), rename=dict(zip(Row.__struct_fields__, names, strict=True))
    )
    rows: tuple[str, Any] = ("data", GenericAlias(list, row))
    return cast(type[RowPage], msgspec.defstruct("AskedPage", [rows], bases=(RowPage,), frozen=True))


def _leniently(row: object, fields: ModuleFields) -> Row | None:
    if not isinstance(row, dict):
        return None
    values = [row.get(column) if column else None for column in _columns(fields)]
    zoho_id, status, attempts, first, phone, mobile, created, modified, name, more_name = values
    return Row(
        str(zoho_id),
        status if isinstance(status, str) else None,
        attempts,
        first,
        _text(phone),
        _text(mobile),
        created,
        modified if isinstance(modified, str) else None,
        _text(name or None),
        _text(more_name or None),
    )


def _status(value: str | None, fields: ModuleFields, config: ZohoConfig) -> str | None:
    meaning = None if value is None else fields.meanings.get(squash_value(value))
    return value if meaning is None else config.label(meaning)


def _number(value: object, is_text: bool) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_text and isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
