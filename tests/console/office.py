"""A service with its console, and people who are signed in to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import httpx2
import pytest

from autodialer.service import passwords
from web.house import API_TOKEN, House

PASSWORDS = {"vera": "vera looks at it", "oana": "oana acts on it"}
ROLES = {"vera": "viewer", "oana": "operator"}
STRENGTH = passwords._COST


@contextmanager
def quick_passwords() -> Iterator[None]:
    """Hashed with little work, for a sign-in would cost a quarter of a second; a test that needs real ones sets STRENGTH again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_COST", 2)
        yield


def add_users(house: House) -> None:
    """Vera, a viewer, and Oana, an operator."""
    for name, password in PASSWORDS.items():
        new = {"name": name, "role": ROLES[name], "password": password}
        house.ask("POST", "/api/users", json=new).raise_for_status()


@contextmanager
def browser_of(house: House, name: str | None) -> Iterator[httpx2.Client]:
    """A client with cookies of its own; signed in as `name`, "" by API_TOKEN, None not at all."""
    with httpx2.Client(base_url=house.url, timeout=20) as client:
        if name is not None:
            password = PASSWORDS[name] if name else API_TOKEN
            answer = client.post("/console/sign-in", data={"name": name, "password": password})
            assert (answer.status_code, answer.headers["location"]) == (303, "/console")
        yield client


def csrf_of(page: str) -> str:
    """The token that the forms of this page carry."""
    found = re.search(r'data-csrf="([^"]+)"', page)
    assert found, page
    return found[1]


def post(client: httpx2.Client, address: str, **fields: str) -> httpx2.Response:
    """A form of the visitor's, with its token."""
    token = csrf_of(client.get("/console").text)
    return client.post(address, data={"csrf": token, **fields})


def said_after(client: httpx2.Client, answer: httpx2.Response) -> str:
    """What the page that a form led to says at its top."""
    assert answer.status_code == 303, answer.text
    page = client.get(answer.headers["location"]).text
    found = re.search(r'<p class="said[^"]*" role="\w+">(.*?)</p>', page, re.DOTALL)
    assert found, page
    return unescape(found[1])


def text_of(page: str) -> str:
    """What a person reads of a page: its text without tags, blanks folded."""
    without = re.sub(r"(?s)<(script|style|head)\b.*?</\1>|<[^>]+>", " ", page)
    return re.sub(r"\s+", " ", unescape(without)).strip()
