"""Who did what, and when."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.access import Action
from autodialer.service.doorkeeping import Visitor
from autodialer.web.console.access import Access
from autodialer.web.console.languages import N_
from autodialer.web.console.pages.lists import older, place
from autodialer.web.console.rendering import Pages
from autodialer.web.cursors import ROW, last, read_row, row_cursor

_PAGE = 100
ACTIONS: Final = {
    Action.SIGN_IN.value: N_("signed in"),
    Action.SIGN_OUT.value: N_("signed out"),
    Action.ADD_USER.value: N_("added or changed a user"),
    Action.REMOVE_USER.value: N_("removed a user"),
    Action.PAUSE.value: N_("paused dialing"),
    Action.RESUME.value: N_("resumed dialing"),
    Action.ACCEPT.value: N_("accepted that calls may be missing"),
    Action.START_RUN.value: N_("started a run"),
    Action.MAKE_PLAN.value: N_("made a plan"),
    Action.FIND_DRIFT.value: N_("compared the ledger with Zoho"),
    Action.SETTLE_CALL.value: N_("settled an unknown call"),
    Action.MATCH_CALLBACK.value: N_("had a callback matched again"),
    Action.DISMISS_CALLBACK.value: N_("dismissed a callback"),
    Action.RETRY_UPDATE.value: N_("sent a refused update again"),
    Action.GIVE_UP_UPDATE.value: N_("gave up a refused update"),
    Action.WRITE_AGAIN.value: N_("had a field written again"),
    Action.LOOK_AGAIN.value: N_("had a record looked at again"),
    Action.SUPPRESS.value: N_("put a number on the do-not-call list"),
    Action.ALLOW.value: N_("took a number off the do-not-call list"),
    Action.IMPORT_NUMBERS.value: N_("imported numbers into the do-not-call list"),
    Action.EXPORT_NUMBERS.value: N_("exported the do-not-call list"),
    Action.PRUNE.value: N_("removed old details"),
}


def add_audit(router: APIRouter, pages: Pages, access: Access) -> None:
    """/audit."""
    means = pages.services.means

    @router.get("/audit")
    async def list_audit(request: Request, _visitor: Annotated[Visitor, Depends(access.viewer)]) -> Response:
        after = read_row(place(request, ROW))
        who = request.query_params.get("who", "").strip()[:60]
        action = request.query_params.get("action", "")
        action = action if action in tuple(Action) else ""
        rows = await means.store.read(
            lambda ledger: ledger.audit.newest_first(after, _PAGE, who=who or None, action=action or None)
        )
        end = last(rows, _PAGE)
        next_page = older(request, row_cursor(end.audit_id if end else None))
        asked = {"who": who, "action": action, "actions": ACTIONS}
        return await pages.page(request, "audit.html", 200, rows=rows, older_page=next_page, **asked)
