"""What is written back to the CRM, and how it can end."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodialer.domain.record import CrmStatus, RecordKey


@dataclass(frozen=True, slots=True)
class CrmUpdate:
    """Absolute values for one record; None leaves a field as it is. `first_no_answer_at` is UTC."""

    key: RecordKey
    status: CrmStatus | None = None
    call_attempts: int | None = None
    first_no_answer_at: datetime | None = None


class Refusal(StrEnum):
    """What a refused update asks for."""

    RETRY = "retry"  # locked, in approval, throttled, out of order: later
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
