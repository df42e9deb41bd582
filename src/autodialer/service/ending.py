"""The end of a call, from wherever it was heard: the attempt, its outbox row and the do-not-call list, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from autodialer.domain.activity import LogCalls
from autodialer.domain.attempt import Ended, PlacedCall, Released, Reserved, Submitting, Unknown
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal
from autodialer.domain.result import NOT_RUNG, CallResult, NotDialled, Progress
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, StagedState
from autodialer.rules.policy import Policy
from autodialer.service.belated import call_after_all, rang_after_all
from autodialer.service.hearing import completed
from autodialer.service.projecting import queue_activity, queue_update
from autodialer.service.troubles import write_down

REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Ending:
    """What a result changed. `state`: applied, conflict or orphan, as the inbox calls it; `note` for people.

    `agent_unreached`: the person picked up and found nobody. `has_reopened`: callbacks that were orphans wait to be applied again.
    """

    state: str
    attempt_id: str
    note: str
    agent_unreached: bool = False
    has_reopened: bool = False


def end_attempt(
    ledger: Ledger,
    policy: Policy,
    attempt: AttemptRow,
    result: CallResult,
    now: datetime,
    heard: Sequence[Progress] = (),
    log_calls: LogCalls = LogCalls.OFF,
) -> Ending:
    """Apply `result` to `attempt`, read in this transaction (rules.md rows 21 and 25); what the CRM must see is queued.

    `heard`: what was told of the call while it went on. A call that 8x8 failed to make is none (row 26), by the policy.

    LedgerRefusal when another process changed the attempt meanwhile: nothing may be committed, read it again.
    """
    result = completed(result, heard, attempt.number, policy)
    never_rang = result.trouble is not None and not result.trouble.rang
    if never_rang and policy.technical_failures == "not_counted":
        ending = _take_back(ledger, attempt, f"{NOT_RUNG}: {result.reason}", now)
    else:
        ending = _end_state(ledger, policy, attempt, result, now)
        if ending.state == "applied" and ending.note != REPEATED and attempt.run_id is not None:
            queue_activity(ledger, log_calls, ending.attempt_id, now)
    if ending.state == "applied" and ending.note != REPEATED:
        write_down(ledger, attempt, result, now)
    if result.session_id is not None and attempt.session_id is None:
        ledger.attempts.learn_session(attempt.attempt_id, result.session_id)
        # What came under this session before anybody knew whose it is can be matched now (rules.md row 23).
        orphans = ledger.inbox.orphans_of(result.session_id)
        ledger.inbox.reopen([callback.inbox_id for callback in orphans])
        ending = replace(ending, has_reopened=bool(orphans))
    if result.do_not_call and attempt.number:
        ledger.do_not_call.add(attempt.number, "asked not to be called (8x8)", now)
    return ending


def release_attempt(ledger: Ledger, attempt: AttemptRow, event: NotDialled, now: datetime) -> Ending:
    """The call never reached the person's phone: no attempt (rules.md row 26). LedgerRefusal as above."""
    ending = _take_back(ledger, attempt, f"not dialled: {event.reason}", now)
    if ending.state == "applied" and event.session_id is not None and attempt.session_id is None:
        ledger.attempts.learn_session(attempt.attempt_id, event.session_id)
    return ending


def _end_state(ledger: Ledger, policy: Policy, attempt: AttemptRow, result: CallResult, now: datetime) -> Ending:
    match attempt.as_attempt():
        case Submitting() | PlacedCall() | Unknown() as before:
            _insist(ledger.attempts.end(before, before.end(result.disposition, now), result), attempt)
            queue_update(ledger, policy, attempt, result.disposition, now)
            note = result.disposition.value
            return Ending("applied", attempt.attempt_id, note, agent_unreached=result.agent_unreached)
        case Ended() as before:
            return _end_again(ledger, policy, attempt, before, result, now)
        case Released():
            return _end_released(ledger, policy, attempt, result, now)
        case Reserved():
            return Ending("orphan", attempt.attempt_id, "a result for a call that was never sent")


def _end_again(
    ledger: Ledger, policy: Policy, attempt: AttemptRow, before: Ended, result: CallResult, now: datetime
) -> Ending:
    """rules.md row 21: the first end stands, except that answered wins."""
    if before.disposition is result.disposition:
        return Ending("applied", attempt.attempt_id, REPEATED)
    if not result.disposition.wins_over(before.disposition):
        note = f"says {result.disposition}, but {before.disposition} stands"
        return Ending("conflict", attempt.attempt_id, note)
    _insist(ledger.attempts.overrule(before, Ended(before.intent, result.disposition, now), result), attempt)
    queue_update(ledger, policy, attempt, result.disposition, now, overruled=before.disposition)
    return Ending("applied", attempt.attempt_id, f"{result.disposition} won over {before.disposition}")


def _end_released(ledger: Ledger, policy: Policy, attempt: AttemptRow, result: CallResult, now: datetime) -> Ending:
    """Whom it rang is not to be called as if it had not (rules.md row 21): it counts, and an answer holds."""
    if not rang_after_all(attempt, result):
        return Ending("conflict", attempt.attempt_id, "a result for a call that was taken as not placed")
    call = call_after_all(ledger, attempt, result, now)
    known = ledger.attempts.row(call.attempt_id)
    if known is not None:
        return _end_state(ledger, policy, known, replace(result, reason=call.reason), now)
    ledger.attempts.add_elsewhere(call)
    written = ledger.attempts.rows([call.attempt_id])[call.attempt_id]
    queue_update(ledger, policy, written, result.disposition, now)
    note = f"{result.disposition}, of a call that was taken as not placed"
    return Ending("applied", call.attempt_id, note, agent_unreached=result.agent_unreached)


def _take_back(ledger: Ledger, attempt: AttemptRow, reason: str, now: datetime) -> Ending:
    """Nobody's phone rang: the attempt is released, its place in the quotas returned, nothing written to the CRM."""
    match attempt.as_attempt():
        case Submitting() | PlacedCall() | Unknown() | Ended(disposition=Disposition.UNKNOWN) as before:
            _insist(ledger.attempts.release(before, before.release(reason, now)), attempt)
        case Ended() as before if before.disposition is not Disposition.FAILED:
            return Ending("conflict", attempt.attempt_id, f"says {reason}, but {before.disposition} stands")
        case Ended() | Released():
            return Ending("applied", attempt.attempt_id, REPEATED)
        case Reserved():
            return Ending("orphan", attempt.attempt_id, "a result for a call that was never sent")
    run = ledger.runs.get(attempt.run_id) if attempt.run_id is not None else None
    if run is not None and run.is_open:
        ledger.staging.mark(run.run_id, attempt.key, StagedState.ERROR, reason="not_rung", detail=reason)
    return Ending("applied", attempt.attempt_id, reason)


def _insist(changed: bool, attempt: AttemptRow) -> None:
    if not changed:
        raise LedgerRefusal(f"attempt {attempt.attempt_id} changed in this moment", permanent=False)
