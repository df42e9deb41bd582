"""A plan as JSON and as CSV, written out while it is read."""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from autodialer.csv_text import csv_line
from autodialer.rules.policy import Policy
from autodialer.service.plan import Plan
from autodialer.web.answers import plain
from autodialer.web.shown import shown

CSV_COLUMNS = (
    "record_type",
    "zoho_id",
    "status",
    "number",
    "would",
    "reason",
    "detail",
    "next_at",
    "next_run_at",
    "crm_call_attempts",
    "crm_first_no_answer_at",
    "crm_modified_time",
    "ledger_attempts",
    "ledger_attempts_today",
    "attempts",
    "attempts_today",
    "total_quota",
    "day_index",
    "day_quota",
    "pending_status",
    "pending_call_attempts",
    "pending_first_no_answer_at",
)


async def plan_csv(plan: Plan) -> AsyncGenerator[str, None]:
    """Every record, a line each, in the run's order."""
    yield csv_line(CSV_COLUMNS)
    async for row in plan.rows():
        yield csv_line(_cells(shown(plan.fields(row))))


async def plan_json(plan: Plan, policy: Policy, limit: int, more: Mapping[str, object]) -> AsyncGenerator[str, None]:
    """One object: the figures first, then the first `limit` records."""
    head = json.dumps({**plan_figures(plan, policy), **plain(more)}, ensure_ascii=False, separators=(",", ":"))
    yield f'{head[:-1]},"records":['
    count = 0
    if limit:
        async for row in plan.rows():
            fields = json.dumps(shown(plan.fields(row)), ensure_ascii=False, separators=(",", ":"))
            yield f",{fields}" if count else fields
            count += 1
            if count == limit:
                break
    yield "]}"


def plan_figures(plan: Plan, policy: Policy) -> dict[str, Any]:
    """All but the records."""
    return {
        "success": True,
        "totals": plain(plan.totals),
        "cost": plan.cost.fields(),
        "dead_held_back": plan.pulled.dead_held_back,
        "warnings": [str(sentence) for sentence in plan.warnings],
        "policy_warnings": list(policy.warnings()),
        "policy": policy.hash,
        "timestamp": plain(plan.made_at),
    }


def _cells(row: Mapping[str, Any]) -> list[object]:
    facts = row["facts"]
    pending = facts.get("pending") or {}
    values = {
        **row,
        **{name: facts.get(name) for name in CSV_COLUMNS if name in facts},
        "crm_call_attempts": facts.get("call_attempts"),
        "crm_first_no_answer_at": facts.get("first_no_answer_at"),
        "crm_modified_time": facts.get("modified_time"),
        **{f"pending_{name}": value for name, value in pending.items()},
    }
    return [values.get(name) for name in CSV_COLUMNS]
