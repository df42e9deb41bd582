"""Today, runs and health: a run is started, watched, paused midway and read afterwards, by who may and in both languages."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from autodialer.domain.phone import mask_number
from autodialer.service.answer_rates import Rate
from autodialer.simulators.people import Outcome
from autodialer.web.console.charts import HEIGHT, chart_of
from console.office import add_users, browser_of, csrf_of, post, said_after, text_of
from web.house import PATIENCE, TOKENS, House, house, person

OUTCOMES: tuple[Outcome, ...] = ("answered", "no_answer", "busy", "no_answer", "failed", "no_answer")
WHO = [person(index, outcomes=(outcome,)) for index, outcome in enumerate(OUTCOMES)]
NUMBERS = [str(who.number) for who in WHO]
UNREACHABLE = replace(person(9), phone="12")


@pytest.fixture(scope="module")
def dialed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """After a run over six people who could be called and one who could not; a slot was skipped."""
    with house(tmp_path_factory.mktemp("dialed"), [*WHO, UNREACHABLE], **TOKENS) as running:
        add_users(running)
        assert running.ask("POST", "/api/cron").status_code == 200
        running.wait_until("SELECT count(*) = 6 FROM outbox WHERE state = 'sent'", "Zoho has all six results")
        yield running


@pytest.fixture
def seer(dialed: House) -> Iterator[httpx2.Client]:
    with browser_of(dialed, "vera") as client:
        yield client


@pytest.fixture
def doer(dialed: House) -> Iterator[httpx2.Client]:
    with browser_of(dialed, "oana") as client:
        yield client


def run_id(service: House) -> str:
    return str(service.ask("GET", "/api/runs").json()["runs"][-1]["run_id"])


def test_today_shows_the_run_its_results_and_what_waits(seer: httpx2.Client) -> None:
    text = text_of(seer.get("/console").text)
    for words in (
        "Dialing Ready",
        "Next run 14:00",
        "Lines in use 0 of 400",
        "Calls today 6",
        "The latest run",
        "6 of 6 called",
        "Not called 1",
        "Answered, wait for a person 1",
        "Calls that ended last",
        "fine",
    ):
        assert words in text, words


def test_the_charts_have_words_and_a_table_for_who_does_not_see_them(seer: httpx2.Client) -> None:
    page = seer.get("/console").text
    charts = re.findall(
        r'<svg class="chart"[^>]*role="img"[^>]*aria-labelledby="([\w-]+) ([\w-]+)">(.*?)</svg>', page, re.DOTALL
    )
    assert len(charts) == 2
    for title, desc, drawing in charts:
        assert f'<title id="{title}">' in drawing
        assert f'<desc id="{desc}">' in drawing
        assert drawing.count("<rect") >= 1
    assert "Answered calls by number of the call Call Calls Answered Share 1 6 1 16.7%" in text_of(page)


def test_the_part_that_is_renewed_is_the_same_as_in_the_page(seer: httpx2.Client) -> None:
    whole, part = seer.get("/console").text, seer.get("/console/live")
    assert part.status_code == 200
    assert 'hx-get="/console/live"' in part.text
    assert "<html" not in part.text
    assert text_of(part.text) in text_of(whole)


def test_runs_are_listed_with_their_figures_and_skipped_slots_with_the_reason(
    dialed: House, doer: httpx2.Client
) -> None:
    skipped = dialed.system.services.runs.skipped(dialed.system.services.means.clock.now().replace(hour=10), "paused")
    dialed.run(dialed.system.store.write(lambda ledger: ledger.runs.skip_slot(skipped)))
    text = text_of(doer.get("/console/runs").text)
    assert "by hand finished 6 1 0 0" in text
    assert "by the clock slot skipped" in text
    assert "paused" in text


def test_runs_come_in_pages_that_meet(dialed: House, seer: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodialer.web.console.pages.runs._PAGE", 1)
    address, seen = "/console/runs", []
    while True:
        page = seer.get(address).text
        seen += re.findall(r'data-label="Started">(.*?)</td>', page)
        following = re.search(r'<a href="([^"]+)" rel="next">', page)
        if not following:
            break
        address = following[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == dialed.sql("SELECT count(*) FROM runs")[0][0]


def test_a_run_shows_each_record_with_what_was_done_and_why(dialed: House, doer: httpx2.Client) -> None:
    page = doer.get(f"/console/runs/{run_id(dialed)}").text
    text = text_of(page)
    for words in ("finished", "6 of 6 called", "called: busy", "called: answered", "not called no"):
        assert words in text, words
    assert "hx-trigger" not in page.split('id="run"')[1], "a run that is over is not asked for again"
    assert NUMBERS[0] in page


def test_the_calls_of_a_runs_records_are_read_at_once(dialed: House, doer: httpx2.Client) -> None:
    statements: list[str] = []

    def note(*told: Any) -> None:
        statements.append(told[2])

    engine = dialed.system.store.database._reader_engine
    event.listen(engine, "before_cursor_execute", note)
    doer.get(f"/console/runs/{run_id(dialed)}").raise_for_status()
    event.remove(engine, "before_cursor_execute", note)
    of_calls = [one for one in statements if re.search(r"FROM attempts\s+WHERE attempts.attempt_id", one)]
    assert len(of_calls) == 1, of_calls


def test_records_of_a_run_are_filtered_by_what_was_done_and_by_reason(dialed: House, doer: httpx2.Client) -> None:
    base = f"/console/runs/{run_id(dialed)}"
    called, skipped = doer.get(f"{base}?did=called").text, doer.get(f"{base}?did=skip&reason=no_valid_phone").text
    assert (called.count('data-label="Person"'), skipped.count('data-label="Person"')) == (6, 1)
    assert UNREACHABLE.zoho_id in skipped
    assert "No record of this run is like that." in text_of(doer.get(f"{base}?did=dead").text)
    for nonsense in ("did=everything", "reason=A%27", "after=%00"):
        assert doer.get(f"{base}?{nonsense}").status_code == 404


def test_records_of_a_run_come_in_pages(dialed: House, doer: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodialer.web.console.pages.runs._PAGE", 3)
    address, people = f"/console/runs/{run_id(dialed)}", list[str]()
    while True:
        page = doer.get(address).text
        people += re.findall(r'data-label="Person" class="whole"><a href="[^"]+/(\d+)">', page)
        following = re.search(r'<a href="([^"]+)" rel="next">', page)
        if not following:
            break
        address = following[1].replace("&amp;", "&")
    assert sorted(people) == sorted(who.zoho_id for who in [*WHO, UNREACHABLE])


def test_a_run_whose_records_were_removed_after_their_time_says_so(dialed: House, seer: httpx2.Client) -> None:
    (run_id,) = dialed.sql("SELECT run_id FROM runs WHERE state = 'finished'")[0]
    address = f"/console/runs/{run_id}"
    assert "No record of this run is like that." in text_of(seer.get(f"{address}?reason=do_not_call").text)
    dialed.sql(f"UPDATE staged_records SET run_id = 'x{run_id[1:]}' WHERE run_id = '{run_id}'")  # noqa: S608 - our own
    text = text_of(seer.get(address).text)
    dialed.sql(f"UPDATE staged_records SET run_id = '{run_id}' WHERE run_id = 'x{run_id[1:]}'")  # noqa: S608 - our own
    assert "Its records are not kept any more; its figures are." in text
    assert "No record of this run" not in text


def test_viewers_see_masked_numbers_alone(dialed: House, seer: httpx2.Client) -> None:
    for address in ("/console", "/console/live", f"/console/runs/{run_id(dialed)}"):
        page = seer.get(address).text
        assert [number for number in NUMBERS if number.lstrip("+") in page] == [], address
        assert mask_number(NUMBERS[0]) in page


def test_what_does_not_exist_is_no_run(seer: httpx2.Client) -> None:
    for address in ("/console/runs/none", "/console/runs/%20", "/console/runs/none/live", "/console/runs?before=x"):
        assert seer.get(address).status_code == 404, address


def test_a_viewer_can_not_start_a_run_and_is_not_shown_how(dialed: House, seer: httpx2.Client) -> None:
    page = seer.get("/console/runs").text
    assert "Start a run" not in page
    before = dialed.sql("SELECT count(*) FROM runs")
    assert seer.post("/console/runs", data={"csrf": csrf_of(page)}).status_code == 403
    assert dialed.sql("SELECT count(*) FROM runs") == before


def test_health_tells_of_zoho_and_8x8_as_last_seen_without_asking_them(dialed: House, seer: httpx2.Client) -> None:
    before = dialed.simulated.zoho.meter.spent
    text = text_of(seer.get("/console/health").text)
    for words in ("Zoho CRM fine", "8x8 fine", "place 6 0", "Webhook registered at 8x8 yes", "Enough are left."):
        assert words in text, words
    assert dialed.simulated.zoho.meter.spent == before


def test_health_says_that_the_webhook_is_not_ours_any_more_once_another_installation_has_it(
    dialed: House, seer: httpx2.Client
) -> None:
    dialed.sql("INSERT INTO switches (name, value, changed_at) VALUES ('results_elsewhere', 'trial.example', 0)")
    text = text_of(seer.get("/console/health").text)
    dialed.sql("DELETE FROM switches WHERE name = 'results_elsewhere'")
    assert "Webhook registered at 8x8 no, or not by this service" in text


def test_health_is_examined_when_an_operator_wants_it(doer: httpx2.Client, seer: httpx2.Client) -> None:
    answer = post(doer, "/console/health/examine")
    assert answer.status_code == 200
    text = text_of(answer.text)
    assert "What to do" in text
    assert "Session summaries" in text
    assert doer.post("/console/health/examine").status_code == 403, "only with the form's token"
    assert post(seer, "/console/health/examine").status_code == 403, "it costs credits"


def test_the_address_of_an_examination_leads_to_the_page_without_another_one(seer: httpx2.Client) -> None:
    answer = seer.get("/console/health/examine")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/health")


@pytest.mark.parametrize("address", ["/console", "/console/runs", "/console/health"])
def test_the_pages_speak_romanian(seer: httpx2.Client, address: str) -> None:
    page = seer.get(address, headers={"accept-language": "ro"}).text
    assert '<html lang="ro">' in page
    for english in ("Lines in use", "Started", "Requests since", "When people answer"):
        assert english not in page


# A run, live -------------------------------------------------------------------------------------------


def wait_for(client: httpx2.Client, address: str, words: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while words not in (text := text_of(client.get(address).text)):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    return text


def test_a_run_is_started_watched_and_paused_midway_and_nobody_is_rung_any_more(tmp_path: Path) -> None:
    people = [person(index, outcomes=("no_answer",)) for index in range(20)]
    with house(tmp_path, people, calls_per_second=2.0, **TOKENS) as service:
        add_users(service)
        with browser_of(service, "oana") as client:
            started = post(client, "/console/runs", confirm="yes")
            assert said_after(client, started) == "The run has started."
            address = started.headers["location"]
            assert "A run is going" in text_of(client.get(address).text)
            live = f"{address}/live"
            assert "hx-trigger" in client.get(live).text
            service.wait_until(
                "SELECT count(*) >= 3 FROM attempts WHERE placed_at IS NOT NULL", "three calls are placed"
            )
            wait_for(client, live, "of 20 called")
            again = post(client, "/console/runs")
            assert (again.status_code, "a run is going" in text_of(again.text)) == (409, True)
            assert said_after(client, post(client, "/console/pause", next=address)).startswith("Paused")
            rung = service.rings()
            assert "Paused by oana." in text_of(client.get("/console").text)
            time.sleep(1.5)  # in which three calls would have been placed
            assert service.rings() <= rung + 1, "one may have been on its way"
            assert service.rings() < 20
            post(client, "/console/resume")
            wait_for(client, live, "20 of 20 called")
            wait_for(client, live, "finished")
            assert "hx-trigger" not in client.get(live).text
        trail = service.sql("SELECT who, action FROM audit WHERE action <> 'sign_in' ORDER BY audit_id")
        assert [tuple(row) for row in trail][-3:] == [("oana", "start_run"), ("oana", "pause"), ("oana", "resume")]
        assert service.sql("SELECT confirm FROM runs") == [(1,)]


def test_a_run_that_can_not_start_says_why(tmp_path: Path) -> None:
    with house(tmp_path, WHO, eightx8_caller_id=None, **TOKENS) as service:
        add_users(service)
        with browser_of(service, "oana") as client:
            answer = post(client, "/console/runs")
            assert answer.status_code == 503
            assert "EIGHTX8_CALLER_ID" in text_of(answer.text)
            assert service.sql("SELECT count(*) FROM runs") == [(0,)]
            assert "Can't call" in text_of(client.get("/console").text)
            assert "Held" in text_of(client.get("/console/health").text)


@pytest.mark.parametrize("answered", [0, 3, 5, 8, 15, 20, 24, 30, 50, 70, 100])
def test_the_lines_of_a_chart_stand_at_whole_per_cents_evenly_spaced(answered: int) -> None:
    chart = chart_of([Rate(9, 100, answered)])
    shares = [line.share * 100 for line in chart.lines]
    assert shares == pytest.approx([round(share) for share in shares])
    gaps = [below.y - above.y for below, above in pairwise(chart.lines)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), abs=0.2)
    assert shares[-1] >= answered


def test_a_chart_has_a_bar_for_each_place_and_a_round_scale() -> None:
    chart = chart_of([Rate(9, 10, 3), Rate(11, 10, 1)])
    assert [bar.rate.at for bar in chart.bars] == [9, 10, 11]
    assert [line.share for line in chart.lines] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert chart.bars[0].y > 0
    assert all(bar.y + bar.height == pytest.approx(chart.ground, abs=0.2) for bar in chart.bars)
    assert chart.bars[1].height == 0
    assert chart_of([]).bars == ()
    day = chart_of([Rate(hour, 1, 1) for hour in range(24)])
    assert 6 <= sum(bool(bar.label) for bar in day.bars) <= 12
    assert all(bar.x >= 0 and bar.x + bar.width <= day.width and bar.y <= HEIGHT for bar in day.bars)
