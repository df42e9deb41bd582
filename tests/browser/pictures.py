"""The pictures in the documentation, of made-up people on a clock that stands still. Only `make screenshots` takes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from autodialer.simulators.people import zoho_id
from browser.looking import NARROW, person
from browser.town import town
from web.house import House

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = ViewportSize(width=1440, height=900)
TALL = ViewportSize(width=1440, height=1685)  # with the charts
EXPLAINED = f"/console/people/lead/{zoho_id('Leads', 2)}"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with town(tmp_path_factory.mktemp("untouched")) as running:
        yield running


def take(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide", scale="css")


def test_pictures_for_the_documentation(chromium: Browser, untouched: House) -> None:
    with person(chromium, untouched, "oana", viewport=SIZE, color_scheme="light", reduced_motion="reduce") as page:
        page.set_viewport_size(TALL)
        take(page, "/console", "today")
        page.set_viewport_size(SIZE)
        take(page, EXPLAINED, "person")
        take(page, "/console/unknown", "unknown-calls")
    with person(chromium, untouched, "oana", viewport=NARROW, color_scheme="dark", reduced_motion="reduce") as page:
        take(page, "/console", "today-telephone")
