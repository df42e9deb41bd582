"""What must hold in the end: the invariants on every row of the ledger, and the CRM as the calls and the people left it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.placing import Ambiguous
from autodialer.domain.record import Record
from autodialer.ports.rows import AttemptRow
from proof.exchange import Call
from proof.fold import Fact, Fold, _about_attempt, _either, _instant
from proof.lean.store import MemoryLedger
from proof.population import number_of

if TYPE_CHECKING:
    from proof.lean.simulation import Simulation

_NEVER = datetime.min.replace(tzinfo=UTC)
_RELEASED, _ENDED = AttemptState.RELEASED, AttemptState.ENDED
_ANSWERED, _UNKNOWN = Disposition.ANSWERED, Disposition.UNKNOWN


def breaches(ledger: MemoryLedger, *, clocks_went_back: bool) -> Iterator[str]:
    """The invariants of docs/adr/0002, as store.verify proves them on a real ledger."""
    rows = list(ledger.attempts.rows.values())
    counted = [row for row in rows if row.state is not _RELEASED]
    slots = ledger.attempts.slots
    totals: Counter[str | None] = Counter([row.key.zoho_id for row in counted])
    totals.update([row.number for row in counted])
    days = Counter([(row.key.zoho_id, row.policy_day) for row in counted])
    days.update([(row.number or "", row.policy_day) for row in counted])
    in_run = Counter([(row.run_id, row.key.zoho_id) for row in counted])
    for row in counted:
        if row.submitted_at is None or min(slots[row.attempt_id]) < 1:
            yield f"{row.attempt_id} has no place in its quotas, or was never to be sent"
    yield from (f"{person} was called {n} times" for person, n in totals.items() if n > 7)
    yield from (f"{person} was called {n} times on {day}" for (person, day), n in days.items() if n > 3)
    yield from (f"{who} was called twice in run {run}" for (run, who), n in in_run.items() if n > 1)
    sessions = Counter([row.session_id for row in rows if row.session_id is not None])
    yield from (f"{session} is of two attempts" for session, n in sessions.items() if n > 1)
    yield from (f"{row.attempt_id} is released and holds slots" for row in rows if _released_with_slots(ledger, row))
    if not clocks_went_back:  # else no ledger can tell by its instants who was first; 8x8 goes by another clock
        listed = ledger.do_not_call.numbers
        for row in counted:
            added = listed.get(row.number or "")
            if added is not None and row.submitted_at is not None and row.submitted_at > added:
                yield f"{row.attempt_id} was sent after its number was put on the do-not-call list"
    yield from _boxes(ledger, rows)


def _released_with_slots(ledger: MemoryLedger, row: AttemptRow) -> bool:
    return row.state is _RELEASED and row.attempt_id in ledger.attempts.slots


def _boxes(ledger: MemoryLedger, rows: list[AttemptRow]) -> Iterator[str]:
    queued = {row.attempt_id for row in ledger.outbox.rows if row.cause == "result"}
    for row in rows:
        known = row.disposition is not None and row.disposition is not _UNKNOWN
        if known and row.attempt_id not in queued:
            yield f"the result of {row.attempt_id} never reached the outbox"
        if not known and row.attempt_id in queued:
            yield f"silence of {row.attempt_id} was written to the CRM"
    counts: dict[str, int] = {}
    for update in ledger.outbox.rows:
        if update.call_attempts is not None:
            if update.call_attempts < counts.get(update.key.zoho_id, 0):
                yield f"{update.key}: Call Attempts went down"
            counts[update.key.zoho_id] = update.call_attempts
    waiting = Counter([row.key.zoho_id for row in ledger.outbox.rows if row.state in ("pending", "parked")])
    yield from (f"{zoho_id} has two updates waiting" for zoho_id, n in waiting.items() if n > 1)
    yield from _callbacks(ledger)


def _callbacks(ledger: MemoryLedger) -> Iterator[str]:
    for heard in ledger.inbox.rows:
        row = ledger.attempts.rows.get(heard.attempt_id or "")
        if heard.state == "applied":
            if row is None:
                yield f"callback {heard.inbox_id} was taken as applied and belongs to no attempt"
            elif heard.note.startswith("answered") and row.disposition is not _ANSWERED:
                yield f"{row.attempt_id} was answered and turned into {row.disposition}"
        elif heard.state == "orphan" and ledger.attempts.find_session(heard.session_id or "") is not None:
            yield f"callback {heard.inbox_id} was never applied though its call is known"
        elif heard.state == "new":
            yield f"callback {heard.inbox_id} was never looked at"


def differences(simulation: "Simulation") -> Iterator[str]:
    """Everything in which ledger or CRM differ from the truth, which is 8x8's own and the people's."""
    calls = {call.attempt_id: call for call in simulation.voice.calls}
    rows = simulation.store.ledger.attempts.rows
    yield from (f"{attempt_id} reached 8x8 and is in no ledger" for attempt_id in calls.keys() - rows.keys())
    of_id: dict[str, list[Fact]] = defaultdict(list)
    of_number: dict[str, list[Fact]] = defaultdict(list)
    for row in sorted(rows.values(), key=lambda row: (row.policy_day, row.attempt_id)):
        call = calls.get(row.attempt_id)
        if row.state is _RELEASED:
            if call is not None and (call.rang or isinstance(call.outcome, Ambiguous)):
                yield f"{row.attempt_id} may have rung and was released: {row.reason}"
            continue
        if row.state is not _ENDED or row.disposition is _UNKNOWN or call is None or row.session_id != call.session:
            yield from _about_attempt(row, call)
        fact = _fact(simulation, row, call)
        if row.disposition is not fact.end and not _either(fact):
            yield f"{row.attempt_id} ended {fact.end}, the ledger says {row.disposition}"
        of_id[row.key.zoho_id].append(fact)
        of_number[row.number or ""].append(fact)
    shown = simulation.office.of_id
    for person in simulation.people:
        zoho_id = person.key.zoho_id
        if zoho_id in of_id or shown.get(zoho_id) is not person:
            yield from _about_record(simulation, person, of_id, of_number)


def _fact(simulation: "Simulation", row: AttemptRow, call: Call | None) -> Fact:
    """What was told of a call and can be known as told of it; from 8x8's log, where the ledger says that it is from there."""
    if call is None or (call.heard and not call.logged and row.session_id == call.session):
        return Fact(row, call, tuple(call.heard) if call is not None else ())
    if row.reason.startswith("from 8x8's log"):
        simulation.dice.fired["8x8's log: tells what no webhook told"] += 1
    known = simulation.voice.echoes or row.session_id == call.session
    heard = list(call.heard) if known else []
    if call.logged and row.reason.startswith("from 8x8's log"):
        shown = [moment for moment, at in call.logged if row.ended_at is None or at <= row.ended_at]
        heard.append((max(shown, default=call.logged[0][0]), call.end))
    return Fact(row, call, tuple(sorted(heard)))


def _about_record(
    simulation: "Simulation", person: Record, of_id: dict[str, list[Fact]], of_number: dict[str, list[Fact]]
) -> list[str]:
    office = simulation.office
    shown = office.of_id.get(person.key.zoho_id)
    if shown is None or shown is person:
        # Gone, or never touched: then nobody may have been told of a call of theirs.
        told = shown is person and any(fact.heard for fact in of_id.get(person.key.zoho_id, ()))
        return [f"{person.key} was called and the CRM shows nothing of it"] if told else []
    own = of_id.get(person.key.zoho_id, [])
    edits = office.edits.get(person.key, [])
    made_dead = office.made_dead.get(person.key)
    if len(own) == 1 and not edits and made_dead is None and len(of_number[own[0].row.number or ""]) == 1:
        fact = own[0]
        if len(fact.heard) == 1 and isinstance(person.call_attempts, int | None):
            return _after_one_call(person, shown, fact)
    numbers = {fact.row.number for fact in own} | {number_of(person), number_of(shown)}
    kin = [fact for number in numbers for fact in of_number.get(number or "", ()) if fact.row.key != person.key]
    fold = Fold(person, own, kin, edits)
    seen = (shown.status, shown.call_attempts, _instant(shown.first_no_answer_at))
    return fold.compare(seen, simulation.last_run_at or _NEVER, made_dead=made_dead)


def _after_one_call(person: Record, shown: Record, fact: Fact) -> list[str]:
    """By far the most: one call, one result, nobody else. The fold says the same, at five times the price."""
    unanswered, is_new = fact.end is not _ANSWERED, fact.row.is_new
    status = "No Answer" if unanswered and is_new else person.status
    first = person.first_no_answer_at
    if unanswered and not first:
        first = fact.row.submitted_at
    wanted = (status, (person.call_attempts or 0) + 1, first)  # type: ignore[operator]  # a number or None, asked by the caller
    seen = (shown.status, shown.call_attempts, shown.first_no_answer_at)
    if seen[:2] == wanted[:2] and (seen[2] == wanted[2] or _instant(seen[2]) == _instant(wanted[2])):
        return []
    return [f"{person.key}: the CRM shows {seen}, not {wanted}"]
