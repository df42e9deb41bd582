"""What is wrong with an entry of a work list, in plain words, and what a person can do about it."""

import re
from typing import Final, NamedTuple

from autodialer.rules.eligibility import NEW_BUT_CALLED, NEW_BUT_UNKNOWN
from autodialer.rules.verdict import SkipReason
from autodialer.web.console.languages import N_

_CODE = re.compile(r"^([A-Z][A-Z_ 0-9]+):")


class Advice(NamedTuple):
    """One sentence each."""

    what: str
    remedy: str


_UNKNOWN_CODE: Final = Advice(
    N_("Zoho refused this update for a reason that is not documented."),
    N_("Look at Zoho's own words, correct the record in Zoho, then send the update again."),
)
_GONE: Final = Advice(
    N_("The record is not in Zoho any more: it was deleted, merged, or converted."),
    N_("Give the update up; the call stays in the ledger and goes on counting for its number."),
)
_CONVERTED: Final = Advice(
    N_("The lead was converted; its contact is the person now."),
    N_("Give the update up: calls to the number go on counting for the contact."),
)
_VALUE: Final = Advice(
    N_("The record was deleted, or a field does not take the value."),
    N_("Look whether the record still exists and which field Zoho names, correct it, then send the update again."),
)
_MANDATORY: Final = Advice(
    N_("A mandatory field of the record is empty."),
    N_("Fill it in, or make it optional, then send the update again."),
)
_CONTRADICTS: Final = Advice(
    N_("The record contradicts itself or one of Zoho's rules."),
    N_("Correct the record in Zoho, then send the update again."),
)
PARKED: Final = {
    "INVALID_DATA": _VALUE,
    "MANDATORY_NOT_FOUND": _MANDATORY,
    "DEPENDENT_FIELD_MISSING": _MANDATORY,
    "EXPECTED_FIELD_MISSING": _MANDATORY,
    "DUPLICATE_DATA": Advice(
        N_("Another record has the same value in a field that must be unique."),
        N_("Merge the two or change one of them in Zoho, then send the update again."),
    ),
    "MULTIPLE_OR_MULTI_ERRORS": _CONTRADICTS,
    "DEPENDENT_MISMATCH": _CONTRADICTS,
    "NOT_ALLOWED": Advice(
        N_("Zoho does not allow this change to the record."),
        N_("Look who may change it in Zoho, then send the update again."),
    ),
    "LIMIT_EXCEEDED": Advice(
        N_("Zoho takes no more of these for the record."),
        N_("Look at Zoho's own words; make room, then send the update again."),
    ),
    "RECORD_IN_BLUEPRINT": Advice(
        N_("A Blueprint owns this field."),
        N_("Take the record or the field out of the Blueprint in Zoho, then send the update again."),
    ),
    "CONVERTED_RECORD": _CONVERTED,
    "ID_ALREADY_CONVERTED": _CONVERTED,
    "RECORD_LOCKED": Advice(
        N_("Somebody has locked the record for a day or longer."),
        N_("Unlock it in Zoho, then send the update again."),
    ),
    "NOT_APPROVED": Advice(
        N_("The record has waited for an approval for a day or longer."),
        N_("Approve or reject it in Zoho, then send the update again."),
    ),
    "NOT_REVIEWED": Advice(
        N_("The record has been in review for a day or longer."),
        N_("Finish the review in Zoho, then send the update again."),
    ),
}
REPAIR: Final = {
    SkipReason.BAD_CALL_ATTEMPTS.value: Advice(
        N_("Call Attempts holds something that is no count."),
        N_("Set Call Attempts to the number of calls made, or empty it."),
    ),
    SkipReason.BAD_FIRST_NO_ANSWER.value: Advice(
        N_("First No Answer At holds something that is no time."),
        N_("Set First No Answer At to the time of the first unanswered call, or empty it."),
    ),
    SkipReason.FIRST_NO_ANSWER_IN_FUTURE.value: Advice(
        N_("First No Answer At lies in the future."),
        N_("Set First No Answer At to the time of the first unanswered call, or empty it."),
    ),
    SkipReason.NEW_ALREADY_CALLED.value: Advice(
        N_("The status is New, but calls are on record."),
        N_("Set the status to No Answer; or, if the calls never happened, empty Call Attempts and First No Answer At."),
    ),
    SkipReason.NO_VALID_PHONE.value: Advice(
        N_("Neither Phone nor Mobile holds a number that may be dialled."),
        N_("Correct the number."),
    ),
    SkipReason.NUMBER_REFUSED.value: Advice(
        N_("8x8 says that this number can't be dialled."),
        N_("Correct the number; as long as it stays the same, it is not dialled again."),
    ),
}
INFERRED: Final = Advice(
    N_("First No Answer At is empty: the earliest unanswered call that the service knows counts, else today."),
    N_("Nothing, if that is right: the field is written after the next result. Else set First No Answer At."),
)
_NEW_BY_CAUSE: Final = {
    NEW_BUT_CALLED: Advice(
        N_("The status is New, but the ledger knows of a call to this person."),
        N_("Set the status that fits, No Answer if calls are to go on; what Zoho's fields hold makes no difference."),
    ),
    NEW_BUT_UNKNOWN: Advice(
        N_("The status is New, and nobody knows how its one call ended."),
        N_("Settle the call in the list of unknown calls, if you know how it ended; else set the status that fits."),
    ),
}
_REPAIR_UNKNOWN: Final = Advice(N_("A value of this record can't be trusted."), N_("Correct the record in Zoho."))

_WRITE_AGAIN: Final = N_("Write it again, or leave it if a person meant it so.")
_WAITS: Final = Advice(N_("The update waits to be written."), N_("Nothing: it goes away by itself."))
_PARKED: Final = Advice(N_("Zoho refused the update."), N_("See the list of what Zoho refused."))
_LESS: Final = Advice(N_("Zoho counts fewer calls than the ledger."), _WRITE_AGAIN)
_UNREADABLE: Final = Advice(N_("The field holds what can't be read."), N_("Correct it in Zoho."))
DIFFERENCES: Final = {
    "changing": Advice(N_("It was being changed while Zoho was asked."), N_("Compare again.")),
    "converted": Advice(
        N_("The lead was converted, its last update can't be written."),
        N_("Give the update up in the list of what Zoho refused."),
    ),
    "gone": Advice(
        N_("Zoho has no such record any more."), N_("Nothing, unless an update of it is listed as refused by Zoho.")
    ),
    "attempts_unreadable": _UNREADABLE,
    "first_no_answer_unreadable": _UNREADABLE,
    "attempts_above": Advice(
        N_("Zoho counts more calls: made elsewhere, or set by hand. The greater number decides."),
        N_("Nothing, if that is right; else correct Call Attempts in Zoho."),
    ),
    "attempts_below": _LESS,
    "result_awaited": Advice(N_("The result of a call is still awaited."), N_("Nothing: it goes away by itself.")),
    "unknown_calls": Advice(
        N_("Calls with no known result count in the ledger and are not written."),
        N_("Settle them in the list of unknown calls, if you know how they ended."),
    ),
    "first_no_answer_differs": Advice(
        N_("First No Answer At was changed or cleared after it was written."), _WRITE_AGAIN
    ),
    "status_set_back": Advice(
        N_("Zoho shows the status again that stood there before: set back by hand, or by a workflow."),
        N_("Look who did it in Zoho's timeline, and set the status that is right."),
    ),
    "status_changed": Advice(N_("A person changed the status, which is no error."), N_("Nothing.")),
    "attempts_waiting": _WAITS,
    "first_no_answer_waiting": _WAITS,
    "status_waiting": _WAITS,
    "attempts_parked": _PARKED,
    "first_no_answer_parked": _PARKED,
    "status_parked": _PARKED,
}


def on_parked(last_error: str) -> Advice:
    """On an update, by Zoho's reason as the outbox keeps it."""
    code = _CODE.match(last_error)
    if code is None:
        return _GONE
    return PARKED.get(code[1], _UNKNOWN_CODE)


def on_flaw(reason: str, detail: str = "") -> Advice:
    """On a record that needs repair, by the reason and detail of its verdict; on one whose First No Answer At was inferred."""
    if reason == "no_answer":
        return INFERRED
    return _NEW_BY_CAUSE.get(detail) or REPAIR.get(reason, _REPAIR_UNKNOWN)


def on_difference(reason: str) -> Advice:
    """On something in which Zoho and the ledger disagree, by its reason (rules/drift.py)."""
    return DIFFERENCES[reason]
