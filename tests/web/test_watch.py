"""`watch` and `run` show the same live view: a picture on a terminal, lines on a pipe, JSON where asked."""

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autodialer.cli.following import showing
from autodialer.cli.live_view import picture
from web.house import API_TOKEN, CALLBACK_TOKEN, TOKENS, House, house, person

WHO = [person(index, outcomes=("no_answer",) * 3) for index in range(8)]
ESCAPE = "\x1b"
LINE = re.compile(r"\d\d:\d\d:\d\d \S")
PATIENCE = 20.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Eight people, four calls a second: a run takes two seconds."""
    with house(tmp_path_factory.mktemp("watched"), WHO, calls_per_second=4.0, **TOKENS) as running:
        yield running


@pytest.fixture(autouse=True)
def _all_results_are_in(service: House) -> None:
    """Whose call is still going is not called again."""
    service.wait_until(
        "SELECT count(*) = 0 FROM attempts WHERE state IN ('reserved', 'submitting', 'placed')", "results"
    )


@pytest.fixture
def called(service: House) -> House:
    """Somebody was called before, and the run is over."""
    if not service.sql("SELECT count(*) FROM attempts")[0][0]:
        service.ask("POST", "/api/cron")
    service.wait_until("SELECT count(*) FROM attempts WHERE state = 'ended'", "a call ended")
    deadline = time.monotonic() + PATIENCE
    while not live(service)["calls"] or live(service)["standing"] != "idle":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return service


def environment(service: House, **more: str) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    tokens = {"API_TOKEN": API_TOKEN, "CALLBACK_TOKEN": CALLBACK_TOKEN, "HOST": "127.0.0.1"}
    return {**keep, **service.simulated.environment(), **tokens, "PORT": str(service.system.settings.port), **more}


def start(service: House, *arguments: str, **streams: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "autodialer", *arguments]
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    folder = service.database.parent
    return subprocess.Popen(command, cwd=folder, env=environment(service), text=True, **more)


def live(service: House) -> dict[str, Any]:
    return dict(service.ask("GET", "/api/live").json()["live"])


def wait_for(service: House, state: str) -> None:
    service.wait_until(f"SELECT count(*) = 0 FROM runs WHERE state NOT IN ('{state}')", state)  # noqa: S608 - a word of ours
    deadline = time.monotonic() + PATIENCE
    while live(service)["run"]["is_open"]:  # a look may be two seconds old
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_run_shows_itself_on_standard_error_and_its_totals_on_standard_output(service: House) -> None:
    shown = start(service, "run")
    output, errors = shown.communicate(timeout=PATIENCE)
    assert shown.returncode == 0, errors
    assert "8 records, 8 called, 0 errors" in output
    lines = errors.splitlines()
    assert lines
    assert all(LINE.match(line) for line in lines), errors
    assert any("running; run " in line and "of 8 called" in line for line in lines), errors
    assert ESCAPE not in errors + output
    wait_for(service, "finished")


def test_watch_with_json_gives_an_object_a_line_whenever_something_changed(service: House) -> None:
    watching = start(service, "watch", "--json", "--every", "0.2")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["live"]["standing"] == "idle"
    run_id = service.ask("POST", "/api/cron?wait=false").json()["run_id"]
    runs: list[dict[str, Any]] = []
    while not runs or runs[-1]["state"] != "finished":
        runs.append(json.loads(watching.stdout.readline())["live"]["run"])
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, errors) == (0, "")
    assert {run["run_id"] for run in runs} == {run_id}
    called = [run["called"] for run in runs]
    assert called == sorted(called)
    assert len(set(called)) > 1, "seen while it was going"
    assert called[-1] == 8


def test_watch_until_done_leaves_when_no_run_is_going(service: House) -> None:
    watching = start(service, "watch", "--json", "--until-done")
    output, errors = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, errors) == (0, "")
    assert len(output.splitlines()) == 1


def test_on_a_terminal_watch_draws_a_picture_and_ctrl_c_leaves_the_run_alone(service: House) -> None:
    outside, inside = pty.openpty()
    watching = start(service, "watch", stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    read_until(outside, "Lines: ")
    run_id = service.ask("POST", "/api/cron?wait=false").json()["run_id"]
    drawn = read_until(outside, "running")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(PATIENCE) == 0
    os.close(outside)
    assert ESCAPE in drawn
    wait_for(service, "finished")
    run = live(service)["run"]
    assert (run["run_id"], run["called"]) == (run_id, 8)


def read_until(terminal: int, words: str) -> str:
    drawn, deadline = "", time.monotonic() + PATIENCE
    while words not in drawn:
        assert time.monotonic() < deadline, drawn
        drawn += os.read(terminal, 65536).decode(errors="replace")
    return drawn


def test_run_with_json_prints_one_document_and_nothing_else(service: House) -> None:
    done = start(service, "run", "--json")
    output, errors = done.communicate(timeout=PATIENCE)
    assert (done.returncode, errors) == (0, "")
    assert json.loads(output)["results"]["processed"] == 8


def test_without_a_service_watch_says_so(service: House, tmp_path: Path) -> None:
    env = {**environment(service), "PORT": "9"}
    command = [sys.executable, "-m", "autodialer", "watch"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no autodialer answers at http://127.0.0.1:9" in done.stderr


def drawn(service: House, **changes: object) -> str:
    out = Console(file=io.StringIO(), force_terminal=True, width=120, highlight=False)
    out.print(picture({**live(service), **changes}, "a note"))
    written = out.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def test_the_picture_says_what_stands_in_the_way(called: House) -> None:
    failing = {
        "name": "8x8",
        "failing": True,
        "failing_since": "2026-03-03T11:20:00.000Z",
        "last_error_at": "2026-03-03T11:21:00.000Z",
        "last_error": "POST (place): HTTP 503",
    }
    text = drawn(
        called,
        standing="paused",
        reason="paused: no call is sent until somebody resumes",
        paused_by="ana",
        paused_at="2026-03-03T11:19:00.000Z",
        upstreams=[failing],
        work_lists={"parked_updates": 2},
    )
    for words in (
        "by ana at 11:19:00 UTC",
        "8x8 since 11:20:00 UTC: POST (place): HTTP 503",
        "2 updates were refused by Zoho",
        "a note",
        "Last calls",
        "+40",
    ):
        assert words in text, words


def test_with_no_color_the_picture_has_no_colours(called: House, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[(\d+;)*(3[0-9]|9[0-7])m")
    assert colour.search(drawn(called))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(drawn(called))


def lines_of(looks: Sequence[dict[str, Any]]) -> list[str]:
    out = io.StringIO()
    with showing(Console(file=out, width=200)) as show:
        for look in looks:
            show(look, "2026-03-03T11:20:00.000Z")
    return out.getvalue().splitlines()


async def test_a_pipe_is_told_each_change_once_and_each_call_that_ended(called: House) -> None:
    now = live(called)
    call = {**now["calls"][0], "attempt_id": "another", "end": "busy", "reason": "SIP 486"}
    later = {**now, "calls": [call, *now["calls"]]}
    lines = lines_of([now, now, later, later, {**now, "standing": "paused", "reason": "paused"}])
    assert len(lines) == 3
    assert lines[0].startswith("11:20:00 idle; run ")
    assert lines[1].endswith(": busy (SIP 486)")
    assert lines[2].startswith("11:20:00 paused; paused; run ")


async def test_a_pipe_is_told_of_an_outage_once_and_since_when_it_lasts(called: House) -> None:
    now, began = live(called), "2026-03-03T11:19:00.000Z"
    failing = [
        {
            "name": "zoho",
            "failing": True,
            "failing_since": began,
            "last_error_at": f"2026-03-03T11:20:0{at}.000Z",
            "last_error": "POST /crm/v8/coql: HTTP 502",
        }
        for at in range(5)
    ]
    lines = lines_of([{**now, "upstreams": [one]} for one in failing])
    assert len(lines) == 1
    assert lines[0].endswith("Zoho since 11:19:00 UTC: POST /crm/v8/coql: HTTP 502")


async def test_a_pipe_is_told_why_a_run_was_stopped(called: House) -> None:
    now = live(called)
    stopped = {**now["run"], "state": "stopped", "is_open": False, "stop_reason": "no results"}
    (line,) = lines_of([{**now, "run": stopped}])
    assert f"run {stopped['run_id']} stopped (no results): " in line
