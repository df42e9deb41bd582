"""What is written back to the CRM, and how it can end."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodialer.domain.record import CrmStatus, RecordKey


@dataclass(frozen=True, slots=True)
class CrmUpdate:
    """Absolute values for one record; None leaves a field as it is. `first_no_answer_at` is UTC.

    `unless_modified_since`: the CRM's own text of the version that was looked at; a record changed since then is to be refused
    with REREAD. None: written whatever happened meanwhile.
    """

    key: RecordKey
    status: CrmStatus | None = None
    call_attempts: int | None = None
    first_no_answer_at: datetime | None = None
    unless_modified_since: str | None = None

    @property
    def changes_nothing(self) -> bool:
        """No field is to be written."""
        return (self.status, self.call_attempts, self.first_no_answer_at) == (None, None, None)


class Refusal(StrEnum):
    """What a refused update asks for."""

    RETRY = "retry"  # throttled, out of order, an answer that can't be read: later, as often as it takes
    BLOCKED = "blocked"  # locked, in approval, or for a reason nobody documented: later, but not for ever
    NEVER = "never"  # gone, converted, bad value: parked with Zoho's reason
    REREAD = "reread"  # somebody else was faster: look again, decide again
    STOP = "stop"  # credentials or fields: nothing will do until a person acts


@dataclass(frozen=True, slots=True)
class Written:
    """The CRM took the update; `modified_time` is its own text for the new version."""

    modified_time: str | None = None


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The CRM refused the update of this one record."""

    code: str
    message: str
    refusal: Refusal


WriteResult = Written | NotWritten
