"""8x8 CPaaS Voice as the Telephony port: places one call at most once and reads what comes back."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from autodialer.domain.placing import Ambiguous, CallRequest, NotSent, PlaceOutcome, Refused, Scope
from autodialer.domain.result import CallEvent, LoggedCall
from autodialer.eightx8 import actions, checks, export, mapping, webhooks
from autodialer.eightx8.callflow import callflow_body
from autodialer.eightx8.classify import classify
from autodialer.eightx8.config import VoiceConfig, missing_settings
from autodialer.eightx8.http import Exchange, NoReplyError
from autodialer.eightx8.numbers import Agents, caller_id_for
from autodialer.ports import Clock, Finding, Heard, Take
from autodialer.service.upstreams import Upstream
from autodialer.telephony_http.noting import note_outcome


class VoiceTelephony:
    """Implements ports.Telephony (8x8 pages "Send Callflow", "Voice Session Summary"). `aclose` it."""

    def __init__(self, config: VoiceConfig, clock: Clock, upstream: Upstream | None = None) -> None:
        self._config = config
        self._clock = clock
        self._upstream = upstream or Upstream(clock)
        self._exchange = Exchange(config, self._upstream)
        self._agents = Agents(config.agents, at_random=config.agent_choice == "random")

    async def place(self, request: CallRequest) -> PlaceOutcome:
        """Send exactly one request, never a second; every end is an outcome (rules.md rows 26 and 27)."""
        if problems := self.missing_settings():
            return Refused(
                "settings", problems[0], Scope.ACCOUNT, "Correct the setting; `autodialer doctor` names all."
            )
        source = caller_id_for(self._config.caller_ids, request.number)
        if source is None:
            remedy = "Give EIGHTX8_CALLER_ID an entry for that country, or one for all others: *:+..."
            return Refused("caller_id", "no caller id is set for the country of this number", Scope.CALL, remedy)
        agent = None if self._config.is_press1 else self._agents.next()
        body = callflow_body(self._config, request, source=source, agent=agent)
        try:
            reply = await self._exchange.send("POST", f"{self._config.subaccount_url}/callflows", body, kind="place")
        except NoReplyError as error:
            if error.sent:
                return Ambiguous(f"8x8 gave no answer after the request was sent ({error.reason})")
            return NotSent(f"8x8 could not be reached ({error.reason})")
        outcome = classify(reply, now=self._clock.now(), default_pause=self._config.throttle_pause)
        note_outcome(self._upstream, outcome)
        return outcome

    async def listen(self, take: Take) -> None:
        """Nothing to fetch: 8x8 posts session summaries to us."""

    async def free_agents(self) -> int | None:
        """8x8 Connect knows no agents, only the number that is connected."""
        return None

    def read_callback(
        self,
        body: Mapping[str, object],
        number_of: Callable[[str], str | None],
        heard: Heard | None = None,  # noqa: ARG002 - one summary tells everything
    ) -> CallEvent:
        """What a webhook of 8x8 says; see mapping.read_callback."""
        return mapping.read_callback(body, number_of, self._config)

    def question_in(self, body: Mapping[str, object]) -> actions.VoiceQuestion | None:
        """What 8x8 asks in the middle of a call (ports.questions.Interviewer); None in the mode in which it must not ask."""
        if not self._config.is_press1 or not self._config.agents:
            return None
        return actions.read_question(self._config, body, self._agents.next)

    def missing_settings(self) -> Sequence[str]:
        """One sentence for each setting without which no call can be placed."""
        return missing_settings(self._config)

    async def ensure_webhook(self, registered_hash: str | None, *, takes_over: bool = True) -> str | None:
        """Register our callback URL where it is missing or different; see webhooks.ensure_webhook."""
        return await webhooks.ensure_webhook(self._config, self._exchange, registered_hash, takes_over=takes_over)

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:
        """The outbound calls of that time in 8x8's log; see export.logged_calls."""
        return await export.logged_calls(self._config, self._exchange, self._clock, since, until)

    async def check(self) -> Sequence[Finding]:
        """What `doctor` says of 8x8; changes nothing. Never raises TelephonyError."""
        return await checks.check(self._config, self._exchange)

    async def aclose(self) -> None:
        """Close the connections to 8x8."""
        await self._exchange.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
