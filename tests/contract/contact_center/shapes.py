"""Builds events in 8x8's shape, and reads them as the service does: reduced, kept, then read with what came before."""

import json
from collections.abc import Sequence
from typing import Any

from autodialer.contact_center.events import read, reduce
from autodialer.domain.result import CallEvent, CallResult, NotDialled
from contract.contact_center.support import ATTEMPT

GUID = "int-1963f527a2a-9wjz0hrkcolMxIqiOhxEsKFe9-phone-01-simulated01"


def event(name: str, **more: Any) -> dict[str, Any]:
    """One message of the stream."""
    data = [
        {"attachedDataKey": "phoneNum", "attachedDataValue": 40709000001},
        {"attachedDataKey": "ctl_userdata", "attachedDataValue": f"attemptId={ATTEMPT}"},
    ]
    standard: dict[str, Any] = {
        "event": name,
        "interactionGUID": GUID,
        "mediaType": "phone",
        "direction": "out",
        "attachedData": {"attachedDatum": data},
        "msgInfo": {"sequenceId": 7, "timestamp": 1772445600000},
    }
    return {"Interaction": {**standard, **more}}


def deleted(reason: str | None, **more: Any) -> dict[str, Any]:
    named = {} if reason is None else {"callHangupReason": reason}
    return event("InteractionDeleted", hangupInitiator="SYSTEM", **named, **more)


CREATED, ASSIGNED = event("InteractionCreated"), event("InteractionAssigned")
ACCEPTED, CUSTOMER = event("InteractionAccepted"), event("InteractionCustomerAccepted")
REJECTED, DEASSIGNED = event("InteractionRejected", rejectReason=1), event("InteractionDeassigned")


def read_all(*messages: object) -> list[CallEvent]:
    """What each of them says, with all of them kept."""
    kept = [json.loads(json.dumps(body)) for message in messages if (body := reduce(message)) is not None]
    return [
        read(body, lambda session: [one for one in kept if one["payload"]["sessionId"] == session]) for body in kept
    ]


def last(*messages: object) -> CallEvent:
    return read_all(*messages)[-1]


def results(events: Sequence[CallEvent]) -> list[CallResult | NotDialled]:
    return [one for one in events if isinstance(one, CallResult | NotDialled)]
