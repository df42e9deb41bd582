"""A person before a browser: whose pages are watched for what goes wrong without being seen."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from console.office import PASSWORDS
from web.house import API_TOKEN, House

PATIENCE = 15_000  # milliseconds; for a machine that has much else to do
AXE = Axe().axe_script  # for Page.add_init_script
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=375, height=740)


class Troubles(list[str]):
    """What the browser complained of: scripts that failed, refusals by the page's policy, files that did not come."""

    def watch(self, context: BrowserContext) -> None:
        """From now on, all pages of `context`."""
        context.on("weberror", lambda told: self.append(f"script: {told.error}"))
        context.on("console", lambda told: self._heard(told.type, told.text, told.page))
        context.on("requestfailed", lambda request: self._failed(request.url, request.failure))

    def _heard(self, kind: str, text: str, page: Page | None) -> None:
        refused = (
            "the server responded with a status of" in text
        )  # a refusal that a test asks for; it looks at the page
        if kind in {"error", "warning"} and not refused:
            self.append(f"{kind} on {page.url if page else '?'}: {text}")

    def _failed(self, url: str, failure: str | None) -> None:
        if failure != "net::ERR_ABORTED":  # gone to another page before an answer came
            self.append(f"{url}: {failure}")


@contextmanager
def person(
    browser: Browser, house: House, name: str | None = None, *, meant: Sequence[str] = (), **how: Any
) -> Iterator[Page]:
    """Somebody with cookies of his own and an empty page; signed in as `name`, "" by API_TOKEN, None not yet.

    `how` goes to Browser.new_context. Whatever the browser complained of fails the test at the end, unless it holds one of `meant`.
    """
    context = browser.new_context(**{"base_url": house.url, "locale": "en-GB", "viewport": WIDE, **how})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    troubles = Troubles()
    troubles.watch(context)
    try:
        page = context.new_page()
        if name is not None:
            sign_in(page, name)
        yield page
    finally:
        context.close()
    assert [trouble for trouble in troubles if not any(each in trouble for each in meant)] == []


def sign_in(page: Page, name: str, password: str | None = None) -> None:
    """By the form, in English."""
    page.goto("/console/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password or (PASSWORDS[name] if name else API_TOKEN))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


def addresses_of_menu(page: Page) -> list[str]:
    """Where the menu leads to, in its order."""
    links = page.get_by_role("navigation", name=re.compile("^(Pages|Pagini)$")).get_by_role("link").all()
    return [str(link.get_attribute("href")) for link in links]


def faults(page: Page, *rules: str, within: str = "html") -> list[str]:
    """What axe finds in a part of the page as it is, of these rules or of all, that is serious or critical."""
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = page.evaluate("([within, options]) => axe.run(within, options)", [within, options])["violations"]
    bad = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for one in bad for node in one["nodes"]]
