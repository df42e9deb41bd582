"""Zoho's published specifications, where a copy of them is at hand, and how traffic is held against them.

They are read where they lie and never become part of this project. corrections.py says where they contradict
Zoho's own pages or samples.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from autodialer.simulators.common import Exchange
from contract.zoho.corrections import CORRECTIONS, Correction, Document

SPECS = Path(__file__).parents[4] / "shared" / "reference" / "zoho" / "specs"
NAMES = ("coql", "fields", "notes", "org", "record")
# The simulator stands in for this address.
HOST = "https://www.zohoapis.eu"
_MANY = 100


@cache
def _text(name: str) -> str:
    return (SPECS / f"{name}.json").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Operation:
    """One call of one document, with what its path says."""

    document: str
    described: Mapping[str, Any]
    in_path: Mapping[str, str]


# Related records have a document of their own, which is not among the copies.
RELATED = r"/crm/v8/(Leads|Contacts)/\d+/Notes"


class Published:
    """The documents with `corrections` applied."""

    def __init__(self, corrections: Sequence[Correction] = CORRECTIONS) -> None:
        self._documents: dict[str, Document] = {name: json.loads(_text(name)) for name in NAMES}
        for correction in corrections:
            for name in correction.documents:
                correction.apply(self._documents[name])
        resources = [(f"urn:{name}", DRAFT202012.create_resource(d)) for name, d in self._documents.items()]
        self._registry: Registry[Any] = Registry().with_resources(resources)
        self._validators: dict[str, Draft202012Validator] = {}

    def problems(self, exchange: Exchange, *, ours: bool = True) -> list[str]:
        """What does not fit; the request is looked at when it is `ours`."""
        if not exchange.path.startswith("/crm/v8/"):
            return []
        operation = self.operation(exchange.method, HOST + exchange.path)
        if operation is None and re.fullmatch(RELATED, exchange.path):
            return []
        if operation is None:
            was_told_so = 400 <= exchange.status < 500
            return [] if was_told_so else [f"nothing is published of {exchange.method} {HOST}{exchange.path}"]
        return [*(self._request(operation, exchange) if ours else ()), *self._answer(operation, exchange)]

    def operation(self, method: str, url: str) -> Operation | None:
        """What is published of a call; a path without a placeholder hides one with."""
        found = [place for name in NAMES for place in self._places(name, url)]
        if not found:
            return None
        name, path, in_path = min(found, key=lambda place: len(place[2]))
        described = self._documents[name]["paths"][path].get(method.lower())
        return None if described is None else Operation(name, described, in_path)

    def _places(self, name: str, url: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        document = self._documents[name]
        for server in document["servers"]:
            for path in document["paths"]:
                matched = re.fullmatch(_expression(server) + _placeholders(path), url)
                if matched is not None:
                    yield name, path, matched.groupdict()

    def _request(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        declared = [self._resolved(operation.document, p) for p in operation.described.get("parameters", [])]
        given = {"path": operation.in_path, "query": dict(parse_qsl(exchange.query)), "header": exchange.headers}
        for parameter in declared:
            values = given[parameter["in"]]
            if parameter["name"] in values:
                text = values[parameter["name"]]
                value = int(text) if parameter["schema"]["type"] == "integer" and text.isdecimal() else text
                yield from self._errors(operation.document, parameter["schema"], value, f"{parameter['name']}=")
            elif parameter.get("required"):
                yield f"parameter {parameter['name']} is required"
        known = {p["name"] for p in declared}
        yield from (f"parameter {name} is not published" for name in given["query"] if name not in known)
        conditional = {"if-modified-since", "if-unmodified-since"} & set(exchange.headers)
        yield from (f"header {name} is not published" for name in conditional - {name.lower() for name in known})
        if "requestBody" in operation.described:
            schema = operation.described["requestBody"]["content"]["application/json"]["schema"]
            yield from self._errors(operation.document, schema, json.loads(exchange.body), "request")
        elif exchange.body:
            yield "a body is not published"

    def _answer(self, operation: Operation, exchange: Exchange) -> Iterator[str]:
        if not exchange.status:
            return
        answers = operation.described["responses"]
        if str(exchange.status) not in answers:
            yield f"status {exchange.status} is not published"
            return
        answer = self._resolved(operation.document, answers[str(exchange.status)])
        if "content" in answer:
            schema = answer["content"]["application/json"]["schema"]
            said = json.loads(exchange.answer)
            yield from self._errors(operation.document, schema, said, str(exchange.status))
        elif exchange.answer:
            yield f"a body with {exchange.status} is not published"

    def _resolved(self, name: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Any = item
        while "$ref" in found:
            pointer = found["$ref"].removeprefix("#/").split("/")
            found = self._documents[name]
            for part in pointer:
                found = found[part]
        resolved: Mapping[str, Any] = found
        return resolved

    def _errors(self, name: str, schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
        """A schema's own references are relative to its document, so it is wrapped with that as its base."""
        key = f"{name}:{json.dumps(schema, sort_keys=True)}"
        if key not in self._validators:
            wrapped = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_absolute(schema, f"urn:{name}")}
            self._validators[key] = Draft202012Validator(wrapped, registry=self._registry)
        for error in self._validators[key].iter_errors(value):
            yield f"{name} {where} {error.json_path}: {error.message[:_MANY]}"


def _absolute(schema: Any, base: str) -> Any:
    if isinstance(schema, dict):
        return {
            key: base + value if key == "$ref" and str(value).startswith("#") else _absolute(value, base)
            for key, value in schema.items()
        }
    return [_absolute(item, base) for item in schema] if isinstance(schema, list) else schema


def _expression(server: Mapping[str, Any]) -> str:
    """A server's address as an expression: its variables take one of the values they name."""
    expression: str = re.escape(server["url"]).replace(r"\{", "{").replace(r"\}", "}")
    for name, variable in server.get("variables", {}).items():
        values = variable.get("enum", [variable["default"]])
        expression = expression.replace(f"{{{name}}}", f"(?:{'|'.join(map(re.escape, values))})")
    return expression


def _placeholders(path: str) -> str:
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
