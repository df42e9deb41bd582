"""Which fields of a module to use, and how its statuses are spelled: read from Zoho's metadata, never guessed.

Source: Zoho's page "Fields Metadata".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from autodialer.domain.record import CrmStatus, RecordType
from autodialer.ports import Finding, Level
from autodialer.zoho.answers import Answer, UnreadableError, error_for
from autodialer.zoho.config import ZohoConfig

MODULES: Final = {RecordType.LEAD: "Leads", RecordType.CONTACT: "Contacts"}
_STATUS_NAMES: Final = ("Status", "Lead Status", "Contact Status")
_PULLED: Final = (CrmStatus.NEW, CrmStatus.NO_ANSWER)


class PicklistValue(msgspec.Struct, frozen=True):
    """A value as shown, as stored, and as first created. `type` says `unused` for values taken out of use."""

    display_value: str | None = None
    actual_value: str | None = None
    reference_value: str | None = None
    type: str | None = None


class Operations(msgspec.Struct, frozen=True):
    """What the API may do to a field."""

    api_update: bool = True


class FieldMeta(msgspec.Struct, frozen=True):
    """The part of a field's metadata that matters here."""

    api_name: str
    field_label: str | None = None
    display_label: str | None = None
    data_type: str = ""
    field_read_only: bool | None = None
    operation_type: Operations | None = None
    pick_list_values: list[PicklistValue] | None = None

    @property
    def is_writable(self) -> bool:
        """Whether an update may set it."""
        return not self.field_read_only and (self.operation_type is None or self.operation_type.api_update)

    def is_labelled(self, label: str) -> bool:
        """Whether people see it under that label, up to case, spaces and underscores."""
        labels = (self.field_label, self.display_label)
        return any(text is not None and _squash(text) == _squash(label) for text in labels)

    def spellings(self, label: str) -> list[PicklistValue]:
        """The picklist's values that mean `label`, those in use first (rules.md row 31)."""
        found = [
            value
            for value in self.pick_list_values or ()
            if value.actual_value is not None and any(squash_value(t) == squash_value(label) for t in _texts(value))
        ]
        return sorted(found, key=lambda value: (value.type == "unused", value.actual_value != label))


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


def resolve(
    record_type: RecordType, metas: Sequence[FieldMeta], config: ZohoConfig
) -> tuple[ModuleFields | None, list[Finding]]:
    """The fields to use, None where that can't be told, and what was found out on the way."""
    return _Resolver(record_type, metas, config).resolve()


class _Resolver:
    def __init__(self, record_type: RecordType, metas: Sequence[FieldMeta], config: ZohoConfig) -> None:
        self._type = record_type
        self._module = MODULES[record_type]
        self._metas = metas
        self._config = config
        self._findings: list[Finding] = []

    def resolve(self) -> tuple[ModuleFields | None, list[Finding]]:
        status = self._status()
        attempts = self._named("CALL_ATTEMPTS", self._config.attempts_fields, "Call Attempts", ("integer",), _NUMBERS)
        first = self._named(
            "FIRST_NO_ANSWER", self._config.first_no_answer_fields, "First No Answer At", ("datetime",), ()
        )
        phone = self._phone("PHONE", self._config.phone_fields, "Phone")
        mobile = self._phone("MOBILE", self._config.mobile_fields, "Mobile")
        if phone is None and mobile is None:
            self._problem("neither Phone nor Mobile exists", self._setting("PHONE"))
        spelled = {} if status is None else self._spellings(status)
        if any(finding.level is Level.PROBLEM for finding in self._findings):
            return None, self._findings
        if status is None or attempts is None or first is None:
            raise AssertionError("a field without a finding")
        fields = ModuleFields(
            record_type=self._type,
            module=self._module,
            status=status.api_name,
            attempts=attempts.api_name,
            first_no_answer=first.api_name,
            phone=None if phone is None else phone.api_name,
            mobile=None if mobile is None else mobile.api_name,
            names=tuple(m.api_name for m in self._metas if m.api_name in ("First_Name", "Last_Name")),
            stored=tuple(dict.fromkeys(v.actual_value or "" for s in _PULLED for v in spelled[s])),
            written={s: values[0].actual_value or "" for s, values in spelled.items()},
            meanings={squash_value(t): s for s, values in spelled.items() for v in values for t in _texts(v)},
            known_values=tuple(v.actual_value for v in status.pick_list_values or () if v.actual_value),
            attempts_is_text=attempts.data_type == "bigint",
        )
        self._findings.insert(0, self._summary(fields))
        return fields, self._findings

    def _summary(self, fields: ModuleFields) -> Finding:
        names = (fields.status, fields.attempts, fields.first_no_answer, fields.phone, fields.mobile)
        return Finding(Level.OK, self._module, f"fields {', '.join(name for name in names if name)}")

    def _status(self) -> FieldMeta | None:
        configured = self._config.status_fields.get(self._type)
        if configured is not None:
            found = self._exact(configured)
            if found is None:
                self._problem(f"has no field {configured}; picklists: {self._picklists()}", self._setting("STATUS"))
            return self._checked(found, ("picklist",), ())
        named = [m for m in self._metas if any(_is_called(m, name) for name in _STATUS_NAMES)]
        picklists = [m for m in self._metas if m.data_type == "picklist"]
        for candidates in (named, picklists):
            fitting = [m for m in candidates if m.data_type == "picklist" and self._holds_both(m)]
            if len(fitting) == 1:
                return self._checked(fitting[0], ("picklist",), ())
            if fitting:
                names = ", ".join(m.api_name for m in fitting)
                self._problem(f"more than one field may be the status: {names}", self._setting("STATUS"))
                return None
        if len(named) == 1:  # its name is right, its values are not: say which are missing
            return self._checked(named[0], ("picklist",), ())
        wanted = f"{self._config.new_label} and {self._config.no_answer_label}"
        self._problem(f"no picklist holds {wanted}; picklists: {self._picklists()}", self._setting("STATUS"))
        return None

    def _holds_both(self, meta: FieldMeta) -> bool:
        return all(meta.spellings(self._config.label(status)) for status in _PULLED)

    def _spellings(self, status: FieldMeta) -> dict[CrmStatus, list[PicklistValue]]:
        found = {meaning: status.spellings(self._config.label(meaning)) for meaning in CrmStatus}
        for meaning, values in found.items():
            label = self._config.label(meaning)
            if not values:
                self._problem(
                    f"the picklist {status.api_name} has no value {label}",
                    f"add {label} to the picklist {status.api_name} of {self._module} in Zoho",
                )
            elif values[0].type == "unused":
                self._warn(f"the value {label} of {status.api_name} is marked unused", "put it back into use in Zoho")
            elif values[0].actual_value != label:
                self._warn(f"the value {label} of {status.api_name} is stored as {values[0].actual_value!r}", "")
        return found

    def _named(
        self,
        role: str,
        configured: Mapping[RecordType, str | None],
        label: str,
        types: tuple[str, ...],
        tolerated: tuple[str, ...],
    ) -> FieldMeta | None:
        name = configured.get(self._type)
        found = self._find(name, label)
        if found is None:
            self._problem(
                f"has no field {name or label}" + self._alternatives(lambda m: m.data_type in (*types, *tolerated)),
                f"add it to {self._module} in Zoho, or name it in {self._setting(role)}",
            )
        return self._checked(found, types, tolerated)

    def _phone(self, role: str, configured: Mapping[RecordType, str | None], label: str) -> FieldMeta | None:
        """Only read, so its rights do not matter; may be missing unless it was asked for by name."""
        name = configured.get(self._type)
        found = self._find(name, label)
        if found is None and name is not None:
            self._problem(f"has no field {name}", self._setting(role))
        elif found is None:
            self._warn(f"has no field {label}: only the other number is used", f"name it in {self._setting(role)}")
        elif found.data_type != "phone":
            self._warn(f"{found.api_name} is of type {found.data_type}, not phone", "")
        return found

    def _find(self, name: str | None, label: str) -> FieldMeta | None:
        if name is not None:
            return self._exact(name)
        exact = self._exact(label.replace(" ", "_"))
        if exact is not None:
            return exact
        labelled = [m for m in self._metas if m.is_labelled(label)]
        return labelled[0] if len(labelled) == 1 else None

    def _exact(self, name: str) -> FieldMeta | None:
        return next((m for m in self._metas if m.api_name == name), None)

    def _checked(self, meta: FieldMeta | None, types: tuple[str, ...], tolerated: tuple[str, ...]) -> FieldMeta | None:
        if meta is None:
            return None
        if meta.data_type in tolerated:
            self._warn(f"{meta.api_name} is of type {meta.data_type}, {types[0]} would be right", "")
        elif meta.data_type not in types:
            self._problem(f"{meta.api_name} is of type {meta.data_type}, it must be {types[0]}", "change it in Zoho")
        if not meta.is_writable:
            self._problem(
                f"{meta.api_name} can't be updated through the API",
                "give the user of ZOHO_REFRESH_TOKEN the right to edit it, and make it not read-only",
            )
        return meta

    def _picklists(self) -> str:
        return ", ".join(m.api_name for m in self._metas if m.data_type == "picklist") or "none"

    def _alternatives(self, fits: Callable[[FieldMeta], bool]) -> str:
        names = ", ".join(m.api_name for m in self._metas if fits(m))
        return f"; of that type: {names}" if names else ""

    def _setting(self, role: str) -> str:
        return f"ZOHO_{self._module.upper()}_{role}_FIELD"

    def _problem(self, message: str, remedy: str) -> None:
        told = f"set {remedy}" if remedy.startswith("ZOHO_") else remedy
        self._findings.append(Finding(Level.PROBLEM, self._module, message, told))

    def _warn(self, message: str, remedy: str) -> None:
        self._findings.append(Finding(Level.WARNING, self._module, message, remedy))


_NUMBERS: Final = ("double", "bigint")


def squash_value(text: str) -> str:
    """A status without what does not count: case and spaces (rules.md row 31)."""
    return "".join(text.casefold().split())


def _squash(text: str) -> str:
    return squash_value(text.replace("_", " "))


def _is_called(meta: FieldMeta, name: str) -> bool:
    return meta.api_name in (name, name.replace(" ", "_")) or meta.is_labelled(name)


def _texts(value: PicklistValue) -> list[str]:
    return [t for t in (value.actual_value, value.display_value, value.reference_value) if t is not None]
