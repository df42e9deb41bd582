"""What each error code of one record asks for. Source: Zoho's pages "Update Records", "Insert Records", "Status Codes".

docs/zoho/writing.md shows the same table to people.
"""

from typing import Final, NamedTuple

from autodialer.domain.errors import CrmError
from autodialer.domain.update import NotWritten, Refusal
from autodialer.zoho.answers import ErrorBody, describe


class Meaning(NamedTuple):
    """`advice`: what a person can do about it, "" where nobody has to."""

    refusal: Refusal
    advice: str = ""


_RIGHTS = "give the profile of Zoho's user who made ZOHO_REFRESH_TOKEN the right to edit this"
_CONVERTED = "the lead was converted: nothing to do, its Contact is the person now"

MEANINGS: Final = {
    # The record is gone, or holds or would hold what Zoho does not take.
    "INVALID_DATA": Meaning(Refusal.NEVER, "the record was deleted, or the named field does not take this value"),
    "MANDATORY_NOT_FOUND": Meaning(Refusal.NEVER, "fill in the mandatory field in Zoho, or make it optional"),
    "DUPLICATE_DATA": Meaning(Refusal.NEVER, "another record has this value in a field that must be unique"),
    "MULTIPLE_OR_MULTI_ERRORS": Meaning(Refusal.NEVER, "correct the record in Zoho"),
    "DEPENDENT_MISMATCH": Meaning(Refusal.NEVER, "two fields contradict each other: correct the record in Zoho"),
    "DEPENDENT_FIELD_MISSING": Meaning(Refusal.NEVER, "fill in the mandatory field in Zoho, or make it optional"),
    "EXPECTED_FIELD_MISSING": Meaning(Refusal.NEVER, "fill in the mandatory field in Zoho, or make it optional"),
    "NOT_ALLOWED": Meaning(Refusal.NEVER, "Zoho does not allow this for the record"),
    "LIMIT_EXCEEDED": Meaning(Refusal.NEVER, "Zoho takes no more of these"),
    "RECORD_IN_BLUEPRINT": Meaning(
        Refusal.NEVER, "a Blueprint owns this field: take the record or the field out of it in Zoho"
    ),
    "CONVERTED_RECORD": Meaning(Refusal.NEVER, _CONVERTED),
    "ID_ALREADY_CONVERTED": Meaning(Refusal.NEVER, _CONVERTED),
    # A person, a merge or a process of Zoho's holds the record.
    "RECORD_LOCKED": Meaning(Refusal.BLOCKED, "unlock the record in Zoho"),
    "NOT_APPROVED": Meaning(Refusal.BLOCKED, "approve or reject the record in Zoho"),
    "NOT_REVIEWED": Meaning(Refusal.BLOCKED, "finish the review of the record in Zoho"),
    # Somebody changed it since we looked.
    "ALREADY_MODIFIED": Meaning(Refusal.REREAD),
    "HTTP 412": Meaning(Refusal.REREAD),
    # Inside Zoho, or on the way.
    "DEPENDENT_SERVICE_ERROR": Meaning(Refusal.RETRY),
    "INTERNAL_ERROR": Meaning(Refusal.RETRY),
    "INTERNAL_SERVER_ERROR": Meaning(Refusal.RETRY),
    "TOO_MANY_REQUESTS": Meaning(Refusal.RETRY),
    "RATE_LIMIT_EXCEEDED": Meaning(Refusal.RETRY),
    "INVALID_TOKEN": Meaning(Refusal.RETRY),
    # Rights and settings: it is the same for every record until a person acts.
    "INVALID_MODULE": Meaning(Refusal.STOP, "the module is missing or hidden in this Zoho organisation"),
    "AUTHORIZATION_FAILED": Meaning(Refusal.STOP, _RIGHTS),
    "NO_PERMISSION": Meaning(Refusal.STOP, _RIGHTS),
    "OAUTH_SCOPE_MISMATCH": Meaning(
        Refusal.STOP, "make ZOHO_REFRESH_TOKEN anew with all scopes of docs/zoho/sign-in.md, section 3"
    ),
    "AUTHENTICATION_FAILURE": Meaning(Refusal.STOP, "the Authorization header did not reach Zoho"),
}
OF_ONE_RECORD: Final = frozenset(
    code
    for code, meaning in MEANINGS.items()
    if meaning.refusal in (Refusal.NEVER, Refusal.BLOCKED, Refusal.REREAD)
    and code not in ("NOT_ALLOWED", "LIMIT_EXCEEDED")
)
"""What Zoho says of a single record and its values, also where it refuses a whole request with it."""
_OF_A_REQUEST: Final = frozenset({"LIMIT_EXCEEDED", "HTTP 400", "HTTP 413"})
_UNKNOWN: Final = Meaning(Refusal.BLOCKED, "this code is not documented: ask Zoho, or report it")
_SAYS_NOTHING: Final = Meaning(Refusal.RETRY)


def meaning_of(code: str) -> Meaning:
    """What a per-record code asks for. Without a code nothing is known, and absolute values may be sent again."""
    return MEANINGS.get(code, _UNKNOWN) if code else _SAYS_NOTHING


def refusal_for(code: str) -> Refusal:
    """The same without the advice."""
    return meaning_of(code).refusal


def is_about_the_body(error: CrmError) -> bool:
    """Whether Zoho refused a request as it is, or for one of its records, so that each record alone may fare better."""
    return error.permanent and (error.code in _OF_A_REQUEST or error.code in OF_ONE_RECORD)


def to_refusal(found: ErrorBody) -> NotWritten:
    """A per-record error, with Zoho's reason and what to do about it."""
    meaning = meaning_of(found.code)
    told = describe(found) or "Zoho gave no reason"
    return NotWritten(found.code, f"{told}: {meaning.advice}" if meaning.advice else told, meaning.refusal)
