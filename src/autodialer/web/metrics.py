"""/metrics for Prometheus, collected at the moment they are asked for."""

from collections.abc import Iterable

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from autodialer.domain.errors import StoreError
from autodialer.service.services import Services
from autodialer.web.families import gauge
from autodialer.web.ledger_metrics import ledger_metrics
from autodialer.web.upstream_metrics import upstream_metrics


def metrics_router(services: Services) -> APIRouter:
    """The route; guarded by API_TOKEN like /api."""
    router = APIRouter()
    text = {"description": "one line for each figure", "content": {"text/plain": {"schema": {"type": "string"}}}}

    @router.get("/metrics", tags=["service"], responses={200: text}, response_class=Response)
    async def metrics() -> Response:
        """Figures in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_Collected(await _collect(services)))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


class _Collected(Collector):
    """What was collected, as the library wants it."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def _collect(services: Services) -> list[Metric]:
    """Without the ledger at least what the process itself knows, and that the ledger can't be read."""
    try:
        glance, counted = await services.glancer.look(), await services.counts.now()
    except StoreError as error:
        services.means.log.error("metrics without the ledger", error=error.message)
        of_ledger: list[Metric] = []
    else:
        of_ledger = list(ledger_metrics(glance, counted, services.means.policy))
    return [
        gauge("ledger_up", "1 while the ledger can be read", int(bool(of_ledger))),
        *of_ledger,
        *upstream_metrics(services),
    ]
