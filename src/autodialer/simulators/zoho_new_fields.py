"""New custom fields of the simulated modules. Source: Zoho's page "Create Custom Fields" (v8) and its published specification.

Not documented, and so a choice: of several fields those that can be are made, the others refused; the API name is the label with
underscores, and a digit behind it where that name is taken.
"""

from collections.abc import Mapping
from typing import Any, Final

from autodialer.simulators.zoho_answers import ZohoError, envelope
from autodialer.simulators.zoho_records import Records
from autodialer.simulators.zoho_schema import Schema, field_meta

SCOPE: Final = "ZohoCRM.settings.fields.CREATE"
MOST_AT_ONCE: Final = 5
_LABEL_LENGTH: Final = 25
_LENGTHS: Final = {"integer": 9, "double": 18, "bigint": 18, "text": 255, "phone": 30, "email": 100}
_TYPES: Final = (*_LENGTHS, "datetime", "date", "boolean", "picklist")


class NewFields:
    """Makes fields. `most`: how many custom fields a module may have, as by the edition."""

    def __init__(self, metadata: dict[str, list[dict[str, Any]]], records: Mapping[str, Records]) -> None:
        self._metadata = metadata
        self._records = records
        self._last_id = 4150868000000900000
        self.most = 300

    def create(self, module: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status and body. ZohoError when the request as a whole is refused."""
        if not module:
            details = {"param_name": "module"}
            raise ZohoError(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", details)
        if module not in self._metadata:
            raise ZohoError(400, "INVALID_MODULE", "the module name given seems to be invalid", {})
        wanted = body.get("fields")
        if not isinstance(wanted, list) or not wanted:
            details = {"api_name": "fields", "json_path": "$.fields"}
            raise ZohoError(400, "MANDATORY_NOT_FOUND", "required field not found", details)
        if len(wanted) > MOST_AT_ONCE:
            raise ZohoError(400, "LIMIT_EXCEEDED", "the limit given is exceeded", {"limit": MOST_AT_ONCE})
        items = [self._create(module, item, f"$.fields[{place}]") for place, item in enumerate(wanted)]
        made = sum(item["status"] == "success" for item in items)
        return 201 if made == len(items) else 207 if made else 400, {"fields": items}

    def _create(self, module: str, item: object, path: str) -> dict[str, Any]:
        given = item if isinstance(item, dict) else {}
        metas = self._metadata[module]
        refusal = _refusal(given, path) or self._refusal(metas, given, path)
        if refusal is not None:
            return refusal
        label, data_type = given["field_label"], given["data_type"]
        length = given.get("length", _LENGTHS.get(data_type, 255))
        metas.append(field_meta(_free_name(metas, label), label, data_type, custom=True, length=length))
        self._records[module].schema = Schema.of(metas)
        self._last_id += 1
        return {
            "code": "SUCCESS",
            "details": {"id": str(self._last_id)},
            "message": "field created",
            "status": "success",
        }

    def _refusal(self, metas: list[dict[str, Any]], given: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        details = {"api_name": "field_label", "json_path": f"{path}.field_label"}
        labels = {meta["field_label"].casefold() for meta in metas}
        if given["field_label"].casefold() in labels:
            return envelope("DUPLICATE_DATA", "duplicate data", details)
        if sum(meta["custom_field"] for meta in metas) >= self.most:
            limit = {"limit": self.most, "limit_due_to": [details]}
            return envelope("LIMIT_EXCEEDED", "the limit given is exceeded", limit)
        return None


def _refusal(given: Mapping[str, Any], path: str) -> dict[str, Any] | None:
    """What is wrong with the item itself."""
    for name in ("field_label", "data_type"):
        details: dict[str, Any] = {"api_name": name, "json_path": f"{path}.{name}"}
        if name not in given:
            return envelope("MANDATORY_NOT_FOUND", "required field not found", details)
        if not isinstance(given[name], str) or not given[name].strip():
            return envelope("INVALID_DATA", "invalid data", {**details, "expected_data_type": "string"})
    if len(given["field_label"]) > _LABEL_LENGTH:
        details = {"api_name": "field_label", "json_path": f"{path}.field_label", "maximum_length": _LABEL_LENGTH}
        return envelope("INVALID_DATA", "invalid data", details)
    if given["data_type"] not in _TYPES:
        details = {"api_name": "data_type", "json_path": f"{path}.data_type"}
        return envelope("INVALID_DATA", "invalid data", details)
    most = _LENGTHS.get(given["data_type"])
    length = given.get("length")
    if length is not None and (most is None or not isinstance(length, int) or not 1 <= length <= most):
        return envelope("INVALID_DATA", "invalid data", {"api_name": "length", "json_path": f"{path}.length"})
    return None


def _free_name(metas: list[dict[str, Any]], label: str) -> str:
    taken = {meta["api_name"] for meta in metas}
    name = wanted = "_".join(label.split())
    count = 0
    while name in taken:
        count += 1
        name = f"{wanted}{count}"
    return name
