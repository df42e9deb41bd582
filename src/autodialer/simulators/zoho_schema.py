"""The fields of the simulated modules, as Zoho's metadata shows them (its page "Fields Metadata")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autodialer.simulators.people import STOP_STATUSES

STATUS_VALUES: Final = ("-None-", "New", "No Answer", "Contacted", *STOP_STATUSES)
_SOURCES: Final = ("-None-", "Advertisement", "Cold Call", "Web Research")
_JSON_TYPES: Final = {"integer": "integer", "double": "double", "bigint": "string"}


def field_meta(
    api_name: str,
    label: str,
    data_type: str,
    *,
    values: Sequence[str] = (),
    custom: bool = False,
    writable: bool = True,
    length: int = 255,
) -> dict[str, Any]:
    """One field's metadata. `values`: those of a picklist, shown as they are stored."""
    return {
        "api_name": api_name,
        "field_label": label,
        "display_label": label,
        "data_type": data_type,
        "json_type": _JSON_TYPES.get(data_type, "string"),
        "length": length,
        "read_only": not writable,
        "field_read_only": not writable,
        "custom_field": custom,
        "visible": True,
        "operation_type": {
            "web_update": writable,
            "api_create": writable,
            "web_create": writable,
            "api_update": writable,
        },
        "pick_list_values": [picklist_value(value) for value in values],
    }


def picklist_value(
    actual: str, *, shown: str | None = None, reference: str | None = None, used: bool = True
) -> dict[str, Any]:
    """One value of a picklist; `shown` and `reference` where they differ from what is stored."""
    return {
        "display_value": actual if shown is None else shown,
        "actual_value": actual,
        "reference_value": actual if reference is None else reference,
        "type": "used" if used else "unused",
    }


def default_metadata() -> dict[str, list[dict[str, Any]]]:
    """Leads with the built-in Lead_Status, Contacts with a custom Status, both with the two custom fields."""
    return {
        "Leads": [*_common(), field_meta("Lead_Status", "Lead Status", "picklist", values=STATUS_VALUES)],
        "Contacts": [*_common(), field_meta("Status", "Status", "picklist", values=STATUS_VALUES, custom=True)],
    }


def _common() -> list[dict[str, Any]]:
    return [
        field_meta("First_Name", "First Name", "text", length=40),
        field_meta("Last_Name", "Last Name", "text", length=80),
        field_meta("Email", "Email", "email", length=100),
        field_meta("Phone", "Phone", "phone", length=30),
        field_meta("Mobile", "Mobile", "phone", length=30),
        field_meta("Lead_Source", "Lead Source", "picklist", values=_SOURCES, length=120),
        field_meta("Call_Attempts", "Call Attempts", "integer", custom=True, length=9),
        field_meta("First_No_Answer_At", "First No Answer At", "datetime", custom=True),
        field_meta("Created_Time", "Created Time", "datetime", writable=False),
        field_meta("Modified_Time", "Modified Time", "datetime", writable=False),
    ]


@dataclass(frozen=True, slots=True)
class Schema:
    """What the simulator itself needs of a module's metadata: types, rights, and which field stands for what."""

    types: Mapping[str, str]
    lengths: Mapping[str, int]
    writable: frozenset[str]
    status: str
    attempts: str | None
    first_no_answer: str | None

    @classmethod
    def of(cls, metadata: Sequence[Mapping[str, Any]]) -> "Schema":
        """Read it from the metadata. ValueError when no picklist could hold a status."""
        picklists = [meta for meta in metadata if meta["data_type"] == "picklist"]
        holding = [meta for meta in picklists if "status" in meta["field_label"].casefold()] or picklists
        if not holding:
            raise ValueError("a module needs a picklist for the status")
        return cls(
            types={"id": "bigint", **{meta["api_name"]: meta["data_type"] for meta in metadata}},
            lengths={meta["api_name"]: meta["length"] for meta in metadata},
            writable=frozenset(m["api_name"] for m in metadata if m["operation_type"]["api_update"]),
            status=holding[0]["api_name"],
            attempts=_labelled(metadata, "Call Attempts"),
            first_no_answer=_labelled(metadata, "First No Answer At"),
        )


def _labelled(metadata: Sequence[Mapping[str, Any]], label: str) -> str | None:
    return next((meta["api_name"] for meta in metadata if meta["field_label"] == label), None)
