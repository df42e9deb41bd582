"""Looking ahead in a browser: a plan is made and looked through, a policy is tried beside another one; wide and narrow."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.looking import AXE, NARROW, WIDE, faults, person
from web.house import House


def overflows(page: Page) -> bool:
    """Whether the page is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("window", [WIDE, NARROW], ids=["1440", "375"])
def test_plan_policy_and_simulation_are_used_without_a_fault(chromium: Browser, office: House, window: object) -> None:
    with person(chromium, office, "oana", viewport=window) as page:
        page.add_init_script(AXE)
        page.goto("/console/plan")
        page.get_by_role("button", name="Make a new plan").click()
        expect(page.get_by_role("status")).to_contain_text("The plan is made")
        page.get_by_label("Would").select_option("call")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("would=due"))
        expect(page.locator("#records tbody tr")).to_have_count(6)
        assert (faults(page), overflows(page)) == ([], False)
        page.goto("/console/policy")
        expect(page.get_by_text("At most 3 calls on Day 0")).to_be_visible()
        assert (faults(page), overflows(page)) == ([], False)
        page.goto("/console/simulate")
        page.get_by_label("People", exact=True).fill("80")
        page.get_by_label("this policy, as a policy file has it:").check()
        page.get_by_label("Policy (TOML)").fill("day_quotas = [1, 1, 1]\ntotal_quota = 3")
        page.get_by_role("button", name="Simulate").click()
        expect(page.get_by_role("heading", name="Who changes, and why")).to_be_visible()
        expect(page.get_by_label("Policy (TOML)")).to_have_value("day_quotas = [1, 1, 1]\ntotal_quota = 3")
        expect(page.locator("svg.chart")).to_have_count(4)
        assert (faults(page), overflows(page)) == ([], False)
