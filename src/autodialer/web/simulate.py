"""Try a policy on days that never happen, or two of them side by side."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from autodialer.csv_text import csv_line
from autodialer.domain.errors import DialerError, SettingsError
from autodialer.rules.policy import Policy
from autodialer.service.services import Services
from autodialer.service.simulation.desk import Question, Setting
from autodialer.service.simulation.diff import Difference, differences
from autodialer.service.simulation.tally import Tally
from autodialer.service.simulation.telling import (
    DIFF_COLUMNS,
    LOG_COLUMNS,
    change_fields,
    diff_cells,
    in_order_of_weight,
    log_cells,
    told,
    told_of_both,
)
from autodialer.web.answers import Answer, failure, plain
from autodialer.web.bodies import BadBody, read_body, read_model
from autodialer.web.questions import only
from autodialer.web.shapes import Count, Instant, Shape, Success
from autodialer.web.streaming import Streamed

MOST_PEOPLE = 20_000
MOST_DAYS = 92
MOST = 300_000
"""People times days in one simulation: some seconds of the processor."""
_PAUSE = 0.001  # seconds, in which calls and callbacks have the processor
_CSV = "text/csv; charset=utf-8"
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
PolicyText = Annotated[str, Field(max_length=10_000)]  # with many dots tomllib takes the square of it


class Asked(BaseModel):
    """`people` are made up from `seed`, or with `from_ledger` those whom the ledger called in the last `days`.

    `policy`: the text of a policy file, "" for the defaults, null for the policy that is in force. `answer_rate`: of every call;
    null: by recorded calls, else assumed. `start`: the first date.
    """

    model_config = ConfigDict(extra="forbid")

    people: Annotated[int, Field(ge=1, le=MOST_PEOPLE)] = 1000
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 14
    seed: Seed = 1
    from_ledger: bool = False
    start: Annotated[str, Field(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")] | None = None
    answer_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    policy: PolicyText | None = None


class AskedOfTwo(Asked):
    """The same of two policies; `other` is the second one."""

    other: PolicyText | None = None


class Outcome(Shape):
    """What came of one policy; the hours are UTC, the dates those of its time zone."""

    policy: str
    totals: dict[str, float]
    by_day: list[dict[str, Any]]
    by_hour: list[dict[str, Count]]
    by_attempt: list[dict[str, Count]]
    ends: dict[str, Count]
    skips: dict[str, Count]


class SimulationShape(Success):
    """A simulation and what was assumed."""

    assumptions: dict[str, Any]
    result: Outcome
    timestamp: Instant


class DiffShape(Success):
    """Two simulations of the same people with the same chance; `people` are those who fare otherwise, the most changed first."""

    assumptions: dict[str, Any]
    first: Outcome
    second: Outcome
    changes: dict[str, Any]
    people: list[dict[str, Any]]
    timestamp: Instant


class Busy(Exception):
    """Another simulation is going."""


class Lived(NamedTuple):
    """What came of each policy under one setting."""

    setting: Setting
    policies: Sequence[Policy]
    tallies: Sequence[Tally]


class SimulationRoom:
    """Lets one simulation after the other have a thread of its own, with pauses in which others have the processor."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def live(self, question: Question, texts: Sequence[str | None]) -> Lived:
        """Each of these policies over the same days; None is the one in force.

        BadBody with every problem of a text; Busy; SimulationStopped when the service ends meanwhile.
        """
        desk = self._services.simulation
        if desk.taken:
            raise Busy
        desk.taken = True
        try:
            policies = [await asyncio.to_thread(desk.policy_of, text) for text in texts]
            setting = await desk.prepare(question, self._services.means.clock.now())
            tallies = [await asyncio.to_thread(setting.live, policy, self._breathe) for policy in policies]
        except SettingsError as error:
            raise BadBody(*error.problems) from error
        finally:
            desk.taken = False
        return Lived(setting, policies, tallies)

    def _breathe(self) -> None:
        if self._services.stopping.is_set():
            raise SimulationStopped("the service is stopping", permanent=False)
        time.sleep(_PAUSE)


class SimulationStopped(DialerError):
    """The service ends."""


def question_of(asked: Asked) -> Question:
    """BadBody when it is too much, or the date is none."""
    if asked.people * asked.days > MOST:
        raise BadBody(f"people x days must not exceed {MOST}: ask for fewer, or use the command line")
    try:
        start = None if asked.start is None else date.fromisoformat(asked.start)
    except ValueError as error:
        raise BadBody("start: there is no such date") from error
    return Question(asked.people, asked.days, asked.seed, asked.from_ledger, start, asked.answer_rate)


_SIMULATED = {"content": {"text/csv": {"schema": {"type": "string"}}}}
Format = Annotated[Literal["json", "csv"], Query(alias="format")]


def add_simulation(router: APIRouter, services: Services, room: SimulationRoom) -> None:
    """/simulate and /diff."""
    means = services.means

    async def live(question: Question, *texts: str | None) -> Lived | Response:
        try:
            return await room.live(question, texts)
        except Busy:
            return failure(503, "another simulation is going; try again in some seconds", headers={"retry-after": "5"})
        except SimulationStopped as error:
            return failure(503, error.message)

    @router.post(
        "/simulate",
        tags=["dialing"],
        responses={
            200: {"model": SimulationShape, "description": "as CSV every decision of every person", **_SIMULATED}
        },
        openapi_extra=_body_of(Asked),
        dependencies=[Depends(only("format"))],
    )
    async def simulate(request: Request, wanted: Format = "json") -> Response:
        """What a policy comes to: calls, people reached and lost, load and credits. Nobody is called, nothing is written."""
        asked = read_model(Asked, await read_body(request))
        lived = await live(question_of(asked), asked.policy)
        if isinstance(lived, Response):
            return lived
        setting, (policy,), (tally,) = lived
        if wanted == "csv":
            return _csv(LOG_COLUMNS, lambda: log_cells(tally), "simulation.csv")
        result = await asyncio.to_thread(told, policy, tally)
        body = {"assumptions": setting.assumptions(), "result": result, "timestamp": means.clock.now()}
        return Answer({"success": True, **plain(body)})

    @router.post(
        "/diff",
        tags=["dialing"],
        responses={200: {"model": DiffShape, "description": "as CSV everybody who changes", **_SIMULATED}},
        openapi_extra=_body_of(AskedOfTwo),
        dependencies=[Depends(only("format", "limit"))],
    )
    async def compare(
        request: Request, wanted: Format = "json", limit: Annotated[int, Query(ge=0, le=10_000)] = 200
    ) -> Response:
        """Two policies over the same people and chance: who changes, from when on, and why."""
        asked = read_model(AskedOfTwo, await read_body(request))
        lived = await live(question_of(asked), asked.policy, asked.other)
        if isinstance(lived, Response):
            return lived
        setting, policies, tallies = lived
        first, second = tallies
        changes = await asyncio.to_thread(lambda: in_order_of_weight(list(differences(first, second))))
        if wanted == "csv":
            return _csv(DIFF_COLUMNS, lambda: diff_cells(changes), "diff.csv")
        body = await asyncio.to_thread(diff_body, setting, policies, tallies, changes, limit)
        return Answer({"success": True, **plain({**body, "timestamp": means.clock.now()})})


def diff_body(
    setting: Setting, policies: Sequence[Policy], tallies: Sequence[Tally], changes: Sequence[Difference], limit: int
) -> dict[str, object]:
    """Two simulations side by side, with the first `limit` of those who change."""
    return {
        "assumptions": setting.assumptions(),
        "first": told(policies[0], tallies[0]),
        "second": told(policies[1], tallies[1]),
        "changes": told_of_both(changes),
        "people": [change_fields(one) for one in changes[:limit]],
    }


def _csv(columns: Sequence[str], rows: Callable[[], Iterable[Sequence[object]]], name: str) -> Response:
    async def lines() -> AsyncGenerator[str, None]:
        yield csv_line(columns)
        for cells in rows():
            yield csv_line(cells)

    return Streamed(lines(), _CSV, AsyncExitStack(), filename=name)


def _body_of(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}
