"""Every page that can be reached by links, one of each kind."""

import re
from collections.abc import Iterator, Mapping
from html import unescape

import httpx2

_LINKS = re.compile(r'(?:href|hx-get)="(/console[^"]*)"')
_ID = re.compile(r"\d{8}T\d+Z?|[0-9a-f-]{12,}|\d+|(?<=\?).*")
_NO_PAGES = ("/console/static/", "/console/language/")
MOST = 80


def pages_of(visitor: httpx2.Client, start: str = "/console") -> Iterator[tuple[str, str]]:
    """Address and HTML of what a visitor gets by following links from `start`: whole pages, and parts that htmx asks for.

    Of addresses that differ in an id or in a query only, the first.
    """
    waiting, kinds = [start], {start}
    while waiting:
        address = waiting.pop(0)
        answer = visitor.get(address)
        assert answer.is_success, f"{address}: {answer.status_code}"
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        html = answer.text
        yield address, html
        for found in map(unescape, _LINKS.findall(html)):
            kind = _ID.sub("*", found)
            if kind not in kinds and not found.startswith(_NO_PAGES):
                kinds.add(kind)
                waiting.append(found)
        assert len(kinds) < MOST, sorted(kinds)


def whole(pages: Mapping[str, str]) -> list[str]:
    """The addresses of those that a browser shows by themselves."""
    return [address for address, html in pages.items() if html.startswith("<!doctype html>")]
