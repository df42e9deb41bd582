"""A run is started, watched going by, stopped between two calls, and gone on with."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser.looking import person as somebody
from console.office import add_users
from web.house import TOKENS, House, house, person

PEOPLE = 45
PACE = 3.0  # calls a second: slow enough to look on


@pytest.fixture(scope="module")
def dialing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Ready to call some people."""
    people = [person(index, outcomes=("no_answer",)) for index in range(PEOPLE)]
    folder = tmp_path_factory.mktemp("dialing")
    with house(folder, people, **TOKENS, max_concurrent_calls=10, calls_per_second=PACE) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        add_users(running)
        yield running


def test_a_run_is_started_watched_paused_between_two_calls_and_resumed(chromium: Browser, dialing: House) -> None:
    with somebody(chromium, dialing, "oana") as page:
        page.get_by_role("link", name="Runs", exact=True).click()
        page.once("dialog", lambda question: question.dismiss())
        page.get_by_role("button", name="Start a run now").click()
        assert dialing.sql("SELECT count(*) FROM runs") == [(0,)]
        page.once("dialog", lambda question: question.accept())
        page.get_by_role("button", name="Start a run now").click()
        page.get_by_role("link", name="Today").click()
        expect(page.get_by_role("heading", name="The run that is going")).to_be_visible()
        called = page.locator("#live").get_by_text(re.compile(rf"^\d+ of {PEOPLE} called"))
        for _ in range(2):  # without loading the page again
            expect(called).not_to_have_text(called.inner_text())
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_contain_text("no further call is sent")
        rings = dialing.rings()
        assert 0 < rings < PEOPLE
        expect(page.get_by_text("Paused by oana.")).to_be_visible()
        time.sleep(4 / PACE)  # four calls' time
        assert dialing.rings() == rings
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("Resumed")
        dialing.wait_until("SELECT state = 'finished' FROM runs", "the run ends")
        assert dialing.rings() == PEOPLE
        expect(page.get_by_role("heading", name="The latest run")).to_be_visible()
        expect(called).to_contain_text(f"{PEOPLE} of {PEOPLE} called")
