"""Which fields of a module to use, and how its statuses are spelled: told by Zoho's metadata, never guessed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from autodialer.domain.record import CALLED, CrmStatus, RecordType
from autodialer.ports import Finding, Level
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import MODULES, FieldMeta, ModuleFields, PicklistValue, Spellings, squash_value

_STATUS_NAMES: Final = ("Status", "Lead Status", "Contact Status")
_NUMBERS: Final = ("double", "bigint")
_KINDS: Final = {"integer": "Number", "datetime": "Date/Time", "picklist": "Pick List"}


class Role(StrEnum):
    """What a field is for. The value is its label in Zoho."""

    STATUS = "Status"
    ATTEMPTS = "Call Attempts"
    FIRST_NO_ANSWER = "First No Answer At"
    PHONE = "Phone"
    MOBILE = "Mobile"


_SETTINGS: Final = {
    Role.STATUS: "STATUS",
    Role.ATTEMPTS: "CALL_ATTEMPTS",
    Role.FIRST_NO_ANSWER: "FIRST_NO_ANSWER",
    Role.PHONE: "PHONE",
    Role.MOBILE: "MOBILE",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a module must have, and how it stands. `is_absent`: nothing in the module could be meant by it."""

    role: Role
    level: Level
    message: str
    remedy: str = ""
    is_absent: bool = False


def resolve(
    record_type: RecordType, metas: Sequence[FieldMeta], config: ZohoConfig, held: str | None = None
) -> tuple[ModuleFields | None, list[Finding]]:
    """The fields to use, None where that can't be told, and what was found out on the way.

    `held`: the status field that this process has used so far. As long as it exists it is not swapped for another one that
    happens to hold the right values when its own were renamed.
    """
    resolver = Resolver(record_type, metas, config, held)
    fields = resolver.resolve()
    module = MODULES[record_type]
    findings = [Finding(p.level, module, p.message, p.remedy) for p in resolver.parts if p.level is not Level.OK]
    if fields is not None:
        names = (fields.status, fields.attempts, fields.first_no_answer, fields.phone, fields.mobile)
        summary = Finding(Level.OK, module, f"fields {', '.join(name for name in names if name)}")
        findings.insert(0, summary)
    return fields, findings


class Resolver:
    """Goes through what a module must have; afterwards `parts` tells how each of it stands, in the order of Role."""

    def __init__(
        self, record_type: RecordType, metas: Sequence[FieldMeta], config: ZohoConfig, held: str | None = None
    ) -> None:
        self._type = record_type
        self._module = MODULES[record_type]
        self._metas = metas
        self._config = config
        self._held = held
        self.parts: list[Part] = []

    def resolve(self) -> ModuleFields | None:
        """The fields; None when a part is a problem."""
        status = self._status()
        spelled = {} if status is None else self._spellings(status)
        attempts = self._named(Role.ATTEMPTS, self._config.attempts_fields, ("integer",), _NUMBERS)
        first = self._named(Role.FIRST_NO_ANSWER, self._config.first_no_answer_fields, ("datetime",), ())
        phone = self._phone(Role.PHONE, self._config.phone_fields)
        mobile = self._phone(Role.MOBILE, self._config.mobile_fields)
        if phone is None and mobile is None:
            self._problem(Role.PHONE, "neither Phone nor Mobile exists", self._setting(Role.PHONE))
        if any(part.level is Level.PROBLEM for part in self.parts):
            return None
        if status is None or attempts is None or first is None:
            raise AssertionError("a field without a part")
        return ModuleFields(
            record_type=self._type,
            module=self._module,
            status=status.api_name,
            attempts=attempts.api_name,
            first_no_answer=first.api_name,
            phone=None if phone is None else phone.api_name,
            mobile=None if mobile is None else mobile.api_name,
            names=tuple(m.api_name for m in self._metas if m.api_name in ("First_Name", "Last_Name")),
            stored=tuple(dict.fromkeys(value.stored for one in CALLED for value in spelled[one])),
            written={one: values[0].stored for one, values in spelled.items()},
            meanings=_meanings(status, spelled),
            known_values=tuple(value.stored for value in status.values),
            attempts_is_text=attempts.is_text,
        )

    def _status(self) -> FieldMeta | None:
        configured = self._config.status_fields.get(self._type)
        if configured is not None:
            found = self._exact(configured)
            if found is None:
                message = f"has no field {configured}; picklists: {self._picklists()}"
                self._problem(Role.STATUS, message, self._setting(Role.STATUS), is_absent=True)
            return self._checked(Role.STATUS, found, ("picklist",), ())
        if self._held is not None and (held := self._exact(self._held)) is not None:
            return self._checked(Role.STATUS, held, ("picklist",), ())
        named = [m for m in self._metas if any(_is_called(m, name) for name in _STATUS_NAMES)]
        picklists = [m for m in self._metas if m.data_type == "picklist"]
        for candidates in (named, picklists):
            fitting = [m for m in candidates if m.data_type == "picklist" and self._holds_both(m)]
            if len(fitting) == 1:
                return self._checked(Role.STATUS, fitting[0], ("picklist",), ())
            if fitting:
                names = ", ".join(m.api_name for m in fitting)
                message = f"more than one field may be the status: {names}"
                self._problem(Role.STATUS, message, self._setting(Role.STATUS))
                return None
        if len(named) == 1:  # its name is right, its values are not: say which are missing
            return self._checked(Role.STATUS, named[0], ("picklist",), ())
        wanted = f"{self._config.new_label} and {self._config.no_answer_label}"
        message = f"no picklist holds {wanted}; picklists: {self._picklists()}"
        self._problem(Role.STATUS, message, self._setting(Role.STATUS), is_absent=True)
        return None

    def _holds_both(self, meta: FieldMeta) -> bool:
        return all(meta.spellings(self._config.label(status)).values for status in CALLED)

    def _spellings(self, status: FieldMeta) -> dict[CrmStatus, Sequence[PicklistValue]]:
        found = {meaning: status.spellings(self._config.label(meaning)) for meaning in CrmStatus}
        for meaning, spellings in found.items():
            self._judge_value(status, self._config.label(meaning), spellings)
        values = [value for spellings in found.values() for value in spellings.values]
        for value in dict.fromkeys(value for value in values if values.count(value) > 1):
            message = f"the value {value.stored!r} of {status.api_name}, shown as {value.shown!r}, has two meanings"
            self._problem(Role.STATUS, message, "give it the same name in both places, in Zoho")
        return {meaning: spellings.values for meaning, spellings in found.items()}

    def _judge_value(self, status: FieldMeta, label: str, found: Spellings) -> None:
        field, module = status.api_name, self._module
        if found.disputed:
            one, other = found.values[0], found.disputed[0]
            message = (
                f"{field} shows {one.stored!r} as {one.shown!r}, and {other.stored!r} as {other.shown!r}: "
                f"which of them is {label} can't be told"
            )
            self._problem(Role.STATUS, message, "rename one of them in Zoho, or take it out of the picklist")
        elif not found.values:
            hint = "".join(f"; {value.shown!r} was once called so" for value in found.renamed)
            remedy = f"{_page(module)} > {field}: add the value {label}"
            if found.renamed:
                remedy += ", or name the value that is meant in POLICY_FILE"
            self._problem(Role.STATUS, f"the picklist {field} has no value {label}{hint}", remedy)
        elif found.values[0].is_unused:
            message = f"the value {label} of {field} is marked unused"
            self._warn(Role.STATUS, message, "put it back into use in Zoho")
        elif squash_value(found.values[0].shown) != squash_value(label):
            message = f"the value {label} of {field} is shown as {found.values[0].shown!r}"
            self._warn(
                Role.STATUS, message, f"if that does not mean {label} any more: autodialer pause, then correct it"
            )
        elif found.values[0].stored != label:
            self._warn(Role.STATUS, f"the value {label} of {field} is stored as {found.values[0].stored!r}")
        else:
            self._fine(Role.STATUS, f"the value {label} of {field}")

    def _named(
        self,
        role: Role,
        configured: Mapping[RecordType, str | None],
        types: tuple[str, ...],
        tolerated: tuple[str, ...],
    ) -> FieldMeta | None:
        name = configured.get(self._type)
        found = self._find(name, role)
        if len(found) > 1:
            names = ", ".join(meta.api_name for meta in found)
            self._problem(role, f"more than one field may be {role}: {names}", self._setting(role))
            return None
        if not found:
            self._problem(
                role,
                f"has no field {name or role}" + self._alternatives(lambda m: m.data_type in (*types, *tolerated)),
                f"autodialer zoho setup --apply; or {_page(self._module)}: add a {_KINDS[types[0]]} field with the label "
                f"{role}; or set {self._setting(role)}"
                if name is None
                else self._setting(role),
                is_absent=name is None,
            )
            return None
        return self._checked(role, found[0], types, tolerated)

    def _phone(self, role: Role, configured: Mapping[RecordType, str | None]) -> FieldMeta | None:
        """Only read, so its rights do not matter; may be missing unless it was asked for by name."""
        name = configured.get(self._type)
        exact = self._exact(name or role.value)
        labelled = [] if name is not None else [m for m in self._metas if m.is_labelled(role)]
        found = exact or (labelled[0] if len(labelled) == 1 else None)
        if found is None and name is not None:
            others = self._alternatives(lambda m: m.data_type == "phone")
            self._problem(role, f"has no field {name}{others}", self._setting(role))
        elif found is None:
            remedy = f"name it in {self._setting(role)}"
            self._warn(role, f"has no field {role}: only the other number is used", remedy)
        elif found.data_type != "phone":
            self._warn(role, f"{found.api_name} is of type {found.data_type}, not phone")
        else:
            self._fine(role, f"{found.api_name}, {found.data_type}")
        return found

    def _find(self, name: str | None, role: Role) -> list[FieldMeta]:
        """Those that may be meant. With a name, the one that has it."""
        if name is not None:
            return [m for m in self._metas if m.api_name == name]
        return [m for m in self._metas if _is_called(m, role)]

    def _exact(self, name: str) -> FieldMeta | None:
        return next((m for m in self._metas if m.api_name == name), None)

    def _checked(
        self, role: Role, meta: FieldMeta | None, types: tuple[str, ...], tolerated: tuple[str, ...]
    ) -> FieldMeta | None:
        if meta is None:
            return None
        before = len(self.parts)
        name = meta.api_name
        if meta.data_type in tolerated:
            self._warn(role, f"{name} is of type {meta.data_type}, {types[0]} would be right")
        elif meta.data_type not in types:
            remedy = (
                f"a field keeps its type in Zoho. {_page(self._module)}: add a {_KINDS[types[0]]} field with another label, "
                f"and name it in {self._setting(role)}"
            )
            self._problem(role, f"{name} is of type {meta.data_type}, it must be {types[0]}", remedy)
        elif role is Role.ATTEMPTS and meta.digits == 1:
            self._warn(role, f"{name} takes one digit only: calls beyond 9 can't be counted", "lengthen it in Zoho")
        if not meta.is_writable:
            self._problem(
                role,
                f"{name} can't be updated through the API",
                f"{_page(self._module)} > {name} > Set Permission: Read and Write for the profile of the user who made "
                "ZOHO_REFRESH_TOKEN; in the layout it must not be read-only",
            )
        if len(self.parts) == before:
            self._fine(role, f"{name}, {meta.data_type}, may be updated")
        return meta

    def _picklists(self) -> str:
        return ", ".join(m.api_name for m in self._metas if m.data_type == "picklist") or "none"

    def _alternatives(self, fits: Callable[[FieldMeta], bool]) -> str:
        names = ", ".join(m.api_name for m in self._metas if fits(m))
        return f"; of that type: {names}" if names else ""

    def _setting(self, role: Role) -> str:
        return f"ZOHO_{self._module.upper()}_{_SETTINGS[role]}_FIELD"

    def _problem(self, role: Role, message: str, remedy: str, *, is_absent: bool = False) -> None:
        told = f"set {remedy}" if remedy.startswith("ZOHO_") else remedy
        self.parts.append(Part(role, Level.PROBLEM, message, told, is_absent))

    def _warn(self, role: Role, message: str, remedy: str = "") -> None:
        self.parts.append(Part(role, Level.WARNING, message, remedy))

    def _fine(self, role: Role, message: str) -> None:
        self.parts.append(Part(role, Level.OK, message))


def _meanings(status: FieldMeta, spelled: Mapping[CrmStatus, Sequence[PicklistValue]]) -> dict[str, CrmStatus]:
    """What a record's status means. A text that is stored for one value is never read as the name of another one."""
    meanings = {squash_value(value.stored): one for one, values in spelled.items() for value in values}
    taken = {squash_value(value.stored) for value in status.values}
    shown = {squash_value(value.shown): one for one, values in spelled.items() for value in values}
    return meanings | {text: one for text, one in shown.items() if text not in taken}


def _page(module: str) -> str:
    """Where in Zoho's pages."""
    return f"Zoho: Setup > Customization > Modules and Fields > {module}"


def _is_called(meta: FieldMeta, name: str) -> bool:
    return meta.api_name in (name, name.replace(" ", "_")) or meta.is_labelled(name)
