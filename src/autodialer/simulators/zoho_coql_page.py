"""The page that takes COQL queries: what its body may hold, what a query costs, how it is answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from autodialer.simulators.zoho_answers import ZohoError, json_response, nothing
from autodialer.simulators.zoho_coql import Query
from autodialer.simulators.zoho_query import select
from autodialer.simulators.zoho_records import Records


def read_query(body: Mapping[str, Any]) -> tuple[str, bool]:
    """The query, and whether the metadata of its columns is wanted too. ZohoError 400."""
    if "select_query" not in body:
        raise ZohoError(400, "MANDATORY_NOT_FOUND", "mandatory key not found", {"api_name": "select_query"})
    text, wanted = body["select_query"], body.get("include_meta")
    if not isinstance(text, str):
        raise _invalid("select_query", expected_data_type="text")
    if wanted is None:
        return text, False
    if not isinstance(wanted, list):
        raise _invalid("include_meta", expected_data_type="jsonarray")
    if wanted != ["fields"]:
        details = {"api_name": "include_meta", "json_path": "$.include_meta[0]", "supported_values": ["fields"]}
        raise ZohoError(400, "INVALID_DATA", "invalid data", details)
    return text, True


def cost(query: Query) -> int:
    """Credits, in Zoho's steps."""
    return 1 if query.limit <= 200 else 2 if query.limit <= 1000 else 3  # noqa: PLR2004 - Zoho's steps


def answered(query: Query, records: Records, metas: Sequence[Mapping[str, Any]] | None) -> Response:
    """The rows, with the metadata of the columns where `metas` are given; 204 when there are none."""
    rows, more = select(query, records)
    if not rows:
        return nothing()
    info = {"count": len(rows), "more_records": more}
    if metas is None:
        return json_response({"data": rows, "info": info})
    fields = {meta["api_name"]: meta for meta in metas if meta["api_name"] in query.columns}
    return json_response({"data": rows, "fields": fields, "info": info})


def _invalid(name: str, **details: str) -> ZohoError:
    return ZohoError(400, "INVALID_DATA", "invalid data", {**details, "api_name": name, "json_path": f"$.{name}"})
