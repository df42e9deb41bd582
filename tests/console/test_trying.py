"""The pages that look ahead: plan, policy, simulate."""

import csv
import io
import re

import httpx2
import pytest

from autodialer.domain.sentence import Sentence
from autodialer.web.console.columns import columns_of
from console.office import csrf_of, post, said_after, text_of
from web.house import House

ROMANIAN = {"accept-language": "ro"}


def credits_used(office: House) -> int:
    used: int = office.ask("GET", "/api/stats").json()["stats"]["zoho"]["credits"]
    return used


@pytest.fixture(scope="module")
def planned(office: House) -> House:
    """A plan was made by an operator."""
    office.run(office.system.services.kept_plan.make(confirm=False, by="oana"))
    return office


def test_a_plan_is_made_by_an_operators_button_and_by_nothing_else(
    office: House, viewer: httpx2.Client, operator: httpx2.Client
) -> None:
    before = credits_used(office)
    assert "costs 3 of Zoho's credits" in text_of(viewer.get("/console/plan").text)
    assert post(viewer, "/console/plan").status_code == 403
    assert operator.post("/console/plan").status_code == 403, "without the form's token"
    assert credits_used(office) == before
    assert said_after(operator, post(operator, "/console/plan")) == "The plan is made; nobody was called."
    made = credits_used(office)
    assert made > before
    page = text_of(viewer.get("/console/plan").text)
    assert "Would be called 6" in page
    assert "). A call is assumed to take 45.0 seconds" in page
    assert credits_used(office) == made, "looking through it costs nothing"
    assert "oana made a plan" in text_of(viewer.get("/console/audit?action=make_plan").text)
    assert office.rings() == 0


@pytest.mark.usefixtures("planned")
def test_the_plan_is_looked_through_by_decision_reason_and_digits(operator: httpx2.Client) -> None:
    page = operator.get("/console/plan").text
    records = re.findall(r'href="/console/people/(\w+)/(\d+)"', page)
    assert len(records) == 6
    assert "+40709000001" in text_of(page), "operators see whole numbers"
    _, zoho_id = records[0]
    for query, found in (
        ({"would": "due"}, 6),
        ({"would": "skip"}, 0),
        ({"reason": "new"}, 6),
        ({"q": zoho_id}, 1),
        ({"q": "+40 709 000 001"}, 1),
        ({"q": "0001"}, 1),
        ({"q": "0709 000 001"}, 1),
        ({"q": "01"}, 0),
        ({"would": "nonsense", "after": "\x01"}, 6),
    ):
        text = operator.get("/console/plan", params=query).text
        assert len(re.findall(r'href="/console/people/\w+/\d+"', text)) == found, query
    assert "Nobody here." in text_of(operator.get("/console/plan", params={"would": "dead"}).text)


@pytest.mark.usefixtures("planned")
def test_viewers_see_masked_numbers_and_no_button(viewer: httpx2.Client) -> None:
    page = viewer.get("/console/plan").text
    assert "+40709000001" not in page
    assert "+40…01" in page
    assert "Make a new plan" not in page
    zoho_id = re.findall(r'href="/console/people/\w+/(\d+)"', page)[0]
    for part, found in (("0001", 0), ("9000001", 0), ("+40709000001", 1), (zoho_id, 1)):
        rows = re.findall(r'href="/console/people/\w+/\d+"', viewer.get("/console/plan", params={"q": part}).text)
        assert len(rows) == found, part


def test_the_kept_plan_is_downloaded_as_csv(planned: House, viewer: httpx2.Client, stranger: httpx2.Client) -> None:
    before = credits_used(planned)
    answer = viewer.get("/console/plan.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 6
    assert "attachment" in answer.headers["content-disposition"]
    assert credits_used(planned) == before
    assert stranger.get("/console/plan.csv").status_code == 303


def test_a_plan_that_zoho_does_not_let_make_leaves_the_one_before(planned: House, operator: httpx2.Client) -> None:
    fault = {"kind": "status", "status": 401, "match": {"path_contains": "/coql"}, "times": 0}
    httpx2.post(f"{planned.simulated.zoho_url}/_sim/faults", json=fault).raise_for_status()
    answer = post(operator, "/console/plan")
    httpx2.delete(f"{planned.simulated.zoho_url}/_sim/faults").raise_for_status()
    assert answer.status_code == 503
    text = text_of(answer.text)
    assert "Zoho can't be read, so there is no new plan." in text
    assert "Would be called 6" in text


def test_the_policy_is_told_in_words_of_both_languages(viewer: httpx2.Client, office: House) -> None:
    english = text_of(viewer.get("/console/policy").text)
    assert office.system.policy.hash in english
    assert "At most 3 calls on Day 0, the date of the first unanswered call." in english
    assert "From Day 3 on the record becomes Dead, without a call." in english
    assert "POLICY_FILE is not set" in english
    romanian = text_of(viewer.get("/console/policy", headers=ROMANIAN).text)
    assert "Cel mult 3 apeluri în Ziua 0" in romanian
    assert "{" not in english + romanian


def simulate(client: httpx2.Client, **fields: str) -> httpx2.Response:
    asked = {"people": "60", "days": "5", "seed": "3", "start": "2026-03-02", "answer_rate": "", "second": "none"}
    return post(client, "/console/simulate", **{**asked, "policy": "", **fields})


def test_a_simulation_shows_sums_charts_and_what_was_assumed(viewer: httpx2.Client) -> None:
    assert "60" not in text_of(viewer.get("/console/simulate").text)
    answer = simulate(viewer)
    assert answer.status_code == 200, text_of(answer.text)
    text = text_of(answer.text)
    assert "5 simulated days" in text
    assert "People reached" in text
    assert "60 people made up from seed 3: 40% are there at the start" in text
    assert "Call 1 is answered in 25% of cases: assumed." in text
    assert answer.text.count('<svg class="chart"') == 4
    assert text == text_of(simulate(viewer).text), "the same seed, the same page"


def test_two_policies_are_shown_side_by_side_with_who_changes_and_why(viewer: httpx2.Client) -> None:
    text = text_of(simulate(viewer, second="text", policy="day_quotas = [1, 1, 1]\ntotal_quota = 3").text)
    assert "Who changes, and why" in text
    assert "end otherwise" in text or "ends otherwise" in text
    assert "a call: nobody has answered yet" in text
    assert "Nobody fares otherwise." in text_of(simulate(viewer, second="default").text)
    romanian = post(viewer, "/console/language/ro")
    assert romanian.status_code == 405
    page = viewer.get("/console/simulate", headers=ROMANIAN)
    asked = {"people": "60", "days": "5", "seed": "3", "second": "default", "csrf": csrf_of(page.text)}
    assert "Pentru nimeni nu se schimbă nimic." in text_of(
        viewer.post("/console/simulate", data=asked, headers=ROMANIAN).text
    )


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"people": "20000", "days": "90"}, "people x days must not exceed"),
        ({"people": "0"}, "people"),
        ({"people": "9" * 5000}, "people"),
        ({"days": "-3"}, "days"),
        ({"seed": "1.5"}, "seed"),
        ({"second": "text", "policy": "day_quota = 3"}, "there is no field day_quota"),
        ({"second": "text", "policy": "a=" + "[" * 9000}, "it is nested too deeply"),
        ({"second": "text", "policy": "total_quota = " + "9" * 5000}, "a number or a date can't be that"),
        ({"second": "text", "policy": "max_dead_share = " + "9" * 400}, "max_dead_share must be a number"),
        ({"second": "text", "policy": "#" * 10_001}, "policy"),
        ({"answer_rate": "many"}, "answer_rate"),
        ({"answer_rate": "101"}, "answer_rate"),
        ({"start": "2026-02-30"}, "there is no such date"),
    ],
)
def test_what_can_not_be_simulated_is_said_and_the_form_keeps_what_was_typed(
    viewer: httpx2.Client, fields: dict[str, str], problem: str
) -> None:
    answer = simulate(viewer, **fields)
    assert answer.status_code == 400
    assert problem in text_of(answer.text)
    assert next(iter(fields.values())) in answer.text


def test_a_simulation_needs_the_forms_token(viewer: httpx2.Client) -> None:
    assert viewer.post("/console/simulate", data={"people": "1"}).status_code == 403


def test_columns_reach_the_scale_and_none_goes_beyond_it() -> None:
    for value in (1, 3, 9, 47, 321, 98_765):
        drawn = columns_of(["a", "b"], {"a": value}, {"b": value // 2})
        assert drawn.lines[-1].value >= value
        assert drawn.lines[-1].value <= 4 * value
        columns = [column for place in drawn.places for column in place.columns]
        assert [column.value for column in columns] == [value, 0, 0, value // 2]
        assert all(column.y >= drawn.lines[-1].y for column in columns)
    assert columns_of(["a"], {}).places == ()
    assert str(Sentence("{a}", {"a": 1})) == "1"
