"""What the next run would do. A plan costs Zoho's credits, so one is made on a button and then kept for looking through."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import CrmError
from autodialer.ports.rows import Staged, StagedState
from autodialer.rules.words import words_for
from autodialer.service.doorkeeping import Visitor
from autodialer.service.kept_plan import counts_of, page_of
from autodialer.service.plan import Plan
from autodialer.web.console.access import HOME, Access, form_of, no_such_page
from autodialer.web.console.languages import N_
from autodialer.web.console.rendering import Pages
from autodialer.web.plan_out import plan_csv
from autodialer.web.shown import shown
from autodialer.web.streaming import Streamed

PLAN = f"{HOME}/plan"
_PAGE = 50
_DECISIONS: Mapping[str, tuple[str, str]] = {
    StagedState.DUE.value: (N_("call"), "good"),
    StagedState.SKIP.value: (N_("not call"), "warn"),
    StagedState.DEAD.value: (N_("make Dead"), "bad"),
    StagedState.ERROR.value: (N_("fail"), "bad"),
}
_NO_DIGITS = re.compile(r"[^0-9]")
_FEWEST_DIGITS = 4
_WHOLE_NUMBER = 9  # digits: zeros before it are a way of dialling


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the page shows of the plan. `would`: a state of staged records, "" for all."""

    would: str
    reason: str
    q: str
    after: str

    @property
    def state(self) -> StagedState | None:
        """None: all."""
        return StagedState(self.would) if self.would else None

    def digits(self, visitor: Visitor) -> str:
        """Of an id or a number's end; too few are none.

        Operators give four at least. Viewers, who see masked numbers, give whole ones: a part would tell the rest bit by bit.
        """
        fewest = _FEWEST_DIGITS if visitor.is_operator else _WHOLE_NUMBER
        digits = _NO_DIGITS.sub("", self.q)
        digits = digits.lstrip("0") if len(digits) >= _WHOLE_NUMBER else digits
        return digits if len(digits) >= fewest else ""

    def address(self, after: str = "") -> str:
        """Of the page that shows this, from `after` on."""
        fields = {"would": self.would, "reason": self.reason, "q": self.q, "after": after}
        return f"{PLAN}?{urlencode({name: value for name, value in fields.items() if value})}#records"


def add_plan(router: APIRouter, pages: Pages, access: Access) -> None:
    """/plan, /plan.csv."""
    services = pages.services
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type
    Operator = Annotated[Visitor, Depends(access.operator)]  # noqa: N806 - a type

    async def show(
        request: Request, visitor: Visitor, chosen: Chosen, status: int = 200, problem: str = ""
    ) -> Response:
        async with services.kept_plan.plan() as plan:
            values = {"plan": None} if plan is None else await _values(plan, visitor, chosen)
        return await pages.page(
            request, "plan.html", status, problem=problem, chosen=chosen, decisions=_decisions(), **{**_EMPTY, **values}
        )

    @router.get("/plan")
    async def show_plan(request: Request, visitor: Viewer) -> Response:
        return await show(request, visitor, _chosen(request.query_params))

    @router.post("/plan")
    async def make_plan(request: Request, visitor: Operator) -> Response:
        confirm = (await form_of(request)).get("confirm") == "yes"
        try:
            await services.kept_plan.make(confirm=confirm, by=visitor.name)
        except CrmError as error:
            return await show(request, visitor, _chosen({}), 503, error.message)
        return pages.back(request, PLAN, N_("The plan is made; nobody was called."))

    @router.get("/plan.csv")
    async def download(_visitor: Viewer) -> Response:
        async with AsyncExitStack() as opened:
            plan = await opened.enter_async_context(services.kept_plan.plan())
            if plan is None:
                no_such_page()
            name = f"plan-{plan.made_at:%Y-%m-%d-%H%M}.csv"
            return Streamed(plan_csv(plan), "text/csv; charset=utf-8", opened.pop_all(), filename=name)


_EMPTY: Mapping[str, Any] = {"plan": None, "reasons": [], "rows": [], "next_page": None, "warnings": []}


def _decisions() -> list[tuple[str, str]]:
    return [(state, text) for state, (text, _) in _DECISIONS.items()]


def _chosen(fields: Mapping[str, str]) -> Chosen:
    would, after = fields.get("would", ""), fields.get("after", "")
    would = would if would in _DECISIONS else ""
    after = after if after.isascii() and after.isprintable() else ""
    return Chosen(would, fields.get("reason", "")[:40], fields.get("q", "").strip()[:40], after[:64])


async def _values(plan: Plan, visitor: Visitor, chosen: Chosen) -> dict[str, Any]:
    rows: Sequence[Staged] = ()
    digits = chosen.digits(visitor)
    if digits or not chosen.q:
        rows = await page_of(
            plan, state=chosen.state, reason=chosen.reason, digits=digits, after=chosen.after, limit=_PAGE
        )
    return {
        "plan": plan,
        "reasons": _reasons(await counts_of(plan), chosen),
        "rows": [_row(plan, row) for row in rows],
        "next_page": chosen.address(rows[-1].sort_key) if len(rows) == _PAGE else None,
        "warnings": [*plan.warnings, *plan.policy_warnings],
    }


def _reasons(counts: Mapping[tuple[str, str], int], chosen: Chosen) -> list[dict[str, Any]]:
    most = max(counts.values(), default=1)
    return [
        {
            "state": state,
            "reason": reason,
            "short": words_for(reason).short,
            "would": _DECISIONS[state][0],
            "count": count,
            "share": round(100 * count / most, 1),
            "address": Chosen(state, reason, chosen.q, "").address(),
        }
        for (state, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _row(plan: Plan, row: Staged) -> dict[str, Any]:
    text, colour = _DECISIONS[row.state.value]
    fields = plan.fields(row)
    in_zoho = row.facts.get("call_attempts")  # the template masks it for viewers alone
    if isinstance(in_zoho, float) and in_zoho.is_integer():
        in_zoho = int(in_zoho)
    return {
        **fields,
        "facts": {"pending": None, **shown(row.facts)},
        "whole_number": row.number,
        "in_zoho": "0" if in_zoho is None else str(in_zoho),
        "short": words_for(row.reason).short,
        "would_text": text,
        "colour": colour,
    }
