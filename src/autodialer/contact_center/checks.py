"""What `doctor` says of 8x8 Contact Center. Only looks, changes nothing, rings nobody."""

from collections.abc import Sequence

from websockets.exceptions import InvalidStatus

from autodialer.contact_center.agents import HOW_TO_BE_TOLD, Agents, RosterError
from autodialer.contact_center.config import ALL_AGENTS, ContactCenterConfig, missing_settings
from autodialer.contact_center.stream import open_stream
from autodialer.domain.placing import Refused, Throttled
from autodialer.ports import Finding, Level
from autodialer.telephony_http.words import plain


async def check(config: ContactCenterConfig, agents: Agents) -> Sequence[Finding]:
    """Settings, tenant and token, agents, the stream: one finding or more for each."""
    problems = missing_settings(config)
    findings = [
        Finding(Level.PROBLEM, "8x8 settings", problem, "Without it no call is placed.") for problem in problems
    ]
    if not problems:
        findings.append(Finding(Level.OK, "8x8 settings", "All settings for placing a call are there."))
    if not config.queue_id:
        message = "EIGHTX8_CC_QUEUE_ID is missing: 8x8 does not list an agent as busy who talks to somebody we called."
        findings.append(Finding(Level.WARNING, "8x8 queue", message, "Set it to the number of an outbound queue."))
    if config.tenant and config.action_token and config.base_url:
        findings.append(await _agents(config, agents))
    if config.tenant and config.stream_key and config.stream_host.startswith(("ws://", "wss://")):
        findings.append(await _stream(config))
    return findings


async def _agents(config: ContactCenterConfig, agents: Agents) -> Finding:
    subject, again = "8x8 agents", "Correct it, then run `autodialer doctor` again."
    try:
        roster = await agents.roster()
    except RosterError as error:
        if isinstance(error.outcome, Refused):
            return Finding(Level.PROBLEM, subject, f"{error.outcome.message}.", error.outcome.remedy or again)
        if isinstance(error.outcome, Throttled):
            return Finding(Level.WARNING, subject, "8x8 was asked too often who is free.", "Ask again in a minute.")
        return Finding(Level.PROBLEM, subject, f"{error.outcome.reason}.", "Check EIGHTX8_BASE_URL and the network.")
    if roster.free is None:
        message = "8x8 does not tell who is free: the agents named are tried one after the other."
        return Finding(Level.WARNING, subject, message, HOW_TO_BE_TOLD)
    told = f"8x8 accepts tenant and token. {len(roster.free)} of {len(roster.ids)} agents wait for a call."
    if not roster.ids:
        return Finding(Level.PROBLEM, subject, "The tenant has no agents.", "Check EIGHTX8_CC_TENANT.")
    if config.agent_ids == ALL_AGENTS:
        return Finding(
            Level.WARNING, subject, f"{told} Every agent of the tenant is given calls.", "Name them, if not all shall."
        )
    return Finding(Level.OK, subject, told)


async def _stream(config: ContactCenterConfig) -> Finding:
    """By a reader, which leaves no trace: the events are the running service's to take."""
    subject, remedy = "8x8 event stream", "Check EIGHTX8_CC_STREAM, EIGHTX8_API_KEY and EIGHTX8_CC_TENANT."
    try:
        async with open_stream(config, config.reader_url):
            pass
    except InvalidStatus as error:
        message = f"8x8 refuses the event stream (HTTP {error.response.status_code})."
        return Finding(Level.PROBLEM, subject, message, remedy)
    except Exception as error:  # noqa: BLE001 - whatever broke, it is what the person wants to know
        message = f"The event stream can't be had ({type(error).__name__}: {plain(str(error))})."
        return Finding(Level.PROBLEM, subject, message, remedy)
    return Finding(Level.OK, subject, f"Events can be read at {config.stream_host}.")
