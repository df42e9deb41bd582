"""What is wrong with an entry of a work list, in plain words, and what a person can do about it."""

import re
from typing import Final, NamedTuple

from autodialer.rules.verdict import SkipReason

_CODE = re.compile(r"^([A-Z][A-Z_ 0-9]+):")


class Advice(NamedTuple):
    """One sentence each."""

    what: str
    remedy: str


_UNKNOWN_CODE: Final = Advice(
    "Zoho refused this update for a reason that is not documented.",
    "Look at Zoho's own words, correct the record in Zoho, then send the update again.",
)
_GONE: Final = Advice(
    "The record is not in Zoho any more: it was deleted, merged, or converted.",
    "Give the update up; the call stays in the ledger and goes on counting for its number.",
)
_CONVERTED: Final = Advice(
    "The lead was converted; its contact is the person now.",
    "Give the update up: calls to the number go on counting for the contact.",
)
_VALUE: Final = Advice(
    "The record was deleted, or a field does not take the value.",
    "Look whether the record still exists and which field Zoho names, correct it, then send the update again.",
)
_MANDATORY: Final = Advice(
    "A mandatory field of the record is empty.",
    "Fill it in, or make it optional, then send the update again.",
)
_CONTRADICTS: Final = Advice(
    "The record contradicts itself or one of Zoho's rules.",
    "Correct the record in Zoho, then send the update again.",
)
PARKED: Final = {
    "INVALID_DATA": _VALUE,
    "MANDATORY_NOT_FOUND": _MANDATORY,
    "EXPECTED_FIELD_MISSING": _MANDATORY,
    "DUPLICATE_DATA": Advice(
        "Another record has the same value in a field that must be unique.",
        "Merge the two or change one of them in Zoho, then send the update again.",
    ),
    "MULTIPLE_OR_MULTI_ERRORS": _CONTRADICTS,
    "DEPENDENT_MISMATCH": _CONTRADICTS,
    "NOT_ALLOWED": Advice(
        "Zoho does not allow this change to the record.",
        "Look who may change it in Zoho, then send the update again.",
    ),
    "LIMIT_EXCEEDED": Advice(
        "Zoho takes no more of these for the record.",
        "Look at Zoho's own words; make room, then send the update again.",
    ),
    "RECORD_IN_BLUEPRINT": Advice(
        "A Blueprint owns this field.",
        "Take the record or the field out of the Blueprint in Zoho, then send the update again.",
    ),
    "CONVERTED_RECORD": _CONVERTED,
    "ID_ALREADY_CONVERTED": _CONVERTED,
    "RECORD_LOCKED": Advice(
        "Somebody has locked the record for a day or longer.",
        "Unlock it in Zoho, then send the update again.",
    ),
    "NOT_APPROVED": Advice(
        "The record has waited for an approval for a day or longer.",
        "Approve or reject it in Zoho, then send the update again.",
    ),
    "NOT_REVIEWED": Advice(
        "The record has been in review for a day or longer.",
        "Finish the review in Zoho, then send the update again.",
    ),
}
REPAIR: Final = {
    SkipReason.BAD_CALL_ATTEMPTS.value: Advice(
        "Call Attempts holds something that is no count.",
        "Set Call Attempts to the number of calls made, or empty it.",
    ),
    SkipReason.BAD_FIRST_NO_ANSWER.value: Advice(
        "First No Answer At holds something that is no time.",
        "Set First No Answer At to the time of the first unanswered call, or empty it.",
    ),
    SkipReason.FIRST_NO_ANSWER_IN_FUTURE.value: Advice(
        "First No Answer At lies in the future.",
        "Set First No Answer At to the time of the first unanswered call, or empty it.",
    ),
    SkipReason.NEW_ALREADY_CALLED.value: Advice(
        "The status is New, but calls are on record.",
        "Set the status to No Answer; or, if the calls never happened, empty Call Attempts and First No Answer At.",
    ),
    SkipReason.NO_VALID_PHONE.value: Advice(
        "Neither Phone nor Mobile holds a number that may be dialled.",
        "Correct the number.",
    ),
    SkipReason.NUMBER_REFUSED.value: Advice(
        "8x8 says that this number can't be dialled.",
        "Correct the number; as long as it stays the same, it is not dialled again.",
    ),
}
INFERRED: Final = Advice(
    "First No Answer At is empty: the earliest unanswered call that the service knows counts, else today.",
    "Nothing, if that is right: the field is written after the next result. Else set First No Answer At.",
)
_REPAIR_UNKNOWN: Final = Advice("A value of this record can't be trusted.", "Correct the record in Zoho.")


def on_parked(last_error: str) -> Advice:
    """On an update, by Zoho's reason as the outbox keeps it."""
    code = _CODE.match(last_error)
    if code is None:
        return _GONE
    return PARKED.get(code[1], _UNKNOWN_CODE)


def on_flaw(reason: str) -> Advice:
    """On a record that needs repair, by the reason of its verdict; on one whose First No Answer At was inferred."""
    return INFERRED if reason == "no_answer" else REPAIR.get(reason, _REPAIR_UNKNOWN)
