"""Zoho's metadata of a module's fields, and what of it is used. Which field is which is decided in resolving.py.

Source: Zoho's page "Fields Metadata".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from autodialer.domain.record import CrmStatus, RecordType
from autodialer.zoho.answers import Answer, UnreadableError, error_for

MODULES: Final = {RecordType.LEAD: "Leads", RecordType.CONTACT: "Contacts"}
UNUSED: Final = "unused"


class PicklistValue(msgspec.Struct, frozen=True):
    """A value as shown (renamed or translated, maybe), as stored, and as first created.

    `type` says `unused` for values that were taken out of use; records may hold them still.
    """

    display_value: str | None = None
    actual_value: str | None = None
    reference_value: str | None = None
    type: str | None = None

    @property
    def stored(self) -> str:
        """What records hold."""
        return self.actual_value or ""

    @property
    def shown(self) -> str:
        """What people see."""
        return self.display_value or self.stored

    @property
    def is_unused(self) -> bool:
        """Whether people can no longer choose it."""
        return self.type == UNUSED


@dataclass(frozen=True, slots=True)
class Spellings:
    """The values of a picklist that mean one status, those in use first (rules.md row 31).

    `disputed`: stored so, but shown as something else, while another value is shown so: nobody can tell which is meant.
    `renamed`: was called so when it was created, and is neither shown nor stored so any more.
    """

    values: tuple[PicklistValue, ...]
    disputed: tuple[PicklistValue, ...] = ()
    renamed: tuple[PicklistValue, ...] = ()


class Operations(msgspec.Struct, frozen=True):
    """What the API may do to a field. Only a clear yes is one."""

    api_update: bool | None = None


class FieldMeta(msgspec.Struct, frozen=True):
    """The part of a field's metadata that matters here."""

    api_name: str
    field_label: str | None = None
    display_label: str | None = None
    data_type: str | None = None
    json_type: str | None = None
    length: Any = None
    field_read_only: bool | None = None
    operation_type: Operations | None = None
    pick_list_values: list[PicklistValue] | None = None

    @property
    def is_writable(self) -> bool:
        """Whether an update may set it."""
        return not self.field_read_only and (self.operation_type is None or self.operation_type.api_update is True)

    def is_labelled(self, label: str) -> bool:
        """Whether people see it under that label, up to case, spaces and underscores."""
        labels = (self.field_label, self.display_label)
        return any(text is not None and _squash(text) == _squash(label) for text in labels)

    @property
    def is_text(self) -> bool:
        """Whether its values are texts in JSON: those of a long integer are."""
        return self.json_type == "string" if self.json_type else self.data_type == "bigint"

    @property
    def digits(self) -> int | None:
        """How long a number it takes; None where the metadata does not say."""
        return self.length if isinstance(self.length, int) and not isinstance(self.length, bool) else None

    @property
    def values(self) -> list[PicklistValue]:
        """What the picklist holds; what has no stored value can't be asked for."""
        return [value for value in self.pick_list_values or () if value.stored]

    def spellings(self, label: str) -> Spellings:
        """The values that mean `label`, up to case and spaces."""
        wanted = squash_value(label)
        shown = [value for value in self.values if squash_value(value.shown) == wanted]
        stored = [value for value in self.values if squash_value(value.stored) == wanted and value not in shown]
        once = [value for value in self.values if squash_value(value.reference_value or "") == wanted]
        found = sorted(shown or stored, key=lambda value: (value.is_unused, value.stored != label))
        return Spellings(
            values=tuple(found),
            disputed=tuple(stored) if shown else (),
            renamed=tuple(value for value in once if value not in found and value not in stored),
        )


class _FieldsAnswer(msgspec.Struct, frozen=True):
    fields: list[FieldMeta]


@dataclass(frozen=True, slots=True)
class ModuleFields:
    """The names to use in one module.

    `stored` are the stored values that are pulled as New and as No Answer; `written` the value that is
    stored for a status; `meanings` maps every known spelling to the status. `known_values`: everything the
    status picklist holds. `phone` and `mobile`: one of them may be None. `attempts_is_text`: the field's
    numbers are texts in JSON.
    """

    record_type: RecordType
    module: str
    status: str
    attempts: str
    first_no_answer: str
    phone: str | None
    mobile: str | None
    names: tuple[str, ...]
    stored: tuple[str, ...]
    written: Mapping[CrmStatus, str]
    meanings: Mapping[str, CrmStatus]
    known_values: tuple[str, ...]
    attempts_is_text: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """What is asked for."""
        wanted = (self.status, self.attempts, self.first_no_answer, self.phone, self.mobile)
        return ("id", *(name for name in wanted if name), "Created_Time", "Modified_Time", *self.names)


def read_fields(answer: Answer) -> list[FieldMeta]:
    """The fields of a module. CrmError for a refusal, UnreadableError for what can't be read."""
    if not answer.is_success:
        raise error_for(answer)
    try:
        return msgspec.json.decode(answer.body, type=_FieldsAnswer).fields
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def squash_value(text: str) -> str:
    """A status without what does not count: case and spaces (rules.md row 31)."""
    return "".join(text.casefold().split())


def _squash(text: str) -> str:
    return squash_value(text.replace("_", " "))
