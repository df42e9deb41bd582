"""The request that places one call for an agent (8x8 page "Manage phone calls", Contact Center Call API)."""

from autodialer.contact_center.config import ContactCenterConfig
from autodialer.domain.placing import CallRequest

ATTEMPT_ID = "attemptId"


def call_body(config: ContactCenterConfig, request: CallRequest, agent_id: str) -> dict[str, object]:
    """Ring the agent, then the person. 8x8's schema calls the numbers numbers, its guide sends text; so do we.

    Our id goes along twice: both places come back in the events' attached data, in a form that 8x8 does not document.
    """
    own = [{"name": ATTEMPT_ID, "value": request.attempt_id}]
    body: dict[str, object] = {
        "agentId": agent_id,
        "prefix": "",
        "number": _dialled(config, request.number),
        "callerId": _dialled(config, config.caller_id or ""),
        "ctlUserData": own,
        "extTransactionData": own,
    }
    if config.queue_id:
        # Without a queue 8x8 does not list the agent as busy.
        body["queueId"] = int(config.queue_id)
    return body


def _dialled(config: ContactCenterConfig, number: str) -> str:
    return number.removeprefix("+") if config.digits_only else number
