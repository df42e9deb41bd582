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
_READABLE = ("", "application/json", "text/json", "text/plain", "application/octet-stream")


class BadBody(Exception):
    """A body that can't be read; `problems` names what is wrong, `status` is 400 or 415."""

    def __init__(self, *problems: str, status: int = 400) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.status = status


async def read_body(request: Request) -> dict[str, object]:
    """The JSON object that a request carries. BadBody."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _READABLE and not kind.endswith("+json"):
        raise BadBody("the body must be JSON: Content-Type: application/json", status=415)
    return read_object(await request.body())


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
        json.loads(raw, object_pairs_hook=_no_twins)
    except BadBody:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadBody(f"{_NOT_JSON}: {_what(error)}") from error
    if not isinstance(body, dict):
        raise BadBody(_NOT_JSON)
    if _NUL.search(raw):
        raise BadBody("the body holds a NUL character")
    return body


def _no_twins(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twins = sorted({name for name in names if names.count(name) > 1}) if len(names) < 100 else ["…"]  # noqa: PLR2004 - counting is quadratic
        raise BadBody(f"a key stands twice in one object: {', '.join(twins)[:100]}")


def _what(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8"
