"""Everything that happened to one person, as events with their instants, oldest first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from autodialer.domain.attempt import AttemptState
from autodialer.domain.phone import mask_number
from autodialer.domain.record import RecordKey
from autodialer.domain.sentence import Sentence, phrase
from autodialer.ports.access import AuditRow
from autodialer.ports.activities import ActivityRow
from autodialer.ports.rows import DAYS_OVER, RANG_AFTER_ALL, AttemptRow, InboxRow, OutboxRow, Run, Staged, StagedState
from autodialer.rules.policy import Policy
from autodialer.service.explaining.dossier import Dossier
from autodialer.service.explaining.seen import Edit, Glimpse, edits
from autodialer.service.explaining.telling import said_of_run


class Kind(StrEnum):
    """What an event is; those of one instant stand in this order."""

    EDITED = "edited"
    PULLED = "pulled"
    NOT_PULLED = "not_pulled"
    RESERVED = "reserved"
    SUBMITTING = "submitting"
    PLACED = "placed"
    UNKNOWN = "unknown"
    CALLBACK = "callback"
    ENDED = "ended"
    RELEASED = "released"
    DEED = "deed"
    HOLD_LIFTED = "hold_lifted"
    QUEUED = "queued"
    SUPERSEDED = "superseded"
    WRITTEN = "written"
    STATUS_KEPT = "status_kept"
    PARKED = "parked"
    LOG_QUEUED = "log_queued"
    LOGGED = "logged"
    LOG_PARKED = "log_parked"
    SUPPRESSED = "suppressed"


_SUPPRESS: Final = "suppress"
_ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
_DECIDED: Final[Mapping[StagedState, str]] = {
    StagedState.SKIP: phrase("The run pulled it and did not call: {why}"),
    StagedState.DEAD: phrase("The run pulled it and made it {dead}: {why}"),
    StagedState.DUE: phrase("The run pulled it and has it due for a call."),
    StagedState.CLAIMED: phrase("The run pulled it and is about to call."),
    StagedState.CALLED: phrase("The run pulled it and called."),
    StagedState.ERROR: phrase("The run pulled it, and the call came to nothing: {why}"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `note`: the words of Zoho, of 8x8 or of a person, as they came. `facts`: what it rests on.

    `body`: a callback as it came, for those who may see numbers.
    """

    at: datetime
    kind: Kind
    said: Sentence
    note: str = ""
    run_id: str | None = None
    attempt_id: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    body: str | None = None


def timeline(dossier: Dossier, looks: Sequence[Glimpse], policy: Policy) -> list[Event]:
    """All of it, oldest first."""
    events = [
        *(_sighting(run, row, policy) for run, row in dossier.sightings),
        *(_unseen(run, policy) for run in dossier.unseen_by),
        *(event for row in dossier.attempts for event in _attempt(row, dossier.key)),
        *(_callback(row) for row in dossier.callbacks),
        *(event for row in dossier.updates for event in _update(row, policy)),
        *(event for row in dossier.activities for event in _activity(row)),
        *(_deed(row) for row in dossier.deeds),
        *(_edit(edit) for edit in edits(dossier, looks, policy)),
    ]
    by_hand = {row.at for row in dossier.deeds if row.action == _SUPPRESS}
    if dossier.suppressed is not None and dossier.suppressed[1] not in by_hand:
        reason, at = dossier.suppressed
        events.append(Event(at, Kind.SUPPRESSED, Sentence("The number was put on the do-not-call list."), reason))
    return sorted(events, key=lambda event: (event.at, _ORDER[event.kind]))


def _sighting(run: Run, row: Staged, policy: Policy) -> Event:
    why = said_of_run(row.reason, policy, row.status)
    values = {"why": why, "dead": policy.dead_status}
    facts = {"status": row.status, "number": row.number and mask_number(row.number), **row.facts}
    said = Sentence(_DECIDED[row.state], values)
    decided = {"state": row.state.value, "reason": row.reason, "next_at": row.next_at, "slot": run.slot}
    return Event(run.started_at, Kind.PULLED, said, row.detail, run.run_id, row.attempt_id, {**facts, **decided})


def _unseen(run: Run, policy: Policy) -> Event:
    text = phrase(
        "The run did not find it among those with status {new} or {no_answer}: another status was set, or it is gone."
    )
    said = Sentence(text, {"new": policy.new_status, "no_answer": policy.no_answer_status})
    return Event(run.started_at, Kind.NOT_PULLED, said, run_id=run.run_id, facts={"slot": run.slot})


def _attempt(row: AttemptRow, key: RecordKey) -> Iterator[Event]:
    """Every state with its instant, for one of another record with the same number only that there was a call."""
    facts: dict[str, object] = {"disposition": row.disposition, "call_status": row.call_status}
    facts |= {
        "duration_seconds": row.duration_seconds,
        "agent_unreached": row.agent_unreached,
        "session_id": row.session_id,
    }

    def event(at: datetime | None, kind: Kind, text: str, note: str = "", **values: object) -> Iterator[Event]:
        if at is not None:
            yield Event(at, kind, Sentence(text, values), note, row.run_id, row.attempt_id, facts)

    is_over = row.state in (AttemptState.ENDED, AttemptState.RELEASED)
    if row.key != key:
        if row.state is AttemptState.RELEASED:
            text = phrase("8x8 refused the number when {other}, who has it too, was to be called; nobody's phone rang.")
            yield from event(row.ended_at, Kind.RELEASED, text, row.reason, other=row.key)
            return
        text = phrase("{other}, who has the same number, was called; it counts for both.")
        yield from event(row.submitted_at or row.reserved_at, Kind.PLACED, text, other=row.key)
        return
    if row.run_id is None:
        text = phrase("A call that somebody else placed ended: {disposition}.")
        if row.reason.startswith(RANG_AFTER_ALL):
            text = phrase("A call that had been taken as not placed rang after all: {disposition}.")
        yield from event(row.ended_at, Kind.ENDED, text, row.reason, disposition=row.disposition)
        return
    number = row.attempts_before + 1
    yield from event(
        row.reserved_at,
        Kind.RESERVED,
        phrase("Call {number} was reserved: its place in the quotas is taken."),
        number=number,
    )
    yield from event(row.submitted_at, Kind.SUBMITTING, phrase("The call was about to be sent to 8x8."))
    yield from event(row.placed_at, Kind.PLACED, phrase("8x8 took the call."), row.session_id or "")
    lost = "" if is_over else row.reason
    yield from event(
        row.unknown_at, Kind.UNKNOWN, phrase("Nobody knows how the call ended; it is never sent again."), lost
    )
    if row.state is AttemptState.RELEASED:
        text = phrase("No call was made: its place in the quotas is returned.")
        yield from event(row.ended_at, Kind.RELEASED, text, row.reason)
    elif row.ended_at is not None:
        text = phrase("The call ended: {disposition}.")
        yield from event(row.ended_at, Kind.ENDED, text, row.reason, disposition=row.disposition)
    lifted = phrase("A person had changed the status after the answered call: it holds nobody back any more.")
    yield from event(row.hold_lifted_at, Kind.HOLD_LIFTED, lifted)


_HEARD: Final = {
    "applied": phrase("A callback came and was applied."),
    "ignored": phrase("A callback came that ends no call; it is kept."),
    "orphan": phrase("A callback came that fits no call; it is kept and matched later."),
    "conflict": phrase("A callback came that contradicts what is known; it changed nothing."),
    "new": phrase("A callback came and waits to be applied."),
}


def _callback(row: InboxRow) -> Event:
    facts = {
        "source": row.source,
        "event_type": row.event_type,
        "state": row.state,
        "deliveries": row.deliveries,
        "session_id": row.session_id,
        "applied_at": row.applied_at,
    }
    said = Sentence(_HEARD.get(row.state, phrase("A callback came.")))
    return Event(row.received_at, Kind.CALLBACK, said, row.note, None, row.attempt_id, facts, row.body)


def _update(row: OutboxRow, policy: Policy) -> Iterator[Event]:
    label = policy.label_of(row.status) if row.status is not None else None
    facts = {
        "outbox_id": row.outbox_id,
        "state": row.state,
        "status": label,
        "call_attempts": row.call_attempts,
        "first_no_answer_at": row.first_no_answer_at,
        "tries": row.tries,
    }

    def event(at: datetime, kind: Kind, text: str, note: str = "", **values: object) -> Event:
        return Event(at, kind, Sentence(text, values), note, None, row.attempt_id, facts)

    yield event(row.created_at, Kind.QUEUED, phrase("An update for Zoho was queued."))
    if row.state == "pending" and row.tries:
        text = phrase("Zoho did not take the update yet ({tries} tries); it is sent again at {next_try}.")
        yield event(row.created_at, Kind.QUEUED, text, row.last_error, tries=row.tries, next_try=row.next_try_at)
    if row.settled_at is None:
        return
    if row.state == "superseded":
        yield event(row.settled_at, Kind.SUPERSEDED, phrase("A newer update took the place of this one."))
    elif row.state == "parked":
        text = phrase("Zoho refuses the update for good: it is parked until somebody sends it again.")
        yield event(row.settled_at, Kind.PARKED, text, row.last_error)
    elif row.state == "sent" and row.tries:
        yield event(
            row.settled_at,
            Kind.WRITTEN,
            phrase("Zoho took the update, after {tries} tries in vain."),
            row.last_error,
            tries=row.tries,
        )
    elif row.state == "sent":
        yield event(row.settled_at, Kind.WRITTEN, phrase("Zoho took the update."))
    if row.status_kept is not None:
        text = phrase("The status stayed {kept}, because a person had set it; {wanted} was not written.")
        if row.cause == DAYS_OVER and row.status_kept in row.expected_statuses:
            text = phrase(
                "The status stayed {kept}, because a person had set First No Answer At; {wanted} was not written."
            )
        yield event(row.settled_at, Kind.STATUS_KEPT, text, kept=row.status_kept or "-", wanted=label)


def _activity(row: ActivityRow) -> Iterator[Event]:
    facts = {"activity_id": row.activity_id, "form": row.form, "state": row.state, "tries": row.tries}

    def event(at: datetime, kind: Kind, text: str, note: str = "") -> Event:
        return Event(at, kind, Sentence(text), note, None, row.attempt_id, facts)

    waits = row.last_error if row.state == "pending" else ""
    yield event(row.created_at, Kind.LOG_QUEUED, phrase("The call is to be logged in Zoho."), waits)
    if row.settled_at is not None and row.state == "sent":
        yield event(row.settled_at, Kind.LOGGED, phrase("The call was logged in Zoho."))
    elif row.settled_at is not None:
        yield event(row.settled_at, Kind.LOG_PARKED, phrase("Zoho does not take the log of the call."), row.last_error)


_DEEDS: Final = {
    "settle_call": phrase("{who} said how the call ended."),
    "retry_update": phrase("{who} had the update sent again."),
    "give_up_update": phrase("{who} gave the update up."),
    "match_callback": phrase("{who} had the callback matched again."),
    "dismiss_callback": phrase("{who} dismissed the callback."),
    "write_again": phrase("{who} had it written to Zoho again."),
    "look_again": phrase("{who} had Zoho looked at again."),
    _SUPPRESS: phrase("{who} put the number on the do-not-call list."),
    "allow": phrase("{who} took the number off the do-not-call list."),
}


def _deed(row: AuditRow) -> Event:
    text = _DEEDS.get(row.action, phrase("{who} did this: {action}."))
    said = Sentence(text, {"who": row.who, "action": row.action})
    return Event(row.at, Kind.DEED, said, row.detail, facts={"who": row.who, "action": row.action})


def _edit(edit: Edit) -> Event:
    values: dict[str, object] = {
        "field": edit.field,
        "before": edit.before,
        "after": edit.after,
        "since": edit.not_before,
    }
    if edit.field == "Phone":
        values |= {name: mask_number(str(values[name])) for name in ("before", "after") if values[name] is not None}
    text = phrase("{field} in Zoho was {before} and is now {after}: somebody changed it after {since}.")
    return Event(edit.seen_at, Kind.EDITED, Sentence(text, values), facts={"field": edit.field})
