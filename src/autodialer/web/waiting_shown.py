"""Entries of the work lists as the API and the console show them: numbers masked, callbacks in parts, no names."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from autodialer.masking import Masker
from autodialer.ports.access import AuditRow
from autodialer.ports.rows import InboxRow, OutboxRow, Staged
from autodialer.ports.work_lists import AnsweredPerson
from autodialer.service.conflicts import Conflict
from autodialer.service.looking_again import Looked
from autodialer.service.orphans import Orphan
from autodialer.service.plan import staged_fields
from autodialer.service.suppressing import NumberFile
from autodialer.web.answers import plain
from autodialer.web.console.advice import on_flaw, on_parked
from autodialer.web.shown import parked_json, shown

MOST_UNREADABLE: Final = 100  # lines of a file that are named; all are counted
_MOST_PARTS = 40  # of one callback
_LONGEST_PART = 200
_masker = Masker()


def orphan_json(orphan: Orphan) -> dict[str, Any]:
    """One callback of an unknown session. `summary`: what it says, part by part, masked."""
    return {
        **_callback_json(orphan.row),
        "unknown_calls": [
            {"attempt_id": attempt_id, "record_type": key.record_type.value, "zoho_id": key.zoho_id}
            for attempt_id, key in orphan.unknown_calls
        ],
    }


def conflict_json(conflict: Conflict) -> dict[str, Any]:
    """One result that was not applied, and whose call it is about, where that is known."""
    row, key = conflict.row, conflict.key
    return {
        **_callback_json(row),
        "attempt_id": row.attempt_id,
        "record_type": key.record_type.value if key else None,
        "zoho_id": key.zoho_id if key else None,
    }


def _callback_json(row: InboxRow) -> dict[str, Any]:
    return {
        "inbox_id": row.inbox_id,
        "source": row.source,
        "event_type": _masker.text(row.event_type),
        "session_id": None if row.session_id is None else _masker.text(row.session_id),
        "received_at": plain(row.received_at),
        "deliveries": row.deliveries,
        "state": row.state,
        "note": _masker.text(row.note),
        "summary": summary_of(row.body),
    }


def summary_of(body: str) -> dict[str, str]:
    """The parts of a callback by where they stand in it; numbers, names and secrets masked, long ones cut."""
    parts: dict[str, str] = {}
    for path, key, value in _parts("", "", json.loads(body)):
        if len(parts) == _MOST_PARTS:
            break
        shown_value = str(_masker.value(key, value))
        parts[_masker.beginning(path, _LONGEST_PART)] = shown_value[:_LONGEST_PART]
    return parts


def _parts(path: str, key: str, value: object) -> Iterator[tuple[str, str, object]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _parts(f"{path}.{name}" if path else str(name), str(name), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _parts(f"{path}.{number}", key, item)
    elif value is not None:
        yield path, key, value


def advised_json(row: OutboxRow) -> dict[str, Any]:
    """A parked update with Zoho's reason in plain words and what to do."""
    return {**parked_json(row), **on_parked(row.last_error)._asdict()}


def answered_json(row: AnsweredPerson) -> dict[str, Any]:
    """One person who waits for a person."""
    return {
        "record_type": row.key.record_type.value,
        "zoho_id": row.key.zoho_id,
        "answered_at": plain(row.answered_at),
        "calls": row.calls,
        "agent_unreached": row.agent_unreached,
    }


def flawed_json(row: Staged) -> dict[str, Any]:
    """One record of the run with what is wrong and what to do in Zoho."""
    return {**shown(staged_fields(row)), **on_flaw(row.reason, row.detail)._asdict()}


def looked_json(looked: Looked) -> dict[str, Any]:
    """What a second look found."""
    fields = {
        "would": looked.would,
        "reason": looked.reason,
        "detail": looked.detail,
        "next_at": looked.next_at,
        "status": looked.status,
        "lifted": looked.lifted,
        "repaired": looked.repaired,
    }
    return dict(shown(fields))


def number_file_json(found: NumberFile) -> dict[str, Any]:
    """What a file of numbers holds, in figures."""
    return {
        "lines": found.lines,
        "added": len(found.numbers),
        "known": found.known,
        "repeated": found.repeated,
        "unreadable": len(found.unreadable),
        "unreadable_lines": [{"line": line, "reason": why} for line, why in found.unreadable[:MOST_UNREADABLE]],
    }


def audit_json(row: AuditRow) -> dict[str, Any]:
    """One entry of the trail; a number that somebody suppressed is masked like any other."""
    return {
        "audit_id": row.audit_id,
        "at": plain(row.at),
        "who": row.who,
        "action": row.action,
        "subject": _masker.text(row.subject),
        "detail": _masker.text(row.detail),
    }
