"""Rows of the ledger as the API shows them: numbers masked, also inside what Zoho and 8x8 said; no names, no raw callbacks."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from autodialer.domain.errors import DialerError
from autodialer.masking import Masker
from autodialer.ports import Finding
from autodialer.ports.rows import AttemptRow, OutboxRow, Run, Staged
from autodialer.service.plan import staged_fields
from autodialer.web.answers import Answer, failure, iso, plain

_FOREIGN_TEXTS = ("reason", "detail", "note", "last_error", "stop_reason", "crm_error", "call_status", "text", "why")
_FROM_THE_CRM = ("status", "call_attempts", "first_no_answer_at", "modified_time")  # where people type what they like
_RAW = "body"
_masker = Masker()


def shown(value: Any) -> Any:
    """JSON-ready like `plain`; at any depth what others wrote is masked, and raw callbacks are left out."""
    if isinstance(value, Mapping):
        return {str(key): _field(str(key), item) for key, item in value.items() if key != _RAW}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return plain(value)


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in _FOREIGN_TEXTS:
        return _masker.text(value)
    if isinstance(value, str) and name.endswith(("_at", "_time")):
        return _instant(value)
    return from_the_crm(value) if name in _FROM_THE_CRM else shown(value)


def from_the_crm(value: Any) -> Any:
    """A count stays one; what could be a number to call is masked, as on the pages."""
    if isinstance(value, list | tuple):
        return [from_the_crm(item) for item in value]
    if isinstance(value, Mapping):
        return {_masker.text(str(key)): from_the_crm(item) for key, item in value.items()}
    value = plain(value)
    if value is None or isinstance(value, bool):
        return value
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
    masked = _masker.text(text)
    return value if masked == text else masked


def _instant(text: str) -> str:
    """The ledger keeps the facts of a run as text, with Python's own way of writing times."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return iso(moment)
    return _masker.text(text)


def outage(error: DialerError, now: datetime) -> Answer:
    """503: what stands in the way, which may quote what others wrote."""
    return failure(503, _masker.text(error.message), timestamp=now)


def finding_json(finding: Finding) -> dict[str, object]:
    """One line of the examination; it may quote what people typed into Zoho."""
    told = {"message": _masker.text(finding.message), "remedy": _masker.text(finding.remedy)}
    return {"level": finding.level.value, "subject": finding.subject, **told}


def run_json(run: Run) -> dict[str, object]:
    """One run."""
    return {
        "run_id": run.run_id,
        "kind": run.kind.value,
        "slot": plain(run.slot),
        "state": run.state.value,
        "stop_reason": shown({"stop_reason": run.stop_reason})["stop_reason"],
        "started_at": plain(run.started_at),
        "staged_at": plain(run.staged_at),
        "ended_at": plain(run.ended_at),
        "policy": run.policy_hash,
        "results": plain(run.totals),
    }


def staged_json(row: Staged) -> dict[str, object]:
    """One record of a run or a plan."""
    return dict(shown(staged_fields(row)))


def unknown_json(row: AttemptRow) -> dict[str, object]:
    """One call of the work list."""
    fields = {
        "attempt_id": row.attempt_id,
        "record_type": row.key.record_type,
        "zoho_id": row.key.zoho_id,
        "state": row.state,
        "disposition": row.disposition,
        "reason": row.reason,
        "session_id": row.session_id,
        "submitted_at": row.submitted_at,
    }
    return dict(shown(fields))


def parked_json(row: OutboxRow) -> dict[str, object]:
    """One update of the dead-letter list. `status`: what was to be written."""
    fields = {
        "outbox_id": row.outbox_id,
        "record_type": row.key.record_type,
        "zoho_id": row.key.zoho_id,
        "attempt_id": row.attempt_id,
        "status": row.status,
        "call_attempts": row.call_attempts,
        "first_no_answer_at": row.first_no_answer_at,
        "tries": row.tries,
        "last_error": row.last_error,
        "created_at": row.created_at,
        "parked_at": row.settled_at,
    }
    return dict(shown(fields))
