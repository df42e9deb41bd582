"""/docs: the API's description as one plain page, without a script and without anything from another server."""

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, Response

from autodialer.web.safety import CONTENT_POLICY

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h2{margin-top:2.5rem;text-transform:capitalize}
details{border:1px solid #d5dae1;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f6f8;padding:.6rem;overflow:auto}
.verb{display:inline-block;min-width:4.5rem;font-weight:700}
table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){
body{color:#dde3ea;background:#14181d}pre{background:#1f252c}details{border-color:#37404a}a{color:#8ab4f8}}
"""
_POLICY = f"{CONTENT_POLICY}; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
_JSON = "application/json"


def docs_page(app: FastAPI) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(render(app.openapi()), headers={"content-security-policy": _POLICY})

    return router


def render(schema: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    info = schema["info"]
    title = escape(info["title"])
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    intro = f"<h1>{title} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
    machine = '<p>For machines: <a href="/openapi.json">/openapi.json</a></p>'
    body = "".join([intro, machine, _tokens(schema), *_groups(schema)])
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>'


def _tokens(schema: dict[str, Any]) -> str:
    names = schema["components"].get("securitySchemes", {})
    if not names:
        return "<p>No token is asked for: only this machine is answered.</p>"
    return f"<p>Tokens: {', '.join(f'<b>{escape(name)}</b>' for name in names)}.</p>"


def _groups(schema: dict[str, Any]) -> Iterator[str]:
    for tag in schema["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>"
        for path, operations in schema["paths"].items():
            for verb, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    yield _operation(path, verb, operation, schema)


def _operation(path: str, verb: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    text = escape(operation.get("description", operation["summary"]))
    rows = [_row(f"{item['name']} ({item['in']})", _type(item["schema"])) for item in operation.get("parameters", [])]
    parts = [f"<p>{text.replace(chr(10) * 2, '</p><p>')}</p>", f"<pre>{escape(_curl(path, verb, operation))}</pre>"]
    if rows:
        parts.append(f"<h4>Options</h4><table>{''.join(rows)}</table>")
    if "requestBody" in operation:
        parts.append(f"<h4>Body</h4>{_json(_body_schema(operation), schema)}")
    for code, answer in operation["responses"].items():
        shown = _json(_answer_schema(answer), schema) if code < "300" else ""
        parts.append(f"<p><b>{code}</b> {escape(answer['description'])}</p>{shown}")
    title = f'<span class="verb">{verb.upper()}</span> <code>{escape(path)}</code>'
    return f"<details><summary>{title} {escape(operation['summary'])}</summary>{''.join(parts)}</details>"


def _row(name: str, text: str) -> str:
    return f"<tr><td><code>{escape(name)}</code></td><td>{escape(text)}</td></tr>"


def _type(schema: dict[str, Any]) -> str:
    words = [str(schema.get("type", ""))]
    words += [f"{name} {schema[name]}" for name in ("default", "minimum", "maximum", "pattern") if name in schema]
    return ", ".join(words)


def _curl(path: str, verb: str, operation: dict[str, Any]) -> str:
    words = ["curl"] + (["-X", verb.upper()] if verb != "get" else [])
    token = next((name for needed in operation.get("security", [])[:1] for name in needed), None)
    if token is not None:
        words.append(f'-H "Authorization: Bearer ${token}"')
    kind = _body_type(operation)
    if kind not in (None, _JSON):
        words += [f"-H 'Content-Type: {kind}'", "--data-binary @FILE"]
    elif (example := _example(operation)) is not None:
        words += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example)}'"]
    return " ".join([*words, f"$URL{path}"])


def _example(operation: dict[str, Any]) -> Any:
    if "requestBody" not in operation:
        return None
    schema = _body_schema(operation)
    schema = schema.get("oneOf", [schema])[0]
    properties = schema.get("properties", {})
    first = {name: item["examples"][0] for name, item in properties.items() if "examples" in item}
    return schema.get("example", first)


def _answer_schema(answer: dict[str, Any]) -> dict[str, Any]:
    contents: list[dict[str, Any]] = list(answer.get("content", {}).values())
    return contents[0].get("schema", {}) if contents else {}


def _body_type(operation: dict[str, Any]) -> str | None:
    return next(iter(operation["requestBody"]["content"])) if "requestBody" in operation else None


def _body_schema(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(operation["requestBody"]["content"].values()))["schema"]
    return found


def _json(shape: dict[str, Any], schema: dict[str, Any]) -> str:
    """A JSON schema, its first reference resolved, as it stands: precise and still readable."""
    reference = shape.get("$ref", "").rpartition("/")[2]
    shape = schema["components"]["schemas"].get(reference, shape)
    alternatives = shape.get("oneOf", [shape])
    return "".join(_fields(item, schema) for item in alternatives)


def _fields(shape: dict[str, Any], schema: dict[str, Any]) -> str:
    required = shape.get("required", [])
    rows = []
    for name, item in shape.get("properties", {}).items():
        rows.append(_row(name if name in required else f"{name} (optional)", _words(item, schema)))
    title = f"<p>{escape(shape.get('title', ''))}</p>" if rows else ""
    return f"{title}<table>{''.join(rows)}</table>" if rows else f"<p>{escape(str(shape.get('type', '')))}</p>"


def _words(item: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type of one field in a few words."""
    if "$ref" in item:
        inner = schema["components"]["schemas"][item["$ref"].rpartition("/")[2]]
        return "{" + ", ".join(inner.get("properties", {})) + "}"
    for several in ("anyOf", "oneOf"):
        if several in item:
            return " or ".join(_words(choice, schema) for choice in item[several])
    if "const" in item or "enum" in item:
        return " | ".join(json.dumps(value) for value in item.get("enum", [item.get("const")]))
    if item.get("type") == "array":
        return f"list of {_words(item.get('items', {}), schema)}"
    kind = item.get("type", "any")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{text}, such as {item['examples'][0]}" if item.get("examples") else text
