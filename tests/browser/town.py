"""A service that has been dialing for some days: something on every page, and a clock that stands still in between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from autodialer.clock import SystemClock
from autodialer.simulators.demo_people import demo_people
from autodialer.simulators.people import Behaviour, Outcome, Person, mobile, zoho_id
from console.office import add_users
from web.house import CALLBACK_TOKEN, TOKENS, House, house

MONDAY = datetime(2026, 3, 2, 9, 55, tzinfo=UTC)
SLOTS = [datetime(2026, 3, day, hour, tzinfo=UTC) for day in (2, 3, 4) for hour in (10, 14, 18)][:-1]
WEDNESDAY = datetime(2026, 3, 4, 14, 20, tzinfo=UTC)
NO_LONGER = {
    mobile(9000 + index): why for index, why in enumerate(("asked on the phone", "wrote to us", "wrong number"))
}
PATIENCE = 60.0


class StandingClock(SystemClock):
    """Goes on by a millisecond with each look, so that what follows is later, and else by hand; seconds pass as everywhere."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        self._moment += timedelta(milliseconds=1)
        return self._moment

    def move_to(self, moment: datetime) -> None:
        self._moment = moment


def people_of_town() -> list[Person]:
    """The demo's, six whose results never come, and four whom Wednesday's first call reaches in one way or another."""
    everybody = demo_people(MONDAY)
    unanswered: tuple[Outcome, ...] = ("no_answer",) * 5
    last: tuple[Outcome, ...] = ("answered", "answered", "busy", "failed")
    lost: tuple[Outcome, ...] = ("silent",)
    scripts = [lost] * 6 + [(*unanswered, outcome) for outcome in last]
    more = [
        replace(
            everybody[0],
            zoho_id=zoho_id("Leads", 700 + index),
            phone=mobile(7000 + index),
            number=mobile(7000 + index),
            behaviour=Behaviour(script),
        )
        for index, script in enumerate(scripts)
    ]
    return [*everybody, *more]


@contextmanager
def town(folder: Path, **more: Any) -> Iterator[House]:
    """Two and a half days of runs, and then what people did: somebody edited Zoho, somebody asked not to be called."""
    clock = StandingClock(MONDAY)
    settings = TOKENS | {"max_concurrent_calls": 20, "calls_per_second": 60.0, "result_timeout": 900} | more
    with house(folder, people_of_town(), clock=clock, scheduled=False, **settings) as running:
        running.wait_until("SELECT count(*) FROM switches WHERE name = 'webhook_hash'", "the webhook is registered")
        add_users(running)
        for slot in SLOTS:
            clock.move_to(slot)
            running.run(_dial(running))
            _until_quiet(running, clock)
        clock.move_to(WEDNESDAY)
        running.run(running.system.services.reconciler.sweep())
        _what_people_did(running, clock)
        running.system.services.glancer.forget()
        yield running


async def _dial(running: House) -> None:
    services = running.system.services
    await services.reconciler.sweep()  # hours have passed since the last run
    run = await services.scheduler.take_due()
    assert run is not None
    await services.run_desk.go_on(run)


def _until_quiet(running: House, clock: StandingClock) -> None:
    """Until every phone is down, all results that will come are in, and Zoho has them."""
    deadline = time.monotonic() + PATIENCE
    while running.simulated.judge.live or running.sql("SELECT count(*) FROM inbox WHERE state = 'new'")[0][0]:
        assert time.monotonic() < deadline, "the calls did not come to rest"
        time.sleep(0.02)
    while running.sql("SELECT count(*) FROM outbox WHERE state = 'pending'")[0][0]:
        assert time.monotonic() < deadline, "Zoho does not take the updates"
        clock.move_to(clock.now() + timedelta(seconds=20))
        running.run(running.system.services.write_back.drain())


def _what_people_did(running: House, clock: StandingClock) -> None:
    for number, reason in NO_LONGER.items():
        _asked(running, "POST", "/api/do-not-call", json={"number": number, "reason": reason})
    lost = running.ask("GET", "/api/unknown").json()["unknown"]
    for call in lost[:2]:  # converted before Zoho is told: it refuses the update
        _in_zoho(running, call["zoho_id"], state="converted")
        _asked(running, "POST", f"/api/unknown/{call['attempt_id']}", json={"result": "no_answer"})
    answered = running.sql(
        "SELECT zoho_id FROM attempts WHERE disposition = 'answered' AND record_type = 'Lead' ORDER BY 1"
    )
    _in_zoho(running, answered[0][0], fields={"Lead_Status": "Recruiting"})
    unanswered = running.sql(
        "SELECT zoho_id FROM attempts WHERE disposition = 'no_answer' AND record_type = 'Lead' ORDER BY 1"
    )
    _in_zoho(running, unanswered[0][0], fields={"Call_Attempts": 1})
    stranger = {"zoho_id": "4150868000009999999", "record_type": "Lead", "call_status": "no_answer"}
    token = {"authorization": f"Bearer {CALLBACK_TOKEN}"}
    _asked(running, "POST", "/api/callback", json=stranger, headers=token)
    running.run(running.system.services.results.apply_waiting())
    _until_quiet(running, clock)


def _asked(running: House, method: str, path: str, **more: Any) -> None:
    answer = running.ask(method, path, **more)
    assert answer.is_success, answer.text


def _in_zoho(running: House, who: str, **edit: Any) -> None:
    """What a person does there to a lead."""
    answer = httpx2.post(f"{running.simulated.zoho_url}/_sim/edit", json={"module": "Leads", "id": who, **edit})
    assert answer.status_code == 200, answer.text
