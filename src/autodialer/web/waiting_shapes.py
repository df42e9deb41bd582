"""The answers of the work lists, the do-not-call list and the audit trail, as /docs and /openapi.json describe them."""

from autodialer.web.shapes import Count, Instant, ParkedUpdate, Shape, StagedShape, Success, SuppressedNumber, Type


class WorkListCounts(Shape):
    """How many wait. `drift` is not counted: it is found by asking Zoho."""

    unknown_calls: Count
    orphan_callbacks: Count
    conflicting_results: Count
    parked_updates: Count
    answered_waiting: Count
    data_to_repair: Count


class WorkLists(Success):
    """What waits for a person."""

    work_lists: WorkListCounts
    timestamp: Instant


class CallOfRecord(Shape):
    """A call, by its id and record."""

    attempt_id: str
    record_type: Type
    zoho_id: str


class CallbackShape(Shape):
    """A callback as it is stored. `summary`: what it says, part by part, masked."""

    inbox_id: Count
    source: str
    event_type: str
    session_id: str | None
    received_at: Instant
    deliveries: Count
    state: str
    note: str
    summary: dict[str, str]


class OrphanShape(CallbackShape):
    """A callback of a session that nobody knows. `unknown_calls`: to its number, with no known session."""

    unknown_calls: list[CallOfRecord]


class ConflictShape(CallbackShape):
    """A result that was not applied; `note` says why. The call that it is about and its record: null where they are not known."""

    attempt_id: str | None
    record_type: Type | None
    zoho_id: str | None


class ConflictList(Success):
    """Newest first; `next_after` is the `after` of the next page, null on the last one."""

    conflicts: list[ConflictShape]
    next_after: str | None
    timestamp: Instant


class OrphanList(Success):
    """Newest first; `next_after` is the `after` of the next page, null on the last one."""

    orphans: list[OrphanShape]
    next_after: str | None
    timestamp: Instant


class Matched(Success):
    """How the callback stands now. `new`: it waits for an answer of 8x8's or Zoho's."""

    inbox_id: Count
    state: str
    note: str
    timestamp: Instant


class Dismissed(Success):
    """It is off the list."""

    inbox_id: Count
    timestamp: Instant


class AdvisedUpdate(ParkedUpdate):
    """`what` and `remedy`: Zoho's reason in plain words and what to do about it."""

    what: str
    remedy: str


class AdvisedList(Success):
    """Oldest first; `next_after` as in all lists."""

    parked: list[AdvisedUpdate]
    next_after: str | None
    timestamp: Instant


class RetriedAll(Success):
    """Those that are sent again."""

    retried: list[Count]
    timestamp: Instant


class GivenUp(Success):
    """It is never sent again."""

    outbox_id: Count
    timestamp: Instant


class AnsweredShape(Shape):
    """A record that is held until a person changes its status; `answered_at`: its latest answered call's end."""

    record_type: Type
    zoho_id: str
    answered_at: Instant
    calls: Count
    agent_unreached: bool


class AnsweredList(Success):
    """Who waits longest first. `holds`: false where the policy holds nobody after an answer."""

    answered: list[AnsweredShape]
    holds: bool
    next_after: str | None
    timestamp: Instant


class FlawedShape(StagedShape):
    """A record as the run saw it, what is wrong with it and what to do in Zoho."""

    what: str
    remedy: str


class FlawedList(Success):
    """Of the newest run that pulled everything, in its order; `run_id` null: there was none yet."""

    run_id: str | None
    records: list[FlawedShape]
    next_after: str | None
    timestamp: Instant


class LookedShape(Shape):
    """What the rules say of the record now; `would`: call, mark_dead, skip or gone."""

    would: str
    reason: str
    detail: str
    next_at: Instant | None
    status: str | None
    lifted: Count
    repaired: bool


class LookedAgain(Success):
    """`lifted`: answered calls that hold the record no longer; `repaired`: it has left the list of data to repair."""

    record: LookedShape
    timestamp: Instant


class SuppressionPage(Success):
    """The do-not-call list by number; `next_after` as in all lists."""

    do_not_call: list[SuppressedNumber]
    next_after: str | None
    timestamp: Instant


class UnreadableLine(Shape):
    """A line of the file without a number that could be called."""

    line: Count
    reason: str


class Imported(Success):
    """`added`: new numbers (with `dry_run`: would be); `known` stood on the list already; `repeated` in the file.

    Of the `unreadable` lines the first 100 are named.
    """

    dry_run: bool
    lines: Count
    added: Count
    known: Count
    repeated: Count
    unreadable: Count
    unreadable_lines: list[UnreadableLine]
    timestamp: Instant


class AuditShape(Shape):
    """Who did what to what, and when."""

    audit_id: Count
    at: Instant
    who: str
    action: str
    subject: str
    detail: str


class AuditList(Success):
    """Newest first; `next_after` as in all lists."""

    audit: list[AuditShape]
    next_after: str | None
    timestamp: Instant


class WrittenAgain(Success):
    """It waits to be sent."""

    record_type: Type
    zoho_id: str
    field: str
    timestamp: Instant
