"""/docs works without any other server and under a policy that allows nothing but its own style."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from web.house import House

VOID = {"meta", "br", "link", "img"}


class _Page(HTMLParser):
    """Collects tags and attributes, and sees to it that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_no_script_and_no_other_server(guarded: House) -> None:
    page = _Page()
    page.feed(guarded.client.get("/docs").text)
    assert page.open == []
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "form", "object"} == set()
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "src")]
    assert addresses == ["/openapi.json"]
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.tags for name in attributes)


def test_its_policy_allows_exactly_its_own_style(guarded: House) -> None:
    answer = guarded.client.get("/docs")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "style-src": f"'sha256-{digest}'",
    }


def test_it_shows_every_operation_with_its_options_and_answers(guarded: House) -> None:
    text = guarded.client.get("/docs").text
    schema = guarded.client.get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for verb, operation in operations.items():
            title = f'<span class="verb">{verb.upper()}</span> <code>{path}</code>'
            assert text.count(title) == 1
            section = text[text.index(title) :].partition("</details>")[0]
            assert all(f"<b>{code}</b>" in section for code in operation["responses"])
            assert all(f"{option['name']} ({option['in']})" in section for option in operation.get("parameters", []))
    assert "processed" in text
    assert '-H "Authorization: Bearer $API_TOKEN"' in text.replace("&quot;", '"')


def test_the_description_promises_no_422_and_names_the_tokens(guarded: House, local: House) -> None:
    schema = guarded.client.get("/openapi.json").json()
    assert "422" not in str(schema)
    assert schema["paths"]["/api/cron"]["post"]["security"] == [{"API_TOKEN": []}]
    assert {"200", "202", "400", "401", "409", "413", "503"} <= set(schema["paths"]["/api/cron"]["post"]["responses"])
    assert "security" not in schema["paths"]["/health"]["get"]
    open_schema = local.client.get("/openapi.json").json()
    assert "securitySchemes" not in open_schema["components"]
    assert "403" in open_schema["paths"]["/api/cron"]["post"]["responses"]
