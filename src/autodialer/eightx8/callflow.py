"""The request that places one call (8x8 page "Send Callflow")."""

from datetime import UTC, datetime

from autodialer.domain.placing import CallRequest
from autodialer.eightx8.config import VoiceConfig


def callflow_body(config: VoiceConfig, request: CallRequest) -> dict[str, object]:
    """Ring the person first; when they answer, ring the agent and bridge the two.

    After `validUntil` 8x8 rings nobody any more (status codes -1015 and -2007).
    """
    body: dict[str, object] = {
        "validUntil": iso_milliseconds(request.valid_until),
        "callflow": [
            {"action": "makeCall", "params": {"source": config.caller_id, "destination": request.number}},
            {
                "action": "makeCall",
                "params": {"source": config.caller_id, "destination": config.agent_number},
            },
        ],
    }
    if config.client_request_id:
        body["clientRequestId"] = request.attempt_id
    return body


def iso_milliseconds(moment: datetime) -> str:
    """An aware instant as 8x8 writes it: YYYY-MM-DDTHH:MM:SS.SSSZ."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
