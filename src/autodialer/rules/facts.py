"""All that `decide` may look at."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from autodialer.domain.phone import NoNumber, PhoneNumber
from autodialer.domain.record import CrmStatus, Record, RecordKey


class History(msgspec.Struct, frozen=True, gc=False):
    """What the ledger knows of a person: of the record and of the number together (rules.md rows 14 and 15).

    `attempts` and `attempts_today` count every attempt that was not released, whoever placed it; "today" is the date in the
    policy's zone. `highest_told`: the greatest count that the CRM was told after a call of this very record, with all that the CRM
    counted when the call was made; it goes on counting when somebody lowers Call Attempts. `record_places`, `number_places`: those
    of the total quota that the calls of this very record, and to this very number, have in the ledger, which gives none twice.
    `first_unanswered_at` (UTC) is the earliest call that ended unanswered. `open_attempt` is the id of an attempt that is reserved,
    submitting, placed or unknown. `answered_at` (UTC): an answered call after which nobody has changed the status yet.
    `refused_number`: 8x8 said that this very number can't be dialled (-1017).
    `closed_unknown`: a call of this record closed with no result known.
    """

    attempts: int = 0
    attempts_today: int = 0
    highest_told: int = 0
    record_places: frozenset[int] = frozenset()
    number_places: frozenset[int] = frozenset()
    first_unanswered_at: datetime | None = None
    open_attempt: str | None = None
    answered_at: datetime | None = None
    refused_number: bool = False
    closed_unknown: bool = False


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """What the CRM has not shown yet: the newest projection in the outbox (rules.md row 28, design.md section 5).

    `expected_status` is the status the CRM held when we decided: if the CRM shows another one now, a person set it and the
    pending status does not count. `converted`: the CRM refused it, since the lead was converted to a Contact.
    """

    expected_status: str | None
    status: CrmStatus | None
    call_attempts: int | None
    first_no_answer_at: datetime | None
    converted: bool = False


class Facts(msgspec.Struct, frozen=True, gc=False):
    """One person at one moment."""

    record: Record
    number: PhoneNumber | NoNumber
    history: History = History()
    pending: PendingUpdate | None = None
    do_not_call: bool = False
    same_phone_as: RecordKey | None = None
