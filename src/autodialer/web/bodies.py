"""Strict JSON out of a request: one object, in UTF-8, that the ledger can keep as it is."""

import json
import re
from typing import TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

Model = TypeVar("Model", bound=BaseModel)
_NOT_JSON = "the body must be one JSON object in UTF-8"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an escape of its own, not the end of an escaped backslash
# At the end of each key, and perhaps elsewhere: never fewer than keys. As many as the keys that were read: none stood twice.
_KEY_ENDS = re.compile(rb'"[ \t\r\n]*:')
_READABLE = ("", "application/json", "text/json", "text/plain", "application/octet-stream")


class BadBody(Exception):
    """A body that can't be read; `problems` names what is wrong, `status` is 400 or 415."""

    def __init__(self, *problems: str, status: int = 400) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.status = status


async def read_body(request: Request) -> dict[str, object]:
    """The JSON object that a request carries. BadBody."""
    if not is_json(request.headers.get("content-type", "")):
        raise BadBody("the body must be JSON: Content-Type: application/json", status=415)
    return read_object(await request.body())


def is_json(content_type: str) -> bool:
    """Whether a body of this type, or of none, is read as JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in _READABLE or kind.endswith("+json")


def read_model(model: type[Model], body: dict[str, object]) -> Model:
    """What a body says, checked. BadBody names every problem."""
    try:
        return model.model_validate(body, strict=True)
    except ValidationError as error:
        raise BadBody(*(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())) from error


async def no_body(request: Request) -> None:
    """For a POST whose options stand in its address: a body would be an option that nobody reads. BadBody."""
    if (await request.body()).strip() not in (b"", b"{}"):
        raise BadBody("this request takes no body: its options go into the address, such as ?wait=false")


def read_object(raw: bytes) -> dict[str, object]:
    """Strict JSON: no BOM, NaN, infinity, lone surrogate, repeated key or NUL (PostgreSQL's text takes none). BadBody."""
    try:
        body = msgspec.json.decode(raw)
        if isinstance(body, dict) and len(_KEY_ENDS.findall(raw)) != _count_keys(body):
            json.loads(raw, object_pairs_hook=_no_twins)
    except BadBody:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadBody(f"{_NOT_JSON}: {_what(error)}") from error
    if not isinstance(body, dict):
        raise BadBody(_NOT_JSON)
    if b"\\u0000" in raw and _NUL.search(raw):
        raise BadBody("the body holds a NUL character")
    return body


def _count_keys(value: dict[str, object] | list[object]) -> int:
    items, keys = (value.values(), len(value)) if isinstance(value, dict) else (value, 0)
    for item in items:
        if isinstance(item, (dict, list)):
            keys += _count_keys(item)
    return keys


def _no_twins(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twins = sorted({name for name in names if names.count(name) > 1}) if len(names) < 100 else ["…"]  # noqa: PLR2004 - counting is quadratic
        raise BadBody(f"a key stands twice in one object: {', '.join(twins)[:100]}")


def _what(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8"
