"""The request that places one call (8x8 page "Send Callflow")."""

from datetime import UTC, datetime

from autodialer.domain.placing import CallRequest
from autodialer.eightx8.config import VoiceConfig


def callflow_body(config: VoiceConfig, request: CallRequest, *, source: str, agent: str | None) -> dict[str, object]:
    """Ring the person first; when they answer, ring `agent` and bridge the two, or, without one, ask for a key (press1).

    After `validUntil` 8x8 rings nobody any more (status codes -1015 and -2007).
    """
    second = config.press1.question() if agent is None else make_call(source, agent)
    body: dict[str, object] = {
        "validUntil": iso_milliseconds(request.valid_until),
        "callflow": [make_call(source, request.number), second],
    }
    if config.client_request_id:
        body["clientRequestId"] = request.attempt_id
    return body


def make_call(source: str, destination: str, *, recording: bool = False) -> dict[str, object]:
    """Ring somebody. `recording` is documented for answers only: the request that places a call must not carry it."""
    params: dict[str, object] = {"source": source, "destination": destination}
    return {"action": "makeCall", "params": params | ({"callRecording": True} if recording else {})}


def iso_milliseconds(moment: datetime) -> str:
    """An aware instant as 8x8 writes it: YYYY-MM-DDTHH:MM:SS.SSSZ."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
