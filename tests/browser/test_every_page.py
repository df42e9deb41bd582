"""What holds on every page: for all eyes, on all screens, and for those who may not see or act."""

import re
from collections.abc import Mapping

import httpx2
import pytest
from playwright.sync_api import Browser, Page

from autodialer.simulators.people import FIRST_NAMES, LAST_NAMES
from autodialer.web.console.access import HOME
from browser.looking import AXE, NARROW, WIDE, faults, person
from browser.town import NO_LONGER, people_of_town
from browser.walking import pages_of, whole
from console.office import browser_of, text_of
from web.house import House

Pages = Mapping[str, str]
# A walk that misses one of these proves nothing.
KINDS = (
    "/console",
    "/console/runs",
    "/console/runs/.+",
    "/console/people",
    "/console/people/.+",
    "/console/work-lists",
    "/console/unknown",
    "/console/parked",
    "/console/repair",
    "/console/do-not-call",
    "/console/plan",
    "/console/policy",
    "/console/simulate",
    "/console/health",
    "/console/audit",
)
_MORE = "tr:nth-child(n+5), main li:nth-child(n+5), option:nth-child(n+5), dt:nth-of-type(n+9), dd:nth-of-type(n+9)"
FEWER = f"document.querySelectorAll('{_MORE}').forEach(each => each.remove())"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
MENU = "[...document.querySelectorAll('nav.menu a')].map(link => link.getBoundingClientRect()).map(box => [box.left, box.right])"
HARMLESS = {"/console/sign-out", "/console/simulate"}  # a simulation changes nothing
NAMES = re.compile(rf"\b({'|'.join((*FIRST_NAMES, *LAST_NAMES))})\b")
DIALLED = {each for one in people_of_town() if (each := one.number)} | set(NO_LONGER)
NUMBERS = re.compile("|".join(number[3:] for number in DIALLED))


@pytest.fixture(scope="module")
def seen(town: House) -> Pages:
    """What an operator is shown."""
    return walked(town, "oana")


def walked(town: House, name: str, language: str = "en") -> Pages:
    with browser_of(town, name) as visitor:
        visitor.get(f"/console/language/{language}")
        pages = dict(pages_of(visitor))
    for kind in KINDS:
        assert any(re.fullmatch(kind, address) for address in pages), kind
    return pages


def too_narrow(page: Page, width: int) -> list[str]:
    """What does not fit into this width: the page, or an entry of the menu."""
    places = page.evaluate(MENU)
    assert len(places) >= 10
    wide = ["the page scrolls sideways"] if page.evaluate(TOO_WIDE) > 0 else []
    return wide + [f"entry {index}" for index, (left, right) in enumerate(places) if left < 0 or right > width]


def test_on_every_page_axe_finds_nothing_serious_by_day_or_by_night_and_no_screen_is_too_narrow(
    chromium: Browser, town: House, seen: Pages
) -> None:
    found: dict[str, list[str]] = {}
    with person(chromium, town, "oana", reduced_motion="reduce") as page:
        page.goto("/console/language/ro")  # has the longer words
        page.add_init_script(AXE)
        for address in whole(seen):
            page.emulate_media(color_scheme="light")
            page.set_viewport_size(WIDE)
            page.goto(address)
            found[f"{address} wide"] = too_narrow(page, WIDE["width"])
            page.set_viewport_size(NARROW)
            found[f"{address} narrow"] = too_narrow(page, NARROW["width"])
            page.evaluate(FEWER)  # the others are like them
            found[f"{address} light"] = faults(page)
            page.emulate_media(color_scheme="dark")
            found[f"{address} dark"] = faults(page, "color-contrast", within="html" if address == HOME else "main")
    assert {where: what for where, what in found.items() if what} == {}


def test_axe_finds_nothing_serious_at_the_door_or_where_there_is_nothing(chromium: Browser, town: House) -> None:
    with person(chromium, town, reduced_motion="reduce") as page:
        page.add_init_script(AXE)
        for address in ("/console/sign-in", "/console/no-such-page"):
            page.emulate_media(color_scheme="light")
            page.goto(address)
            assert faults(page) == [], address
            page.emulate_media(color_scheme="dark")
            assert faults(page, "color-contrast") == [], address


def test_axe_sees_what_is_wrong(chromium: Browser, town: House) -> None:
    with person(chromium, town) as page:
        page.add_init_script(AXE)
        page.goto("/console/sign-in")
        page.evaluate("document.querySelector('label').remove(); document.querySelector('.hint').style.color = '#aaa'")
        assert {fault.split(":")[0] for fault in faults(page)} == {"label", "color-contrast"}


@pytest.mark.parametrize("language", ["en", "ro"])
def test_a_viewer_sees_no_whole_number_no_name_and_no_button(town: House, language: str) -> None:
    for address, html in walked(town, "vera", language).items():
        text = text_of(html)
        assert NUMBERS.findall(html) == NUMBERS.findall(re.sub(r"[ ().-]", "", text)) == [], address
        assert NAMES.findall(text) == [], address
        assert set(re.findall(r'<form[^>]+method="post"[^>]+action="([^"]+)"', html)) <= HARMLESS, address
        assert "data-ask" not in html, address


def test_an_operator_sees_them(seen: Pages) -> None:
    assert any(NUMBERS.search(html) for html in seen.values())
    assert any(NAMES.search(text_of(html)) for address, html in seen.items() if "/people/" in address)
    assert "/console/unknown/" in seen["/console/unknown"]


def test_who_is_not_signed_in_sees_nothing(town: House, seen: Pages) -> None:
    with httpx2.Client(base_url=town.url) as stranger:
        for address in seen:
            answer = stranger.get(address)
            assert (answer.status_code, "/console/sign-in" in answer.headers.get("location", "")) == (303, True), (
                address
            )
