"""Runs: the list, one of them live with its records, and starting one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import RunRefused
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, Run, RunKind, RunState, Staged, StagedState
from autodialer.rules.reading import read_instant
from autodialer.rules.words import words_for
from autodialer.service.doorkeeping import Visitor
from autodialer.service.progress import Progress, progress_of
from autodialer.web.answers import iso
from autodialer.web.console.access import HOME, Access, form_of, no_such_page
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.today import ENDS
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import SORT_KEY, fits

RUNS = f"{HOME}/runs"
STATES: Mapping[RunState, tuple[str, str]] = {  # the words, and how they are shown
    RunState.STAGING: (N_("reads from Zoho"), "good"),
    RunState.DIALING: (N_("calling"), "good"),
    RunState.FINISHED: (N_("finished"), ""),
    RunState.STOPPED: (N_("stopped early"), "bad"),
    RunState.SKIPPED: (N_("slot skipped"), "warn"),
}
KINDS: Mapping[RunKind, str] = {RunKind.SCHEDULED: N_("by the clock"), RunKind.MANUAL: N_("by hand")}
DID: Mapping[StagedState, str] = {
    StagedState.CALLED: N_("called"),
    StagedState.SKIP: N_("not called"),
    StagedState.DEAD: N_("made Dead"),
    StagedState.ERROR: N_("call failed"),
    StagedState.DUE: N_("will be called"),
    StagedState.CLAIMED: N_("being called"),
}
_PAGE = 50
_RUN_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_REASON = re.compile(r"[a-z0-9_]{0,32}")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which records of a run are shown."""

    did: StagedState | None
    reason: str
    after: str

    def address(self, run_id: str, after: str | None) -> str | None:
        """Of the next page; None on the last one."""
        if after is None:
            return None
        chosen = {"did": self.did.value if self.did else "", "reason": self.reason, "after": after}
        return f"{RUNS}/{run_id}?{urlencode({name: value for name, value in chosen.items() if value})}"


@dataclass(frozen=True, slots=True)
class _Page:
    """What is read of the ledger for one run."""

    progress: Progress
    rows: Sequence[Staged]
    counts: Mapping[tuple[str, str], int]
    attempts: Mapping[str, AttemptRow]


def add_runs_pages(router: APIRouter, pages: Pages, access: Access) -> None:
    """/runs, /runs/{id}, and the part of it that is renewed while the run goes on."""
    services = pages.services
    store, clock = services.means.store, services.means.clock
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type
    Operator = Annotated[Visitor, Depends(access.operator)]  # noqa: N806 - a type

    async def show_list(request: Request, status: int = 200, problem: str = "") -> Response:
        before = _before(request.query_params.get("before", ""))
        found = await store.read(lambda ledger: ledger.runs.recent(_PAGE, before))
        older = None
        if len(found) == _PAGE:
            older = f"{RUNS}?{urlencode({'before': f'{iso(found[-1].started_at)}~{found[-1].run_id}'})}"
        words = {"states": STATES, "kinds": KINDS}
        return await pages.page(request, "runs.html", status, runs=found, older=older, problem=problem, **words)

    @router.get("/runs")
    async def runs(request: Request, _visitor: Viewer) -> Response:
        return await show_list(request)

    @router.post("/runs")
    async def start(request: Request, visitor: Operator) -> Response:
        """A run now. One that can't start says why, as the API does: 409 while another is going, else 503."""
        confirm = (await form_of(request)).get("confirm") == "yes"
        try:
            run, _ = await services.run_desk.start(RunKind.MANUAL, confirm=confirm, by=visitor.name)
        except RunRefused as refusal:
            return await show_list(request, 409 if refusal.running else 503, refusal.message)
        services.glancer.forget()
        return pages.back(request, f"{RUNS}/{run.run_id}", N_("The run has started."))

    @router.get("/runs/{run_id}")
    async def show(request: Request, _visitor: Viewer, run_id: str) -> Response:
        chosen = _chosen(request)
        run = await _run(pages, run_id)
        found = await store.read(lambda ledger: _read(ledger, run, chosen, clock.now()))
        after = found.rows[-1].sort_key if len(found.rows) == _PAGE else None
        return await pages.page(
            request,
            "run.html",
            run=found.progress.run,
            progress=found.progress,
            rows=found.rows,
            attempts=found.attempts,
            reasons=_reasons(found.counts),
            chosen=chosen,
            older=chosen.address(run_id, after),
            **_WORDS,
        )

    @router.get("/runs/{run_id}/live")
    async def live(request: Request, _visitor: Viewer, run_id: str) -> Response:
        progress = (await services.glancer.look()).run  # the one that all consoles share
        if progress is None or progress.run.run_id != run_id or not progress.run.is_open:
            run = await _run(pages, run_id)
            progress = await store.read(lambda ledger: _with_ends(ledger, run, clock.now()))
        return pages.part(request, "_run.html", run=progress.run, progress=progress, **_WORDS)


_WORDS = {"states": STATES, "kinds": KINDS, "did": DID, "ends": ENDS, "words_for": words_for}


async def _run(pages: Pages, run_id: str) -> Run:
    if _RUN_ID.fullmatch(run_id) is None:
        no_such_page()
    run = await pages.services.means.store.read(lambda ledger: ledger.runs.get(run_id))
    return run or no_such_page()


def _read(ledger: Ledger, run: Run, chosen: _Chosen, now: datetime) -> _Page:
    after = chosen.after
    rows = ledger.staging.rows(run.run_id, chosen.did, reason=chosen.reason, after=after, limit=_PAGE)
    return _Page(
        progress=_with_ends(ledger, run, now),
        rows=rows,
        counts=ledger.staging.counts(run.run_id),
        attempts=ledger.attempts.rows(row.attempt_id for row in rows if row.attempt_id),
    )


def _with_ends(ledger: Ledger, run: Run, now: datetime) -> Progress:
    return progress_of(ledger, run, now).with_ends(ledger.stats.of_run(run.run_id))


def _reasons(counts: Mapping[tuple[str, str], int]) -> Sequence[tuple[str, int]]:
    """By how many records have them."""
    found: dict[str, int] = {}
    for (_, reason), count in counts.items():
        if reason:
            found[reason] = found.get(reason, 0) + count
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def _chosen(request: Request) -> _Chosen:
    """As the address says; what no form of ours gives is no such page."""
    did, reason, after = (request.query_params.get(name, "") for name in ("did", "reason", "after"))
    if did not in ("", *StagedState) or not _REASON.fullmatch(reason) or not fits(SORT_KEY, after):
        no_such_page()
    return _Chosen(StagedState(did) if did else None, reason, after)


def _before(text: str) -> tuple[datetime, str] | None:
    if not text:
        return None
    moment, _, run_id = text.partition("~")
    at = read_instant(moment, UTC)
    if not isinstance(at, datetime) or _RUN_ID.fullmatch(run_id) is None:
        no_such_page()
    return at, run_id
