"""Where the CRM and the ledger disagree about a record, and why. For people's eyes: nothing is decided by it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from autodialer.domain.record import CrmStatus, Record
from autodialer.rules.policy import Policy
from autodialer.rules.reading import Unreadable, read_attempts, read_instant, tells_of_conversion
from autodialer.rules.text import normalise


class Weight(StrEnum):
    """What a difference asks for."""

    DRIFT = "drift"  # somebody should look
    WAITING = "waiting"  # it goes away by itself
    NOTE = "note"  # as it should be, only to be known


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which both disagree: `reason` for programs, `detail` for people."""

    weight: Weight
    reason: str
    in_crm: object
    in_ledger: object
    detail: str


@dataclass(frozen=True, slots=True)
class Values:
    """What was, or is to be, written; None says nothing of that field."""

    status: CrmStatus | None = None
    call_attempts: int | None = None
    first_no_answer_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerSide:
    """What the ledger holds of one record.

    `written`: what the CRM took from us, the greatest count and the newest time and status (none where a person's status was
    kept); `written_over`: the statuses over which that one went. `queued`: the update that still waits, `refused` why it is
    parked. `calls`: how many calls are known, those that the CRM counted when we decided among them; of ours the result is
    awaited of `awaited`, and unknown for good, or until somebody settles it, of `unknown`.
    """

    written: Values = field(default_factory=Values)
    written_over: tuple[str, ...] = ()
    queued: Values | None = None
    refused: str | None = None
    calls: int = 0
    awaited: int = 0
    unknown: int = 0


def compare(record: Record | None, side: LedgerSide, policy: Policy) -> tuple[Difference, ...]:
    """Every difference; none when both agree. `record` None: the CRM has it no more."""
    if side.refused is not None and tells_of_conversion(side.refused):
        detail = f"the lead was converted, its last update can't be written: {side.refused}"
        return (Difference(Weight.DRIFT, "converted", record and record.status, None, detail),)
    if record is None:
        return (_gone(side),)
    found = (_attempts(record, side, policy), _first(record, side, policy), _status(record, side, policy))
    return tuple(difference for difference in found if difference is not None)


def _gone(side: LedgerSide) -> Difference:
    weight = Weight.NOTE if side.queued is None else Weight.WAITING if side.refused is None else Weight.DRIFT
    detail = (
        "Zoho has no such record any more: deleted, merged, or a lead that was converted; calls to its number go on counting "
        "for the contact"
    )
    return Difference(weight, "gone", None, side.calls, detail)


def _attempts(record: Record, side: LedgerSide, policy: Policy) -> Difference | None:
    shown = read_attempts(record.call_attempts, policy.max_sane_attempts)
    taken = side.written.call_attempts or 0
    queued = (side.queued and side.queued.call_attempts) or 0
    known = max(side.calls, taken, queued)
    if isinstance(shown, Unreadable):
        detail = f"Call Attempts {shown.why}"
        return Difference(Weight.DRIFT, "attempts_unreadable", None, known, detail)
    if shown > known:
        detail = (
            f"Zoho counts {shown - known} more: calls counted elsewhere, or set by hand; the greater number decides"
        )
        return Difference(Weight.DRIFT, "attempts_above", shown, known, detail)
    if shown < queued:
        return _unwritten("attempts", shown, queued, side)
    if shown < taken:
        detail = (
            f"Zoho took {taken} and shows less: set by hand, or by a workflow or an import; the greater number decides"
        )
        return Difference(Weight.DRIFT, "attempts_below", shown, taken, detail)
    return _uncounted(shown, known, side) if shown < known else None


def _uncounted(shown: int, known: int, side: LedgerSide) -> Difference:
    """The ledger counts calls of which it has written nothing."""
    if side.awaited:
        return Difference(Weight.WAITING, "result_awaited", shown, known, "the result of a call is still awaited")
    if side.unknown:
        detail = "calls whose result nobody knows count in the ledger and are not written (rule 25)"
        return Difference(Weight.NOTE, "unknown_calls", shown, known, detail)
    detail = "the ledger knows of more calls, and nothing waits to be written"
    return Difference(Weight.DRIFT, "attempts_below", shown, known, detail)


def _first(record: Record, side: LedgerSide, policy: Policy) -> Difference | None:
    queued = side.queued and side.queued.first_no_answer_at
    wanted = queued or side.written.first_no_answer_at
    if wanted is None:
        return None
    shown = read_instant(record.first_no_answer_at, policy.zone)
    if isinstance(shown, Unreadable):
        detail = f"First No Answer At {shown.why}"
        return Difference(Weight.DRIFT, "first_no_answer_unreadable", None, wanted, detail)
    if shown is not None and shown.replace(microsecond=0) == wanted.replace(microsecond=0):
        return None
    if queued is not None:
        return _unwritten("first_no_answer", shown, wanted, side)
    detail = (
        "changed after we wrote it; the days are counted from what Zoho shows"
        if shown
        else "cleared after we wrote it; the ledger's earliest unanswered call counts (rule 6)"
    )
    return Difference(Weight.DRIFT, "first_no_answer_differs", shown, wanted, detail)


def _status(record: Record, side: LedgerSide, policy: Policy) -> Difference | None:
    queued = side.queued and side.queued.status
    wanted = queued or side.written.status
    if wanted is None or normalise(record.status or "") == normalise(policy.label_of(wanted)):
        return None
    label = policy.label_of(wanted)
    if queued is not None:
        return _unwritten("status", record.status, label, side)
    if normalise(record.status or "") in {normalise(status) for status in side.written_over}:
        detail = f"{label} was written and Zoho shows again what stood there before: set back by hand, or by a workflow"
        return Difference(Weight.DRIFT, "status_set_back", record.status, label, detail)
    detail = "changed in Zoho after we wrote it, which is no error; who did it and when stands in Zoho's own timeline"
    return Difference(Weight.NOTE, "status_changed", record.status, label, detail)


def _unwritten(name: str, shown: object, wanted: object, side: LedgerSide) -> Difference:
    if side.refused is not None:
        detail = f"Zoho refused the update, it is parked: {side.refused}"
        return Difference(Weight.DRIFT, f"{name}_parked", shown, wanted, detail)
    return Difference(Weight.WAITING, f"{name}_waiting", shown, wanted, "the update waits to be written")
