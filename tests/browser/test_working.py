"""What people do at the console: find out why somebody was not called, settle what waits, stop calls to a number."""

import csv
import io
import re

import httpx2
from playwright.sync_api import Browser, Locator, Page, Route, expect

from autodialer.simulators.people import mobile
from browser.looking import person
from browser.town import NO_LONGER
from web.house import House


def lead_in_zoho(town: House, zoho_id: str) -> dict[str, object]:
    address = f"{town.simulated.zoho_url}/_sim/records"
    rows: list[dict[str, object]] = httpx2.get(address, params={"module": "Leads", "id": zoho_id}).json()["records"]
    return rows[0]


def first_row(page: Page) -> tuple[Locator, str]:
    """Of the list of unknown calls: the row, and the Zoho id of its record."""
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Settle")).first
    return row, row.get_by_role("link").first.inner_text().split()[-1]


def test_a_person_is_found_by_number_and_explained_in_plain_words(chromium: Browser, town: House) -> None:
    with person(chromium, town, "oana") as page:
        page.get_by_role("link", name="People").click()
        number = mobile(1002)
        page.get_by_label("Name, phone number or Zoho id").fill(f"0{number[3:6]} {number[6:9]} {number[9:]}")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("1 person found")).to_be_visible()
        page.get_by_role("row").get_by_role("link").first.click()
        why = page.get_by_role("region", name="Why")
        expect(why).to_contain_text("Not called")
        expect(why).to_contain_text("The last call was answered, and nobody has changed the status in Zoho since")
        expect(why).to_contain_text("What would change it")
        expect(page.get_by_role("region", name="When next")).to_contain_text("No call is in sight")
        happened = page.get_by_role("region", name="What happened")
        expect(happened.get_by_text("The call ended: answered.")).to_have_count(1)
        expect(happened.get_by_text("The call ended: busy.")).to_have_count(1)
        page.get_by_label("Date and time").fill("2026-03-02T12:00")
        page.get_by_role("button", name="How did it stand?").click()
        expect(page.get_by_role("region", name="At any moment")).to_contain_text("Would be called")


def test_an_unknown_call_is_settled_and_zoho_is_told(chromium: Browser, town: House) -> None:
    with person(chromium, town, "oana") as page:
        page.get_by_role("link", name="Work lists").click()
        page.get_by_role("main").get_by_role("link", name="Unknown calls").first.click()
        row, who = first_row(page)
        row.get_by_role("combobox").select_option("busy")
        page.once("dialog", lambda question: question.dismiss())
        row.get_by_role("button", name="Settle").click()
        expect(page.get_by_role("link", name=who)).to_have_count(1)
        page.once("dialog", lambda question: question.accept())
        row.get_by_role("button", name="Settle").click()
        expect(page.get_by_role("status")).to_contain_text(f"{who}: settled as busy.")
        expect(page.get_by_role("link", name=who)).to_have_count(0)
        town.wait_until(f"SELECT count(*) FROM outbox WHERE zoho_id = '{who}' AND state = 'sent'", "Zoho is told")  # noqa: S608 - an id
        assert lead_in_zoho(town, who)["Lead_Status"] == "No Answer"
        page.get_by_role("link", name="Audit").click()
        newest = page.get_by_role("row").nth(1)
        expect(newest).to_contain_text("oana")
        expect(newest).to_contain_text("settled an unknown call")


def test_a_file_of_numbers_is_looked_at_and_then_added_to_the_do_not_call_list(chromium: Browser, town: House) -> None:
    rows = [
        ("telefon", "motiv"),
        ("0709 009 100", "a scris"),
        ("+40709009101", ""),
        ("call me", ""),
        (next(iter(NO_LONGER)), ""),
    ]
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    upload = {"name": "numbers.csv", "mimeType": "text/csv", "buffer": file.getvalue().encode()}
    with person(chromium, town, "oana") as page:
        page.get_by_role("link", name="Do not call").click()
        page.get_by_label("CSV file").set_input_files(files=[upload])  # type: ignore[arg-type]  # a FilePayload
        page.get_by_label("Reason, where a row gives none").fill("came by mail")
        page.get_by_role("button", name="Look at it").click()
        expect(page.get_by_role("main")).to_contain_text("Nothing is added yet.")
        expect(page.get_by_text("Line 4")).to_be_visible()
        assert town.sql("SELECT count(*) FROM do_not_call WHERE number LIKE '+407090091%'") == [(0,)]
        page.get_by_role("button", name="Add 2 numbers").click()
        expect(page.get_by_role("status")).to_contain_text("2 numbers were added")
        for number in ("+40709009100", "+40709009101", *NO_LONGER):
            expect(page.get_by_role("cell", name=number)).to_be_visible()
        expect(page.get_by_role("row", name=re.compile("40709009101.*came by mail"))).to_be_visible()


def test_a_second_click_while_the_answer_is_on_its_way_sends_nothing_more(chromium: Browser, town: House) -> None:
    sent: list[str] = []

    def stay_here(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(status=204)

    with person(chromium, town, "oana") as page:
        page.goto("/console/parked")
        page.route(re.compile("/console/parked"), stay_here)
        for _ in range(2):
            page.evaluate("document.querySelector('main form button').click()")
            page.wait_for_timeout(200)
        assert sent == ["POST"]


def test_who_is_about_to_pause_while_somebody_else_does_so_resumes_nothing(chromium: Browser, town: House) -> None:
    def paused() -> bool:
        return bool(town.ask("GET", "/api/live").json()["live"]["standing"] == "paused")

    with person(chromium, town, "oana") as page:
        page.goto("/console")
        town.ask("POST", "/api/pause").raise_for_status()
        with page.expect_response(re.compile("/console/state")):
            page.evaluate("htmx.ajax('GET', '/console/state?next=/console', '#state')")
        page.get_by_role("button", name="Resume").click()
        page.wait_for_timeout(300)
        assert paused()
        page.wait_for_timeout(1500)
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("Resumed")
        assert not paused()


def test_all_of_it_works_without_javascript(chromium: Browser, town: House) -> None:
    with person(chromium, town, "oana", java_script_enabled=False) as page:
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_contain_text("Paused")
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("Resumed")
        page.goto("/console/unknown")
        row, who = first_row(page)
        row.get_by_role("combobox").select_option(label="failed")
        row.get_by_role("button", name="Settle").click()
        expect(page.get_by_role("status")).to_contain_text(f"{who}: settled as failed.")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_whose_service_is_gone_says_so_until_it_is_back(chromium: Browser, town: House) -> None:
    with person(chromium, town, "vera", meant=("ERR_FAILED", "htmx:sendError", "htmx:afterRequest")) as page:
        page.goto("/console")
        notice = page.get_by_text("The service does not answer")
        expect(notice).to_be_hidden()
        page.route(re.compile("/console/state"), lambda route: route.abort())
        page.evaluate("htmx.ajax('GET', '/console/state', '#state').catch(() => {})")
        expect(notice).to_be_visible()
        page.unroute(re.compile("/console/state"))
        page.evaluate("htmx.ajax('GET', '/console/state', '#state')")
        expect(notice).to_be_hidden()
