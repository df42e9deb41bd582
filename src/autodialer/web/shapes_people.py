"""The answers about people, as /docs and /openapi.json describe them. Further keys may follow."""

from typing import Any, Literal

from autodialer.web.shapes import Count, Instant, Shape, Success, Type


class Verdict(Shape):
    """What the rules say. `why` in plain words, `would_change`: what would make it otherwise, a sentence each."""

    would: Literal["call", "skip", "mark_dead"]
    reason: str
    detail: str
    next_at: Instant | None
    policy: str
    ledger_attempts: Count
    ledger_attempts_today: Count
    why: str
    would_change: list[str]


class Next(Shape):
    """The slot at which the rules say call (`call_at`), or Dead before that (`dead_at`), if nothing more happens until then.

    Both null: not until `asked_until`. `provided`: what else must be so.
    """

    call_at: Instant | None
    dead_at: Instant | None
    asked_until: Instant
    provided: list[str]


class MomentShape(Shape):
    """How it stood at an instant.

    `recorded`: what the newest run until then did with the record; `then`: the rules over what the ledger held then; `known`: what
    that rests on; `not_known`: what nobody can tell any more.
    """

    at: Instant
    recorded: dict[str, Any] | None
    then: Verdict | None
    known: list[str]
    not_known: list[str]


class EventShape(Shape):
    """One thing that happened; `note` holds the words of Zoho, of 8x8 or of a person."""

    at: Instant
    kind: str
    text: str
    note: str
    run_id: str | None
    attempt_id: str | None
    facts: dict[str, Any]


class RecordShape(Shape):
    """One person: what the rules say now and why, and all that happened, oldest first."""

    record_type: Type
    zoho_id: str
    now: Verdict | None
    next: Next | None
    moment: MomentShape | None
    timeline: list[EventShape]
    in_crm: dict[str, Any] | None
    last_run: dict[str, Any] | None
    attempts: list[dict[str, Any]]
    callbacks: list[dict[str, Any]]
    updates: list[dict[str, Any]]


class RecordAnswer(Success):
    """The history of a record."""

    record: RecordShape
    timestamp: Instant


class PersonFound(Shape):
    """Name and number are masked."""

    record_type: Type
    zoho_id: str
    name: str | None
    status: str | None
    number: str | None
    called_at: Instant | None
    ended_as: str | None
    in_crm: bool


class PeopleFound(Success):
    """`asked_as`: as what the question was understood. `crm_error`: Zoho could not be asked, so names were not looked for."""

    people: list[PersonFound]
    asked_as: list[Literal["id", "number", "digits", "name"]]
    has_more: bool
    crm_error: str | None
    timestamp: Instant
