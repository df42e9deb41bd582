"""What load balancers and container engines ask: is the process alive, is it ready for work, and what people ask: is it healthy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import FastAPI
from starlette.responses import Response

from autodialer.domain.errors import StoreError
from autodialer.service.services import Services
from autodialer.web.answers import Answer, iso
from autodialer.web.shapes import Instant, Shape

SchemaCheck = Callable[[], Awaitable[None]]
READY_PATIENCE = 3.0  # seconds for the database; who asks has given up soon after
_STOPPING = "the service is stopping"


class Healthy(Shape):
    """The database answers."""

    status: Literal["healthy"]
    timestamp: Instant


class Unhealthy(Shape):
    """Why the service can't work."""

    status: Literal["unhealthy"]
    reasons: list[str]
    timestamp: Instant


class Live(Shape):
    """The process answers."""

    status: Literal["live"]
    timestamp: Instant


class Ready(Shape):
    """Requests may come."""

    status: Literal["ready"]
    timestamp: Instant


class NotReady(Shape):
    """Why they should go to another replica."""

    status: Literal["not ready"]
    reasons: list[str]
    timestamp: Instant


def add_health(app: FastAPI, services: Services, check_schema: SchemaCheck) -> None:
    """/health, /health/live and /health/ready. `check_schema` raises StoreError when the ledger can't be worked with."""
    clock, store, log = services.means.clock, services.means.store, services.means.log

    @app.get("/health", tags=["service"], responses={200: {"model": Healthy}, 503: {"model": Unhealthy}})
    async def health() -> Response:
        """200 while the database answers, else 503 with the reason."""
        try:
            await store.read(lambda ledger: ledger.switches.get("paused"))
        except StoreError as error:
            log.error("unhealthy", error=error.message)
            return Answer({"status": "unhealthy", "reasons": [_reason(error)], "timestamp": iso(clock.now())}, 503)
        return Answer({"status": "healthy", "timestamp": iso(clock.now())})

    @app.get("/health/live", tags=["service"], responses={200: {"model": Live}})
    async def live() -> Response:
        """200 as long as the process answers at all, also without its database: a restart would not bring that back."""
        return Answer({"status": "live", "timestamp": iso(clock.now())})

    @app.get("/health/ready", tags=["service"], responses={200: {"model": Ready}, 503: {"model": NotReady}})
    async def ready() -> Response:
        """200 when requests should come here: the ledger answers, its schema is right, and the service is not about to stop."""
        reasons = [_STOPPING] if services.stopping.is_set() else []
        try:
            async with asyncio.timeout(READY_PATIENCE):
                await check_schema()
        except StoreError as error:
            log.error("not ready", error=error.message)
            reasons.append(_reason(error))
        except TimeoutError:
            log.error("not ready", error=f"the ledger did not answer within {READY_PATIENCE:g} seconds")
            reasons.append("the database does not answer")
        if reasons:
            return Answer({"status": "not ready", "reasons": reasons, "timestamp": iso(clock.now())}, 503)
        return Answer({"status": "ready", "timestamp": iso(clock.now())})

    for path, asked in {"/health": health, "/health/live": live, "/health/ready": ready}.items():
        app.head(path, include_in_schema=False)(asked)  # as many monitors ask


def _reason(error: StoreError) -> str:
    """Open to everybody, so without the database's own words."""
    return "the database can't be used" if error.permanent else "the database is gone"
