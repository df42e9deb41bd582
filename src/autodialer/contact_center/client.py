"""8x8 Contact Center as the Telephony port: places one call at most once for a free agent, and listens to how it ends."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from autodialer.contact_center import checks, events
from autodialer.contact_center.agents import Agents
from autodialer.contact_center.calls import call_body
from autodialer.contact_center.classify import classify
from autodialer.contact_center.config import ContactCenterConfig, is_loopback, missing_settings
from autodialer.contact_center.stream import Stream
from autodialer.domain.placing import Ambiguous, CallRequest, NobodyFree, NotSent, Placed, PlaceOutcome, Refused, Scope
from autodialer.domain.result import CallEvent, LoggedCall
from autodialer.ports import Clock, Finding, Heard, Log, Take
from autodialer.service.upstreams import Upstream
from autodialer.telephony_http.exchange import Exchange, Limits, NoReplyError
from autodialer.telephony_http.noting import note_outcome


class ContactCenterTelephony:
    """Implements ports.Telephony (8x8 "Contact Center Call API", "Agent Status API", "Event Streaming"). `aclose` it."""

    def __init__(self, config: ContactCenterConfig, clock: Clock, log: Log, upstream: Upstream | None = None) -> None:
        self._upstream = upstream or Upstream(clock)
        self._config = config
        self._clock = clock
        self._log = log
        limits = Limits(config.connect_timeout, config.read_timeout, config.total_timeout, config.max_response_bytes)
        local = is_loopback(config.base_url or "")
        self._exchange = Exchange(config.authorization, limits, local=local, upstream=self._upstream)
        self._agents = Agents(config, self._exchange, clock)
        self._stream = Stream(config, clock, log, self._agents.ended)

    async def place(self, request: CallRequest) -> PlaceOutcome:
        """Send exactly one request, never a second; every end is an outcome (rules.md rows 26 and 27)."""
        if problems := self.missing_settings():
            remedy = "Correct the setting; `autodialer doctor` names all."
            return Refused("settings", problems[0], Scope.ACCOUNT, remedy)
        if not await self._stream.subscribed():
            return self._stream.refusal or NotSent("8x8's event stream, from which results come, can't be had yet")
        agent_id = await self._agents.choose()
        if not isinstance(agent_id, str):
            return agent_id
        try:
            return await self._send(request, agent_id)
        finally:
            self._agents.given(agent_id)

    async def _send(self, request: CallRequest, agent_id: str) -> PlaceOutcome:
        if self._clock.now() >= request.valid_until:
            # 8x8 takes no last moment along with a call, so that it is kept here.
            self._agents.wake(agent_id)
            return NotSent("it had become too late for the call")
        body = call_body(self._config, request, agent_id)
        try:
            reply = await self._exchange.send("POST", f"{self._config.tenant_url}/calls", body, kind="place")
        except NoReplyError as error:
            if error.sent:
                return Ambiguous(f"8x8 gave no answer after the request was sent ({error.reason})")
            self._agents.wake(agent_id)
            return NotSent(f"8x8 could not be reached ({error.reason})")
        outcome = classify(
            reply,
            now=self._clock.now(),
            default_pause=self._config.throttle_pause,
            nobody_free_pause=self._config.nobody_free_pause,
        )
        note_outcome(self._upstream, outcome)
        if isinstance(outcome, Placed):
            self._agents.took(agent_id, outcome.session_id)
        elif isinstance(outcome, NobodyFree):
            self._agents.not_available(agent_id)
        elif not isinstance(outcome, Ambiguous):
            self._agents.wake(agent_id)
        return outcome

    async def listen(self, take: Take) -> None:
        """Take the tenant's events for as long as the process lives; see stream.Stream."""
        if not self.missing_settings():
            await self._stream.listen(take)

    async def free_agents(self) -> int | None:
        """How many agents wait for a call; None when 8x8 can't be asked."""
        return None if self.missing_settings() else await self._agents.count_free()

    def read_callback(
        self,
        body: Mapping[str, object],
        number_of: Callable[[str], str | None],  # noqa: ARG002 - an interaction has one phone that counts
        heard: Heard,
    ) -> CallEvent:
        """What a kept event of the stream says; see events.read."""
        return events.read(body, heard)

    def missing_settings(self) -> Sequence[str]:
        """One sentence for each setting without which no call can be placed."""
        return missing_settings(self._config)

    async def ensure_webhook(self, registered_hash: str | None, *, takes_over: bool = True) -> str | None:  # noqa: ARG002 - there is none
        """Nothing to register: Contact Center posts no phone results anywhere."""
        return None

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:  # noqa: ARG002 - as said
        """Nothing: Contact Center's reports can't tell busy from no answer (docs/8x8-contact-center.md)."""
        return []

    async def check(self) -> Sequence[Finding]:
        """What `doctor` says of 8x8; changes nothing. Never raises TelephonyError."""
        return await checks.check(self._config, self._agents)

    async def aclose(self) -> None:
        """Close the connections to 8x8."""
        await self._exchange.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
