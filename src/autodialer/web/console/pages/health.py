"""How Zoho, 8x8 and the service itself fare: as last seen, and examined anew when somebody asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autodialer.ports import Finding, Level
from autodialer.service.credits import CreditState
from autodialer.service.doorkeeping import Visitor
from autodialer.service.holding import elsewhere
from autodialer.service.services import Services
from autodialer.service.upstreams import EIGHTX8, ZOHO, UpstreamState
from autodialer.service.webhook import WEBHOOK_HASH
from autodialer.web.console.access import HOME, Access
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.today import STANDINGS
from autodialer.web.console.rendering import HEADERS, Pages

PAGE = f"{HOME}/health"
NAMES: Mapping[str, str] = {ZOHO: "Zoho CRM", EIGHTX8: "8x8"}
LEVELS: Mapping[Level, tuple[str, str]] = {  # the words, and how they are shown
    Level.OK: (N_("ok"), "good"),
    Level.WARNING: (N_("look"), "warn"),
    Level.PROBLEM: (N_("wrong"), "bad"),
}


@dataclass(frozen=True, slots=True)
class Answering:
    """How one kind of request went. `mean`: seconds."""

    kind: str
    requests: int
    failed: int
    mean: float


def add_health_page(router: APIRouter, pages: Pages, access: Access) -> None:
    """/health, and the examination."""
    services = pages.services
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type

    async def show(request: Request, findings: Sequence[Finding] | None) -> Response:
        glance = await services.glancer.look()
        means = services.means
        words, look = STANDINGS[glance.standing]
        return await pages.page(
            request,
            "health.html",
            glance=glance,
            standing=words,
            look=look,
            names=NAMES,
            answering={name: _answering(state) for name, state in glance.upstreams.items()},
            credits=glance.figures.credits,
            credits_words=_credits(glance.figures.credits),
            missing=means.telephony.missing_settings(),
            webhook=await _webhook(services),
            findings=findings,
            levels=LEVELS,
            wall_now=means.wall_clock.now(),
        )

    @router.get("/health")
    async def health(request: Request, _visitor: Viewer) -> Response:
        return await show(request, None)

    @router.post("/health/examine")
    async def examine(request: Request, _visitor: Annotated[Visitor, Depends(access.operator)]) -> Response:
        """Asks Zoho and 8x8, which takes seconds and some credits: only when somebody wants it."""
        return await show(request, await services.doctor.examine())

    @router.get("/health/examine")
    async def examined(_visitor: Viewer) -> Response:
        """What the form's answer has as its address, opened anew."""
        return RedirectResponse(PAGE, 303, headers=HEADERS)


def _answering(state: UpstreamState) -> Sequence[Answering]:
    return [
        Answering(kind, latency.requests, latency.failed, latency.seconds / latency.requests)
        for kind, latency in sorted(state.latencies.items())
        if latency.requests
    ]


def _credits(state: CreditState) -> str:
    if state.is_low:
        return N_("Too few are left: runs read nothing from Zoho until more are there. Results are still written.")
    return N_("Enough are left.")


async def _webhook(services: Services) -> bool:
    """Whether this service has registered one at 8x8, and nobody else since, as far as the ledger knows."""
    return await services.means.store.read(
        lambda ledger: bool(ledger.switches.get(WEBHOOK_HASH)) and elsewhere(ledger) is None
    )
