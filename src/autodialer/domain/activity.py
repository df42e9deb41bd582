"""What the CRM is told of one call, as a note or as a call of its own, and how telling it can end."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autodialer.domain.record import RecordKey
from autodialer.domain.update import NotWritten


class LogCalls(StrEnum):
    """Whether the CRM is told of each call, and as what (ZOHO_LOG_CALLS)."""

    OFF = "off"
    NOTES = "notes"
    CALLS = "calls"


class ActivityForm(StrEnum):
    """As what one call stands in the CRM."""

    NOTE = "note"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Activity:
    """`subject` holds `attempt_id`, by which it is found again; neither it nor `text` names a phone number or a person."""

    attempt_id: str
    key: RecordKey
    form: ActivityForm
    subject: str
    text: str
    started_at: datetime
    duration_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Logged:
    """It stands in the CRM under this id."""

    activity_id: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may stand there or not: to be looked for before it is sent again."""

    reason: str


ActivityResult = Logged | Unclear | NotWritten
