"""/metrics for Prometheus, collected at the moment they are asked for."""

from collections.abc import Mapping

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Gauge, generate_latest
from starlette.responses import Response

from autodialer.ports.ledger import Ledger
from autodialer.service.agents import agents_of
from autodialer.service.control import is_paused
from autodialer.service.services import Services
from autodialer.web.stats import zoho_usage

_ZOHO = {
    "calls": "Requests to Zoho in the last 24 hours, all processes",
    "credits": "Credits that they cost",
    "throttled": "How many of them Zoho answered with 429",
    "credits_remaining": "What Zoho says remains; absent while it says nothing",
    "credits_left": "What may still be spent, by our count and Zoho's word",
    "credits_daily": "ZOHO_DAILY_CREDITS",
    "credits_reserved": "Kept for writing results back",
    "requests_at_a_time": "Requests that this process may send to Zoho at once now",
}


def metrics_router(services: Services) -> APIRouter:
    """The route; guarded by API_TOKEN like /api."""
    router = APIRouter()
    text = {"description": "one line for each figure", "content": {"text/plain": {"schema": {"type": "string"}}}}

    @router.get("/metrics", tags=["service"], responses={200: text}, response_class=Response)
    async def metrics() -> Response:
        """Figures in Prometheus' text format."""
        return Response(generate_latest(await _collect(services)), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


async def _collect(services: Services) -> CollectorRegistry:
    means = services.means
    today = means.policy.local_date(means.clock.now()).isoformat()

    def read(ledger: Ledger) -> tuple[Mapping[str, object], dict[str, int], bool, bool]:
        lists = dict(ledger.stats.work_lists())
        return ledger.stats.today(today), lists, is_paused(ledger), ledger.runs.current() is not None

    figures, work_lists, paused, running = await means.store.read(read)
    registry = CollectorRegistry()
    by_disposition = Gauge(
        "autodialer_calls_today", "Calls sent today, by how they ended", ["disposition"], registry=registry
    )
    calls = figures["by_disposition"]
    for disposition, count in calls.items() if isinstance(calls, dict) else ():
        by_disposition.labels(disposition).set(count)
    agents = agents_of(figures, means.policy)
    told = {
        "autodialer_agent_unreached_today": ("Answered calls of today that reached no agent", agents.unreached),
        "autodialer_agent_unreached_alarm": (
            "1 while they are more than agent_unreached_alarm",
            int(agents.is_alarming),
        ),
        "autodialer_unconfirmed_today": ("Picked up today, the key not pressed", figures["unconfirmed"]),
        "autodialer_not_rung_today": ("Calls that 8x8 took today and could not make", figures["not_rung"]),
    }
    for name, (meaning, value) in told.items():
        Gauge(name, meaning, registry=registry).set(float(str(value)))
    lists = Gauge("autodialer_work_list", "What waits for somebody, by list", ["list"], registry=registry)
    for name, count in work_lists.items():
        lists.labels(name).set(count)
    free = Gauge("autodialer_lines_free", "Calls that may be started now", registry=registry)
    free.set(await services.lines.free())
    for name, value in zoho_usage(await services.credits.state()).items():
        if value is not None:
            Gauge(f"autodialer_zoho_{name}", _ZOHO[name], registry=registry).set(value)
    Gauge("autodialer_paused", "1 while no call is sent", registry=registry).set(int(paused))
    Gauge("autodialer_run_open", "1 while a run is going", registry=registry).set(int(running))
    return registry
