"""The answer to "why", whole, and as the API shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from autodialer.domain.phone import NoNumber, PhoneNumber
from autodialer.domain.record import Record, RecordKey
from autodialer.domain.sentence import Sentence
from autodialer.ports.rows import Run, Staged
from autodialer.service.explaining.dossier import Dossier
from autodialer.service.explaining.outlook import Outlook
from autodialer.service.explaining.telling import Judgement
from autodialer.service.explaining.timeline import Event


@dataclass(frozen=True, slots=True)
class Moment:
    """How it stood at an instant.

    `run`: the newest run that had seen the record by then, and what it did with it; `recorded`: why. `judgement`: what the rules
    say of what the ledger knew then, None when nobody had seen the record yet. `known`: what that rests on; `unknowable`: what
    nobody can tell any more.
    """

    at: datetime
    run: tuple[Run, Staged] | None
    recorded: Sentence | None
    was_going: bool
    judgement: Judgement | None
    known: tuple[Sentence, ...]
    unknowable: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`record` is as the CRM shows it this second; None with `crm_error` when it can't be asked, or when it has none such."""

    key: RecordKey
    record: Record | None
    crm_error: str | None
    number: PhoneNumber | NoNumber | None
    now: Judgement | None
    outlook: Outlook | None
    moment: Moment | None
    dossier: Dossier
    events: Sequence[Event]
    policy_hash: str


def fields_of(answer: Explanation) -> dict[str, object]:
    """As the API shows it; numbers are masked, names left out, the words of others still as they came."""
    own = [row for row in answer.dossier.attempts if row.key == answer.key]
    latest = next(iter(answer.dossier.sightings), None)
    return {
        "record_type": answer.key.record_type.value,
        "zoho_id": answer.key.zoho_id,
        "now": _judged_fields(answer.now, answer.policy_hash) if answer.now is not None else None,
        "next": _next_fields(answer.outlook) if answer.outlook is not None else None,
        "moment": _moment_fields(answer.moment, answer.policy_hash) if answer.moment is not None else None,
        "in_crm": _shown(answer) if answer.record is not None else None,
        "last_run": {"run_id": latest[0].run_id, **_plain(latest[1])} if latest else None,
        "attempts": [_plain(row) for row in own],
        "callbacks": [_plain(row) for row in answer.dossier.callbacks],
        "updates": [_plain(row) for row in answer.dossier.updates],
        "timeline": [event_fields(event) for event in answer.events],
        **({"crm_error": answer.crm_error} if answer.crm_error else {}),
    }


def event_fields(event: Event) -> dict[str, object]:
    """One event of the timeline."""
    return {
        "at": event.at,
        "kind": event.kind.value,
        "text": str(event.said),
        "note": event.note,
        "run_id": event.run_id,
        "attempt_id": event.attempt_id,
        "facts": event.facts,
    }


def _judged_fields(judgement: Judgement, policy_hash: str) -> dict[str, object]:
    return {
        "would": judgement.would,
        "reason": judgement.reason,
        "detail": judgement.detail,
        "next_at": judgement.next_at,
        "policy": policy_hash,
        "ledger_attempts": judgement.ledger_attempts,
        "ledger_attempts_today": judgement.ledger_attempts_today,
        "why": str(judgement.why),
        "would_change": [str(change) for change in judgement.changes],
    }


def _next_fields(outlook: Outlook) -> dict[str, object]:
    return {
        "call_at": outlook.next_call_at,
        "dead_at": outlook.dead_at,
        "asked_until": outlook.asked_until,
        "provided": [str(each) for each in outlook.provided],
    }


def _moment_fields(moment: Moment, policy_hash: str) -> dict[str, object]:
    run = None
    if moment.run is not None:
        of_run, row = moment.run
        run = {"run_id": of_run.run_id, "was_going": moment.was_going, "why": str(moment.recorded), **_plain(row)}
        run |= {"started_at": of_run.started_at, "policy": of_run.policy_hash}
    return {
        "at": moment.at,
        "recorded": run,
        "then": None if moment.judgement is None else _judged_fields(moment.judgement, policy_hash),
        "known": [str(each) for each in moment.known],
        "not_known": [str(each) for each in moment.unknowable],
    }


def _shown(answer: Explanation) -> dict[str, object]:
    record, number = answer.record, answer.number
    if record is None:
        return {}
    return {
        "status": record.status,
        "call_attempts": record.call_attempts,
        "first_no_answer_at": record.first_no_answer_at,
        "modified_time": record.modified_time,
        "number": number.masked if isinstance(number, PhoneNumber) else None,
    }


def _plain(row: object) -> dict[str, object]:
    """A row without what only the database needs; numbers masked."""
    hidden = ("key", "owner", "lease_until", "sort_key", "rank", "contends", "number")
    return {name: getattr(row, name) for name in _names(row) if name not in hidden}


def _names(row: object) -> Sequence[str]:
    if isinstance(row, msgspec.Struct):
        return row.__struct_fields__
    return [each.name for each in fields(row)]  # type: ignore[arg-type]  # any dataclass: no type says that
