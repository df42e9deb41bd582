"""A person in the CRM, as the CRM holds them."""

from enum import StrEnum
from typing import Final

import msgspec


class RecordType(StrEnum):
    """The two kinds of record that may be called."""

    LEAD = "Lead"
    CONTACT = "Contact"


class CrmStatus(StrEnum):
    """The statuses that the rules read or write, by their meaning; how they are spelled is the policy's."""

    NEW = "New"
    NO_ANSWER = "No Answer"
    DEAD = "Dead"


CALLED: Final = (CrmStatus.NEW, CrmStatus.NO_ANSWER)
"""The statuses of those who may be called, and who are pulled."""


# Structs, as are facts and verdicts: a page holds thousands, and frozen dataclasses take several times as long to make. Nothing
# in them leads back to them, so the garbage collector need not look at them.
class RecordKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """Names one record. `zoho_id`: Zoho's id, 1 to 20 digits as text (they exceed 2**53)."""

    record_type: RecordType
    zoho_id: str

    def __str__(self) -> str:
        return f"{self.record_type} {self.zoho_id}"


class Record(msgspec.Struct, frozen=True, gc=False):
    """One Lead or Contact as read, values unjudged.

    `call_attempts`, `first_no_answer_at` and `created_time` are what Zoho's JSON held (number, text, null …): the rules read
    them, so that a value that can't be trusted becomes a reason instead of an exception. `modified_time` is Zoho's own
    text. `name` is for people's eyes only and never reaches a log. `changed_just_now`: so shortly before we looked that a
    further change within the same second would not show in `modified_time`.
    """

    key: RecordKey
    status: str | None = None
    call_attempts: object = None
    first_no_answer_at: object = None
    phone: str | None = None
    mobile: str | None = None
    created_time: object = None
    modified_time: str | None = None
    name: str | None = None
    changed_just_now: bool = False


def mask_name(name: str) -> str:
    """The initials: enough to recognise whom one knows, too little to learn who it is."""
    return " ".join(f"{word[0]}…" for word in name.split())
