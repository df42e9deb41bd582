"""Everything can be reached and used without a mouse, in an order that one can follow."""

import re
from itertools import pairwise
from typing import Any

from playwright.sync_api import Browser, Page, expect

from browser.looking import person
from console.office import PASSWORDS
from web.house import House

MOST_STOPS = 80
FOCUSED = """() => {
  const it = document.activeElement, look = getComputedStyle(it), box = it.getBoundingClientRect();
  const part = it.closest("header, nav.menu, main, footer");
  return {
    name: (it.innerText || it.getAttribute("aria-label") || it.name || it.id || "").trim(),
    part: it.classList.contains("skip") ? "skip" : part ? part.className || part.tagName.toLowerCase() : "",
    outline: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
    seen: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
    top: box.top + scrollY, bottom: box.bottom + scrollY,
  };
}"""


def tab_to(page: Page, name: str) -> list[dict[str, Any]]:
    """Tab until what is called so has the focus; what had it on the way. Each must show that it has."""
    stops: list[dict[str, Any]] = []
    while not stops or stops[-1]["name"] != name:
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        assert len(stops) < MOST_STOPS, [stop["name"] for stop in stops]
        assert stops[-1]["outline"], f"{stops[-1]} has the focus and does not show it"
        assert stops[-1]["seen"], f"{stops[-1]} has the focus and can't be seen"
    return stops


def test_signing_in_pausing_and_settling_need_no_mouse(chromium: Browser, town: House) -> None:
    with person(chromium, town) as page:
        page.goto("/console/sign-in")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("oana")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORDS["oana"])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()

        stops = tab_to(page, "Pause")
        assert (stops[0]["part"], stops[0]["name"]) == ("skip", "Skip to the content")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Paused")
        tab_to(page, "Resume")
        page.keyboard.press("Space")
        expect(page.get_by_role("status")).to_contain_text("Resumed")

        stops = tab_to(page, "Work lists")
        assert [stop["part"] for stop in stops] == sorted(
            (stop["part"] for stop in stops), key=["skip", "top", "menu"].index
        )
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Work lists")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # skips the menu
        tab_to(page, "Unknown calls")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Unknown calls")).to_be_visible()
        tab_to(page, "Settle")
        page.once("dialog", lambda question: question.accept())
        page.keyboard.press("Shift+Tab")
        page.keyboard.type("no answer")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("settled as no answer.")


def test_the_focus_goes_down_the_page(chromium: Browser, town: House) -> None:
    with person(chromium, town, "oana") as page:
        page.goto("/console/do-not-call")
        stops = [stop for stop in tab_to(page, "Search") if stop["part"] == "main"]
        assert len(stops) >= 6
        parts = [stops[:3], stops[3:]]  # two cards beside each other, each from top to bottom
        for part in parts:
            assert all(above["top"] < below["bottom"] for above, below in pairwise(part)), part


def test_the_switch_keeps_the_focus_while_the_page_renews_itself(chromium: Browser, town: House) -> None:
    with person(chromium, town, "oana") as page:
        page.goto("/console")
        tab_to(page, "Pause")
        with page.expect_response(re.compile("/console/state")):
            page.evaluate("htmx.ajax('GET', '/console/state?next=/console', '#state')")
        page.wait_for_timeout(200)
        assert page.evaluate(FOCUSED)["name"] == "Pause"
