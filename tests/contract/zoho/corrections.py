"""Where Zoho's published specifications contradict Zoho's own pages, samples or service: each by name, with its reason.

They are applied to a document after it was loaded. test_conformance.py proves of each that real traffic
fails without it, so none can outlive its reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Schema = dict[str, Any]
JSON = "application/json"
ALL = ("coql", "fields", "notes", "org", "record")


@dataclass(frozen=True)
class Correction:
    """One contradiction. `source`: what says so instead of the specification."""

    name: str
    documents: tuple[str, ...]
    what: str
    why: str
    source: str
    apply: Callable[[Document], None]


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield method, operation


def _answer(schema: Schema) -> Schema:
    return {"content": {JSON: {"schema": schema}}}


def _flat(codes: list[str]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["code", "details", "message", "status"],
        "properties": {
            "code": {"enum": codes},
            "details": {"type": "object"},
            "message": {"type": "string"},
            "status": {"const": "error"},
        },
    }


def _servers(document: Document) -> None:
    server = document["servers"][0]
    server["url"] = "https://www.zohoapis.{dc}/crm/{version}"
    server["variables"]["dc"]["enum"] = ["com", "eu", "in", "com.au", "jp", "com.cn", "ca", "sa", "uk", "ae"]


def _coql_rows(document: Document) -> None:
    answers = document["paths"]["/coql"]["post"]["responses"]
    answers["200"]["content"][JSON]["schema"]["properties"]["data"]["maxItems"] = 2000


def _coql_offset(document: Document) -> None:
    kinds = document["paths"]["/coql"]["post"]["responses"]["400"]["content"][JSON]["schema"]["oneOf"]
    details = next(kind for kind in kinds if kind["title"] == "InvalidQuery")["properties"]["details"]
    offset = {"offset": {"type": "string", "maxLength": 150}}
    details["oneOf"].append({"additionalProperties": False, "required": ["offset"], "properties": offset})


def _list_rows(document: Document) -> None:
    document["components"]["schemas"]["RecordGETSucessResponse"]["properties"]["data"]["maxItems"] = 200


def _page_tokens(document: Document) -> None:
    info = document["components"]["schemas"]["RecordGETSucessResponse"]["properties"]["info"]["properties"]
    for name in ("next_page_token", "previous_page_token", "page_token_expiry"):
        info[name]["type"] = ["string", "null"]


def _mixed_update(document: Document) -> None:
    schemas = document["components"]["schemas"]
    items = [schemas[name]["properties"]["data"]["items"] for name in ("RecordSuccessResponse", "RecordsErrorResponse")]
    for path in ("/{module}", "/{module}/{recordID}"):
        conflict = document["paths"][path]["put"]["responses"]["412"]["content"][JSON]["schema"]
        items.append(conflict["properties"]["data"]["items"])
    mixed = {"required": ["data"], "properties": {"data": {"maxItems": 100, "items": {"anyOf": items}}}}
    for method, operation in _operations(document):
        if method in ("put", "post"):
            operation["responses"]["207"] = _answer(mixed)


def _not_modified(document: Document) -> None:
    for path in ("/{module}", "/{module}/{recordID}"):
        document["paths"][path]["get"]["responses"]["304"] = {}


def _flat_errors(document: Document) -> None:
    schemas = document["components"]["schemas"]
    codes = schemas["RecordGETErrorResponse"]["properties"]["data"]["items"]["properties"]["code"]["enum"]
    schemas["RecordGETErrorResponse"] = _flat(codes)
    schemas["RecordInvalidURLResponse"] = _flat(["INVALID_URL_PATTERN"])
    schemas["RecordPermissionResponse"] = _flat(["NO_PERMISSION"])
    schemas["RecordInternalErrorResponse"] = _flat(["INTERNAL_ERROR"])


def _unauthorised(document: Document) -> None:
    for _method, operation in _operations(document):
        codes = ["INVALID_TOKEN", "AUTHENTICATION_FAILURE", "OAUTH_SCOPE_MISMATCH"]
        operation["responses"]["401"] = _answer(_flat(codes))


def _too_many(document: Document) -> None:
    for _method, operation in _operations(document):
        operation["responses"]["429"] = _answer(_flat(["TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED"]))


def _too_large(document: Document) -> None:
    for _method, operation in _operations(document):
        operation["responses"]["413"] = _answer(_flat(["REQUEST_ENTITY_TOO_LARGE"]))


def _refusals(document: Document) -> None:
    item = document["components"]["schemas"]["RecordsErrorResponse"]["properties"]["data"]["items"]
    item["properties"]["code"]["enum"] += ["NOT_APPROVED", "NOT_REVIEWED", "CONVERTED_RECORD", "RECORD_IN_BLUEPRINT"]


def _approval_state(document: Document) -> None:
    item = document["components"]["schemas"]["RecordSuccessResponse"]["properties"]["data"]["items"]
    item["properties"]["details"]["required"].remove("$approval_state")


def _number_ids(document: Document) -> None:
    item = document["components"]["schemas"]["RecordsInputSchema"]["properties"]["data"]["items"]
    item["properties"]["id"]["type"] = ["string", "integer"]


def _conditions(document: Document) -> None:
    for path in ("/{module}", "/{module}/{recordID}"):
        for method, name in (("get", "If-Modified-Since"), ("put", "If-Unmodified-Since")):
            header = {"name": name, "in": "header", "schema": {"type": "string"}}
            document["paths"][path][method]["parameters"].append(header)


def _include(document: Document) -> None:
    document["components"]["parameters"]["Includes"]["required"] = False


def _field_keys(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name in {"FieldSchema", "CoqlFieldSchema"} & set(schemas):
        schemas[name]["required"] = ["api_name", "field_label", "data_type", "operation_type", "pick_list_values"]
        for kind in schemas[name]["properties"]["pick_list_values"]["oneOf"]:
            if kind.get("type") == "array":
                kind["items"]["required"] = ["display_value", "actual_value"]


def _new_fields_in_part(document: Document) -> None:
    item = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("FieldCreationResult", "ErrorResponse")]}
    fields = {"type": "array", "minItems": 1, "maxItems": 5, "items": item}
    answers = document["paths"]["/settings/fields"]["post"]["responses"]
    answers["207"] = _answer({"type": "object", "required": ["fields"], "properties": {"fields": fields}})


def _overlapping_details(document: Document) -> None:
    for error in document["components"]["schemas"]["ErrorResponse"]["oneOf"]:
        details = error["properties"]["details"]
        if "oneOf" in details:
            details["anyOf"] = details.pop("oneOf")


CORRECTIONS = (
    Correction(
        "servers",
        ALL,
        "the address is www.zohoapis.<dc>, with ten endings instead of five",
        "without www, and with zohoapis.cn and .au, no address that Zoho hands out is a published one",
        "Zoho's page Multi-DC support; data centres of its SDK",
        _servers,
    ),
    Correction(
        "rows of a query",
        ("coql",),
        "a page of COQL holds 2000 rows instead of 200",
        "LIMIT may be 2000",
        "Zoho's pages Query API and Query API - Limitations",
        _coql_rows,
    ),
    Correction(
        "offset that is no number",
        ("coql",),
        "INVALID_QUERY may name an offset",
        "the list of its details was completed later",
        "text of executeCOQLQuery in the newest state of the specifications",
        _coql_offset,
    ),
    Correction(
        "rows of a list",
        ("record",),
        "a page of records holds 200 instead of 100",
        "per_page may be 200, says the parameter's own text",
        "Zoho's page Get Records",
        _list_rows,
    ),
    Correction(
        "page tokens may be null",
        ("record",),
        "next_page_token, previous_page_token and page_token_expiry may be null",
        "the first page has none before it, the last none behind it",
        "the specification's own sample; nullable in its newest state",
        _page_tokens,
    ),
    Correction(
        "mixed update",
        ("record",),
        "an update or insert may be answered 207, with successes and errors in order",
        "only 200 for all and 400 for none were published",
        "sample MixedResults of updateRecords; Zoho's page Update Records",
        _mixed_update,
    ),
    Correction(
        "not modified",
        ("record",),
        "a conditional GET may be answered 304",
        "the status was left out",
        "Zoho's pages Get Records and Status Codes",
        _not_modified,
    ),
    Correction(
        "flat errors",
        ("record",),
        "the errors of a GET, and 403, 404 and 500 of any call, stand alone instead of in data[]",
        "the specification's own samples are flat, and few details hold a resource_path_index",
        "samples of getRecords, getRecord and updateRecords",
        _flat_errors,
    ),
    Correction(
        "unauthorised",
        ALL,
        "401 with a flat INVALID_TOKEN, AUTHENTICATION_FAILURE or OAUTH_SCOPE_MISMATCH comes from every call",
        "it is published for some calls only, in data[], and never as INVALID_TOKEN",
        "sample ScopeMismatch of getRecords; Zoho's page Status Codes; answers seen in public logs",
        _unauthorised,
    ),
    Correction(
        "too many requests",
        ALL,
        "429 comes from every call",
        "it is published for none of these",
        "Zoho's pages API Limits and Status Codes",
        _too_many,
    ),
    Correction(
        "too large",
        ALL,
        "413 comes from every call that takes a body",
        "it is published for none of these",
        "Zoho's page Status Codes",
        _too_large,
    ),
    Correction(
        "refusals of a record",
        ("record",),
        "NOT_APPROVED, NOT_REVIEWED, CONVERTED_RECORD and RECORD_IN_BLUEPRINT are errors of an update",
        "the list of codes is incomplete",
        "samples NotApprovedError and NotReviewedError of updateRecords; the codes of the older specifications",
        _refusals,
    ),
    Correction(
        "approval state",
        ("record",),
        "the details of an update may lack $approval_state",
        "only modules with an approval process have one",
        "sample of Zoho's page Update Records",
        _approval_state,
    ),
    Correction(
        "ids as numbers",
        ("record",),
        "the id of a record to update may be a number",
        "Zoho's own SDK sends numbers",
        "zohocrmsdk8_0 7.0.0, seen on the wire",
        _number_ids,
    ),
    Correction(
        "conditions",
        ("record",),
        "If-Modified-Since and If-Unmodified-Since may be sent",
        "their answers 304 and 412 would be without a cause",
        "Zoho's pages Get Records and Update Records",
        _conditions,
    ),
    Correction(
        "include is optional",
        ("fields",),
        "the fields can be asked for without `include`",
        "no sample of Zoho's has it",
        "Zoho's page Fields Metadata",
        _include,
    ),
    Correction(
        "keys of a field",
        ("fields", "coql"),
        "of a field's 45 keys only those that the client reads are demanded",
        "Zoho's own sample of 87 fields lacks them in 278 places; the simulator shows a part",
        "sample of Zoho's page Fields Metadata",
        _field_keys,
    ),
    Correction(
        "new fields in part",
        ("fields",),
        "of several new fields some may be made and others refused, answered 207",
        "only 201 for all and 400 for none were published",
        "the habit of Zoho's other calls that take several items; not documented for this one",
        _new_fields_in_part,
    ),
    Correction(
        "overlapping details",
        ("fields",),
        "the details of an error may fit several of the published shapes",
        "oneOf wants exactly one, and the shapes without required keys fit nearly everything",
        "samples of createFields",
        _overlapping_details,
    ),
)
