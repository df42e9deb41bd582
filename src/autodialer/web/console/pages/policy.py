"""The policy in words."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.rules.policy_words import in_words
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access
from autodialer.web.console.rendering import Pages

_VARIABLES = {"timezone": "TIMEZONE", "default_country": "DEFAULT_COUNTRY", "run_hours": "CRON_HOURS"}


def add_policy(router: APIRouter, pages: Pages, access: Access) -> None:
    """/policy."""
    services = pages.services

    @router.get("/policy")
    async def show_policy(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        policy, source = services.means.policy, services.policy_source
        return await pages.page(
            request,
            "policy.html",
            policy=policy,
            file=source.file,
            given=[_VARIABLES.get(name, name) for name in source.given],
            warnings=policy.warning_sentences(),
            chapters=in_words(policy),
        )
