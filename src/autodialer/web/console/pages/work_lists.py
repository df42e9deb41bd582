"""The overview of what waits for a person, and the lists by name."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.service.doorkeeping import Visitor
from autodialer.service.glance import work_list_counts
from autodialer.web.console.access import HOME, Access, form_of, safe_next
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import Links, beginning
from autodialer.web.console.rendering import Pages

LISTS: Final[Sequence[tuple[str, str, str, str]]] = (
    (
        "unknown",
        N_("Unknown calls"),
        "unknown_calls",
        N_("Nobody knows how these calls ended. Say it for each, and the person goes on by the rules."),
    ),
    (
        "orphans",
        N_("Orphans"),
        "orphan_callbacks",
        N_("Callbacks of sessions that nobody knows. They change nothing."),
    ),
    (
        "conflicts",
        N_("Contradictions"),
        "conflicting_results",
        N_("Results that came and were not applied: another end stands, or something was wrong with them."),
    ),
    (
        "parked",
        N_("Refused by Zoho"),
        "parked_updates",
        N_("Updates that Zoho does not take as they are. Correct the record in Zoho and send them again."),
    ),
    (
        "answered",
        N_("Answered, waiting"),
        "answered_waiting",
        N_("They picked up. They are not called again until a person changes the status in Zoho."),
    ),
    (
        "repair",
        N_("Data to repair"),
        "data_to_repair",
        N_("Values in Zoho that nobody can call by. Correct them there."),
    ),
    (
        "drift",
        N_("Drift"),
        "",
        N_("Where Zoho and the ledger disagree. Found by asking Zoho."),
    ),
)
NOTHING_CHANGED = N_("Nothing was changed: %(why)s")
NO_REASON = N_("Nothing was changed: give a reason of at most 500 characters.")


class ListPages:
    """Renders a list, and goes back to it after a form."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._links = Links(pages.services)

    async def show(self, request: Request, template: str, /, **values: Any) -> Response:
        """A page with the menu of the lists."""
        shared = {"lists": LISTS, "links": self._links, "beginning": beginning(request)}
        return await self._pages.page(request, template, 200, **shared, **values)

    async def back(self, request: Request, sentence: str, /, **values: object) -> Response:
        """To the page that the form stood on, where the sentence is shown."""
        wanted = safe_next((await form_of(request)).get("next"))
        return self._pages.back(request, wanted, sentence, **values)


def add_work_lists(router: APIRouter, pages: Pages, access: Access) -> None:
    """/work-lists."""
    means = pages.services.means
    lists = ListPages(pages)

    @router.get("/work-lists")
    async def overview(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        counts = await means.store.read(work_list_counts)
        return await lists.show(request, "work_lists.html", counts=counts, home_of=f"{HOME}/")
