"""What the service must be allowed to do in Zoho, why, and whether a grant covers it.

Source: Zoho's pages "Scopes" and "Select API Scopes": service.group[.part].operation; ALL is every operation, WRITE is
CREATE, UPDATE and DELETE; a scope without a part covers all parts of its group.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from autodialer.domain.activity import LogCalls


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope and what it is for."""

    name: str
    why: str


NEEDED: Final = (
    Scope("ZohoCRM.coql.READ", "ask for the records that may be called"),
    Scope("ZohoCRM.modules.leads.READ", "read Leads, which the queries need too"),
    Scope("ZohoCRM.modules.leads.UPDATE", "write Status, Call Attempts and First No Answer At of Leads"),
    Scope("ZohoCRM.modules.contacts.READ", "read Contacts"),
    Scope("ZohoCRM.modules.contacts.UPDATE", "write the same fields of Contacts"),
    Scope("ZohoCRM.settings.fields.READ", "find the fields and the values of their picklists"),
)
_NOTES: Final = (
    Scope("ZohoCRM.modules.notes.CREATE", "tell Zoho of calls as notes: ZOHO_LOG_CALLS=notes or calls"),
    Scope("ZohoCRM.modules.notes.READ", "see whether a note is there already"),
)
_CALLS: Final = (
    Scope("ZohoCRM.modules.calls.CREATE", "tell Zoho of conversations as calls: ZOHO_LOG_CALLS=calls"),
    Scope("ZohoCRM.modules.calls.READ", "see whether a call is there already"),
)
OPTIONAL: Final = (
    Scope("ZohoCRM.settings.fields.CREATE", "let the service create the fields that are missing (zoho setup --apply)"),
    *_NOTES,
    *_CALLS,
)
LOGGING: Final = {LogCalls.OFF: (), LogCalls.NOTES: _NOTES, LogCalls.CALLS: (*_NOTES, *_CALLS)}
"""Those of OPTIONAL that are needed to tell Zoho of each call."""

_WRITES: Final = frozenset({"create", "update", "delete"})


def missing(granted: str, wanted: Iterable[Scope] = NEEDED) -> list[Scope]:
    """Those of `wanted` that a token answer's `scope` does not cover. Blanks or commas separate, case does not matter."""
    parts = [scope.casefold().split(".") for scope in granted.replace(",", " ").split()]
    return [scope for scope in wanted if not any(_covers(one, scope.name.casefold().split(".")) for one in parts)]


def as_entered(scopes: Iterable[Scope]) -> str:
    """As Zoho's console takes them."""
    return ",".join(scope.name for scope in scopes)


def _covers(granted: list[str], wanted: list[str]) -> bool:
    *area, operation = granted
    is_part = len(area) > 1 and wanted[: len(area)] == area  # the name of the service alone is no area
    return is_part and (operation in ("all", wanted[-1]) or (operation == "write" and wanted[-1] in _WRITES))
