"""What Zoho answers, and which errors that means. Source: Zoho's pages "Status Codes", "COQL" and "Update Records"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from autodialer.domain.errors import CrmError

T = TypeVar("T")

INVALID_TOKEN: Final = "INVALID_TOKEN"  # noqa: S105 - Zoho's word for an expired token
_REMEDIES: Final = {
    "OAUTH_SCOPE_MISMATCH": "make a new ZOHO_REFRESH_TOKEN with the scopes ZohoCRM.coql.READ, "
    "ZohoCRM.modules.leads.READ, ZohoCRM.modules.leads.UPDATE, ZohoCRM.modules.contacts.READ, "
    "ZohoCRM.modules.contacts.UPDATE, ZohoCRM.settings.fields.READ",
    "AUTHENTICATION_FAILURE": "the Authorization header did not reach Zoho: check proxies in between",
    "NO_PERMISSION": "give the profile of Zoho's user who made ZOHO_REFRESH_TOKEN the right to view and edit the "
    "module",
    "AUTHORIZATION_FAILED": "give the profile of Zoho's user who made ZOHO_REFRESH_TOKEN the right to do this",
    "INVALID_QUERY": "a field is missing, hidden or of another type: autodialer doctor names it",
    "INVALID_MODULE": "the module is missing or hidden in this Zoho organisation",
    "INVALID_URL_PATTERN": "check ZOHO_API_DOMAIN",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete HTTP answer. `seconds`: how long it took, from the request on."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """A 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own figures


class ErrorBody(msgspec.Struct, frozen=True):
    """Zoho's error envelope, also as an item of `data`."""

    code: str = ""
    message: str = ""
    details: Any = None


class Info(msgspec.Struct, frozen=True):
    """What a page says about itself; None where it does not."""

    more_records: bool | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of rows; each row is judged on its own. What has no `data` is none: it says of nobody that they are not there."""

    data: list[Any]
    info: Info = Info()

    def is_last(self, limit: int) -> bool:
        """Whether nothing follows: as the page says, else when it is not full."""
        more = self.info.more_records
        return len(self.data) < limit if more is None else not more


class Items(msgspec.Struct, frozen=True):
    """The answer to an update: one item for each record, in their order."""

    data: list[Any]


class UnreadableError(Exception):
    """An answer that should be JSON of a known shape and is not: an outage page, or half of something."""


def read_page(answer: Answer) -> Page:
    """The rows of a query; none for 204. CrmError for a refusal, UnreadableError for what can't be read."""
    if not answer.is_success:
        raise error_for(answer)
    if answer.status == 204:  # noqa: PLR2004 - "no content"
        return Page([])
    return _decode(answer.body, Page)


def read_items(answer: Answer) -> list[Any] | None:
    """The items of an answer to an update, whatever its status; None where it holds none."""
    try:
        return _decode(answer.body, Items).data
    except UnreadableError:
        return None


def read_object(answer: Answer) -> Mapping[str, Any]:
    """Any JSON object. UnreadableError when it is something else."""
    return _decode(answer.body, dict[str, Any])


def read_error(answer: Answer) -> ErrorBody:
    """The error envelope, flat or as the first item of `data`; an empty one where there is none."""
    items = read_items(answer)
    if items:
        return error_item(items[0])
    try:
        return _decode(answer.body, ErrorBody)
    except UnreadableError:
        return ErrorBody()


def error_item(item: Any) -> ErrorBody:
    """One item of `data` as an error; an empty one when it is none."""
    try:
        return msgspec.convert(item, ErrorBody)
    except msgspec.ValidationError:
        return ErrorBody()


def error_for(answer: Answer) -> CrmError:
    """What an answer that is no success, and not worth another try, means: a wrong setting, right or query."""
    found = read_error(answer)
    code = found.code or f"HTTP {answer.status}"
    said = f"Zoho answered {answer.status} {describe(found)}".rstrip()
    if 300 <= answer.status < 400:  # noqa: PLR2004 - a redirect
        return CrmError(
            f"{said}: a redirect is not followed; check ZOHO_API_DOMAIN", permanent=True, code=code, stops_run=True
        )
    remedy = _REMEDIES.get(found.code)
    return CrmError(f"{said}: {remedy}" if remedy else said, permanent=True, code=code, stops_run=True)


def describe(found: ErrorBody) -> str:
    """Code, message and the names in the details; never a field's value."""
    details = found.details if isinstance(found.details, dict) else {}
    names = [f"{key} {details[key]}" for key in _HARMLESS if isinstance(details.get(key), str | int)]
    permissions = details.get("permissions")
    if isinstance(permissions, list):
        names.append("permissions " + " ".join(str(permission) for permission in permissions))
    return " ".join(part for part in (found.code, found.message, f"({', '.join(names)})" if names else "") if part)


_HARMLESS: Final = (
    "api_name",
    "expected_data_type",
    "maximum_length",
    "column_name",
    "clause",
    "operator",
    "module",
    "limit",
    "action",
)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
