"""Getting in, by mouse, by keyboard, in both languages, with and without JavaScript."""

import re

from playwright.sync_api import Browser, expect

from browser.looking import person, sign_in
from console.office import PASSWORDS
from web.house import House


def test_a_wrong_password_is_told_and_the_right_one_opens(chromium: Browser, office: House) -> None:
    with person(chromium, office) as page:
        page.goto("/console?seen=before")
        expect(page).to_have_url(re.compile(r"/console/sign-in\?next="))
        page.get_by_label("Name").fill("oana")
        page.get_by_label("Password").fill("not hers at all")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
        expect(page.get_by_label("Name")).to_have_value("oana")
        expect(page.get_by_label("Password")).to_be_empty()
        page.get_by_label("Password").fill(PASSWORDS["oana"])
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{office.url}/console?seen=before")
        expect(page.get_by_text("oana · operator")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto("/console")
        expect(page).to_have_url(re.compile("/console/sign-in"))


def test_it_speaks_the_browsers_language_and_the_chosen_one(chromium: Browser, office: House) -> None:
    with person(chromium, office, locale="ro-RO") as page:
        page.goto("/console/sign-in")
        expect(page.get_by_role("heading", name="Autentificare")).to_be_visible()
        page.get_by_role("link", name="en").click()
        sign_in(page, "oana")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        page.get_by_role("link", name="ro").click()
        expect(page.get_by_role("navigation", name="Pagini")).to_be_visible()
        page.get_by_role("button", name="Pauză").click()
        expect(page.get_by_role("status")).to_contain_text("Pauză: niciun apel nu mai este trimis.")
        page.get_by_role("button", name="Continuă").click()
        expect(page.get_by_role("status")).to_contain_text("Reluat")
